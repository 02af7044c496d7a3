"""Which reminders are due, at the edges of each rule."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing_core.reminders import (
    BalanceFacts,
    BillFacts,
    Event,
    PackageFacts,
    ReminderPolicy,
    balance_subject,
    bill_events,
    is_waking_hour,
    package_subjects,
)

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)  # noon in Dhaka
DHAKA = ZoneInfo("Asia/Dhaka")
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
POLICY = ReminderPolicy(channels=("sms",), balance_low=Decimal(50))


def a_bill(**changes: Any) -> BillFacts:
    facts: dict[str, Any] = {
        "bill_id": 7,
        "issued_at": NOW - 10 * DAY,
        "due_at": NOW + 20 * DAY,
        "gross": Decimal(600),
        "open_amount": Decimal(600),
        "customer_is_active": True,
    }
    return BillFacts(**(facts | changes))


@pytest.mark.parametrize(
    ("age", "is_told"),
    [
        (timedelta(0), True),
        (3 * DAY - SECOND, True),
        (3 * DAY, False),
        (-SECOND, False),
    ],
)
def test_a_bill_is_news_for_three_days(age: timedelta, is_told: bool) -> None:
    events = bill_events(a_bill(issued_at=NOW - age), POLICY, NOW)

    assert (Event.BILL_ISSUED in events) == is_told


def test_a_bill_that_was_paid_at_once_is_told_and_never_reminded_of() -> None:
    bill = a_bill(issued_at=NOW - 2 * DAY, due_at=NOW + DAY, open_amount=Decimal(0))

    assert bill_events(bill, POLICY, NOW) == {Event.BILL_ISSUED}


def test_a_bill_over_nothing_is_not_told() -> None:
    bill = a_bill(issued_at=NOW, gross=Decimal(0), open_amount=Decimal(0))

    assert bill_events(bill, POLICY, NOW) == set()


@pytest.mark.parametrize(
    ("due_in", "expected"),
    [
        (3 * DAY + SECOND, set()),
        (3 * DAY, {Event.DUE_SOON}),
        (SECOND, {Event.DUE_SOON}),
        (timedelta(0), {Event.OVERDUE}),
        (-7 * DAY + SECOND, {Event.OVERDUE}),
        (-7 * DAY, set()),
    ],
)
def test_due_soon_ends_where_overdue_begins(
    due_in: timedelta, expected: set[Event]
) -> None:
    assert bill_events(a_bill(due_at=NOW + due_in), POLICY, NOW) == expected


def test_no_days_before_means_no_reminder_before() -> None:
    policy = ReminderPolicy(channels=("sms",), due_soon_days=0)

    assert bill_events(a_bill(due_at=NOW + SECOND), policy, NOW) == set()


def test_a_bill_told_of_today_is_not_reminded_of_today() -> None:
    young = a_bill(issued_at=NOW - DAY + SECOND, due_at=NOW + DAY)

    assert bill_events(young, POLICY, NOW) == {Event.BILL_ISSUED}


def test_who_is_suspended_is_not_told_that_he_is_overdue() -> None:
    bill = a_bill(due_at=NOW - DAY, customer_is_active=False)

    assert bill_events(bill, POLICY, NOW) == set()


def test_a_bill_without_a_day_is_never_due() -> None:
    assert bill_events(a_bill(due_at=None), POLICY, NOW) == set()


@pytest.mark.parametrize(
    ("available", "price", "payment", "subject"),
    [
        ("19.99", "20", 3, "day:2026-11-25"),
        ("20", "20", 3, "payment:3"),
        ("49.99", None, 3, "payment:3"),
        ("50", None, 3, None),
        ("0", None, None, None),
    ],
)
def test_a_wallet_is_low_for_a_day_it_does_not_pay_or_a_top_up_nearly_spent(
    available: str, price: str | None, payment: int | None, subject: str | None
) -> None:
    day_price = None if price is None else Decimal(price)
    wallet = BalanceFacts(Decimal(available), day_price, "2026-11-25", payment)

    assert balance_subject(wallet, POLICY) == subject


def test_no_threshold_means_that_no_wallet_is_low() -> None:
    wallet = BalanceFacts(Decimal(-5), None, "2026-11-25", 3)

    assert balance_subject(wallet, ReminderPolicy(channels=("sms",))) is None


def a_bought_package(**changes: Any) -> PackageFacts:
    facts: dict[str, Any] = {
        "subscription_id": 5,
        "valid_until": NOW + 20 * DAY,
        "validity_seconds": 30 * 86400,
        "octets_allowed": 1000,
        "octets_used": 0,
    }
    return PackageFacts(**(facts | changes))


@pytest.mark.parametrize(
    ("days", "left", "is_told"),
    [
        (30, 3 * DAY, True),  # three days are less than a fifth of thirty
        (30, 3 * DAY + SECOND, False),
        (1, timedelta(hours=4, minutes=48), True),  # a fifth of a day
        (1, timedelta(hours=4, minutes=49), False),
        (1, timedelta(0), False),  # it has ended
    ],
)
def test_a_package_expires_soon_within_days_and_a_fifth_of_its_validity(
    days: int, left: timedelta, is_told: bool
) -> None:
    package = a_bought_package(valid_until=NOW + left, validity_seconds=days * 86400)

    told = package_subjects(package, POLICY, NOW)

    assert (Event.PACKAGE_EXPIRING in told) == is_told


def test_a_package_that_was_extended_is_told_of_anew() -> None:
    first = a_bought_package(valid_until=NOW + DAY)
    later = a_bought_package(valid_until=NOW + 2 * DAY)

    assert package_subjects(first, POLICY, NOW) != package_subjects(later, POLICY, NOW)


@pytest.mark.parametrize(
    ("used", "is_told"), [(799, False), (800, True), (999, True), (1000, False)]
)
def test_data_is_told_of_from_eighty_percent_until_it_is_used_up(
    used: int, is_told: bool
) -> None:
    told = package_subjects(a_bought_package(octets_used=used), POLICY, NOW)

    assert told == ({Event.DATA_80: "5:1000"} if is_told else {})


def test_a_package_without_data_limit_or_end_tells_nothing() -> None:
    package = a_bought_package(valid_until=None, octets_allowed=None, octets_used=10)

    assert package_subjects(package, POLICY, NOW) == {}


@pytest.mark.parametrize(
    ("hour", "is_waking"), [(8, False), (9, True), (20, True), (21, False)]
)
def test_people_sleep_by_the_clock_of_the_zone(hour: int, is_waking: bool) -> None:
    now = datetime(2026, 11, 24, hour, tzinfo=DHAKA).astimezone(UTC)

    assert is_waking_hour(now, DHAKA, POLICY) == is_waking
