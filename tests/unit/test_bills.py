"""Cycle bills: what is due, what it costs, what is parked, and who is paid first."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.allocation import AllocationError, OpenBill, allocate
from billing_core.billing_terms import (
    NO_PROFILE,
    NO_VAT_RATE,
    OFF_BOUNDARY,
    PARKED_REASONS,
    PROFILE_CONTRADICTS_PACKAGE,
    STRETCH_STILL_OPEN,
    TOO_MANY_BILLS,
    ZERO_PRICE,
    BillDraft,
    CustomerFacts,
    CyclePackage,
    CycleProfile,
    Parked,
    ProfileError,
)
from billing_core.bills import cycle_price, draft_bills_by_hand, draft_cycle_bills
from billing_core.cycles import Schedule, ScheduleError
from billing_core.proration import Stretch
from billing_core.vat import VatProfile

DHAKA = ZoneInfo("Asia/Dhaka")
DAY = timedelta(days=1)


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=DHAKA).astimezone(UTC)  # type: ignore[arg-type,misc]


def a_package(price: str = "600.00", **but: Any) -> CyclePackage:
    fields: dict[str, Any] = {"package_id": 7, "name": "Home 10", "billing": "monthly"}
    return CyclePackage(**{**fields, "price": D(price), **but})


def a_profile(schedule: Schedule | None = None, **but: Any) -> CycleProfile:
    fields: dict[str, Any] = {"profile_id": 3, "name": "Monthly"}
    fields |= {"billing_type": "monthly", "schedule": schedule or Schedule("first")}
    return CycleProfile(**{**fields, **but})


def facts_of(**but: Any) -> CustomerFacts:
    fields: dict[str, Any] = {
        "customer_id": 1,
        "status": "active",
        "is_paused": False,
        "package": a_package(),
        "profile": a_profile(),
        "special_price": None,
        "discount_percent": D("0.00"),
        "activated_at": local(2026, 1, 10, 15, 30),
        "billed_until": local(2026, 11, 1),
    }
    return CustomerFacts(**{**fields, **but})


def drafts(
    facts: CustomerFacts, as_of: datetime, bills_max: int = 12
) -> list[BillDraft]:
    drafted = draft_cycle_bills(facts, as_of, DHAKA, bills_max)
    assert isinstance(drafted, list), drafted
    return drafted


def reason(facts: CustomerFacts, as_of: datetime) -> str:
    drafted = draft_cycle_bills(facts, as_of, DHAKA)
    assert isinstance(drafted, Parked), drafted
    assert drafted.customer_id == facts.customer_id
    assert drafted.reason in PARKED_REASONS
    return drafted.reason


NOVEMBER = local(2026, 11, 1)


def test_a_whole_cycle_is_billed_as_the_profile_and_package_say():
    schedule = Schedule("first", due_days=7, grace_days=3)
    package = a_package("500.00", vat_percent=D("5.00"))
    facts = facts_of(package=package, profile=a_profile(schedule))
    assert drafts(facts, NOVEMBER) == [
        BillDraft(
            customer_id=1,
            kind="cycle",
            subject="2026-10-31T18:00:00+00:00",
            period_start=NOVEMBER,
            period_end=local(2026, 12, 1),
            net=D("476.19"),
            vat=D("23.81"),
            gross=D("500.00"),
            due_at=local(2026, 11, 8),
            suspend_at=local(2026, 11, 11),
            package_id=7,
            profile_id=3,
            billed_until=local(2026, 12, 1),
            lines=(
                (
                    "Home 10: 2026-11-01 to 2026-11-30",
                    D(1),
                    "cycle",
                    D("476.19"),
                    D("5.00"),
                    D("23.81"),
                    D("500.00"),
                ),
            ),
        )
    ]


def test_nothing_is_billed_before_its_moment():
    assert drafts(facts_of(), NOVEMBER - timedelta(minutes=1)) == []


def test_what_was_billed_is_not_billed_again():
    (bill,) = drafts(facts_of(), NOVEMBER)
    assert drafts(facts_of(billed_until=bill.billed_until), NOVEMBER) == []


def test_in_arrears_a_cycle_is_billed_at_its_end():
    facts = facts_of(profile=a_profile(Schedule("first", in_advance=False)))
    end = local(2026, 12, 1)
    assert drafts(facts, end - timedelta(minutes=1)) == []
    (bill,) = drafts(facts, end)
    assert (bill.period_start, bill.period_end) == (NOVEMBER, end)
    assert bill.due_at == local(2026, 12, 8)


def test_a_bill_day_delays_the_bills_of_calendar_months():
    for in_advance, billed_at in ((True, (2026, 11, 15)), (False, (2026, 12, 15))):
        schedule = Schedule("day", 15, in_advance, cycle_ends_with_month=True)
        facts, moment = facts_of(profile=a_profile(schedule)), local(*billed_at)
        assert drafts(facts, moment - timedelta(minutes=1)) == []
        (bill,) = drafts(facts, moment)
        assert (bill.period_start, bill.period_end) == (NOVEMBER, local(2026, 12, 1))
        assert bill.due_at == moment + 7 * DAY


def test_who_joins_within_a_cycle_pays_for_its_rest():
    # 15 of November's 30 days.
    facts = facts_of(activated_at=local(2026, 11, 16, 0, 0), billed_until=None)
    (bill,) = drafts(facts, local(2026, 11, 16, 1))
    assert (bill.period_start, bill.period_end) == (
        local(2026, 11, 16),
        local(2026, 12, 1),
    )
    assert bill.gross == D("300.00")
    assert bill.lines[0].quantity == D("0.5")


def test_the_first_period_starts_with_the_minute_of_activation():
    joined = local(2026, 11, 16, 12, 30) + timedelta(seconds=59)
    (bill,) = drafts(facts_of(activated_at=joined, billed_until=None), joined)
    assert bill.period_start == local(2026, 11, 16, 12, 30)
    assert bill.lines[0].description == "Home 10: 2026-11-16 12:30 to 2026-11-30"


def test_without_proration_a_part_costs_a_whole_cycle():
    facts = facts_of(
        activated_at=local(2026, 11, 29, 9),
        billed_until=None,
        profile=a_profile(proration="none"),
    )
    (bill,) = drafts(facts, local(2026, 11, 29, 9))
    assert (bill.gross, bill.lines[0].quantity) == (D("600.00"), 1)


def test_a_part_worth_less_than_the_minor_unit_is_not_billed():
    last_minute = local(2026, 11, 30, 23, 59)
    facts = facts_of(activated_at=last_minute, billed_until=None)
    assert drafts(facts._replace(package=a_package("1.00")), last_minute) == []
    (december,) = drafts(facts._replace(package=a_package("1.00")), local(2026, 12, 1))
    assert december.period_start == local(2026, 12, 1)


def test_a_special_price_and_a_discount_make_the_price():
    facts = facts_of(special_price=D("555.00"), discount_percent=D("12.50"))
    # 485.625, half up.
    assert drafts(facts, NOVEMBER)[0].gross == D("485.63")
    assert cycle_price(facts.package, None, D(0)) == D("600.00")
    assert cycle_price(facts.package, None, D(50)) == D("300.00")


@given(st.decimals(1, 99_999, places=2), st.decimals(0, 100, places=2))
def test_a_discount_is_rounded_half_up_once(price, percent):
    cents = Fraction(price) * (100 - Fraction(percent))
    expected = D((cents + Fraction(1, 2)).__floor__()).scaleb(-2)
    assert cycle_price(a_package(str(price)), None, percent) == expected


def test_time_before_the_activation_is_never_billed():
    facts = facts_of(activated_at=local(2026, 11, 16))
    (bill,) = drafts(facts, local(2026, 11, 16))
    assert (bill.period_start, bill.gross) == (local(2026, 11, 16), D("300.00"))


def test_the_profile_s_vat_stands_over_the_package_s():
    vat = VatProfile(1, "VAT", False, ((date(2020, 1, 1), D("15.00")),))
    package = a_package("100.00", vat_percent=D("5.00"))
    facts = facts_of(package=package, profile=a_profile(vat=vat))
    (bill,) = drafts(facts, NOVEMBER)
    assert (bill.net, bill.vat, bill.gross) == (D("100.00"), D("15.00"), D("115.00"))
    assert bill.lines[0].vat_percent == D("15.00")


def test_the_rate_is_the_one_of_the_civil_day_a_period_starts_on():
    # 1 November in Dhaka is still October in UTC.
    rates = ((date(2020, 1, 1), D("5.00")), (date(2026, 11, 1), D("15.00")))
    vat = VatProfile(1, "VAT", False, rates)
    facts = facts_of(billed_until=local(2026, 10, 1), profile=a_profile(vat=vat))
    bills = drafts(facts, NOVEMBER)
    assert [bill.lines[0].vat_percent for bill in bills] == [D("5.00"), D("15.00")]


def test_a_part_of_a_cycle_has_the_rate_of_the_day_the_part_starts_on():
    rates = ((date(2020, 1, 1), D("5.00")), (date(2026, 11, 10), D("15.00")))
    vat = VatProfile(1, "VAT", False, rates)
    back = local(2026, 11, 16)
    left_out = (Stretch(local(2026, 10, 20), back),)
    (bill,) = drafts(facts_of(profile=a_profile(vat=vat), left_out=left_out), back)
    assert bill.lines[0].vat_percent == D("15.00")


@pytest.mark.parametrize(
    "but",
    [
        {"status": "suspended"},
        {"status": "disabled"},
        {"is_paused": True},
        {"is_paused": True, "profile": a_profile(bill_while_suspended=True)},
        {"status": "disabled", "profile": a_profile(bill_while_suspended=True)},
        {"profile": a_profile(auto_bill=False)},
        {"profile": a_profile(Schedule("manual"))},
        {"profile": a_profile(billing_type="free")},
        {
            "profile": a_profile(billing_type="daily"),
            "package": a_package(billing="daily"),
        },
        {"profile": None, "package": a_package(billing="daily")},
        {"profile": None, "package": a_package(billing="per_session")},
    ],
)
def test_who_gets_no_cycle_bill_by_itself(but):
    assert drafts(facts_of(**but), NOVEMBER) == []


def test_a_suspended_customer_is_billed_where_the_profile_says_so():
    facts = facts_of(status="suspended", profile=a_profile(bill_while_suspended=True))
    assert len(drafts(facts, NOVEMBER)) == 1


@pytest.mark.parametrize(
    "profile", [a_profile(auto_bill=False), a_profile(Schedule("manual"))]
)
def test_a_person_bills_what_is_not_billed_by_itself(profile):
    activated_at = local(2026, 1, 1)
    facts = facts_of(profile=profile, activated_at=activated_at)
    bills = draft_bills_by_hand(facts, NOVEMBER, DHAKA)
    assert isinstance(bills, list)
    assert [bill.period_start for bill in bills] == [NOVEMBER]


@pytest.mark.parametrize(
    ("but", "why"),
    [
        ({"profile": None}, NO_PROFILE),
        ({"profile": a_profile(billing_type="daily")}, PROFILE_CONTRADICTS_PACKAGE),
        ({"package": a_package(billing="daily")}, PROFILE_CONTRADICTS_PACKAGE),
        ({"package": a_package(billing="free")}, PROFILE_CONTRADICTS_PACKAGE),
        ({"package": a_package("0.00")}, ZERO_PRICE),
        ({"discount_percent": D("100.00")}, ZERO_PRICE),
        ({"billed_until": local(2026, 10, 5)}, OFF_BOUNDARY),
        ({"billed_until": local(2026, 11, 1, 0, 1)}, OFF_BOUNDARY),
        ({"billed_until": local(2025, 12, 1), "activated_at": local(2025, 1, 1)}, None),
        (
            {"billed_until": local(2025, 11, 1), "activated_at": local(2025, 1, 1)},
            TOO_MANY_BILLS,
        ),
        ({"billed_until": None, "activated_at": local(2025, 10, 9)}, TOO_MANY_BILLS),
        ({"left_out": (Stretch(local(2026, 5, 1), None),)}, STRETCH_STILL_OPEN),
        (
            {
                "profile": a_profile(
                    vat=VatProfile(1, "VAT", True, ((date(2026, 11, 2), D(5)),))
                )
            },
            NO_VAT_RATE,
        ),
    ],
)
def test_what_cannot_be_billed_is_parked_with_its_reason(but, why):
    facts = facts_of(**but)
    if why is None:
        assert len(drafts(facts, NOVEMBER)) == 12
    else:
        assert reason(facts, NOVEMBER) == why


def test_a_profile_that_contradicts_itself_is_refused():
    with pytest.raises(ScheduleError):
        a_profile(Schedule("day"))
    with pytest.raises(ProfileError):
        a_profile(proration="by_day")


# Time that no bill covers --------------------------------------------------------


def test_who_was_suspended_over_a_cycle_s_begin_pays_from_his_return():
    back = local(2026, 11, 16, 9, 0)
    facts = facts_of(left_out=(Stretch(local(2026, 10, 20), back),))
    (bill,) = drafts(facts, back)
    assert (bill.period_start, bill.period_end) == (back, local(2026, 12, 1))
    # 14 days and 15 hours of 30 days at 20.00 a day.
    assert bill.gross == D("292.50")
    assert bill.due_at == local(2026, 11, 23)
    assert bill.subject == "2026-10-31T18:00:00+00:00"


def test_a_cycle_suspended_from_end_to_end_is_never_billed():
    left_out = (Stretch(local(2026, 9, 20), local(2026, 12, 1)),)
    facts = facts_of(billed_until=local(2026, 10, 1), left_out=left_out)
    (bill,) = drafts(facts, local(2026, 12, 1))
    assert bill.period_start == local(2026, 12, 1)
    assert bill.gross == D("600.00")


def test_in_arrears_only_the_time_of_service_is_billed():
    left_out = (
        Stretch(local(2026, 11, 21), local(2026, 11, 27)),
        Stretch(local(2026, 11, 4), local(2026, 11, 10)),
    )
    schedule = Schedule("first", in_advance=False)
    facts = facts_of(profile=a_profile(schedule), left_out=left_out)
    (bill,) = drafts(facts, local(2026, 12, 1))
    assert bill.gross == D("360.00")
    assert bill.lines[0].quantity == D("0.6")
    assert (bill.period_start, bill.period_end) == (NOVEMBER, local(2026, 12, 1))


def test_what_was_left_out_before_the_billed_time_changes_nothing():
    left_out = (Stretch(local(2026, 3, 5), local(2026, 3, 9)),)
    assert drafts(facts_of(left_out=left_out), NOVEMBER) == drafts(facts_of(), NOVEMBER)


def test_a_return_in_the_future_of_a_run_waits_for_it():
    back = local(2026, 11, 16)
    facts = facts_of(left_out=(Stretch(local(2026, 10, 20), back),))
    assert drafts(facts, back - timedelta(minutes=1)) == []


# Runs at whatever moments ----------------------------------------------------------

schedules = st.builds(
    lambda trigger, bill_day, **rest: Schedule(
        trigger, bill_day if trigger == "day" else None, **rest
    ),
    trigger=st.sampled_from(["renewal", "first", "day"]),
    bill_day=st.integers(1, 31),
    in_advance=st.booleans(),
    cycle_ends_with_month=st.booleans(),
    due_days=st.integers(0, 40),
    grace_days=st.integers(0, 5),
    auto_suspend=st.booleans(),
)
profiles = st.builds(
    lambda schedule, proration: a_profile(schedule, proration=proration),
    schedules,
    st.sampled_from(["by_minute", "none"]),
)


@given(profiles, st.integers(0, 60 * 24 * 400), st.integers(0, 2**32))
def test_runs_at_any_moments_bill_what_one_run_bills(profile, minute, seed):
    dice = random.Random(seed)
    activated_at = local(2027, 6, 1) + timedelta(minutes=minute)
    facts = facts_of(profile=profile, activated_at=activated_at, billed_until=None)
    end = activated_at + timedelta(days=420)
    at_once = draft_cycle_bills(facts, end, DHAKA, 20)
    assert isinstance(at_once, list)
    one_by_one: list[BillDraft] = []
    as_of = activated_at
    while as_of < end:
        as_of = min(end, as_of + timedelta(minutes=dice.randint(1, 60 * 24 * 40)))
        bills = drafts(facts, as_of)
        one_by_one += bills
        if bills:
            facts = facts._replace(billed_until=bills[-1].billed_until)
    assert one_by_one == at_once
    assert 12 <= len(at_once) <= 15
    for one, following in pairwise(at_once):
        assert one.period_end == following.period_start == one.billed_until
    for bill in at_once:
        assert bill.due_at >= (
            bill.period_start if profile.schedule.in_advance else bill.period_end
        )
        assert bill.gross == sum(line.gross for line in bill.lines)
        if profile.schedule.auto_suspend:
            assert bill.suspend_at is not None
            assert bill.suspend_at >= bill.due_at
        else:
            assert bill.suspend_at is None


# Allocation ------------------------------------------------------------------------


def test_the_oldest_due_bill_is_paid_first_and_the_last_one_in_part():
    bills = [
        OpenBill(5, local(2026, 11, 8), D("500.00")),
        OpenBill(3, local(2026, 10, 8), D("20.50")),
        OpenBill(4, local(2026, 10, 8), D("100.00")),
        OpenBill(9, None, D("1.00")),
    ]
    assert allocate(D("130.00"), bills) == [
        (9, D("1.00")),
        (3, D("20.50")),
        (4, D("100.00")),
        (5, D("8.50")),
    ]


amounts = st.decimals(D("0.01"), 10_000, places=2)
open_bills = st.lists(
    st.builds(
        OpenBill,
        st.integers(1, 99),
        st.none() | st.integers(0, 60).map(lambda days: NOVEMBER + days * DAY),
        amounts,
    ),
    max_size=8,
    unique_by=lambda bill: bill.bill_id,
)


@given(st.decimals(0, 30_000, places=2), open_bills)
def test_money_is_allocated_whole_and_never_more_than_is_open(amount, bills):
    allocated = allocate(amount, bills)
    parts = dict(allocated)
    due = {bill.bill_id: bill for bill in bills}
    assert len(parts) == len(allocated)
    assert sum(parts.values(), D(0)) == min(
        amount, sum((bill.open_amount for bill in bills), D(0))
    )
    assert all(0 < part <= due[bill_id].open_amount for bill_id, part in allocated)
    # A bill is touched only when all that are due before it are paid.
    for bill in bills:
        if bill.due_at is not None and bill.bill_id in parts:
            for older in bills:
                if older.due_at is None or older.due_at < bill.due_at:
                    assert parts[older.bill_id] == older.open_amount


@given(open_bills, st.lists(amounts, max_size=6))
def test_partial_payments_pay_what_one_payment_of_their_sum_does(bills, payments):
    paid: dict[int, D] = {}
    for payment in payments:
        still_open = [
            bill._replace(open_amount=bill.open_amount - paid.get(bill.bill_id, D(0)))
            for bill in bills
            if paid.get(bill.bill_id, D(0)) < bill.open_amount
        ]
        for bill_id, part in allocate(payment, still_open):
            paid[bill_id] = paid.get(bill_id, D(0)) + part
    assert paid == dict(allocate(sum(payments, D(0)), bills))


def test_nothing_is_allocated_of_nothing():
    assert allocate(D("0.00"), [OpenBill(1, None, D("5.00"))]) == []
    assert allocate(D("5.00"), []) == []


def test_a_negative_amount_pays_nothing_and_says_so():
    with pytest.raises(AllocationError):
        allocate(D("-0.01"), [])
    with pytest.raises(AllocationError, match="Bill 4"):
        allocate(D("5.00"), [OpenBill(4, None, D("0.00"))])
