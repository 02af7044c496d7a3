"""Fair use on the wire: slower while he runs, slower at login, full rate again."""

from collections.abc import Callable
from typing import Any

import pytest

from simulators.nas import NasSession, SimulatedNas
from tests.builders import rows
from tests.radius.isp import PASSWORD, Isp, until

NasOf = Callable[..., SimulatedNas]
MB = 10**6


def on_line(isp: Isp, nas: SimulatedNas) -> tuple[str, NasSession]:
    """A customer with 100 MB at 5M/10M, then 1M/2M; on line."""
    package = isp.package(
        billing="free",
        rate_up_bps=5_000_000,
        rate_down_bps=10_000_000,
        fair_use_octets=100 * MB,
        fair_use_rate_up_bps=1_000_000,
        fair_use_rate_down_bps=2_000_000,
    )
    username = isp.customer(package)
    return username, nas.start_session(nas.login(username, PASSWORD))


def used_up(session: NasSession) -> None:
    session.transfer(up=20 * MB, down=80 * MB)
    session.interim()


def begin_a_new_cycle(isp: Isp, username: str) -> None:
    """Let the customer's cycle be over now, as if its last day had passed."""
    customer_id = isp.customer_id(username)
    for query in (
        "UPDATE fair_use SET cycle_end = now() WHERE customer_id = %s",
        "UPDATE customer SET reduced_until = now() WHERE customer_id = %s",
    ):
        isp.conn.execute(query, [customer_id])


def test_a_mikrotik_is_told_the_lower_rates_and_at_the_next_cycle_the_full_ones(
    isp: Isp, nas_of: NasOf
) -> None:
    nas = nas_of(isp.stack)
    username, session = on_line(isp, nas)
    assert session.rate_limit == "5M/10M"

    used_up(session)

    assert nas.wait_until(lambda: session.rate_limit == "1M/2M", timeout_seconds=15)
    assert session.is_live
    session.stop()
    isp.folded()
    again = nas.start_session(nas.login(username, PASSWORD))
    assert again.rate_limit == "1M/2M"
    isp.folded()

    begin_a_new_cycle(isp, username)

    assert nas.wait_until(lambda: again.rate_limit == "5M/10M", timeout_seconds=30)
    told: list[Any] = rows(
        isp.conn,
        "SELECT kind, reason FROM outbox WHERE customer_id = %s ORDER BY outbox_id",
        isp.customer_id(username),
    )
    assert told == [("coa", "FAIR_USE")] * 2


@pytest.mark.parametrize("vendor", ["rfc", "coovachilli"])
def test_a_nas_that_cannot_be_told_ends_the_session_and_is_told_at_login(
    isp: Isp, nas_of: NasOf, vendor: str
) -> None:
    nas = nas_of(isp.stack, vendor=vendor)
    username, session = on_line(isp, nas)

    used_up(session)

    assert nas.wait_until(lambda: not session.is_live, timeout_seconds=15)
    nas.flush()
    isp.folded()
    assert until(
        lambda: ("disconnect", "FAIR_USE", "ACK", None) in isp.requests(username)
    )
    login = nas.login(username, PASSWORD)
    assert login.attributes["WISPr-Bandwidth-Max-Down"] == (2_000_000,)
