"""How soon the Disconnect leaves once the report that uses up the money is acked."""

import selectors
import socket
import time
from dataclasses import dataclass, field

import psycopg

from bench import wire
from bench.backlog import wait_until_empty
from bench.exhaust_data import (
    NAS_COUNT,
    OCTETS,
    SECRET,
    exhausting_session,
    exhausting_username,
    is_dead,
    nas_address,
)
from bench.machine import Quiet
from bench.people import base36
from bench.radclient import Sent
from bench.results import Result, Series, at_most, percentile
from bench.site import Site
from bench.timed import timed

#: All sessions send their last report within this time.
_SENDING_SECONDS = 1.0
_WAIT_SECONDS_MAX = 15.0
_KEY = SECRET.encode()


@dataclass(slots=True)
class Nas:
    """One simulated NAS: where it accounts from and where it takes Disconnects."""

    address: str
    is_dead: bool
    acct: socket.socket
    coa: socket.socket
    #: Number of the session by the identifier of its packet.
    sent: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Moments:
    """When things happened, by number of the session; by the monotonic clock."""

    #: The sessions of this round; a dead NAS is asked again about those of the last.
    sessions: range
    sent: dict[int, float] = field(default_factory=dict)
    acked: dict[int, float] = field(default_factory=dict)
    disconnected: dict[int, float] = field(default_factory=dict)
    forged: int = 0

    @property
    def is_complete(self) -> bool:
        """Tell whether every report was acked and every session asked to end."""
        return len(self.acked) == len(self.disconnected) == len(self.sessions)


def measure(site: Site) -> Result:
    """Let sessions use up their money all at once, round after round."""
    median = Series("ack to Disconnect-Request, p50", "s")
    high = Series("ack to Disconnect-Request, p99", "s")
    worst = Series("ack to Disconnect-Request, slowest", "s")
    acks = Series("report to ack, p99", "s")
    busy: list[float] = []
    count = site.plan.exhausting
    with psycopg.connect(site.stack.database_url, autocommit=True) as conn:
        port = coa_port(conn)
        for number in range(site.plan.rounds):
            wait_until_empty(conn)
            sessions = range(number * count, (number + 1) * count)
            moments, foreign = _round(site, sessions, port)
            busy.append(foreign)
            if not moments.is_complete or moments.forged:
                raise RuntimeError(
                    f"{len(moments.acked)} of {count} reports were acknowledged,"
                    f" {len(moments.disconnected)} sessions were asked to end,"
                    f" {moments.forged} requests were forged"
                )
            # The worker may be quicker than the ack: that is no wait.
            waits = [
                max(moments.disconnected[n] - moments.acked[n], 0.0) for n in sessions
            ]
            median.values.append(percentile(waits, 50))
            high.values.append(percentile(waits, 99))
            worst.values.append(max(waits))
            acks.values.append(
                percentile([moments.acked[n] - moments.sent[n] for n in sessions], 99)
            )
        answered = _answered(conn)
    return Result(
        f"Exhaustion: {count:,} sessions within {_SENDING_SECONDS:.0f} s",
        [median, high, worst, acks],
        [
            at_most(
                "p99 from ack to Disconnect-Request (worst run)", max(high.values), 1
            )
        ],
        Quiet(tuple(busy)),
        [
            f"{NAS_COUNT} NAS of {count // NAS_COUNT} sessions; every tenth NAS answers"
            " no Disconnect at all (its arrivals are counted like the others').",
            "Each report uses up the last 5.00 of its wallet at 1.00 a MB."
            f" Answers recorded so far: {answered}.",
        ],
    )


def _round(site: Site, sessions: range, port: int) -> tuple[_Moments, float]:
    moments = _Moments(sessions)
    fleet = [open_nas(number, port) for number in range(NAS_COUNT)]
    server = ("127.0.0.1", site.stack.acct_port)
    try:
        pid = site.stack.pid("freeradius")
        assert pid is not None
        packets = [(fleet[n % NAS_COUNT], n, _report(site, n)) for n in sessions]

        def work() -> Sent:
            started = time.time()
            _play(fleet, packets, server, moments)
            ended = time.time()
            return Sent(len(moments.disconnected), 0, 0, ended - started, ended)

        run = timed(site.stack, pid, work)
    finally:
        for nas in fleet:
            nas.acct.close()
            nas.coa.close()
    return moments, run.foreign


def _play(
    fleet: list[Nas],
    packets: list[tuple[Nas, int, bytes]],
    server: tuple[str, int],
    moments: _Moments,
) -> None:
    """Send the reports evenly over the time; stamp acks and Disconnects meanwhile."""
    with selectors.DefaultSelector() as selector:
        for nas in fleet:
            selector.register(nas.acct, selectors.EVENT_READ, (nas, "acct"))
            selector.register(nas.coa, selectors.EVENT_READ, (nas, "coa"))
        started = time.monotonic()
        pause = _SENDING_SECONDS / len(packets)
        position = 0
        while not moments.is_complete:
            now = time.monotonic()
            if now - started > _WAIT_SECONDS_MAX:
                return
            while position < len(packets) and now >= started + position * pause:
                nas, number, packet = packets[position]
                nas.sent[packet[1]] = number
                moments.sent[number] = now
                nas.acct.sendto(packet, server)
                position += 1
            due = started + position * pause - now if position < len(packets) else 0.1
            for key, _ in selector.select(max(due, 0)):
                nas, what = key.data
                if what == "acct":
                    _take_acks(nas, moments)
                else:
                    _take_disconnects(nas, moments)


def _take_acks(nas: Nas, moments: _Moments) -> None:
    packet = nas.acct.recv(4096)
    if packet[0] == wire.ACCOUNTING_RESPONSE:
        moments.acked.setdefault(nas.sent[packet[1]], time.monotonic())


def _take_disconnects(nas: Nas, moments: _Moments) -> None:
    packet, sender = nas.coa.recvfrom(4096)
    now = time.monotonic()
    if packet[0] != wire.DISCONNECT_REQUEST or not wire.is_genuine(packet, _KEY):
        moments.forged += 1
        return
    number = int(wire.find_text(packet, wire.ACCT_SESSION_ID)[1:], 16)
    if number in moments.sessions:
        moments.disconnected.setdefault(number, now)
    if not nas.is_dead:
        nas.coa.sendto(wire.disconnect_ack(packet, _KEY), sender)


def open_nas(number: int, port: int) -> Nas:
    """Let a simulated NAS listen where Disconnects go, and account from there."""
    address = nas_address(number)
    acct = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    acct.bind((address, 0))
    coa = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    coa.bind((address, port))
    return Nas(address, is_dead(number), acct, coa)


def _report(site: Site, number: int) -> bytes:
    sizes = site.sizes
    customer = sizes.customers + 1 + number
    session = sizes.past_sessions + sizes.customers + number
    attributes = (
        wire.integer(wire.ACCT_STATUS_TYPE, wire.INTERIM_UPDATE),
        wire.text(wire.USER_NAME, exhausting_username(number)),
        wire.text(wire.ACCT_SESSION_ID, exhausting_session(number)),
        wire.text(wire.CLASS, f"k{base36(customer)}.{base36(session)}"),
        wire.text(wire.CALLING_STATION_ID, "02:00:00:00:00:01"),
        wire.integer(wire.NAS_IP_ADDRESS, _octets_of(nas_address(number % NAS_COUNT))),
        wire.integer(wire.FRAMED_IP_ADDRESS, _octets_of("10.0.0.3")),
        wire.integer(wire.ACCT_SESSION_TIME, 60),
        wire.integer(wire.ACCT_INPUT_OCTETS, OCTETS // 10),
        wire.integer(wire.ACCT_OUTPUT_OCTETS, OCTETS - OCTETS // 10),
        wire.integer(wire.ACCT_INPUT_GIGAWORDS, 0),
        wire.integer(wire.ACCT_OUTPUT_GIGAWORDS, 0),
        wire.integer(wire.EVENT_TIMESTAMP, int(time.time())),
    )
    return wire.accounting_request(number // NAS_COUNT % 256, attributes, _KEY)


def _octets_of(address: str) -> int:
    return int.from_bytes(socket.inet_aton(address), "big")


def coa_port(conn: psycopg.Connection) -> int:
    """Return the port on which every simulated NAS takes Disconnects."""
    row = conn.execute(
        "SELECT coa_port FROM nas WHERE address = %s", [nas_address(0)]
    ).fetchone()
    assert row is not None
    return int(row[0])


def _answered(conn: psycopg.Connection) -> str:
    rows = conn.execute(
        "SELECT coalesce(outcome, state), count(*) FROM outbox"
        " WHERE kind = 'disconnect' GROUP BY 1 ORDER BY 1"
    ).fetchall()
    return ", ".join(f"{outcome} {count:,}" for outcome, count in rows)
