"""Any stream of packets, however mangled, bills what the clean one bills.

Each example makes two sets of customers who do the same. The packets of one set come
as they were sent; those of the other twice, shuffled and in batches, folded by several
connections in turn. What was lost is lost to both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_core.db.connect import Connection, connect
from billing_core.services.accounting import fold_intake
from billing_core.services.purchases import buy_package
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_daily_package,
    a_grant,
    a_hotspot_package,
    a_nas,
    a_package,
    audited,
    fold,
    open_session,
    record,
    rows,
    sessions_of,
    username_of,
)

NOW = NOON + timedelta(hours=3)
LANES = range(16)
# Less than half of a wrap a step: no report of a NAS without Gigawords is ambiguous.
STEP_OCTETS_MAX = 2**31 - 1

steps = st.tuples(
    st.integers(1, 600),
    st.integers(0, STEP_OCTETS_MAX),
    st.integers(0, STEP_OCTETS_MAX),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one session does; both sets of customers do it."""

    number: int
    steps: list[tuple[int, int, int]]
    begins: datetime
    has_start: bool
    has_stop: bool
    sends_gigawords: bool
    logs_in: bool

    @property
    def mac(self) -> str:
        return f"02:00:00:00:{self.number:02X}:01"

    def packets(
        self, username: str, nas_id: int, class_value: str
    ) -> list[dict[str, Any]]:
        """Return its packets in order."""
        p = Packets(
            username,
            nas_id,
            f"8{self.number:07x}",
            class_value=class_value,
            started_at=self.begins,
            sends_gigawords=self.sends_gigawords,
        )
        sent = [p.start()] if self.has_start else []
        seconds, octets = 0, (0, 0)
        for number, (elapsed, up, down) in enumerate(self.steps):
            seconds += elapsed
            octets = (octets[0] + up, octets[1] + down)
            ends = self.has_stop and number == len(self.steps) - 1
            make = p.stop if ends else p.interim
            sent.append(make(seconds, octets=octets))
        return [packet | {"calling_station_id": self.mac} for packet in sent]


@st.composite
def plans(draw: st.DrawFn, number: int) -> Plan:
    return Plan(
        number,
        draw(st.lists(steps, min_size=1, max_size=5)),
        NOON + timedelta(seconds=draw(st.integers(0, 3600))),
        has_start=draw(st.booleans()),
        has_stop=draw(st.booleans()),
        sends_gigawords=draw(st.booleans()),
        logs_in=draw(st.booleans()),
    )


@dataclass(slots=True)
class Town:
    """One set of customers: per session, on a hotspot package, daily."""

    customer_ids: list[int]
    packets: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def connections(shared_database_url: str) -> Iterator[list[Connection]]:
    """Three connections to one database."""
    opened = [connect(shared_database_url, application="tests") for _ in range(3)]
    yield opened
    for conn in opened:
        conn.close()


@pytest.fixture(scope="module")
def packages(connections: list[Connection]) -> list[str]:
    conn = connections[0]
    return [
        a_package(
            conn,
            billing="per_session",
            setup_fee=Decimal("0.50"),
            price_per_minute=Decimal("0.123456"),
            price_per_mb=Decimal("0.001"),
            increment_seconds=7,
            increment_octets=1000,
            free_seconds=30,
            vat_percent=Decimal("7.50"),
            vat_inclusive=False,
            sessions_allowed=2,
        ),
        a_hotspot_package(conn, quota_octets=4 * 10**9, sessions_allowed=2),
        a_daily_package(conn, sessions_allowed=2),
    ]


@pytest.fixture(scope="module")
def nas_ids(connections: list[Connection]) -> list[int]:
    return [
        a_nas(connections[0]),
        a_nas(connections[0], vendor="rfc", octets_swapped=True),
    ]


def a_town(
    conn: Connection, packages: list[str], nas_ids: list[int], plan: list[Plan]
) -> Town:
    """Take the customers on, log in who logs in, and return what their NAS send."""
    town = Town([a_customer(conn, package, balance="60") for package in packages])
    name = username_of(conn, town.customer_ids[1])
    buy_package(conn, name, packages[1], key="first", actor="test", now=NOON)
    for session in plan:
        customer_id = town.customer_ids[session.number % len(packages)]
        nas_id = nas_ids[session.number % len(nas_ids)]
        class_value = ""
        if session.logs_in:
            grant = a_grant(conn, customer_id, nas_id)
            answer = open_session(conn, grant, mac=session.mac, at=session.begins)
            assert answer == "OK"
            class_value = grant.class_value
        username = username_of(conn, customer_id)
        town.packets += session.packets(username, nas_id, class_value)
    return town


def told(conn: Connection, customer_id: int) -> dict[str, Any]:
    """What became of a customer, without numbers that only name things."""
    names = (
        "acct_session_id",
        "state",
        "started_at",
        "last_event_at",
        "ended_at",
        "terminate_cause",
        "session_seconds",
        "input_octets",
        "output_octets",
        "charged",
        "billed",
        "counted_seconds",
        "counted_octets",
        "calling_station_id",
    )
    # A login that was never heard of began when it was accepted.
    sessions = [s for s in sessions_of(conn, customer_id) if s["state"] != "opening"]
    return {
        "sessions": sorted(
            (tuple(s[name] for name in names) for s in sessions), key=repr
        ),
        "wallet": rows(
            conn, "SELECT posted FROM wallet WHERE customer_id = %s", customer_id
        ),
        "ledger": rows(
            conn,
            "SELECT ledger_account, sum(amount) FROM posting WHERE customer_id = %s"
            " GROUP BY 1 ORDER BY 1",
            customer_id,
        ),
        "quota": rows(
            conn,
            "SELECT seconds_used, octets_used FROM subscription WHERE customer_id = %s",
            customer_id,
        ),
        "bills": rows(
            conn,
            "SELECT kind, sum(net), sum(vat), sum(gross) FROM bill"
            " WHERE customer_id = %s GROUP BY 1 ORDER BY 1",
            customer_id,
        ),
    }


def drain(conn: Connection) -> None:
    while fold_intake(conn, NOW, lanes=LANES, limit=1000).events:
        pass


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(data=st.data())
def test_a_mangled_stream_bills_what_the_clean_one_bills(
    connections: list[Connection],
    packages: list[str],
    nas_ids: list[int],
    data: st.DataObject,
) -> None:
    conn = connections[0]
    plan = [data.draw(plans(number), f"session {number}") for number in range(5)]
    clean, mangled = (a_town(conn, packages, nas_ids, plan) for _ in range(2))
    count = len(clean.packets)
    lost = data.draw(st.sets(st.integers(0, count - 1), max_size=count // 3), "lost")
    left = [number for number in range(count) if number not in lost]

    fold(conn, *(clean.packets[number] for number in left), now=NOW)

    twice = data.draw(st.lists(st.sampled_from(left), max_size=10), "twice")
    order = data.draw(st.permutations(left + twice), "order")
    cuts = data.draw(st.lists(st.integers(0, len(order)), max_size=6), "batches")
    edges = [0, *sorted(cuts), len(order)]
    for number, (begin, end) in enumerate(pairwise(edges)):
        own = connections[number % len(connections)]
        record(own, *(mangled.packets[position] for position in order[begin:end]))
        lanes = LANES[:8] if number % 3 == 2 else LANES
        fold_intake(own, NOW, lanes=lanes, limit=data.draw(st.integers(1, 50)))
    drain(connections[2])

    for one, other in zip(clean.customer_ids, mangled.customer_ids, strict=True):
        assert told(conn, other) == told(conn, one)
    # Nobody was asked for twice within the minute.
    assert (
        rows(
            conn,
            "SELECT session_id FROM outbox WHERE kind = 'disconnect'"
            " GROUP BY 1 HAVING count(*) > 1",
        )
        == []
    )
    assert audited(conn) == []
