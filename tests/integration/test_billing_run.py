"""The billing run on a real PostgreSQL: bills, numbers, settlement, reruns."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing_core.db.connect import Connection
from billing_core.db.profiles import NewProfile, insert_profile, set_profile
from billing_core.services.audit import audit
from billing_core.services.billing_run import FutureRunError, preview_cycles, run_cycles
from tests.builders import a_customer, a_package, posted, rows

DHAKA = ZoneInfo("Asia/Dhaka")
_numbers = itertools.count(1)


def dhaka(*when: int) -> datetime:
    return datetime(*when, tzinfo=DHAKA).astimezone(UTC)  # type: ignore[arg-type,misc]


def a_monthly_customer(
    conn: Connection,
    *,
    joined: datetime,
    balance: str = "0",
    price: str = "600",
    **profile: Any,
) -> int:
    profile_id = insert_profile(
        conn,
        NewProfile(name=f"profile-{next(_numbers)}", billing_type="monthly", **profile),
    )
    package = a_package(conn, billing="monthly", price=Decimal(price))
    customer_id = a_customer(conn, package, balance=balance)
    set_profile(conn, customer_id, profile_id)
    conn.execute(
        "UPDATE customer SET activated_at = %s WHERE customer_id = %s",
        [joined, customer_id],
    )
    return customer_id


def run(conn: Connection, as_of: datetime) -> int:
    return run_cycles(conn, as_of=as_of, now=as_of, zone=DHAKA, actor="test").billed


def bills(conn: Connection, customer_id: int) -> list[tuple[Any, ...]]:
    return rows(
        conn,
        "SELECT period_start, period_end, gross, status FROM bill"
        " WHERE customer_id = %s ORDER BY period_start",
        customer_id,
    )


def test_cycles_from_the_31st_tile_and_are_billed_once(conn: Connection) -> None:
    customer_id = a_monthly_customer(conn, joined=dhaka(2026, 1, 31, 10, 30))

    for _ in range(2):
        run(conn, dhaka(2026, 3, 31, 1))

    found = bills(conn, customer_id)
    assert [row[0] for row in found[1:]] == [dhaka(2026, 2, 28), dhaka(2026, 3, 31)]
    assert [a[1] for a in found[:-1]] == [b[0] for b in found[1:]]
    assert found[0][0] == dhaka(2026, 1, 31, 10, 30)
    assert [row[2] for row in found[1:]] == [Decimal("600.00")] * 2
    assert audit(conn) == []


def test_the_wallet_settles_what_it_can_the_oldest_first(conn: Connection) -> None:
    customer_id = a_monthly_customer(
        conn, joined=dhaka(2026, 1, 1), balance="900", bill_trigger="first"
    )

    run(conn, dhaka(2026, 2, 1, 0, 5))

    assert [row[3] for row in bills(conn, customer_id)] == ["paid", "partial"]
    assert posted(conn, customer_id) == Decimal("0.00")
    assert rows(conn, "SELECT due FROM wallet WHERE customer_id = %s", customer_id) == [
        (Decimal("300.00"),)
    ]
    assert audit(conn) == []


def test_numbers_have_no_gap(conn: Connection) -> None:
    for _ in range(3):
        a_monthly_customer(conn, joined=dhaka(2026, 1, 5))

    run(conn, dhaka(2026, 3, 5, 1))

    numbers = [row[0] for row in rows(conn, "SELECT number FROM bill ORDER BY number")]
    assert numbers == [f"B-{n:08d}" for n in range(1, 10)]


def test_a_customer_without_a_profile_is_parked_and_the_run_goes_on(
    conn: Connection,
) -> None:
    package = a_package(conn, billing="monthly", price=Decimal(500))
    parked = a_customer(conn, package)
    conn.execute("UPDATE customer SET activated_at = %s", [dhaka(2026, 1, 1)])
    billed = a_monthly_customer(conn, joined=dhaka(2026, 1, 1))

    result = run_cycles(
        conn,
        as_of=dhaka(2026, 1, 1, 1),
        now=dhaka(2026, 1, 1, 1),
        zone=DHAKA,
        actor="test",
    )

    assert (result.billed, result.parked) == (1, 1)
    assert len(bills(conn, billed)) == 1
    assert rows(
        conn, "SELECT parked_reason FROM customer WHERE customer_id = %s", parked
    ) == [("NO_PROFILE",)]


def test_a_preview_shows_what_a_run_then_bills_and_writes_nothing(
    conn: Connection,
) -> None:
    customer_id = a_monthly_customer(conn, joined=dhaka(2026, 1, 15, 12))
    as_of = dhaka(2026, 1, 20)

    preview = preview_cycles(conn, as_of=as_of, zone=DHAKA, limit=100)
    assert bills(conn, customer_id) == []
    run(conn, as_of)

    assert [(d.period_start, d.period_end, d.gross) for d in preview.drafts] == [
        row[:3] for row in bills(conn, customer_id)
    ]


def test_a_run_as_of_tomorrow_is_refused(conn: Connection) -> None:
    now = dhaka(2026, 1, 1)
    with pytest.raises(FutureRunError, match="in the future"):
        run_cycles(
            conn, as_of=now + timedelta(days=1), now=now, zone=DHAKA, actor="test"
        )
