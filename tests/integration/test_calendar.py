"""The jobs of the clock, with the clock as a parameter."""

from datetime import timedelta
from decimal import Decimal

from billing_core.db.connect import Connection
from billing_core.db.customers import read_customer
from billing_core.services.audit import audit
from billing_core.services.calendar import (
    bill_the_cycles,
    charge_the_day,
    number_new_bills,
    suspend_the_overdue,
)
from billing_core.services.cash import take_cash
from billing_core.services.service_days import run_service_days
from tests.builders import (
    Packets,
    a_customer,
    a_nas,
    a_package,
    fold,
    posted,
    rows,
    username_of,
)
from tests.integration.test_billing_run import DHAKA, a_monthly_customer, bills, dhaka

DAY = timedelta(days=1)
MIDNIGHT = dhaka(2026, 11, 24)


def a_daily_customer(conn: Connection, balance: str) -> int:
    package = a_package(
        conn, billing="daily", price=Decimal(600), validity_seconds=30 * 86400
    )
    customer_id = a_customer(conn, package, balance=balance)
    conn.execute("UPDATE customer SET activated_at = %s", [MIDNIGHT - DAY])
    return customer_id


def test_each_midnight_charges_a_day_and_bills_it_once(conn: Connection) -> None:
    customer_id = a_daily_customer(conn, "100")

    for day in range(3):
        for minute in range(3):
            charge_the_day(conn, MIDNIGHT + day * DAY + minute * timedelta(minutes=1))

    assert posted(conn, customer_id) == Decimal("40.00")
    assert rows(
        conn,
        "SELECT subject, gross, status FROM bill WHERE customer_id = %s ORDER BY 1",
        customer_id,
    ) == [
        ("2026-11-24", Decimal("20.00"), "paid"),
        ("2026-11-25", Decimal("20.00"), "paid"),
        ("2026-11-26", Decimal("20.00"), "paid"),
    ]
    assert audit(conn) == []


def test_a_day_that_is_not_covered_suspends_and_a_top_up_restores_at_once(
    conn: Connection,
) -> None:
    customer_id = a_daily_customer(conn, "10")
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=MIDNIGHT - DAY)
    fold(conn, p.start(), now=MIDNIGHT - DAY)

    charge_the_day(conn, MIDNIGHT)

    customer = read_customer(conn, customer_id)
    assert (customer.status, customer.suspend_reason) == (
        "suspended",
        "BALANCE_EXHAUSTED",
    )
    assert rows(conn, "SELECT kind, reason FROM outbox") == [
        ("disconnect", "BALANCE_EXHAUSTED")
    ]

    noon = MIDNIGHT + DAY / 2
    for amount, status in (("5", "suspended"), ("50", "active")):
        take_cash(
            conn,
            customer.username,
            Decimal(amount),
            key=amount,
            operator="test",
            note="",
            now=noon,
        )
        assert read_customer(conn, customer_id).status == status
    assert posted(conn, customer_id) == Decimal("45.00")  # today was charged
    assert audit(conn) == []


def test_whose_day_cannot_be_charged_is_parked_and_the_others_are_charged(
    conn: Connection,
) -> None:
    one, broken, other = (a_daily_customer(conn, "100") for _ in range(3))
    charge_the_day(conn, MIDNIGHT)
    # He has a bill for the day and not the day.
    conn.execute("DELETE FROM service_day WHERE customer_id = %s", [broken])

    charge_the_day(conn, MIDNIGHT + DAY)
    run = run_service_days(conn, now=MIDNIGHT, zone=DHAKA, actor="test")

    assert (run.billed, run.parked, run.errors) == (0, 1, 1)
    assert [posted(conn, c) for c in (one, broken, other)] == [Decimal("60.00")] * 3
    assert rows(
        conn,
        "SELECT customer_id, parked_reason FROM customer WHERE parked_reason <> ''",
    ) == [(broken, "RUN_FAILED")]


def test_whose_day_is_paid_is_not_touched_at_midnight(conn: Connection) -> None:
    customer_id = a_daily_customer(conn, "100")
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=MIDNIGHT - DAY)
    fold(conn, p.start(), now=MIDNIGHT - DAY)

    charge_the_day(conn, MIDNIGHT)

    assert rows(conn, "SELECT count(*) FROM outbox") == [(0,)]


def test_a_midnight_that_was_missed_is_made_up_for_the_day_that_it_is(
    conn: Connection,
) -> None:
    customer_id = a_daily_customer(conn, "100")

    charge_the_day(conn, MIDNIGHT + 5 * timedelta(hours=1))

    assert posted(conn, customer_id) == Decimal("80.00")


def test_cycles_are_billed_and_overdue_ones_suspend_by_the_clock(
    conn: Connection,
) -> None:
    customer_id = a_monthly_customer(conn, joined=dhaka(2026, 11, 1, 9), due_days=2)

    at = dhaka(2026, 11, 1, 10)
    assert bill_the_cycles(conn, at) == 1
    assert bill_the_cycles(conn, at + timedelta(minutes=10)) == 0
    assert suspend_the_overdue(conn, dhaka(2026, 11, 2)) == 0
    assert suspend_the_overdue(conn, dhaka(2026, 11, 3)) == 1
    assert len(bills(conn, customer_id)) == 1


def test_bills_of_sessions_get_their_numbers_from_the_same_series(
    conn: Connection,
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start(), p.stop(60))

    assert number_new_bills(conn, MIDNIGHT) == 1
    assert number_new_bills(conn, MIDNIGHT) == 0
    assert rows(conn, "SELECT number FROM bill") == [("B-00000001",)]
    assert rows(conn, "SELECT count(*) FROM bill_number") == [(1,)]
