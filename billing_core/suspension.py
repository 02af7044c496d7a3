"""When service stops for non-payment and when it comes back; pure."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple


class SuspendReason(StrEnum):
    """Why a customer is suspended; told in the log and to the customer."""

    OPERATOR = "OPERATOR"
    PAUSED = "PAUSED"
    PAYMENT_DUE = "PAYMENT_DUE"
    DUE_THRESHOLD = "DUE_THRESHOLD"
    BALANCE_EXHAUSTED = "BALANCE_EXHAUSTED"


#: What a person did, only a person takes back.
BY_A_PERSON = frozenset({SuspendReason.OPERATOR, SuspendReason.PAUSED})


class ServiceFacts(NamedTuple):
    """What decides whether a customer has service."""

    customer_id: int
    status: str
    suspend_reason: str | None
    is_free: bool
    auto_suspend: bool
    auto_activate: bool
    #: 0 = off.
    due_threshold: Decimal
    hold_until: datetime | None
    #: What is open on bills.
    due: Decimal
    #: An open bill is past its due and grace days.
    is_overdue: bool
    #: Daily: today is charged, or can be. True for everybody else.
    is_covered: bool


class Suspend(NamedTuple):
    """Stop service."""

    reason: SuspendReason


class Restore(NamedTuple):
    """Let service come back."""


def decide_service(facts: ServiceFacts, now: datetime) -> Suspend | Restore | None:
    """Decide whether to stop or restore a customer's service; None = as it is.

    A part payment restores nothing while what is overdue is not paid in full: the
    product's own hole, through which a token payment bought the rest of a month.
    """
    reason = _reason(facts, now)
    if facts.status == "active":
        return None if reason is None else Suspend(reason)
    automatic = facts.status == "suspended" and facts.suspend_reason not in BY_A_PERSON
    # A hold is for who is about to be suspended; who is, pays or is activated by hand.
    if automatic and facts.auto_activate and _cause(facts) is None:
        return Restore()
    return None


def stops_active_service(facts: ServiceFacts, now: datetime) -> bool:
    """Tell whether a customer would be suspended by himself if he were active."""
    return _reason(facts, now) is not None


def _reason(facts: ServiceFacts, now: datetime) -> SuspendReason | None:
    if facts.hold_until is not None and facts.hold_until > now:
        return None
    return _cause(facts)


def _cause(facts: ServiceFacts) -> SuspendReason | None:
    if facts.is_free:
        return None
    if not facts.is_covered:
        return SuspendReason.BALANCE_EXHAUSTED
    if not facts.auto_suspend:
        return None
    if facts.is_overdue:
        return SuspendReason.PAYMENT_DUE
    if 0 < facts.due_threshold < facts.due:
        return SuspendReason.DUE_THRESHOLD
    return None
