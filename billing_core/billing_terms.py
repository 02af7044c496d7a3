"""What a customer is billed by, and what a bill drafted from it says; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing_core.cycles import Schedule, check_schedule
from billing_core.errors import BillingError
from billing_core.money import ZERO
from billing_core.proration import Stretch
from billing_core.vat import VatProfile

# Why the billing run leaves a customer to a person.
NO_PROFILE = "NO_PROFILE"
PROFILE_CONTRADICTS_PACKAGE = "PROFILE_CONTRADICTS_PACKAGE"
ZERO_PRICE = "ZERO_PRICE"
OFF_BOUNDARY = "OFF_BOUNDARY"
TOO_MANY_BILLS = "TOO_MANY_BILLS"
NO_VAT_RATE = "NO_VAT_RATE"
STRETCH_STILL_OPEN = "STRETCH_STILL_OPEN"
RUN_FAILED = "RUN_FAILED"

PARKED_REASONS = {
    NO_PROFILE: "the package is monthly, but there is no billing profile",
    PROFILE_CONTRADICTS_PACKAGE: "the profile's type is not the package's billing",
    ZERO_PRICE: "a cycle would cost nothing; a free customer needs a free profile",
    OFF_BOUNDARY: "what is billed does not end where a cycle of the profile begins",
    TOO_MANY_BILLS: "more bills are due than a run may issue to one customer",
    NO_VAT_RATE: "the VAT profile has no rate on the period's first day",
    STRETCH_STILL_OPEN: "a stretch that is not billed never ended, yet service goes on",
    RUN_FAILED: "the run failed on this customer; his log has the error",
}

DAILY, MONTHLY, FREE = "daily", "monthly", "free"
ACTIVE, SUSPENDED = "active", "suspended"
BY_MINUTE, NO_PRORATION = "by_minute", "none"

CYCLE = "cycle"
#: A day of a daily customer who is not to be suspended and could not pay it.
OWED_DAY = "owed_day"


class ProfileError(BillingError):
    """A billing profile contradicts itself."""


@dataclass(frozen=True, slots=True)
class CyclePackage:
    """What cycle billing must know of a package."""

    package_id: int
    name: str
    billing: str
    price: Decimal
    vat_percent: Decimal = ZERO
    vat_inclusive: bool = True


@dataclass(frozen=True, slots=True)
class CycleProfile:
    """What cycle billing must know of a billing profile."""

    profile_id: int
    name: str
    billing_type: str
    schedule: Schedule
    auto_bill: bool = True
    bill_while_suspended: bool = False
    proration: str = BY_MINUTE
    #: Stands over the package's own VAT.
    vat: VatProfile | None = None

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        check_schedule(self.schedule)
        if self.proration not in (BY_MINUTE, NO_PRORATION):
            raise ProfileError(f"Profile {self.name}: proration {self.proration!r}?")


class CustomerFacts(NamedTuple):
    """What decides a customer's cycle bills."""

    customer_id: int
    status: str
    is_paused: bool
    package: CyclePackage
    profile: CycleProfile | None
    special_price: Decimal | None
    discount_percent: Decimal
    activated_at: datetime
    #: The end of the last billed period; None = none billed yet.
    billed_until: datetime | None
    #: What no cycle bill covers: suspended or paused time, parts billed by a change.
    left_out: Sequence[Stretch] = ()


class BillLineDraft(NamedTuple):
    """A line of a bill to be."""

    description: str
    quantity: Decimal
    unit: str
    net: Decimal
    vat_percent: Decimal
    vat: Decimal
    gross: Decimal


class BillDraft(NamedTuple):
    """A bill to be; billed_until is what its customer is billed to with it."""

    customer_id: int
    kind: str
    subject: str
    period_start: datetime
    period_end: datetime
    net: Decimal
    vat: Decimal
    gross: Decimal
    due_at: datetime
    suspend_at: datetime | None
    package_id: int
    profile_id: int | None
    #: None = it says nothing of that.
    billed_until: datetime | None
    lines: tuple[BillLineDraft, ...]


class Parked(NamedTuple):
    """A customer that a person must look at, and why."""

    customer_id: int
    reason: str
