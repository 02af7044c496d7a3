"""How soon suspended customers are restored on the wire, when many pay at once."""

import queue
import selectors
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import psycopg

from bench import wire
from bench.exhaust_data import NAS_COUNT, SECRET
from bench.machine import Quiet
from bench.measures.exhaust import Nas, coa_port, open_nas
from bench.payments_data import paying_username
from bench.radclient import Sent
from bench.results import Result, Series, at_most, percentile
from bench.site import Site
from bench.timed import timed
from billing_core.db.connect import Connection, connect
from billing_core.db.customers import find_customer_id
from billing_core.gateways.bkash import BkashGateway, BkashSettings, TokensInProcess
from billing_core.gateways.contract import Gateway
from billing_core.services.payments import starting
from billing_core.services.payments.asking import ask_about
from simulators.gateways import bkash

#: Connections by which payments are confirmed side by side.
_THREADS = 16
_WAIT_SECONDS_MAX = 60.0
_KEY = SECRET.encode()
_RESTORED_SECONDS_MAX = 2


@dataclass(slots=True)
class _Moments:
    """When things happened, by number of the payer; by the monotonic clock."""

    payers: range
    asked: dict[int, float] = field(default_factory=dict)
    credited: dict[int, float] = field(default_factory=dict)
    restored: dict[int, float] = field(default_factory=dict)
    errors: list[BaseException] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Tell whether all is paid and every session was asked to end."""
        return len(self.credited) == len(self.restored) == len(self.payers)


@dataclass(slots=True)
class _Simulated:
    """A *simulated* bKash in this process, and our gateway before it."""

    state: bkash.BkashState
    gateway: Gateway


def measure(site: Site) -> Result:
    """Let suspended customers pay all at once, round after round."""
    took = Series("all confirmed and credited", "s")
    credits = Series("asking bKash to credited, p99", "s")
    median = Series("credited to Disconnect-Request, p50", "s")
    high = Series("credited to Disconnect-Request, p99", "s")
    whole = Series("asking bKash to Disconnect-Request, p99", "s")
    busy: list[float] = []
    count, simulated = site.plan.paying, _simulated()
    with psycopg.connect(site.stack.database_url) as conn:
        port = coa_port(conn)
    for number in range(site.plan.rounds):
        payers = range(number * count, (number + 1) * count)
        moments, foreign = _round(site, simulated, payers, port)
        busy.append(foreign)
        if moments.errors:
            raise moments.errors[0]
        if not moments.is_complete:
            raise RuntimeError(
                f"{len(moments.credited)} of {count} payments were credited,"
                f" {len(moments.restored)} sessions were asked to end"
            )
        took.values.append(max(moments.credited.values()) - min(moments.asked.values()))
        credits.values.append(_p99(payers, moments.asked, moments.credited))
        high.values.append(_p99(payers, moments.credited, moments.restored))
        whole.values.append(_p99(payers, moments.asked, moments.restored))
        median.values.append(
            percentile(_waits(payers, moments.credited, moments.restored), 50)
        )
    return Result(
        f"Payments: {count:,} different ones confirmed at once",
        [took, credits, median, high, whole],
        [
            at_most(
                "p99 from asking bKash to Disconnect-Request (worst run)",
                max(whole.values),
                _RESTORED_SECONDS_MAX,
            )
        ],
        Quiet(tuple(busy)),
        [
            f"{_THREADS} connections ask a SIMULATED bKash in the measuring process:"
            " its work counts.",
            "Each payer was suspended, with a session in the suspended pool: the"
            " Disconnect lets him come back as a full one.",
        ],
    )


def _round(
    site: Site, simulated: _Simulated, payers: range, port: int
) -> tuple[_Moments, float]:
    moments = _Moments(payers)
    waiting = _begin(site, simulated, payers)
    fleet = [open_nas(number, port) for number in range(NAS_COUNT)]
    try:
        pid = site.stack.pid("freeradius")
        assert pid is not None

        def work() -> Sent:
            started = time.time()
            _play(site, simulated, fleet, waiting, moments)
            ended = time.time()
            return Sent(len(moments.restored), 0, 0, ended - started, ended)

        run = timed(site.stack, pid, work)
    finally:
        for nas in fleet:
            nas.acct.close()
            nas.coa.close()
    return moments, run.foreign


def _begin(
    site: Site, simulated: _Simulated, payers: range
) -> "queue.SimpleQueue[tuple[int, str]]":
    """Open a checkout for each payer, and let him confirm it at bKash."""
    waiting: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
    with _connect(site) as conn:
        for number in payers:
            started = starting.start_payment(
                conn,
                simulated.gateway,
                customer_id=find_customer_id(conn, paying_username(number)),
                amount=None,
                purpose="bills",
                bill_id=None,
                package_id=None,
                site=starting.Site("http://127.0.0.1"),
                client_address="127.0.0.1",
                actor="bench",
                now=datetime.now(UTC),
            )
            simulated.state.customer_pays(started.reference)
            waiting.put((number, started.reference))
    return waiting


def _play(
    site: Site,
    simulated: _Simulated,
    fleet: list[Nas],
    waiting: "queue.SimpleQueue[tuple[int, str]]",
    moments: _Moments,
) -> None:
    """Confirm all of them side by side; stamp the Disconnects meanwhile."""
    everybody = threading.Barrier(_THREADS)

    def confirm() -> None:
        try:
            with _connect(site) as conn:
                everybody.wait(_WAIT_SECONDS_MAX)
                _confirm_all(conn, simulated.gateway, waiting, moments)
        except BaseException as error:  # noqa: BLE001 - the measure raises it
            moments.errors.append(error)

    threads = [threading.Thread(target=confirm) for _ in range(_THREADS)]
    for thread in threads:
        thread.start()
    try:
        _receive(fleet, moments)
    finally:
        for thread in threads:
            thread.join()


def _confirm_all(
    conn: Connection,
    gateway: Gateway,
    waiting: "queue.SimpleQueue[tuple[int, str]]",
    moments: _Moments,
) -> None:
    while True:
        try:
            number, reference = waiting.get_nowait()
        except queue.Empty:
            return
        moments.asked[number] = time.monotonic()
        attempt = ask_about(
            conn,
            gateway,
            reference,
            finished=True,
            verification="automatic",
            actor="bench",
            now=datetime.now(UTC),
        )
        if attempt.state != "paid":
            raise RuntimeError(f"{reference} is {attempt.state}: {attempt.reason}")
        moments.credited[number] = time.monotonic()


def _receive(fleet: list[Nas], moments: _Moments) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS_MAX
    with selectors.DefaultSelector() as selector:
        for nas in fleet:
            selector.register(nas.coa, selectors.EVENT_READ, nas)
        while not moments.is_complete and not moments.errors:
            if time.monotonic() > deadline:
                return
            for key, _ in selector.select(0.1):
                _take(key.data, moments)


def _take(nas: Nas, moments: _Moments) -> None:
    packet, sender = nas.coa.recvfrom(4096)
    now = time.monotonic()
    if packet[0] != wire.DISCONNECT_REQUEST or not wire.is_genuine(packet, _KEY):
        raise RuntimeError("a forged request reached a NAS")
    session = wire.find_text(packet, wire.ACCT_SESSION_ID)
    # Sessions of the exhaustion, on a NAS that never answers, may be asked again.
    number = int(session[1:], 16) if session.startswith("a") else -1
    if number in moments.payers:
        moments.restored.setdefault(number, now)
    nas.coa.sendto(wire.disconnect_ack(packet, _KEY), sender)


def _waits(
    payers: range, since: dict[int, float], until: dict[int, float]
) -> list[float]:
    # The worker may be quicker than this process notes the credit: that is no wait.
    return [max(until[n] - since[n], 0.0) for n in payers]


def _p99(payers: range, since: dict[int, float], until: dict[int, float]) -> float:
    return percentile(_waits(payers, since, until), 99)


def _simulated() -> _Simulated:
    state = bkash.BkashState()
    account = BkashSettings(
        base_url="http://127.0.0.1/v1.2.0-beta",
        username=state.username,
        password=state.password,
        app_key=state.app_key,
        app_secret=state.app_secret,
        short_code=state.short_code,
    )
    client = httpx.Client(transport=httpx.WSGITransport(bkash.create_app(state)))
    return _Simulated(state, BkashGateway(account, client, TokensInProcess()))


def _connect(site: Site) -> Connection:
    return connect(site.stack.database_url, application="bench")
