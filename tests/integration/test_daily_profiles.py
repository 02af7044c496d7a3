"""What a billing profile says to daily customers, and what it cannot say."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.db.profiles import (
    NewProfile,
    ProfileContradictionError,
    insert_profile,
    insert_vat_profile,
)
from billing_core.kinds import KindError
from billing_core.services import suspension
from billing_core.services.audit import audit
from billing_core.services.calendar import charge_the_day, suspend_the_overdue
from billing_core.services.cash import take_cash
from billing_core.services.changes import change_profile
from billing_core.services.corrections import void_bill
from billing_core.services.rollover import roll_service_days
from tests.builders import (
    Packets,
    a_customer,
    a_daily_package,
    a_grant,
    a_nas,
    fold,
    open_session,
    posted,
    rows,
    sessions_of,
    username_of,
)
from tests.integration.test_billing_run import DHAKA, dhaka
from tests.integration.test_changes import a_profile

D = Decimal
DAY = timedelta(days=1)
MIDNIGHT = dhaka(2026, 6, 16)
HELD_UNTIL = MIDNIGHT + 3 * DAY


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


def a_daily_customer(conn: Connection, balance: str, **profile: Any) -> int:
    """A customer who pays 10.00 a day; nothing is charged yet."""
    name = a_profile(conn, "daily", **profile)
    customer_id = a_customer(conn, a_daily_package(conn), balance=balance, profile=name)
    conn.execute("UPDATE customer SET activated_at = %s", [MIDNIGHT - DAY])
    return customer_id


def hold(
    conn: Connection, customer_id: int, until: datetime | None = HELD_UNTIL
) -> None:
    username = username_of(conn, customer_id)
    suspension.hold(conn, username, until, note="", actor="test", now=MIDNIGHT - DAY)


def pay(conn: Connection, customer_id: int, amount: str, now: datetime) -> None:
    take_cash(
        conn,
        username_of(conn, customer_id),
        D(amount),
        key=f"{now}",
        operator="test",
        note="",
        now=now,
    )


def status(conn: Connection) -> tuple[str, str | None]:
    ((state, reason),) = rows(conn, "SELECT status, suspend_reason FROM customer")
    return state, reason


def days(conn: Connection) -> list[tuple[Any, ...]]:
    return rows(
        conn,
        "SELECT b.kind, b.gross, b.paid, b.status FROM service_day d"
        " JOIN bill b USING (customer_id, bill_id) ORDER BY d.service_date",
    )


OWED = ("owed_day", 10, 0, "unpaid")
OWED_PAID = ("owed_day", 10, 10, "paid")
CHARGED = ("service_day", 10, 10, "paid")


# A hold ------------------------------------------------------------------------------


def test_a_held_customer_owes_the_days_he_cannot_pay_and_has_service(
    conn: Connection,
) -> None:
    customer_id = a_daily_customer(conn, "14")
    hold(conn, customer_id)

    for day in range(3):
        for minute in range(2):
            charge_the_day(conn, MIDNIGHT + day * DAY + minute * timedelta(minutes=1))

    part_paid = ("owed_day", 10, 4, "partial")
    assert days(conn) == [CHARGED, part_paid, OWED]
    assert status(conn) == ("active", None)
    assert posted(conn, customer_id) == 0
    assert rows(conn, "SELECT due FROM wallet") == [(16,)]
    assert rows(
        conn, "SELECT DISTINCT due_at, suspend_at FROM bill WHERE kind = 'owed_day'"
    ) == [(HELD_UNTIL, HELD_UNTIL)]


def test_without_a_hold_an_unpaid_day_suspends_and_is_owed_by_nobody(
    conn: Connection,
) -> None:
    a_daily_customer(conn, "4")
    charge_the_day(conn, MIDNIGHT)
    assert days(conn) == []
    assert status(conn) == ("suspended", "BALANCE_EXHAUSTED")


def test_a_held_customers_session_runs_on_over_midnight(conn: Connection) -> None:
    customer_id = a_daily_customer(conn, "10")
    hold(conn, customer_id)
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=MIDNIGHT)
    fold(conn, p.start(), now=MIDNIGHT)
    charge_the_day(conn, MIDNIGHT)
    conn.execute("UPDATE acct_session SET cut_at = %s", [MIDNIGHT + DAY])

    # The worker is there before the scheduler.
    roll_service_days(conn, MIDNIGHT + DAY, DHAKA)
    charge_the_day(conn, MIDNIGHT + DAY)

    assert days(conn) == [CHARGED, OWED]
    (session,) = sessions_of(conn, customer_id)
    assert session["disconnect_requested_at"] is None
    assert session["cut_at"] == MIDNIGHT + 2 * DAY


def test_when_the_hold_ends_what_is_owed_suspends_and_payment_restores(
    conn: Connection,
) -> None:
    customer_id = a_daily_customer(conn, "0")
    hold(conn, customer_id)
    charge_the_day(conn, MIDNIGHT)
    charge_the_day(conn, MIDNIGHT + DAY)
    suspend_the_overdue(conn, HELD_UNTIL - timedelta(seconds=1))
    assert status(conn) == ("active", None)

    suspend_the_overdue(conn, HELD_UNTIL)
    assert status(conn) == ("suspended", "PAYMENT_DUE")

    # What was owed is paid, but not this day.
    pay(conn, customer_id, "25", HELD_UNTIL + timedelta(hours=1))
    assert status(conn)[0] == "suspended"
    assert days(conn) == [OWED_PAID, OWED_PAID]

    pay(conn, customer_id, "5", HELD_UNTIL + timedelta(hours=2))
    assert status(conn) == ("active", None)
    assert days(conn) == [OWED_PAID, OWED_PAID, CHARGED]
    assert posted(conn, customer_id) == 0


def test_a_profile_that_does_not_suspend_lets_the_debt_stand(conn: Connection) -> None:
    customer_id = a_daily_customer(conn, "0", auto_suspend=False)
    hold(conn, customer_id)
    charge_the_day(conn, MIDNIGHT)

    suspend_the_overdue(conn, HELD_UNTIL + DAY)

    assert status(conn) == ("active", None)
    assert days(conn) == [OWED]


def test_a_day_that_is_owed_can_be_void_and_is_not_charged_again(
    conn: Connection,
) -> None:
    customer_id = a_daily_customer(conn, "0")
    hold(conn, customer_id)
    charge_the_day(conn, MIDNIGHT)

    void_bill(conn, "B-00000001", reason="outage", actor="nila", now=MIDNIGHT)
    conn.execute("DELETE FROM billing_run")
    charge_the_day(conn, MIDNIGHT)

    assert [row[3] for row in days(conn)] == ["void"]
    assert rows(conn, "SELECT due FROM wallet") == [(0,)]


def test_a_hold_does_not_bring_back_who_was_cut(conn: Connection) -> None:
    customer_id = a_daily_customer(conn, "0")
    charge_the_day(conn, MIDNIGHT)

    hold(conn, customer_id)
    assert status(conn) == ("suspended", "BALANCE_EXHAUSTED")
    hold(conn, customer_id, None)
    assert status(conn) == ("suspended", "BALANCE_EXHAUSTED")


# Minimum validity --------------------------------------------------------------------


def test_who_was_cut_comes_back_with_money_for_the_least_number_of_days(
    conn: Connection,
) -> None:
    customer_id = a_daily_customer(conn, "0", minimum_validity_days=3)
    charge_the_day(conn, MIDNIGHT)

    pay(conn, customer_id, "29.99", MIDNIGHT + timedelta(hours=1))
    assert (status(conn)[0], days(conn)) == ("suspended", [])

    pay(conn, customer_id, "0.01", MIDNIGHT + timedelta(hours=2))
    assert (status(conn)[0], days(conn)) == ("active", [CHARGED])
    assert posted(conn, customer_id) == 20

    # One by one, to the end of what he has.
    charge_the_day(conn, MIDNIGHT + DAY)
    charge_the_day(conn, MIDNIGHT + 2 * DAY)
    assert days(conn) == [CHARGED] * 3
    charge_the_day(conn, MIDNIGHT + 3 * DAY)
    assert status(conn) == ("suspended", "BALANCE_EXHAUSTED")


# Days used ---------------------------------------------------------------------------


def test_days_used_are_charged_at_the_login_and_at_no_midnight(
    conn: Connection,
) -> None:
    customer_id = a_daily_customer(conn, "100", daily_charge="days_used")
    charge_the_day(conn, MIDNIGHT)
    assert days(conn) == []

    net, vat = D("9.52"), D("0.48")
    day = {"day": date(2026, 6, 16), "day_net": net, "day_vat": vat}
    grant = a_grant(conn, customer_id, a_nas(conn), **day, sessions_allowed=1)
    assert open_session(conn, grant) == "OK"

    assert days(conn) == [CHARGED]


# What it cannot say ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("billing_type", "field", "why"),
    [
        ("monthly", {"daily_charge": "days_used"}, "days used are for daily"),
        ("free", {"minimum_validity_days": 2}, "are for daily"),
        ("daily", {"in_advance": False}, "no arrears"),
        ("daily", {"cycle_ends_with_month": True}, "no cycle's end"),
        ("daily", {"proration": "none"}, "no part of a cycle"),
        ("daily", {"bill_while_suspended": True}, "billed while suspended"),
        ("daily", {"bill_trigger": "first"}, "only monthly profiles have a trigger"),
    ],
)
def test_a_field_that_would_do_nothing_is_refused(
    conn: Connection, billing_type: str, field: dict[str, Any], why: str
) -> None:
    with pytest.raises(ProfileContradictionError, match=why):
        insert_profile(conn, NewProfile("odd", billing_type, **field))
    assert rows(conn, "SELECT FROM billing_profile") == []


def test_a_daily_profile_has_no_vat_of_its_own(conn: Connection) -> None:
    vat = insert_vat_profile(
        conn, "vat", registration_number="", inclusive=True, rates=[]
    )
    with pytest.raises(ProfileContradictionError, match="VAT of its package"):
        insert_profile(conn, NewProfile("odd", "daily", vat_profile_id=vat))


def test_a_free_profile_on_a_daily_package_is_refused(conn: Connection) -> None:
    customer_id = a_daily_customer(conn, "100")
    with pytest.raises(KindError, match=r"free, but package .* is daily"):
        change_profile(
            conn,
            username_of(conn, customer_id),
            a_profile(conn, "free"),
            actor="test",
            now=MIDNIGHT,
            zone=DHAKA,
        )
