"""Payments as a receipt tells them."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError

_QUERIES = load_queries("receipts")
# A bigint has no more digits that all fit.
_NUMBER = re.compile(r"R?([1-9][0-9]{0,17})", re.IGNORECASE | re.ASCII)


class UnknownReceiptError(BillingError):
    """There is no such receipt."""

    def __init__(self, number: str) -> None:
        super().__init__(f"There is no receipt {number}.")


@dataclass(frozen=True, slots=True)
class PaymentOfEntry:
    """A payment, as its ledger entry finds it."""

    payment_id: int
    amount: Decimal
    discount: Decimal


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that came in, and what became of it."""

    customer_id: int
    username: str
    name: str
    payment_id: int
    method: str
    amount: Decimal
    #: Given away on it at the till.
    discount: Decimal
    #: What the gateway kept of it.
    fee: Decimal
    received_at: datetime
    recorded_at: datetime
    operator: str
    note: str
    entry_id: int
    #: Of the attempt, where a gateway or a transfer brought it.
    attempt_id: int | None
    reference: str | None
    #: Taken back as a mistake: by which entry, when, by whom and why.
    reversal_entry_id: int | None
    reversed_at: datetime | None
    reversed_by: str | None
    reversal_reason: str | None
    #: Given back, or being given back.
    refunded: Decimal

    @property
    def number(self) -> str:
        """Return what is printed on it."""
        return receipt_number(self.payment_id)

    @property
    def refundable(self) -> Decimal:
        """Return what can still be given back."""
        if self.reversal_entry_id is not None:
            return Decimal("0.00")
        return self.amount - self.refunded


@dataclass(frozen=True, slots=True)
class SettledBill:
    """What a payment's money paid of a bill as it came in."""

    #: Number or id.
    bill: str
    period_start: datetime
    period_end: datetime
    amount: Decimal
    #: How the bill stands today.
    status: str


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment in a list."""

    payment_id: int
    username: str
    method: str
    amount: Decimal
    discount: Decimal
    received_at: datetime
    operator: str
    note: str
    is_reversed: bool
    refunded: Decimal

    @property
    def receipt(self) -> str:
        """Return the number of its receipt."""
        return receipt_number(self.payment_id)


def receipt_number(payment_id: int) -> str:
    """Give the number of a payment's receipt."""
    return f"R{payment_id}"


def find_payment(conn: Connection, customer_id: int, entry_id: int) -> PaymentOfEntry:
    """Return the payment that an entry stands for."""
    with conn.cursor(row_factory=class_row(PaymentOfEntry)) as cursor:
        found = cursor.execute(
            _QUERIES["find_payment"], {"customer_id": customer_id, "entry_id": entry_id}
        ).fetchone()
    if found is None:
        raise UnknownReceiptError(f"of entry {entry_id}")
    return found


def credited_amount(conn: Connection, attempt_id: int) -> Decimal | None:
    """Return what was credited of an attempt; None = nothing was."""
    row = conn.execute(
        _QUERIES["credited_amount"], {"attempt_id": attempt_id}
    ).fetchone()
    return None if row is None else Decimal(row[0])


def find_receipt(conn: Connection, number: str) -> tuple[int, int]:
    """Return (customer_id, payment_id) of a receipt's number: R123, or only 123."""
    written = _NUMBER.fullmatch(number.strip())
    if written is not None:
        payment_id = int(written[1])
        row = conn.execute(
            _QUERIES["find_payment_customer"], {"payment_id": payment_id}
        ).fetchone()
        if row is not None:
            return row[0], payment_id
    raise UnknownReceiptError(number)


def read_receipt(conn: Connection, customer_id: int, payment_id: int) -> Receipt:
    """Return a payment as its receipt tells it."""
    with conn.cursor(row_factory=class_row(Receipt)) as cursor:
        found = cursor.execute(
            _QUERIES["read_receipt"],
            {"customer_id": customer_id, "payment_id": payment_id},
        ).fetchone()
    if found is None:
        raise UnknownReceiptError(receipt_number(payment_id))
    return found


def list_settled(
    conn: Connection, customer_id: int, entry_id: int
) -> list[SettledBill]:
    """Return what a payment's entry paid of bills as it came in."""
    with conn.cursor(row_factory=class_row(SettledBill)) as cursor:
        return cursor.execute(
            _QUERIES["list_settled"], {"customer_id": customer_id, "entry_id": entry_id}
        ).fetchall()


def list_payments(
    conn: Connection, customer_id: int | None, *, limit: int
) -> list[PaymentRow]:
    """Return the newest payments, of one customer or (None) of all."""
    with conn.cursor(row_factory=class_row(PaymentRow)) as cursor:
        return cursor.execute(
            _QUERIES["list_payments"], {"customer_id": customer_id, "limit": limit}
        ).fetchall()
