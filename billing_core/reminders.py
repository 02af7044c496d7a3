"""Which reminders are due for given facts; pure.

Each is told once: its event, its subject and the way it goes are a key of the database.
A subject names what the reminder is about, so that it is told anew when that changes:
another bill, another top-up, a package that was extended.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing_core.money import ZERO

CHANNELS = ("sms", "mail")
LANGUAGES = ("en", "bn")

#: Older news is no news: a way that is set up today does not tell last year's bills.
BILL_NEWS_FOR = timedelta(days=3)
OVERDUE_NEWS_FOR = timedelta(days=7)
TOP_UP_NEWS_FOR = timedelta(days=30)

_DATA_SHARE = Decimal("0.8")
_VALIDITY_SHARE = Decimal("0.2")
# A bill that was told of yesterday needs no second message today.
_DUE_SOON_AFTER_ISSUE = timedelta(days=1)


class Event(StrEnum):
    """What a customer is told of."""

    BILL_ISSUED = "bill_issued"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"
    SUSPENDED = "suspended"
    RESTORED = "restored"
    BALANCE_LOW = "balance_low"
    PACKAGE_EXPIRING = "package_expiring"
    DATA_80 = "data_80"
    #: Not a reminder: a code that he asked for.
    LOGIN_CODE = "login_code"
    #: Not one either: an operator sends it.
    PAYMENT_LINK = "payment_link"


@dataclass(frozen=True, slots=True)
class ReminderPolicy:
    """What the installation tells its customers, and when."""

    #: The ways that messages can go; none = nothing is told.
    channels: tuple[str, ...] = ()
    #: 0 = not told.
    due_soon_days: int = 3
    #: 0 = not told.
    expiring_days: int = 3
    #: Told when less is left in a prepaid wallet; 0 = not told.
    balance_low: Decimal = ZERO
    #: Local hours [first, last) in which people are written to of what can wait.
    first_hour: int = 9
    last_hour: int = 21
    provider: str = ""


NOTHING_TOLD = ReminderPolicy()


class BillFacts(NamedTuple):
    """A bill as reminders see it."""

    bill_id: int
    issued_at: datetime
    #: None = nothing has to be paid by a day.
    due_at: datetime | None
    gross: Decimal
    open_amount: Decimal
    customer_is_active: bool


class BalanceFacts(NamedTuple):
    """A prepaid wallet as reminders see it."""

    #: What it pays with.
    available: Decimal
    #: What the next service day costs, and its date; None = it pays no days.
    next_day_price: Decimal | None
    next_day: str
    #: The last payment that came in lately, if any.
    last_payment_id: int | None


class PackageFacts(NamedTuple):
    """A package that was bought, as reminders see it."""

    subscription_id: int
    valid_until: datetime | None
    validity_seconds: int | None
    octets_allowed: int | None
    octets_used: int


def is_waking_hour(now: datetime, zone: ZoneInfo, policy: ReminderPolicy) -> bool:
    """Tell whether people may be written to of what can wait."""
    return policy.first_hour <= now.astimezone(zone).hour < policy.last_hour


def bill_events(bill: BillFacts, policy: ReminderPolicy, now: datetime) -> set[Event]:
    """Give what a bill's customer is to be told now."""
    events: set[Event] = set()
    if bill.gross > 0 and now - BILL_NEWS_FOR < bill.issued_at <= now:
        events.add(Event.BILL_ISSUED)
    if bill.due_at is None or bill.open_amount <= 0:
        return events
    soon = now + timedelta(days=policy.due_soon_days)
    if now < bill.due_at <= soon and bill.issued_at <= now - _DUE_SOON_AFTER_ISSUE:
        events.add(Event.DUE_SOON)
    # Who is suspended for it has been told that already.
    if now - OVERDUE_NEWS_FOR < bill.due_at <= now and bill.customer_is_active:
        events.add(Event.OVERDUE)
    return events


def bill_subject(bill: BillFacts) -> str:
    """Name the bill that a reminder is about."""
    return str(bill.bill_id)


def balance_subject(wallet: BalanceFacts, policy: ReminderPolicy) -> str | None:
    """Name why a wallet is low: a day that it does not pay, or a top-up nearly spent.

    None = it is not low.
    """
    price = wallet.next_day_price
    if price is not None and wallet.available < price:
        return f"day:{wallet.next_day}"
    is_low = policy.balance_low > 0 and wallet.available < policy.balance_low
    if is_low and wallet.last_payment_id is not None:
        return f"payment:{wallet.last_payment_id}"
    return None


def package_subjects(
    package: PackageFacts, policy: ReminderPolicy, now: datetime
) -> dict[Event, str]:
    """Give what a package's customer is to be told now, with its subject.

    An end is near within so many days and a fifth of the validity: three days before
    the end of a month, five hours before the end of a day.
    """
    subjects: dict[Event, str] = {}
    until, seconds = package.valid_until, package.validity_seconds
    if until is not None and until <= now:
        return subjects
    if until is not None and seconds is not None:
        share = timedelta(seconds=int(seconds * _VALIDITY_SHARE))
        near = min(share, timedelta(days=policy.expiring_days))
        if until - now <= near:
            end = int(until.timestamp())
            subjects[Event.PACKAGE_EXPIRING] = f"{package.subscription_id}:{end}"
    allowed = package.octets_allowed
    # Used up is another piece of news, told by the login page.
    if allowed is not None and allowed * _DATA_SHARE <= package.octets_used < allowed:
        subjects[Event.DATA_80] = f"{package.subscription_id}:{allowed}"
    return subjects
