"""What documents tell; pure records.

Everything on a paper that may still change after it was issued is in its standing: a
document is made once for each standing, and never again.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

BILL, CREDIT_NOTE, RECEIPT = "bill", "credit_note", "receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Whose paper it is."""

    customer_id: int
    username: str
    name: str
    mobile: str
    address: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BillPaper(Customer):
    """A bill as it was issued."""

    bill_id: int
    number: str | None
    period_start: datetime
    period_end: datetime
    issued_at: datetime
    #: None = it was paid as it was issued.
    due_at: datetime | None
    net: Decimal
    vat: Decimal
    gross: Decimal
    voided_at: datetime | None
    #: Of the VAT profile that it was made under; '' = it has none.
    registration_number: str

    @property
    def standing(self) -> str:
        """Return what may change: that it is void, and by when to pay."""
        if self.voided_at is not None:
            return "void"
        return f"due {self.due_at.isoformat()}" if self.due_at else ""


@dataclass(frozen=True, slots=True)
class PaperLine:
    """A line of a bill."""

    description: str
    quantity: Decimal
    unit: str
    net: Decimal
    vat_percent: Decimal
    vat: Decimal
    gross: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditNotePaper(Customer):
    """A credit note: nothing on it ever changes."""

    number: str
    issued_at: datetime
    net: Decimal
    vat: Decimal
    gross: Decimal
    reason: str
    bill_number: str
    bill_issued_at: datetime
    registration_number: str


@dataclass(frozen=True, slots=True)
class PaidBill:
    """What the money paid of a bill."""

    number: str
    period_start: datetime
    period_end: datetime
    amount: Decimal


@dataclass(frozen=True, slots=True)
class GivenBack:
    """Money of a payment that is given back."""

    refund_id: int
    amount: Decimal
    requested_at: datetime
    reason: str
    #: It has arrived; otherwise it is on its way.
    is_done: bool


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A payment that never was: recorded by mistake."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ReceiptPaper:
    """A payment, and what became of it."""

    customer: Customer
    number: str
    method: str
    amount: Decimal
    discount: Decimal
    received_at: datetime
    #: Who took cash; '' where nobody did.
    received_by: str
    reference: str
    note: str
    bills: tuple[PaidBill, ...]
    #: What no bill took.
    to_balance: Decimal
    refunds: tuple[GivenBack, ...]
    taken_back: TakenBack | None

    @property
    def standing(self) -> str:
        """Return what may change: that it was taken back, what was given back."""
        refunds = (
            f"refund {one.refund_id} {'done' if one.is_done else 'begun'}"
            for one in self.refunds
        )
        return ", ".join(("reversed", *refunds) if self.taken_back else refunds)
