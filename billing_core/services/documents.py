"""Give out bills, credit notes and receipts as PDF: made once, the same ever after."""

from collections.abc import Callable
from datetime import datetime

from billing_core.db import documents as db
from billing_core.db import receipts as receipts_db
from billing_core.db.connect import Connection
from billing_core.db.corrections import find_bill
from billing_core.db.documents import Document, Key
from billing_core.db.receipts import Receipt
from billing_core.db.refunds import list_refunds_of_payment
from billing_core.documents import TEMPLATE_VERSION
from billing_core.documents.pages import render_pdf
from billing_core.documents.papers import (
    BILL,
    CREDIT_NOTE,
    RECEIPT,
    GivenBack,
    PaidBill,
    ReceiptPaper,
    TakenBack,
)
from billing_core.documents.writing import (
    Issuer,
    write_bill,
    write_credit_note,
    write_receipt,
)
from billing_core.errors import BillingError
from billing_core.money import ZERO


class NotNumberedError(BillingError):
    """A bill without its number is not issued yet."""

    def __init__(self, bill_id: int) -> None:
        super().__init__(
            f"Bill {bill_id} has no number yet: the scheduler gives it one in a moment."
        )


def bill_document(
    conn: Connection,
    customer_id: int,
    bill_id: int,
    issuer: Issuer,
    *,
    language: str | None = None,
    actor: str,
    now: datetime,
) -> Document:
    """Return a bill as PDF, in its customer's language unless another is named."""
    bill = db.read_bill_paper(conn, customer_id, bill_id)
    if bill.number is None:
        raise NotNumberedError(bill_id)
    spoken = language or bill.language
    key = Key(customer_id, BILL, bill.number, bill.standing, spoken)

    def write() -> str:
        lines = db.list_paper_lines(conn, customer_id, bill_id)
        return write_bill(bill, lines, issuer, spoken)

    return _made_once(conn, key, write, actor=actor, now=now)


def numbered_document(
    conn: Connection,
    number: str,
    issuer: Issuer,
    *,
    language: str | None = None,
    actor: str,
    now: datetime,
) -> Document:
    """Return the bill (by number or id) or credit note of a number as PDF."""
    customer_id, bill_id = find_bill(conn, number)
    note = db.find_credit_note_paper(conn, customer_id, bill_id, number)
    if note is None:
        return bill_document(
            conn, customer_id, bill_id, issuer, language=language, actor=actor, now=now
        )
    spoken = language or note.language
    return _made_once(
        conn,
        Key(customer_id, CREDIT_NOTE, note.number, "", spoken),
        lambda: write_credit_note(note, issuer, spoken),
        actor=actor,
        now=now,
    )


def receipt_document(
    conn: Connection,
    customer_id: int,
    payment_id: int,
    issuer: Issuer,
    *,
    language: str | None = None,
    actor: str,
    now: datetime,
) -> Document:
    """Return the receipt of a payment as PDF."""
    receipt = _receipt_paper(
        conn, receipts_db.read_receipt(conn, customer_id, payment_id)
    )
    spoken = language or receipt.customer.language
    return _made_once(
        conn,
        Key(customer_id, RECEIPT, receipt.number, receipt.standing, spoken),
        lambda: write_receipt(receipt, issuer, spoken),
        actor=actor,
        now=now,
    )


def _made_once(
    conn: Connection,
    key: Key,
    write: Callable[[], str],
    *,
    actor: str,
    now: datetime,
) -> Document:
    """Return what was made before, or make it.

    Pages are laid out outside any transaction: it takes a moment. Two who ask at once
    both lay them out; one of the two is kept, and both get that one.
    """
    found = db.find_document(conn, key)
    if found is None:
        db.insert_document(
            conn,
            key,
            render_pdf(write()),
            template_version=TEMPLATE_VERSION,
            actor=actor,
            now=now,
        )
        found = db.find_document(conn, key)
    assert found is not None  # noqa: S101 - documents are never deleted
    return found


def _receipt_paper(conn: Connection, told: Receipt) -> ReceiptPaper:
    customer_id = told.customer_id
    settled = receipts_db.list_settled(conn, customer_id, told.entry_id)
    refunds = list_refunds_of_payment(conn, customer_id, told.payment_id)
    taken_back = None
    if told.reversed_at is not None:
        taken_back = TakenBack(told.reversed_at, told.reversal_reason or "")
    bills = tuple(
        PaidBill(one.bill, one.period_start, one.period_end, one.amount)
        for one in settled
    )
    return ReceiptPaper(
        customer=db.read_customer_paper(conn, customer_id),
        number=told.number,
        method=told.method,
        amount=told.amount,
        discount=told.discount,
        received_at=told.received_at,
        received_by=told.operator if told.method == "cash" else "",
        reference=told.reference or "",
        note=told.note,
        bills=bills,
        to_balance=told.amount
        + told.discount
        - sum((one.amount for one in bills), ZERO),
        refunds=tuple(
            GivenBack(
                one.refund_id,
                one.amount,
                one.requested_at,
                one.reason,
                one.state == "done",
            )
            for one in refunds
            if one.state != "refused"
        ),
        taken_back=taken_back,
    )
