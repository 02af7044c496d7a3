"""What a change credits and charges: its records, and the lines they are made of; pure.

A quote is what is shown as a preview and what is posted. Credit is given for the unused
part of what was really billed; service that no bill covers yet is charged at the price
that held.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing_core.billing_terms import (
    BY_MINUTE,
    BillLineDraft,
    CustomerFacts,
    CycleProfile,
)
from billing_core.bills import charge_line, cycle_price, vat_terms
from billing_core.cycles import boundary_day, minute_of, period_from, period_text
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


class Before(NamedTuple):
    """The customer before a change, and when and where it happens."""

    facts: CustomerFacts
    billed: list[BilledPart]
    now: datetime
    zone: ZoneInfo
    bills_max: int


def stand_before(
    facts: CustomerFacts,
    billed: Sequence[BilledPart],
    now: datetime,
    zone: ZoneInfo,
    bills_max: int,
) -> Before:
    """See a customer as he is when something changes, at this minute."""
    now = minute_of(now)
    running = sorted((p for p in billed if p.end > now), key=lambda part: part.start)
    for one, following in pairwise(running):
        if following.start < one.end:
            raise ChangeError(
                f"Bills {one.bill_id} and {following.bill_id} charge the same time."
            )
    return Before(facts, running, now, zone, bills_max)


def unbilled_service(facts: CustomerFacts, until: datetime) -> list[Part]:
    """Give the service up to a moment that no bill covers."""
    start = minute_of(facts.activated_at)
    if facts.billed_until is not None:
        start = max(start, facts.billed_until)
    return outside(start, until, facts.left_out)


def charges_for(
    change: Before, facts: CustomerFacts, profile: CycleProfile, parts: list[Part]
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


def unused_credits(
    change: Before, profile: CycleProfile, since: datetime
) -> list[CreditDraft | None]:
    """Credit what is billed of service after a moment; none of a begun whole cycle."""
    return [
        credit_for(change, part, max(part.start, since))
        for part in change.billed
        if part.end > since and (profile.proration == BY_MINUTE or part.start >= since)
    ]


def credit_for(change: Before, part: BilledPart, since: datetime) -> CreditDraft | None:
    """Credit what is left of a bill's part at a moment; None = nothing is."""
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


def no_quote(change: Before, billed_until: datetime | None) -> ChangeQuote:
    """Quote a change that costs nothing."""
    return make_quote(change, [], [], [], billed_until)


def make_quote(
    change: Before,
    credits: list[CreditDraft | None],
    charges: list[Charge],
    charged: list[Part],
    billed_until: datetime | None,
    left_out: tuple[Stretch, ...] = (),
) -> ChangeQuote:
    """Put together what is credited and charged."""
    return ChangeQuote(
        tuple(credit for credit in credits if credit),
        tuple(line for line, _ in charges),
        tuple(period for _, period in charges),
        min((start for start, _ in charged), default=change.now),
        max((end for _, end in charged), default=change.now),
        billed_until,
        left_out,
    )
