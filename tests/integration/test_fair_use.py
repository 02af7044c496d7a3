"""Beyond fair use a customer is slower until his next cycle, running sessions too."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.db.fair_use import read_use
from billing_core.db.outbox import OutboxItem
from billing_core.services.changes import change_package
from billing_core.services.fair_use_cycles import restore_full_rates
from billing_core.services.outbox import Answer, claim, record
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_daily_package,
    a_grant,
    a_nas,
    a_package,
    audited,
    fold,
    open_session,
    rows,
    sessions_of,
    username_of,
)
from tests.integration.test_billing_run import DHAKA

MB = 10**6
FULL = {"rate_up_bps": 5_000_000, "rate_down_bps": 10_000_000}
SLOW = {"rate_up_bps": 1_000_000, "rate_down_bps": 2_000_000}
FAIR = {
    **FULL,
    "fair_use_octets": 100 * MB,
    "fair_use_rate_up_bps": 1_000_000,
    "fair_use_rate_down_bps": 2_000_000,
}
SLOWED = ("coa", "FAIR_USE", SLOW)
FREED = ("coa", "FAIR_USE", FULL)
ENDED = ("disconnect", "FAIR_USE", {})
# Customers of the builders begin at NOON on 24 November in Dhaka.
NEXT_CYCLE = datetime(2026, 12, 23, 18, 0, tzinfo=UTC)


def on_line(
    conn: Connection, *, package: str | None = None, **nas: Any
) -> tuple[int, Packets]:
    """A free customer with 100 MB of fair use, on line."""
    package = package or a_package(conn, billing="free", **FAIR)
    customer_id = a_customer(conn, package, balance="500")
    p = Packets(username_of(conn, customer_id), a_nas(conn, **nas))
    fold(conn, p.start())
    return customer_id, p


def asked(conn: Connection) -> list[tuple[Any, ...]]:
    return rows(conn, "SELECT kind, reason, attributes FROM outbox ORDER BY outbox_id")


def standing(conn: Connection, customer_id: int, now: datetime) -> tuple[int, bool]:
    use = read_use(conn, customer_id, now=now)
    assert use is not None
    return use.octets_used, use.is_reduced


@pytest.mark.parametrize("billing", ["free", "daily", "monthly"])
def test_a_running_session_is_told_lower_rates_when_fair_use_is_used_up(
    conn: Connection, billing: str
) -> None:
    price = {} if billing == "free" else {"price": 300}
    make = a_daily_package if billing == "daily" else a_package
    customer_id, p = on_line(conn, package=make(conn, billing=billing, **FAIR, **price))

    fold(conn, p.interim(300, octets=(40 * MB, 59 * MB)))
    assert (asked(conn), standing(conn, customer_id, NOON)) == ([], (99 * MB, False))
    fold(conn, p.interim(600, octets=(40 * MB, 60 * MB)))

    assert asked(conn) == [SLOWED]
    assert standing(conn, customer_id, NOON) == (100 * MB, True)
    (session,) = sessions_of(conn, customer_id)
    assert session["is_reduced"]
    assert session["disconnect_requested_at"] is None
    assert rows(
        conn, "SELECT what, reason FROM customer_event WHERE reason = 'FAIR_USE'"
    ) == [("rate reduced", "FAIR_USE")]
    assert audited(conn) == []


def test_packets_twice_late_and_after_it_change_nothing(conn: Connection) -> None:
    customer_id, p = on_line(conn)
    over = p.interim(600, octets=(60 * MB, 60 * MB))
    fold(conn, over)
    fold(conn, over)
    fold(conn, p.interim(300, octets=(10 * MB, 10 * MB)))
    fold(conn, p.interim(900, octets=(70 * MB, 70 * MB)))

    assert asked(conn) == [SLOWED]
    assert standing(conn, customer_id, NOON) == (140 * MB, True)


def test_what_all_his_sessions_use_counts_together(conn: Connection) -> None:
    package = a_package(conn, billing="free", sessions_allowed=2, **FAIR)
    customer_id, p = on_line(conn, package=package)
    q = Packets(p.username, p.nas_id)
    fold(conn, q.start())
    fold(conn, p.interim(300, octets=(0, 60 * MB)))
    fold(conn, q.interim(300, octets=(0, 60 * MB)))

    assert asked(conn) == [SLOWED, SLOWED]
    assert all(s["is_reduced"] for s in sessions_of(conn, customer_id))


@pytest.mark.parametrize(
    "nas", [{"vendor": "rfc"}, {"accepts_coa": False}, {"coa_port": None}]
)
def test_where_the_nas_takes_no_rates_the_session_is_ended(
    conn: Connection, nas: dict[str, Any]
) -> None:
    customer_id, p = on_line(conn, **nas)
    fold(conn, p.interim(600, octets=(0, 100 * MB)))

    assert asked(conn) == [ENDED]
    (session,) = sessions_of(conn, customer_id)
    assert session["disconnect_requested_at"] is not None


def test_a_session_whose_nas_refuses_the_rates_is_ended(conn: Connection) -> None:
    _, p = on_line(conn)
    fold(conn, p.interim(600, octets=(0, 100 * MB)))
    items: list[OutboxItem] = claim(conn, datetime.now(UTC), lease_seconds=30, limit=10)
    nak = Answer("NAK", 401, is_retryable=False)
    record(conn, [(item, nak) for item in items], NOON)

    assert asked(conn) == [SLOWED, ENDED]


def test_a_session_that_logged_in_slow_is_told_nothing(conn: Connection) -> None:
    customer_id, p = on_line(conn)
    fold(conn, p.stop(600, octets=(0, 100 * MB)))
    assert asked(conn) == []
    grant = a_grant(conn, customer_id, p.nas_id, standing="reduced")
    assert open_session(conn, grant) == "OK"

    q = Packets(p.username, p.nas_id, class_value=grant.class_value)
    fold(conn, q.start(), q.interim(300, octets=(MB, MB)))

    assert asked(conn) == []
    assert standing(conn, customer_id, NOON) == (102 * MB, True)


def test_a_session_that_logged_in_at_full_rate_meanwhile_is_told(
    conn: Connection,
) -> None:
    package = a_package(conn, billing="free", sessions_allowed=2, **FAIR)
    customer_id, p = on_line(conn, package=package)
    grant = a_grant(conn, customer_id, p.nas_id)
    fold(conn, p.stop(600, octets=(0, 100 * MB)))
    assert open_session(conn, grant) == "OK"

    q = Packets(p.username, p.nas_id, class_value=grant.class_value)
    fold(conn, q.start(), q.interim(300, octets=(MB, MB)))

    assert asked(conn) == [SLOWED]


def test_a_new_cycle_gives_full_rate_back(conn: Connection) -> None:
    customer_id, p = on_line(conn)
    fold(conn, p.interim(600, octets=(0, 100 * MB)))

    assert restore_full_rates(conn, NEXT_CYCLE - timedelta(seconds=1)) == 0
    assert restore_full_rates(conn, NEXT_CYCLE) == 1
    assert restore_full_rates(conn, NEXT_CYCLE) == 0

    assert asked(conn) == [SLOWED, FREED]
    assert standing(conn, customer_id, NEXT_CYCLE) == (0, False)
    assert rows(conn, "SELECT reduced_until FROM customer") == [(None,)]


def test_a_new_cycle_ends_the_slow_session_that_cannot_be_told(
    conn: Connection,
) -> None:
    customer_id, p = on_line(conn, vendor="rfc")
    fold(conn, p.stop(600, octets=(0, 100 * MB)))
    grant = a_grant(conn, customer_id, p.nas_id, standing="reduced")
    assert open_session(conn, grant) == "OK"

    assert restore_full_rates(conn, NEXT_CYCLE) == 1
    assert asked(conn) == [ENDED]


def test_who_is_off_line_begins_anew_too(conn: Connection) -> None:
    customer_id, p = on_line(conn)
    fold(conn, p.stop(600, octets=(0, 100 * MB)))

    assert restore_full_rates(conn, NEXT_CYCLE) == 1
    assert standing(conn, customer_id, NEXT_CYCLE) == (0, False)


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        (None, {"rate_up_bps": 20_000_000, "rate_down_bps": 20_000_000}),
        (300 * MB, {"rate_up_bps": 20_000_000, "rate_down_bps": 20_000_000}),
        (50 * MB, {"rate_up_bps": 3_000_000, "rate_down_bps": 3_000_000}),
    ],
    ids=["without fair use", "with more", "with less"],
)
def test_a_change_of_package_counts_what_was_used_against_the_new_one(
    conn: Connection, limit: int | None, told: dict[str, int]
) -> None:
    customer_id, p = on_line(conn)
    fold(conn, p.interim(600, octets=(0, 100 * MB)))
    new = a_package(
        conn,
        billing="free",
        rate_up_bps=20_000_000,
        rate_down_bps=20_000_000,
        fair_use_octets=limit,
        fair_use_rate_up_bps=limit and 3_000_000,
        fair_use_rate_down_bps=limit and 3_000_000,
    )

    change_package(conn, p.username, new, actor="test", now=NOON, zone=DHAKA)

    assert asked(conn)[1:] == [("coa", "PACKAGE_CHANGED", told)]
    fold(conn, p.interim(900, octets=(0, 101 * MB)))
    assert len(asked(conn)) == 2
    (session,) = sessions_of(conn, customer_id)
    assert session["is_reduced"] == (limit == 50 * MB)


def test_what_was_used_before_a_package_with_fair_use_does_not_count(
    conn: Connection,
) -> None:
    customer_id, p = on_line(conn, package=a_package(conn, billing="free", **FULL))
    fold(conn, p.interim(600, octets=(0, 500 * MB)))
    assert read_use(conn, customer_id, now=NOON) is None
    fair = a_package(conn, billing="free", **FAIR)
    change_package(conn, p.username, fair, actor="test", now=NOON, zone=DHAKA)

    fold(conn, p.interim(900, octets=(0, 510 * MB)))

    assert standing(conn, customer_id, NOON) == (10 * MB, False)
