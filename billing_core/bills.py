"""Cycle bills of monthly customers: which are due, and what they say; pure.

A period is billed once its billing moment has come; its price is the cycle's, or its
minutes' share of it where the customer had service for a part only. What cannot be
billed is parked with a reason, so that a run goes on with the others.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from billing_core.billing_terms import (
    ACTIVE,
    BY_MINUTE,
    CYCLE,
    FREE,
    MONTHLY,
    NO_PROFILE,
    NO_VAT_RATE,
    OFF_BOUNDARY,
    PROFILE_CONTRADICTS_PACKAGE,
    STRETCH_STILL_OPEN,
    SUSPENDED,
    TOO_MANY_BILLS,
    ZERO_PRICE,
    BillDraft,
    BillLineDraft,
    CustomerFacts,
    CyclePackage,
    CycleProfile,
    Parked,
)
from billing_core.cycles import (
    MANUAL,
    BillingPeriod,
    PeriodTerms,
    boundary_day,
    minute_of,
    payment_dates,
    period_terms,
    period_text,
    terms_of,
)
from billing_core.money import ZERO, round_money, split_vat
from billing_core.proration import Stretch, minutes_between, outside, part_price
from billing_core.service_days import service_date
from billing_core.vat import rate_on

BILLS_MAX = 12

_WHOLE = Decimal(1)
_SHARE = Decimal("0.000001")


def draft_cycle_bills(
    facts: CustomerFacts, as_of: datetime, zone: ZoneInfo, bills_max: int = BILLS_MAX
) -> list[BillDraft] | Parked:
    """Draft the bills that are due now by themselves, oldest first."""
    profile = facts.profile
    if profile is not None and (
        not profile.auto_bill or profile.schedule.trigger == MANUAL
    ):
        return []
    return draft_bills_by_hand(facts, as_of, zone, bills_max)


def draft_bills_by_hand(
    facts: CustomerFacts, as_of: datetime, zone: ZoneInfo, bills_max: int = BILLS_MAX
) -> list[BillDraft] | Parked:
    """Draft the bills that are due now when a person asks, oldest first."""
    profile, package = facts.profile, facts.package
    if facts.is_paused or (
        facts.status != ACTIVE
        and not (facts.status == SUSPENDED and profile and profile.bill_while_suspended)
    ):
        return []
    if profile is None:
        if package.billing == MONTHLY:
            return Parked(facts.customer_id, NO_PROFILE)
        return []
    if profile.billing_type != MONTHLY or package.billing != MONTHLY:
        if profile.billing_type in (FREE, package.billing):
            return []
        return Parked(facts.customer_id, PROFILE_CONTRADICTS_PACKAGE)
    return _draft_monthly(facts, profile, as_of, zone, bills_max)


def not_due_before(
    drafts: Sequence[BillDraft],
    dates: Mapping[int | None, tuple[datetime, datetime | None]],
) -> list[BillDraft]:
    """Put off due dates that a late bill would have behind it, by billing profile.

    A run that is caught up bills periods whose moment is long past: nobody may be
    suspended over a bill that he had no time to pay.
    """
    moved = []
    for draft in drafts:
        due_at, suspend_at = dates[draft.profile_id]
        if draft.due_at < due_at:
            draft = draft._replace(
                due_at=due_at, suspend_at=draft.suspend_at and suspend_at
            )
        moved.append(draft)
    return moved


def cycle_price(
    package: CyclePackage, special_price: Decimal | None, discount_percent: Decimal
) -> Decimal:
    """Give what a whole cycle costs a customer, before VAT is added or taken out."""
    price = package.price if special_price is None else special_price
    if discount_percent:
        return round_money(price * (100 - discount_percent) / 100)
    return price


def vat_terms(
    profile: CycleProfile, package: CyclePackage, day: date
) -> tuple[Decimal, bool] | None:
    """Give the VAT rate on a day and whether prices include it; None = no rate then."""
    vat = profile.vat
    if vat is None:
        return package.vat_percent, package.vat_inclusive
    percent = rate_on(vat, day)
    return None if percent is None else (percent, vat.inclusive)


def charge_line(
    package: CyclePackage,
    price: Decimal,
    vat: tuple[Decimal, bool],
    period: BillingPeriod,
    parts: Sequence[tuple[datetime, datetime]],
    *,
    proration: str,
    text: str,
) -> BillLineDraft | None:
    """Give the line for parts of a period of this cycle price; None = it is free.

    Without proration any part costs a whole cycle.
    """
    _, _, cycle_start, cycle_end = period
    share, amount = _WHOLE, price if parts else ZERO
    if proration == BY_MINUTE:
        minutes = sum(minutes_between(*part) for part in parts)
        share = Decimal(minutes) / minutes_between(cycle_start, cycle_end)
        amount = sum(
            (part_price(price, cycle_start, cycle_end, *part) for part in parts), ZERO
        )
    if not amount:
        return None
    split = split_vat(amount, vat[0], inclusive=vat[1])
    return BillLineDraft(
        f"{package.name}: {text}",
        share.quantize(_SHARE).normalize(),
        "cycle",
        split.net,
        vat[0],
        split.vat,
        split.gross,
    )


def _draft_monthly(
    facts: CustomerFacts,
    profile: CycleProfile,
    as_of: datetime,
    zone: ZoneInfo,
    bills_max: int,
) -> list[BillDraft] | Parked:
    customer_id, package, left_out = facts.customer_id, facts.package, facts.left_out
    price = cycle_price(package, facts.special_price, facts.discount_percent)
    if price <= 0:
        return Parked(customer_id, ZERO_PRICE)
    if left_out and any(stretch.end is None for stretch in left_out):
        return Parked(customer_id, STRETCH_STILL_OPEN)
    schedule, activated_at = profile.schedule, facts.activated_at
    day = boundary_day(schedule, activated_at, zone)
    start = facts.billed_until
    if start is None or start <= activated_at:
        terms = terms_of(minute_of(activated_at), day, schedule, zone)
    else:
        terms = period_terms(start, day, schedule, zone)
        if terms.period.start != terms.period.cycle_start:
            return Parked(customer_id, OFF_BOUNDARY)
    drafts: list[BillDraft] = []
    while terms.billing_moment <= as_of:
        vat = vat_terms(profile, package, terms.first_day)
        if left_out or vat is None or terms.period.start != terms.period.cycle_start:
            draft = _draft_parts(facts, profile, price, terms, as_of, zone)
        else:
            whole = _whole_cycle(package, profile.profile_id, price, vat, terms)
            draft = BillDraft(customer_id, *whole)
        if isinstance(draft, Parked):
            return draft
        if draft is not None:
            if len(drafts) == bills_max:
                return Parked(customer_id, TOO_MANY_BILLS)
            drafts.append(draft)
        if terms.next_billing_moment > as_of:
            break
        terms = period_terms(terms.period.end, day, schedule, zone)
    return drafts


# Of a run's bills nearly all are of few whole cycles, each for many customers.
@lru_cache(maxsize=4096)
def _whole_cycle(
    package: CyclePackage,
    profile_id: int,
    price: Decimal,
    vat: tuple[Decimal, bool],
    terms: PeriodTerms,
) -> tuple[Any, ...]:
    """Give what a draft for a whole cycle says after its customer."""
    period = terms.period
    split = split_vat(price, vat[0], inclusive=vat[1])
    line = BillLineDraft(
        f"{package.name}: {terms.text}",
        _WHOLE,
        "cycle",
        split.net,
        vat[0],
        split.vat,
        split.gross,
    )
    draft = BillDraft(
        0,
        CYCLE,
        terms.subject,
        period.start,
        period.end,
        split.net,
        split.vat,
        split.gross,
        terms.due_at,
        terms.suspend_at,
        package.package_id,
        profile_id,
        period.end,
        (line,),
    )
    return draft[1:]


def _draft_parts(
    facts: CustomerFacts,
    profile: CycleProfile,
    price: Decimal,
    terms: PeriodTerms,
    as_of: datetime,
    zone: ZoneInfo,
) -> BillDraft | Parked | None:
    """Draft a period that is only partly to be billed; None = nothing of it is."""
    period, package = terms.period, facts.package
    parts = outside(period.start, period.end, facts.left_out)
    moment = _end_of_stretch(terms.billing_moment, facts.left_out)
    if not parts or moment > as_of:
        return None
    vat = vat_terms(profile, package, service_date(parts[0][0], zone))
    if vat is None:
        return Parked(facts.customer_id, NO_VAT_RATE)
    text = terms.text
    if parts != [(period.start, period.end)]:
        text = period_text(parts[0][0], parts[-1][1], zone)
    line = charge_line(
        package, price, vat, period, parts, proration=profile.proration, text=text
    )
    if line is None:
        return None
    due_at, suspend_at = terms.due_at, terms.suspend_at
    if moment != terms.billing_moment:
        due_at, suspend_at = payment_dates(moment, profile.schedule, zone)
    return BillDraft(
        facts.customer_id,
        CYCLE,
        terms.subject,
        parts[0][0],
        parts[-1][1],
        line.net,
        line.vat,
        line.gross,
        due_at,
        suspend_at,
        package.package_id,
        profile.profile_id,
        period.end,
        (line,),
    )


def _end_of_stretch(moment: datetime, left_out: Sequence[Stretch]) -> datetime:
    """Give when a bill of this moment can be made: not before service is back."""
    for stretch in sorted(left_out, key=lambda stretch: stretch.start):
        if stretch.end is not None and stretch.start <= moment < stretch.end:
            moment = stretch.end
    return moment
