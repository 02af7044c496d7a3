"""What a change of package or billing profile credits and charges; pure.

A quote is what is shown as a preview and what is posted. Credit is given for the unused
part of what was really billed; service that no bill covers yet is charged at the old
price, and is left out of the cycle bill to come.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing_core.billing_terms import (
    BY_MINUTE,
    DAILY,
    FREE,
    MONTHLY,
    BillLineDraft,
    CustomerFacts,
    CyclePackage,
    CycleProfile,
)
from billing_core.bills import BILLS_MAX, charge_line, cycle_price, vat_terms
from billing_core.cycles import (
    boundary_after,
    boundary_day,
    boundary_until,
    is_boundary,
    minute_of,
    period_from,
    period_text,
)
from billing_core.errors import BillingError
from billing_core.money import ZERO, split_vat
from billing_core.proration import Stretch, outside, unused_part
from billing_core.service_days import service_date


class ChangeError(BillingError):
    """A change cannot be made like this."""


class BilledPart(NamedTuple):
    """Service that a line of a bill charges, and that was not credited since."""

    bill_id: int
    start: datetime
    end: datetime
    gross: Decimal
    vat_percent: Decimal


class CreditDraft(NamedTuple):
    """A credit to be, in positive amounts, on the bill that charged too much."""

    bill_id: int
    description: str
    net: Decimal
    vat_percent: Decimal
    vat: Decimal
    gross: Decimal
    #: The service from here to the bill's end is given back.
    since: datetime


class ChangeQuote(NamedTuple):
    """What a change credits and charges at once, and what the customer becomes."""

    credits: tuple[CreditDraft, ...]
    charges: tuple[BillLineDraft, ...]
    #: What each charge covers, in their order.
    periods: tuple["Part", ...]
    #: What all charges cover; an empty period at the change when there are none.
    period_start: datetime
    period_end: datetime
    #: What customer.billed_until becomes.
    billed_until: datetime | None
    #: What no cycle bill may charge again.
    left_out: tuple[Stretch, ...] = ()

    @property
    def credit(self) -> Decimal:
        """What is given back, gross."""
        return sum((credit.gross for credit in self.credits), ZERO)

    @property
    def charge(self) -> Decimal:
        """What is charged, gross."""
        return sum((line.gross for line in self.charges), ZERO)

    @property
    def payable(self) -> Decimal:
        """What remains to be paid; below zero, what goes to the wallet."""
        return self.charge - self.credit


Part = tuple[datetime, datetime]
Charge = tuple[BillLineDraft, Part]


class _Change(NamedTuple):
    """The customer before a change, and when and where it happens."""

    facts: CustomerFacts
    billed: list[BilledPart]
    now: datetime
    zone: ZoneInfo
    bills_max: int


def quote_package_change(
    facts: CustomerFacts,
    new_package: CyclePackage,
    new_special_price: Decimal | None,
    billed: Sequence[BilledPart],
    now: datetime,
    zone: ZoneInfo,
    bills_max: int = BILLS_MAX,
) -> ChangeQuote:
    """Quote a change between monthly packages, from this minute on.

    Without proration the cycle of the change costs the new package's whole price: the
    old one's is credited whole, or, when not billed yet, is never billed.
    """
    change = _change(facts, billed, now, zone, bills_max)
    profile, now = _monthly_profile(facts, new_package), change.now
    new = facts._replace(package=new_package, special_price=new_special_price)
    if (new_package, new_special_price) == (facts.package, facts.special_price):
        raise ChangeError(f"The package is {new_package.name} already.")
    by_minute = profile.proration == BY_MINUTE
    day = boundary_day(profile.schedule, facts.activated_at, zone)
    used = _unbilled(facts, now if by_minute else boundary_until(now, day, zone))
    unused = [
        (max(part.start, now) if by_minute else part.start, part)
        for part in change.billed
    ]
    rest = [(start, part.end) for start, part in unused]
    return _quote(
        change,
        [_credit(change, part, start) for start, part in unused],
        [
            *_charges(change, facts, profile, used),
            *_charges(change, new, profile, rest),
        ],
        [*used, *rest],
        facts.billed_until,
        tuple(Stretch(*part) for part in used),
    )


def quote_profile_change(
    facts: CustomerFacts,
    new_profile: CycleProfile,
    new_package: CyclePackage,
    billed: Sequence[BilledPart],
    now: datetime,
    zone: ZoneInfo,
    bills_max: int = BILLS_MAX,
) -> ChangeQuote:
    """Quote a change of billing profile; new_package may be the one there is.

    From monthly to free or daily: what is unused is credited, what is used is charged.
    From free to monthly: nothing until the next cycle begins. From daily to monthly:
    from the end of the days paid for to the next cycle. Between monthly profiles: from
    the old end of what is billed to the day the new profile bills from, or back.
    """
    change = _change(facts, billed, now, zone, bills_max)
    if new_profile.billing_type not in (FREE, new_package.billing):
        raise ChangeError(
            f"Profile {new_profile.name} is {new_profile.billing_type}, "
            f"but package {new_package.name} is {new_package.billing}."
        )
    old_profile, becomes_monthly = facts.profile, new_profile.billing_type == MONTHLY
    if old_profile is None and facts.package.billing == MONTHLY:
        raise ChangeError("Without a profile nobody knows what was to be billed.")
    if old_profile is None or old_profile.billing_type != MONTHLY:
        new = facts._replace(package=new_package)
        return (
            _begin_cycles(change, new, new_profile)
            if becomes_monthly
            else _nothing(change, None)
        )
    if not becomes_monthly:
        return _end_cycles(change, old_profile)
    if new_package.package_id != facts.package.package_id:
        raise ChangeError("Change the package and the monthly profile one by one.")
    return _move_cycles(change, old_profile, new_profile)


def _begin_cycles(
    change: _Change, new: CustomerFacts, profile: CycleProfile
) -> ChangeQuote:
    was_daily = change.facts.package.billing == DAILY
    start = max([change.now, *(part.end for part in change.billed if was_daily)])
    day = boundary_day(profile.schedule, new.activated_at, change.zone)
    if not was_daily:
        return _nothing(change, boundary_after(start, day, change.zone))
    if is_boundary(start, day, change.zone):
        return _nothing(change, start)
    end = boundary_after(start, day, change.zone)
    bridge = [(start, end)]
    charges = _charges(change, new, profile, bridge)
    return _quote(change, [], charges, bridge, end)


def _end_cycles(change: _Change, profile: CycleProfile) -> ChangeQuote:
    used = _unbilled(change.facts, change.now)
    charges = _charges(change, change.facts, profile, used)
    return _quote(change, _unused(change, profile, change.now), charges, used, None)


def _move_cycles(
    change: _Change, old_profile: CycleProfile, new_profile: CycleProfile
) -> ChangeQuote:
    facts, now, zone = change.facts, change.now, change.zone
    billed_until = facts.billed_until
    if billed_until is None:
        return _nothing(change, None)
    day = boundary_day(new_profile.schedule, facts.activated_at, zone)
    begun = boundary_until(now, day, zone)
    # In advance the cycle that has begun is billed, in arrears those before it; what
    # is billed already of a later one is never taken back only to be billed again.
    in_arrears = not new_profile.schedule.in_advance and begun >= billed_until
    target = begun if in_arrears else boundary_after(now, day, zone)
    bridge = _unbilled(facts, target)
    charges = _charges(change, facts, new_profile, bridge)
    credits = _unused(change, old_profile, target)
    return _quote(change, credits, charges, bridge, target)


def _change(
    facts: CustomerFacts,
    billed: Sequence[BilledPart],
    now: datetime,
    zone: ZoneInfo,
    bills_max: int,
) -> _Change:
    now = minute_of(now)
    running = sorted((p for p in billed if p.end > now), key=lambda part: part.start)
    for one, following in pairwise(running):
        if following.start < one.end:
            raise ChangeError(
                f"Bills {one.bill_id} and {following.bill_id} charge the same time."
            )
    return _Change(facts, running, now, zone, bills_max)


def _monthly_profile(facts: CustomerFacts, new_package: CyclePackage) -> CycleProfile:
    profile = facts.profile
    if profile is None or profile.billing_type != MONTHLY:
        raise ChangeError("Only a customer with a monthly profile has cycles to quote.")
    for package in (facts.package, new_package):
        if package.billing != MONTHLY:
            raise ChangeError(f"Package {package.name} is not monthly.")
    return profile


def _unbilled(facts: CustomerFacts, until: datetime) -> list[Part]:
    """Give the service up to a moment that no bill covers."""
    start = minute_of(facts.activated_at)
    if facts.billed_until is not None:
        start = max(start, facts.billed_until)
    return outside(start, until, facts.left_out)


def _charges(
    change: _Change, facts: CustomerFacts, profile: CycleProfile, parts: list[Part]
) -> list[Charge]:
    """Charge service at a customer's price, a line for each cycle it lies in."""
    package, zone = facts.package, change.zone
    price = cycle_price(package, facts.special_price, facts.discount_percent)
    day = boundary_day(profile.schedule, facts.activated_at, zone)
    lines: list[Charge] = []
    cycles = 0
    for start, end in parts:
        while start < end:
            period = period_from(start, day, zone)
            vat = vat_terms(profile, package, service_date(start, zone))
            if vat is None:
                raise ChangeError(f"VAT has no rate on {start.astimezone(zone):%F}.")
            piece = (start, min(end, period.end))
            line = charge_line(
                package,
                price,
                vat,
                period,
                [piece],
                proration=profile.proration,
                text=period_text(*piece, zone),
            )
            lines += [(line, piece)] if line else []
            start, cycles = period.end, cycles + 1
    if cycles > change.bills_max:
        raise ChangeError(f"{cycles} cycles are not billed yet: bill them first.")
    return lines


def _unused(
    change: _Change, profile: CycleProfile, since: datetime
) -> list[CreditDraft | None]:
    """Credit what is billed of service after a moment; none of a begun whole cycle."""
    return [
        _credit(change, part, max(part.start, since))
        for part in change.billed
        if part.end > since and (profile.proration == BY_MINUTE or part.start >= since)
    ]


def _credit(change: _Change, part: BilledPart, since: datetime) -> CreditDraft | None:
    gross = unused_part(part.gross, part.start, part.end, since)
    if not gross:
        return None
    split = split_vat(gross, part.vat_percent, inclusive=True)
    period = period_text(since, part.end, change.zone)
    return CreditDraft(
        part.bill_id,
        f"{change.facts.package.name}, unused: {period}",
        split.net,
        part.vat_percent,
        split.vat,
        split.gross,
        since,
    )


def _nothing(change: _Change, billed_until: datetime | None) -> ChangeQuote:
    return _quote(change, [], [], [], billed_until)


def _quote(
    change: _Change,
    credits: list[CreditDraft | None],
    charges: list[Charge],
    charged: list[Part],
    billed_until: datetime | None,
    left_out: tuple[Stretch, ...] = (),
) -> ChangeQuote:
    return ChangeQuote(
        tuple(credit for credit in credits if credit),
        tuple(line for line, _ in charges),
        tuple(period for _, period in charges),
        min((start for start, _ in charged), default=change.now),
        max((end for _, end in charged), default=change.now),
        billed_until,
        left_out,
    )
