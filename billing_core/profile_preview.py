"""What a billing profile would do to somebody who joins on a day; pure.

It asks the very rules that bill: what is told is what will be charged.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.billing_terms import (
    BillDraft,
    CustomerFacts,
    CyclePackage,
    CycleProfile,
    Parked,
)
from billing_core.bills import draft_bills_by_hand
from billing_core.cycles import boundary_day, period_terms, terms_of
from billing_core.money import ZERO

# Two cycles in arrears, and the delay of a profile's day, are over by then.
_FAR_ENOUGH = timedelta(days=190)


@dataclass(frozen=True, slots=True)
class PreviewBill:
    """A bill that would be issued."""

    billed_at: datetime
    text: str
    net: Decimal
    vat: Decimal
    gross: Decimal
    due_at: datetime
    #: None = never suspended over it.
    suspend_at: datetime | None


def preview_bills(
    profile: CycleProfile,
    package: CyclePackage,
    joined_at: datetime,
    zone: ZoneInfo,
    *,
    count: int,
) -> list[PreviewBill] | Parked:
    """Give the first bills of a customer who joins at a moment and pays each."""
    facts = CustomerFacts(
        customer_id=0,
        status="active",
        is_paused=False,
        package=package,
        profile=profile,
        special_price=None,
        discount_percent=ZERO,
        activated_at=joined_at,
        billed_until=None,
    )
    drafts = draft_bills_by_hand(facts, joined_at + _FAR_ENOUGH, zone)
    if isinstance(drafts, Parked):
        return drafts
    return [_told(draft, profile, joined_at, zone) for draft in drafts[:count]]


def join_moment(day: date, zone: ZoneInfo) -> datetime:
    """Give a moment to join on a day: noon, as most do."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=zone)


def _told(
    draft: BillDraft, profile: CycleProfile, joined_at: datetime, zone: ZoneInfo
) -> PreviewBill:
    day = boundary_day(profile.schedule, joined_at, zone)
    find = terms_of if draft.period_start <= joined_at else period_terms
    terms = find(draft.period_start, day, profile.schedule, zone)
    return PreviewBill(
        billed_at=terms.billing_moment,
        text=terms.text,
        net=draft.net,
        vat=draft.vat,
        gross=draft.gross,
        due_at=draft.due_at,
        suspend_at=draft.suspend_at,
    )
