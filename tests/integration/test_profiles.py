"""Billing profiles of customers: who may have which, and what a change of it does."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.db.profiles import (
    NewProfile,
    ProfileContradictionError,
    UnknownProfileError,
    find_profile,
    insert_profile,
)
from billing_core.kinds import BILLINGS, KindError, check_terms
from billing_core.quotes import ChangeError
from billing_core.services import suspension
from billing_core.services.audit import audit
from billing_core.services.calendar import charge_the_day
from billing_core.services.cash import take_cash
from billing_core.services.corrections import credit_bill
from billing_core.services.profiles import edit_profile
from tests.builders import (
    a_customer,
    a_daily_package,
    a_package,
    at_once,
    posted,
    rows,
    username_of,
)
from tests.integration.test_billing_run import a_monthly_customer, dhaka, run
from tests.integration.test_changes import (
    HALF,
    JULY,
    JUNE,
    a_monthly_package,
    a_profile,
    billed,
    bills,
    credited,
    everything,
    money,
    to_profile,
)

D = Decimal


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


def a_daily_customer(conn: Connection, balance: str, **profile: Any) -> int:
    """A daily customer who pays 10.00 a day and has paid the 16th of June."""
    name = a_profile(conn, "daily", **profile)
    customer_id = a_customer(conn, a_daily_package(conn), balance=balance, profile=name)
    conn.execute("UPDATE customer SET activated_at = %s", [JUNE])
    charge_the_day(conn, HALF)
    return customer_id


# To free -----------------------------------------------------------------------------


def test_who_becomes_free_owes_nothing_and_is_never_suspended(
    conn: Connection,
) -> None:
    customer_id = billed(conn, due_days=7)
    late = dhaka(2026, 6, 20)
    assert suspension.sweep_suspensions(conn, late).suspended == 1
    free = a_profile(conn, "free")
    before = everything(conn)

    preview = to_profile(conn, customer_id, free, late, preview=True)
    assert everything(conn) == before
    made = to_profile(conn, customer_id, free, late)

    assert preview.forgiven == made.forgiven == [("B-00000001", D("600.00"))]
    assert (preview.quote.payable, made.quote.payable) == (0, 0)
    assert [row[4] for row in bills(conn, customer_id)] == ["void"]
    assert money(conn, customer_id) == (0, 0)
    assert rows(conn, "SELECT status FROM customer") == [("active",)]
    run(conn, dhaka(2026, 9, 1))
    assert len(bills(conn, customer_id)) == 1


def test_who_becomes_free_gets_back_what_he_paid_and_does_not_use(
    conn: Connection,
) -> None:
    customer_id = billed(conn, balance="600")

    to_profile(conn, customer_id, a_profile(conn, "free"))

    assert credited(conn, customer_id) == [300]
    assert money(conn, customer_id) == (300, 0)


def test_a_bill_with_credits_is_forgiven_by_another(conn: Connection) -> None:
    customer_id = billed(conn, balance="100")
    credit_bill(
        conn, "B-00000001", D(50), reason="slow", key="k", actor="nila", now=JUNE
    )

    to_profile(conn, customer_id, a_profile(conn, "free"))

    assert credited(conn, customer_id) == [50, 450]
    assert money(conn, customer_id) == (0, 0)


def test_a_daily_customer_becomes_free_on_a_free_package(conn: Connection) -> None:
    customer_id = a_daily_customer(conn, "50")
    free, gift = a_profile(conn, "free"), a_package(conn, billing="free")
    with pytest.raises(KindError, match="is free, but package"):
        to_profile(conn, customer_id, free)

    to_profile(conn, customer_id, free, package_name=gift)
    charge_the_day(conn, HALF + timedelta(days=1))

    assert posted(conn, customer_id) == 40


# To daily ----------------------------------------------------------------------------


def test_from_monthly_to_daily_the_unused_is_credited_and_the_debt_stays(
    conn: Connection,
) -> None:
    customer_id = billed(conn)

    to_profile(
        conn,
        customer_id,
        a_profile(conn, "daily"),
        package_name=a_daily_package(conn),
    )

    assert money(conn, customer_id) == (0, 300)
    assert rows(conn, "SELECT billed_until FROM customer") == [(None,)]
    run(conn, JULY)
    assert len(bills(conn, customer_id)) == 1


def test_from_arrears_to_daily_the_used_is_charged(conn: Connection) -> None:
    customer_id = a_monthly_customer(
        conn, joined=JUNE, bill_trigger="first", in_advance=False
    )

    to_profile(
        conn,
        customer_id,
        a_profile(conn, "daily"),
        package_name=a_daily_package(conn),
    )

    assert bills(conn, customer_id) == [("profile_change", JUNE, HALF, 300, "unpaid")]


# To monthly --------------------------------------------------------------------------


def test_from_free_to_monthly_nothing_is_billed_before_the_next_cycle(
    conn: Connection,
) -> None:
    gift = a_package(conn, billing="free")
    customer_id = a_customer(conn, gift, profile=a_profile(conn, "free"))
    conn.execute("UPDATE customer SET activated_at = %s", [JUNE])

    to_profile(
        conn,
        customer_id,
        a_profile(conn, "monthly", bill_trigger="first"),
        package_name=a_monthly_package(conn, "600"),
    )
    run(conn, dhaka(2026, 6, 30))
    assert bills(conn, customer_id) == []
    run(conn, JULY)

    assert [row[:4] for row in bills(conn, customer_id)] == [
        ("cycle", JULY, dhaka(2026, 8, 1), 600)
    ]


def test_from_daily_to_monthly_the_rest_of_the_month_is_billed_after_paid_days(
    conn: Connection,
) -> None:
    customer_id = a_daily_customer(conn, "10")
    midnight = HALF + timedelta(days=1)

    to_profile(
        conn,
        customer_id,
        a_profile(conn, "monthly", bill_trigger="first"),
        HALF + timedelta(hours=9),
        package_name=a_monthly_package(conn, "600"),
    )
    run(conn, JULY)

    assert [row[:4] for row in bills(conn, customer_id)] == [
        ("service_day", HALF, midnight, 10),
        ("profile_change", midnight, JULY, 280),
        ("cycle", JULY, dhaka(2026, 8, 1), 600),
    ]


def test_a_later_payment_day_bills_the_days_between(conn: Connection) -> None:
    customer_id = billed(conn)
    tenth = a_profile(conn, "monthly", bill_trigger="day", bill_day=10)

    made = to_profile(conn, customer_id, tenth)
    run(conn, dhaka(2026, 7, 10))

    assert [row[1:4] for row in bills(conn, customer_id)[1:]] == [
        (JULY, dhaka(2026, 7, 10), made.quote.charge),
        (dhaka(2026, 7, 10), dhaka(2026, 8, 10), 600),
    ]
    # A cycle of thirty days, from 10 June: nine of its days.
    assert made.quote.charge == D("180.00")


def test_an_earlier_payment_day_credits_the_days_between(conn: Connection) -> None:
    customer_id = billed(conn, balance="600")
    twentieth = a_profile(conn, "monthly", bill_trigger="day", bill_day=20)

    to_profile(conn, customer_id, twentieth)

    assert credited(conn, customer_id) == [220]
    assert money(conn, customer_id) == (220, 0)
    run(conn, dhaka(2026, 6, 20))
    assert bills(conn, customer_id)[-1][1:4] == (
        dhaka(2026, 6, 20),
        dhaka(2026, 7, 20),
        600,
    )


def test_a_first_profile_lets_a_parked_customer_be_billed(conn: Connection) -> None:
    customer_id = a_customer(conn, a_monthly_package(conn, "600"))
    conn.execute("UPDATE customer SET activated_at = %s", [JUNE])
    run(conn, JUNE)
    assert rows(conn, "SELECT parked_reason FROM customer") == [("NO_PROFILE",)]

    to_profile(conn, customer_id, a_profile(conn, "monthly"), JUNE)
    run(conn, JUNE)

    assert [row[1:4] for row in bills(conn, customer_id)] == [(JUNE, JULY, 600)]


def as_profile(conn: Connection, name: str, now: datetime, **changes: Any) -> None:
    """Say a profile anew, with these fields changed."""
    profile = find_profile(conn, name)
    known = {each.name: getattr(profile, each.name) for each in fields(NewProfile)}
    edit_profile(
        conn,
        profile.profile_id,
        NewProfile(**(known | changes)),
        actor="nila",
        now=now,
    )


def a_suspended_customer(conn: Connection) -> tuple[int, str]:
    """A customer suspended on the 20th of June over that month's bill."""
    customer_id = billed(conn, due_days=7)
    assert suspension.sweep_suspensions(conn, dhaka(2026, 6, 20)).suspended == 1
    return customer_id, rows(conn, "SELECT name FROM billing_profile")[0][0]


def test_who_is_suspended_is_billed_from_when_his_profile_says_so_and_until_it_does(
    conn: Connection,
) -> None:
    customer_id, name = a_suspended_customer(conn)

    as_profile(conn, name, dhaka(2026, 6, 25), bill_while_suspended=True)
    run(conn, JULY)
    as_profile(conn, name, dhaka(2026, 7, 10), bill_while_suspended=False)
    run(conn, dhaka(2026, 8, 1))
    assert [row[1:3] for row in bills(conn, customer_id)[1:]] == [
        (JULY, dhaka(2026, 8, 1))
    ]

    back = dhaka(2026, 8, 11)
    take_cash(
        conn,
        username_of(conn, customer_id),
        D(1200),
        key="all",
        operator="nila",
        note="",
        now=back,
    )
    run(conn, back)
    assert [row[1:3] for row in bills(conn, customer_id)[2:]] == [
        (back, dhaka(2026, 9, 1))
    ]
    assert rows(conn, "SELECT FROM customer WHERE parked_reason <> ''") == []


def test_who_is_suspended_is_billed_as_the_profile_says_that_he_moves_to(
    conn: Connection,
) -> None:
    customer_id, name = a_suspended_customer(conn)
    bills_on = a_profile(conn, "monthly", bill_while_suspended=True)

    to_profile(conn, customer_id, bills_on, dhaka(2026, 6, 25))
    run(conn, JULY)
    assert len(bills(conn, customer_id)) == 2

    to_profile(conn, customer_id, name, dhaka(2026, 7, 10))
    run(conn, dhaka(2026, 8, 1))
    assert len(bills(conn, customer_id)) == 2
    assert rows(conn, "SELECT FROM customer WHERE parked_reason <> ''") == []


def test_a_profile_is_changed_once_by_whoever_comes_first(
    conn: Connection, database_url: str
) -> None:
    customer_id = billed(conn)
    tenth = a_profile(conn, "monthly", bill_trigger="day", bill_day=10)

    tried = at_once(database_url, [lambda own: to_profile(own, customer_id, tenth)] * 3)

    assert sum(isinstance(t, ChangeError) for t in tried) == 2
    assert len(bills(conn, customer_id)) == 2


def test_what_a_profile_change_cannot_do_it_says(conn: Connection) -> None:
    monthly = billed(conn)
    hotspot = a_customer(conn, a_package(conn))
    static = a_customer(conn, a_monthly_package(conn), kind="static")
    daily = a_profile(conn, "daily")
    for customer_id, profile, package, sentence in (
        (monthly, "none", None, "no billing profile none"),
        (monthly, daily, None, "is daily, but package"),
        (hotspot, a_profile(conn, "free"), None, "has no billing profile"),
        (static, daily, a_daily_package(conn), "kind static is billed monthly"),
    ):
        before = everything(conn)
        with pytest.raises((KindError, UnknownProfileError), match=sentence):
            to_profile(conn, customer_id, profile, package_name=package)
        assert everything(conn) == before


# Who may have what -------------------------------------------------------------------

MATRIX = {
    "pppoe": {"daily", "monthly", "free"},
    "hotspot": {"package", "per_session", "free"},
    "static": {"monthly", "free"},
    "other": {"monthly", "free"},
}


@pytest.mark.parametrize("kind", MATRIX)
@pytest.mark.parametrize(
    "billing", ["daily", "monthly", "free", "package", "per_session"]
)
def test_each_kind_has_its_packages(kind: str, billing: str) -> None:
    assert BILLINGS.keys() == MATRIX.keys()
    if billing in MATRIX[kind]:
        check_terms(kind, "P", billing)
    else:
        with pytest.raises(KindError, match=f"Package P is {billing}"):
            check_terms(kind, "P", billing)


@pytest.mark.parametrize("billing", ["daily", "monthly", "free"])
@pytest.mark.parametrize("billing_type", ["daily", "monthly", "free"])
def test_a_profile_is_of_its_package_or_free(billing: str, billing_type: str) -> None:
    if billing == billing_type or (billing, billing_type) == ("monthly", "free"):
        check_terms("pppoe", "P", billing, "F", billing_type)
    else:
        with pytest.raises(KindError, match=f"Profile F is {billing_type}"):
            check_terms("pppoe", "P", billing, "F", billing_type)


def test_a_new_customer_is_of_the_kind_his_package_is_for(conn: Connection) -> None:
    hotspot = a_customer(conn, a_package(conn))
    pppoe = a_customer(
        conn,
        a_monthly_package(conn),
        profile=a_profile(conn, "monthly"),
        special_price=D(500),
        discount_percent=D(5),
        mail="a@example.org",
        language="bn",
    )
    assert rows(
        conn,
        "SELECT customer_id, kind, special_price, discount_percent, mail, language"
        " FROM customer ORDER BY 1",
    ) == [
        (hotspot, "hotspot", None, 0, "", "en"),
        (pppoe, "pppoe", 500, 5, "a@example.org", "bn"),
    ]
    assert username_of(conn, pppoe)


def test_a_new_customer_whose_terms_contradict_is_refused(conn: Connection) -> None:
    daily, monthly = a_daily_package(conn), a_monthly_package(conn)
    for package, terms in (
        (daily, {"kind": "static"}),
        (monthly, {"kind": "hotspot"}),
        (monthly, {"profile": a_profile(conn, "daily")}),
        (monthly, {"kind": "cable"}),
    ):
        with pytest.raises(KindError):
            a_customer(conn, package, **terms)
    with pytest.raises(ChangeError, match="special price"):
        a_customer(conn, daily, special_price=D(5))
    assert rows(conn, "SELECT count(*) FROM customer") == [(0,)]


@pytest.mark.parametrize("field", ["due_days", "grace_days"])
def test_nobody_has_more_than_a_year_to_pay(conn: Connection, field: str) -> None:
    days: dict[str, Any] = {field: 367}
    with pytest.raises(ProfileContradictionError, match="at most 366"):
        insert_profile(conn, NewProfile(name="x", billing_type="monthly", **days))
