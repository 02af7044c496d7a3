"""A *simulated* NAS for tests, the demo and trying things by hand.

It speaks real RADIUS over real UDP, as a MikroTik does with PPPoE or hotspot
customers, from any loopback address, so that many run at once. Time is virtual::

    with SimulatedNas("127.0.0.2", b"secret", auth=..., acct=...) as nas:
        login = nas.login("alice", "password", method="chap")
        session = nas.start_session(login, up=20_000, down=500_000)  # octets/s
        nas.advance(3600)  # an hour in milliseconds: interims, limits, Stop
        session.stop("User-Request")
        nas.coa_received  # what CoA and Disconnect came meanwhile

`Quirks` are what real NAS do oddly, `Weather` is what the network does to accounting
packets, `CoaBehaviour` (assigned to `nas.coa_behaviour` at any time) is how the NAS
answers CoA. `python -m simulators.nas --help` does the same by hand.
"""

from simulators.nas.accounting import AcctDelivery
from simulators.nas.coa_server import CoaReceived
from simulators.nas.limits import Limits
from simulators.nas.login import LoginOutcome, LoginResult
from simulators.nas.nas import SimulatedNas
from simulators.nas.options import CoaBehaviour, Flavour, Quirks, Retry, Weather
from simulators.nas.session import NasSession

__all__ = [
    "AcctDelivery",
    "CoaBehaviour",
    "CoaReceived",
    "Flavour",
    "Limits",
    "LoginOutcome",
    "LoginResult",
    "NasSession",
    "Quirks",
    "Retry",
    "SimulatedNas",
    "Weather",
]
