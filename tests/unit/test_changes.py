"""A change credits what is unused, charges what is used, and nothing twice."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.billing_terms import (
    BillDraft,
    CustomerFacts,
    CyclePackage,
    CycleProfile,
)
from billing_core.bills import draft_cycle_bills
from billing_core.changes import quote_package_change, quote_profile_change
from billing_core.cycles import Schedule
from billing_core.proration import Stretch
from billing_core.quotes import BilledPart, ChangeError, ChangeQuote
from billing_core.vat import VatProfile

DHAKA = ZoneInfo("Asia/Dhaka")


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=DHAKA).astimezone(UTC)  # type: ignore[arg-type,misc]


NOVEMBER, DECEMBER = local(2026, 11, 1), local(2026, 12, 1)
HALF = local(2026, 11, 16)
# Thirty days of November at 20.00 a day.
HOME = CyclePackage(7, "Home 10", "monthly", D("600.00"))
FAST = CyclePackage(8, "Home 50", "monthly", D("1200.00"))
BY_DAY = CyclePackage(9, "Day 10", "daily", D("20.00"))
GIFT = CyclePackage(10, "Staff", "free", D("0.00"))
ARREARS = Schedule("first", in_advance=False)


def a_profile(schedule: Schedule | None = None, **but: Any) -> CycleProfile:
    fields: dict[str, Any] = {"profile_id": 3, "name": "Monthly"}
    fields |= {"billing_type": "monthly", "schedule": schedule or Schedule("first")}
    return CycleProfile(**{**fields, **but})


FREE = a_profile(name="Free", billing_type="free")
DAILY = a_profile(name="Daily", billing_type="daily", schedule=Schedule())


def facts_of(**but: Any) -> CustomerFacts:
    fields: dict[str, Any] = {
        "customer_id": 1,
        "status": "active",
        "is_paused": False,
        "package": HOME,
        "profile": a_profile(),
        "special_price": None,
        "discount_percent": D("0.00"),
        "activated_at": local(2026, 1, 10, 15, 30),
        "billed_until": DECEMBER,
    }
    return CustomerFacts(**{**fields, **but})


def billed(
    start: datetime = NOVEMBER, end: datetime = DECEMBER, gross: str = "600.00"
) -> BilledPart:
    return BilledPart(41, start, end, D(gross), D("0.00"))


def to_fast(
    facts: CustomerFacts, parts: list[BilledPart], now: datetime
) -> ChangeQuote:
    return quote_package_change(facts, FAST, None, parts, now, DHAKA)


def bills(facts: CustomerFacts, as_of: datetime) -> list[BillDraft]:
    drafted = draft_cycle_bills(facts, as_of, DHAKA)
    assert isinstance(drafted, list), drafted
    return drafted


# Packages ----------------------------------------------------------------------------


def test_an_upgrade_credits_the_unused_half_and_charges_the_new_one():
    quote = to_fast(facts_of(), [billed()], HALF)
    assert (quote.credit, quote.charge, quote.payable) == (300, 600, 300)
    (credit,) = quote.credits
    assert credit.bill_id == 41
    assert credit.description == "Home 10, unused: 2026-11-16 to 2026-11-30"
    (line,) = quote.charges
    assert line.description == "Home 50: 2026-11-16 to 2026-11-30"
    assert line.quantity == D("0.5")
    assert (quote.period_start, quote.period_end) == (HALF, DECEMBER)
    assert (quote.billed_until, quote.left_out) == (DECEMBER, ())


def test_a_downgrade_gives_money_back():
    facts = facts_of(package=FAST)
    parts = [billed(gross="1200.00")]
    quote = quote_package_change(facts, HOME, None, parts, HALF, DHAKA)
    assert quote.payable == D("-300.00")


def test_the_credit_is_of_what_was_really_billed_and_the_charge_discounted():
    facts = facts_of(special_price=D("100.00"), discount_percent=D("10.00"))
    parts = [billed(gross="540.00")]
    quote = quote_package_change(facts, FAST, D("1000.00"), parts, HALF, DHAKA)
    assert (quote.credit, quote.charge) == (D("270.00"), D("450.00"))


def test_a_second_change_in_a_cycle_credits_the_rest_of_the_first():
    part = billed(HALF, DECEMBER, "600.00")
    now = local(2026, 11, 26)
    quote = quote_package_change(facts_of(package=FAST), HOME, None, [part], now, DHAKA)
    # Five of fifteen days.
    assert (quote.credit, quote.charge) == (D("200.00"), D("100.00"))


def test_credit_keeps_the_vat_rate_of_its_bill_and_the_charge_gets_today_s():
    rates = ((date(2020, 1, 1), D("5.00")), (date(2026, 11, 10), D("15.00")))
    profile = a_profile(vat=VatProfile(1, "VAT", False, rates))
    part = BilledPart(41, NOVEMBER, DECEMBER, D("630.00"), D("5.00"))
    quote = to_fast(facts_of(profile=profile), [part], HALF)
    (credit,), (line,) = quote.credits, quote.charges
    assert (credit.net, credit.vat, credit.gross) == (300, 15, 315)
    assert (line.net, line.vat, line.gross) == (600, 90, 690)


def test_in_arrears_the_used_part_is_charged_and_left_out_of_the_bill_to_come():
    facts = facts_of(profile=a_profile(ARREARS), billed_until=NOVEMBER)
    quote = to_fast(facts, [], HALF)
    assert quote.credits == ()
    assert quote.charge == D("300.00")
    assert quote.left_out == (Stretch(NOVEMBER, HALF),)
    assert quote.billed_until == NOVEMBER
    after = facts._replace(package=FAST, left_out=quote.left_out)
    (bill,) = bills(after, DECEMBER)
    assert (bill.period_start, bill.gross) == (HALF, D("600.00"))


def test_a_change_before_the_first_run_charges_what_the_run_had_not():
    facts = facts_of(activated_at=local(2026, 11, 11), billed_until=None)
    quote = to_fast(facts, [], HALF)
    assert quote.charge == D("100.00")
    after = facts._replace(package=FAST, left_out=quote.left_out)
    (bill,) = bills(after, HALF)
    assert (bill.period_start, bill.gross) == (HALF, D("600.00"))


def test_time_before_the_activation_is_not_charged_by_a_change():
    facts = facts_of(activated_at=local(2026, 11, 11), billed_until=NOVEMBER)
    assert to_fast(facts, [], HALF).charge == D("100.00")


def test_a_cycle_billed_ahead_is_credited_and_charged_as_a_whole():
    next_year = local(2027, 1, 1)
    facts = facts_of(billed_until=next_year)
    quote = to_fast(facts, [billed(DECEMBER, next_year), billed()], HALF)
    assert [credit.gross for credit in quote.credits] == [300, 600]
    assert [line.gross for line in quote.charges] == [600, 1200]
    assert quote.charges[1].description == "Home 50: 2026-12-01 to 2026-12-31"
    assert (quote.period_start, quote.period_end) == (HALF, next_year)


def test_suspended_time_is_not_charged_by_a_change_either():
    suspended = (Stretch(local(2026, 11, 6), local(2026, 11, 11)),)
    facts = facts_of(
        profile=a_profile(ARREARS), billed_until=NOVEMBER, left_out=suspended
    )
    quote = to_fast(facts, [], HALF)
    assert quote.charge == D("200.00")
    assert [stretch.start for stretch in quote.left_out] == [
        NOVEMBER,
        local(2026, 11, 11),
    ]


def test_without_proration_the_cycle_costs_the_new_price():
    facts = facts_of(profile=a_profile(proration="none"))
    quote = to_fast(facts, [billed()], HALF)
    assert (quote.credit, quote.charge) == (D("600.00"), D("1200.00"))
    unbilled = facts._replace(
        billed_until=NOVEMBER, profile=a_profile(ARREARS, proration="none")
    )
    quote = to_fast(unbilled, [], HALF)
    assert (quote.charges, quote.left_out) == ((), ())
    (bill,) = bills(unbilled._replace(package=FAST), DECEMBER)
    assert bill.gross == D("1200.00")


def test_what_is_over_is_neither_credited_nor_charged_again():
    quote = to_fast(facts_of(), [billed(local(2026, 10, 1), NOVEMBER)], HALF)
    assert (quote.credits, quote.charges) == ((), ())


@given(st.integers(0, 30 * 24 * 60 - 1), st.decimals(1, 99_999, places=2))
def test_a_change_to_the_same_price_costs_nothing(minute, price):
    now = NOVEMBER + timedelta(minutes=minute)
    facts = facts_of(package=CyclePackage(1, "Old", "monthly", price))
    new = CyclePackage(2, "New", "monthly", price)
    part = BilledPart(41, NOVEMBER, DECEMBER, price, D("0.00"))
    quote = quote_package_change(facts, new, None, [part], now, DHAKA)
    assert quote.payable == 0


@given(
    st.lists(st.integers(1, 30 * 24 * 60 - 1), min_size=1, max_size=5, unique=True),
    st.decimals(1, 99_999, places=2),
    st.booleans(),
)
def test_changes_between_equal_prices_sum_to_the_price_of_the_cycle(
    minutes, price, in_advance
):
    """Whether the run comes first or the changes do, the cycle costs its price."""
    schedule = Schedule("first", in_advance=in_advance)
    facts = facts_of(
        package=CyclePackage(1, "Package", "monthly", price),
        profile=a_profile(schedule),
        billed_until=NOVEMBER,
    )
    total = D(0)
    for number, minute in enumerate(sorted(minutes), 2):
        new = CyclePackage(number, "Package", "monthly", price)
        now = NOVEMBER + timedelta(minutes=minute)
        quote = quote_package_change(facts, new, None, [], now, DHAKA)
        total += quote.payable
        left_out = (*facts.left_out, *quote.left_out)
        facts = facts._replace(package=new, left_out=left_out)
    # None when the rest is worth less than half a minor unit.
    rest = bills(facts, DECEMBER - timedelta(minutes=in_advance))
    assert total + sum(bill.gross for bill in rest) == price


@pytest.mark.parametrize(
    ("facts", "package", "message"),
    [
        (facts_of(profile=None), FAST, "monthly profile"),
        (facts_of(profile=FREE), FAST, "monthly profile"),
        (facts_of(), BY_DAY, "Day 10 is not monthly"),
        (facts_of(package=GIFT), HOME, "Staff is not monthly"),
        (facts_of(), HOME, "already"),
        (facts_of(billed_until=local(2024, 1, 1)), FAST, "bill them first"),
        (
            facts_of(
                billed_until=NOVEMBER,
                profile=a_profile(vat=VatProfile(1, "VAT", True, ())),
            ),
            FAST,
            "VAT has no rate on 2026-11-01",
        ),
    ],
)
def test_a_change_of_package_that_makes_no_sense_is_refused(facts, package, message):
    facts = facts._replace(activated_at=local(2024, 1, 1))
    with pytest.raises(ChangeError, match=message):
        quote_package_change(facts, package, None, [], HALF, DHAKA)


def test_bills_that_charge_the_same_time_are_refused():
    parts = [billed(), billed(HALF, DECEMBER)]
    with pytest.raises(ChangeError, match="41 and 41"):
        to_fast(facts_of(), parts, HALF)


# Profiles ------------------------------------------------------------------------


def profile_quote(
    facts: CustomerFacts,
    new: CycleProfile,
    parts: list[BilledPart],
    package: CyclePackage | None = None,
) -> ChangeQuote:
    return quote_profile_change(
        facts, new, package or facts.package, parts, HALF, DHAKA
    )


@pytest.mark.parametrize(
    ("new", "package"), [(FREE, GIFT), (FREE, HOME), (DAILY, BY_DAY)]
)
def test_leaving_monthly_credits_what_is_unused(new, package):
    quote = profile_quote(facts_of(), new, [billed()], package)
    assert (quote.credit, quote.charges) == (D("300.00"), ())
    assert quote.billed_until is None


def test_leaving_monthly_credits_a_cycle_billed_ahead_as_a_whole():
    facts = facts_of(billed_until=local(2027, 1, 1))
    parts = [billed(), billed(DECEMBER, local(2027, 1, 1))]
    quote = profile_quote(facts, FREE, parts)
    assert [(credit.gross, credit.description) for credit in quote.credits] == [
        (D("300.00"), "Home 10, unused: 2026-11-16 to 2026-11-30"),
        (D("600.00"), "Home 10, unused: 2026-12-01 to 2026-12-31"),
    ]


def test_leaving_monthly_in_arrears_charges_what_was_used():
    facts = facts_of(profile=a_profile(ARREARS), billed_until=NOVEMBER)
    quote = profile_quote(facts, FREE, [])
    assert (quote.credits, quote.charge) == ((), D("300.00"))


def test_leaving_a_begun_cycle_without_proration_gives_nothing_back():
    facts = facts_of(
        profile=a_profile(proration="none"), billed_until=local(2027, 1, 1)
    )
    parts = [billed(), billed(DECEMBER, local(2027, 1, 1))]
    assert profile_quote(facts, FREE, parts).credit == D("600.00")


@pytest.mark.parametrize(
    "facts", [facts_of(profile=FREE), facts_of(profile=None, package=GIFT)]
)
def test_free_becomes_monthly_without_a_bill(facts):
    facts = facts._replace(billed_until=None)
    quote = profile_quote(facts, a_profile(), [], HOME)
    assert (quote.credits, quote.charges) == ((), ())
    assert quote.billed_until == DECEMBER
    after = facts._replace(
        profile=a_profile(), package=HOME, billed_until=quote.billed_until
    )
    assert bills(after, DECEMBER - timedelta(minutes=1)) == []
    assert len(bills(after, DECEMBER)) == 1


@pytest.mark.parametrize("profile", [DAILY, None])
def test_daily_becomes_monthly_with_a_bill_from_the_paid_day_s_end(profile):
    facts = facts_of(profile=profile, package=BY_DAY, billed_until=None)
    today = billed(HALF, local(2026, 11, 17), "20.00")
    quote = profile_quote(facts, a_profile(), [today], HOME)
    assert (quote.credits, quote.charge) == ((), D("280.00"))
    assert (quote.period_start, quote.billed_until) == (local(2026, 11, 17), DECEMBER)
    unpaid = profile_quote(facts, a_profile(), [], HOME)
    assert (unpaid.charge, unpaid.period_start) == (D("300.00"), HALF)


def test_daily_that_is_paid_to_the_boundary_becomes_monthly_for_nothing():
    facts = facts_of(profile=DAILY, package=BY_DAY, billed_until=None)
    today = billed(local(2026, 11, 15), HALF + timedelta(days=15), "20.00")
    quote = profile_quote(facts, a_profile(), [today], HOME)
    assert (quote.charges, quote.billed_until) == ((), DECEMBER)


@pytest.mark.parametrize(("new", "package"), [(FREE, GIFT), (DAILY, BY_DAY)])
def test_between_free_and_daily_nothing_is_quoted(new, package):
    for old in (FREE, DAILY):
        facts = facts_of(profile=old, package=BY_DAY, billed_until=None)
        quote = profile_quote(facts, new, [], package)
        assert (quote.payable, quote.billed_until) == (0, None)


def test_a_later_payment_date_charges_the_days_between():
    # Billed to 1 December; the new cycles begin on the 11th: 10 of 30 days.
    facts = facts_of(billed_until=local(2026, 11, 1))
    quote = profile_quote(facts, a_profile(Schedule("day", 21)), [])
    assert (quote.credits, quote.billed_until) == ((), local(2026, 11, 21))
    # 20 of the 31 days from 21 October.
    assert quote.charge == D("387.10")


def test_an_earlier_payment_date_credits_the_days_between():
    quote = profile_quote(facts_of(), a_profile(Schedule("day", 25)), [billed()])
    # 25 to 30 November were paid for, and are billed again with the new cycle.
    assert (quote.charges, quote.credit) == ((), D("120.00"))
    assert quote.billed_until == local(2026, 11, 25)


def test_from_advance_to_arrears_what_was_paid_is_kept():
    quote = profile_quote(facts_of(), a_profile(ARREARS), [billed()])
    assert (quote.credits, quote.charges, quote.billed_until) == ((), (), DECEMBER)


def test_from_arrears_to_advance_the_running_cycle_is_charged():
    facts = facts_of(profile=a_profile(ARREARS), billed_until=NOVEMBER)
    quote = profile_quote(facts, a_profile(), [])
    assert (quote.charge, quote.billed_until) == (D("600.00"), DECEMBER)


def test_from_arrears_to_arrears_only_what_is_over_is_charged():
    facts = facts_of(profile=a_profile(ARREARS), billed_until=NOVEMBER)
    new = a_profile(Schedule("day", 11, in_advance=False))
    quote = profile_quote(facts, new, [])
    assert quote.billed_until == local(2026, 11, 11)
    # Ten of October 11 to November 10's 31 days.
    assert quote.charge == D("193.55")


def test_who_was_never_billed_is_billed_by_the_run_as_the_new_profile_says():
    facts = facts_of(billed_until=None)
    quote = profile_quote(facts, a_profile(Schedule("day", 5)), [])
    assert (quote.payable, quote.billed_until) == (0, None)


on_days = st.builds(
    lambda bill_day, in_advance: Schedule("day", bill_day, in_advance),
    st.integers(1, 31),
    st.booleans(),
)


@given(
    on_days,
    on_days,
    st.integers(0, 40 * 24 * 60),
)
def test_no_time_is_billed_twice_or_never_by_a_change_of_profile(old, new, minute):
    """A cent a minute: what is billed in all is the time between start and end."""
    now = local(2026, 6, 10) + timedelta(minutes=minute)
    facts = facts_of(profile=a_profile(old), billed_until=None)
    made = bills(facts, now)
    covered = made[-1].billed_until if made else None
    facts = facts._replace(billed_until=covered)
    parts = [
        BilledPart(n, bill.period_start, bill.period_end, bill.gross, D("0.00"))
        for n, bill in enumerate(made)
    ]
    quote = quote_profile_change(facts, a_profile(new), HOME, parts, now, DHAKA)
    after = facts._replace(profile=a_profile(new), billed_until=quote.billed_until)
    following = bills(after, now + timedelta(days=70))
    end = following[-1].billed_until
    # The time billed, by bills and the change, tiles from the activation on.
    spans = [(bill.period_start, bill.period_end) for bill in [*made, *following]]
    if quote.charges:
        spans.append((quote.period_start, quote.period_end))
    seconds = sum((b - a).total_seconds() for a, b in spans)
    if quote.credits:
        assert covered is not None
        assert quote.billed_until is not None
        assert not quote.charges
        seconds -= (covered - quote.billed_until).total_seconds()
    assert seconds == (end - facts.activated_at).total_seconds()


@pytest.mark.parametrize(
    ("facts", "new", "package", "message"),
    [
        (facts_of(), a_profile(Schedule("day", 5)), BY_DAY, "Day 10 is daily"),
        (facts_of(), DAILY, HOME, "Daily is daily"),
        (facts_of(), a_profile(Schedule("day", 5)), FAST, "one by one"),
        (facts_of(profile=None), a_profile(), HOME, "Without a profile"),
    ],
)
def test_a_change_of_profile_that_makes_no_sense_is_refused(
    facts, new, package, message
):
    with pytest.raises(ChangeError, match=message):
        quote_profile_change(facts, new, package, [], HALF, DHAKA)
