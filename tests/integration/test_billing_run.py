"""The billing run on a real PostgreSQL: bills, numbers, settlement, reruns."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from billing_core.db.connect import Connection
from billing_core.db.profiles import NewProfile, insert_profile, set_profile
from billing_core.services.audit import audit
from billing_core.services.billing_run import (
    FutureRunError,
    NotBillableError,
    bill_by_hand,
    preview_cycles,
    run_cycles,
)
from tests.builders import a_customer, a_daily_package, a_package, posted, rows

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

    preview = preview_cycles(conn, as_of=as_of, now=as_of, zone=DHAKA, limit=100)
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


def test_a_dry_run_of_a_missed_day_tells_the_due_day_that_the_run_gives(
    conn: Connection,
) -> None:
    customer_id = a_monthly_customer(conn, joined=dhaka(2026, 1, 15), due_days=7)
    as_of, now = dhaka(2026, 1, 15), dhaka(2026, 2, 10)

    (draft,) = preview_cycles(conn, as_of=as_of, now=now, zone=DHAKA, limit=100).drafts
    run_cycles(conn, as_of=as_of, now=now, zone=DHAKA, actor="test")

    assert draft.due_at == dhaka(2026, 2, 17)
    assert rows(
        conn, "SELECT due_at FROM bill WHERE customer_id = %s", customer_id
    ) == [(draft.due_at,)]


def parked(conn: Connection) -> dict[int, str]:
    return dict(
        rows(
            conn,
            "SELECT customer_id, parked_reason FROM customer"
            " WHERE parked_reason IS NOT NULL",
        )
    )


def test_who_the_run_fails_on_is_parked_and_the_others_are_billed(
    conn: Connection,
) -> None:
    joined, now = dhaka(2026, 1, 1), dhaka(2026, 2, 1)
    everybody = [a_monthly_customer(conn, joined=joined) for _ in range(7)]
    run(conn, joined)
    # Of two, what they are billed to is not what their bills say.
    twice, broken = everybody[2], everybody[5]
    set_to = "UPDATE customer SET billed_until = %s WHERE customer_id = %s"
    conn.execute(set_to, [joined, twice])
    conn.execute(set_to, ["-infinity", broken])

    result = run_cycles(conn, as_of=now, now=now, zone=DHAKA, actor="test")

    assert (result.billed, result.parked, result.errors) == (5, 2, 2)
    assert parked(conn) == dict.fromkeys([twice, broken], "RUN_FAILED")
    assert rows(
        conn,
        "SELECT billed, parked, errors, reached_customer_id, finished_at IS NOT NULL"
        "  FROM billing_run ORDER BY run_id DESC LIMIT 1",
    ) == [(5, 2, 2, everybody[6], True)]
    ((note,),) = rows(
        conn,
        "SELECT note FROM customer_event WHERE what = 'parked' AND customer_id = %s",
        twice,
    )
    assert note.startswith("cycles: duplicate key")
    assert run(conn, now) == 0
    numbers = rows(conn, "SELECT number FROM bill ORDER BY number")
    assert numbers == [(f"B-{n:08d}",) for n in range(1, len(numbers) + 1)]


def test_where_nobody_can_be_billed_nobody_is_parked_for_it(conn: Connection) -> None:
    for _ in range(10):
        a_monthly_customer(conn, joined=dhaka(2026, 1, 1))
    conn.execute("UPDATE customer SET billed_until = '-infinity'")

    with pytest.raises(psycopg.DataError):
        run(conn, dhaka(2026, 2, 1))

    assert parked(conn) == {}
    assert rows(conn, "SELECT finished_at FROM billing_run") == [(None,)]


def test_who_is_not_monthly_any_more_when_the_run_comes_to_him_is_left_out(
    conn: Connection,
) -> None:
    joined = dhaka(2026, 1, 1)
    first, second = (a_monthly_customer(conn, joined=joined) for _ in range(2))
    daily = a_daily_package(conn)

    def meanwhile(_: int) -> None:
        conn.execute(
            "UPDATE customer SET profile_id = NULL, package_id ="
            " (SELECT package_id FROM package WHERE name = %s) WHERE customer_id = %s",
            [daily, second],
        )

    result = run_cycles(
        conn,
        as_of=joined,
        now=joined,
        zone=DHAKA,
        actor="test",
        chunk=1,
        progress=meanwhile,
    )

    assert (result.billed, result.parked) == (1, 0)
    assert len(bills(conn, first)) == 1
    assert bills(conn, second) == []


def by_hand(conn: Connection, customer_id: int, as_of: datetime, now: datetime) -> int:
    return bill_by_hand(
        conn, customer_id, as_of=as_of, now=now, zone=DHAKA, actor="test"
    )


def test_by_hand_nobody_is_billed_ahead_either(conn: Connection) -> None:
    now = dhaka(2026, 1, 1)
    customer_id = a_monthly_customer(conn, joined=now, bill_trigger="manual")

    with pytest.raises(FutureRunError, match="in the future"):
        by_hand(conn, customer_id, now + timedelta(days=31), now)

    assert by_hand(conn, customer_id, now, now) == 1


def test_who_cannot_be_billed_by_hand_is_told_why_and_not_parked(
    conn: Connection,
) -> None:
    now = dhaka(2026, 2, 1)
    customer_id = a_monthly_customer(conn, joined=dhaka(2026, 1, 1))
    conn.execute("UPDATE customer SET profile_id = NULL")

    with pytest.raises(NotBillableError, match="there is no billing profile"):
        by_hand(conn, customer_id, now, now)
    assert parked(conn) == {}

    run(conn, now)
    with pytest.raises(NotBillableError, match=r"khata bill unpark"):
        by_hand(conn, customer_id, now, now)


def test_a_daily_customer_has_no_cycle_to_be_billed_by_hand(conn: Connection) -> None:
    now = dhaka(2026, 2, 1)

    assert by_hand(conn, a_customer(conn, a_daily_package(conn)), now, now) == 0
