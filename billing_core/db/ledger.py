"""Ledger entries, payments and bills."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError
from billing_core.ledger import LedgerEntry, Posting
from billing_core.money import AMOUNT_MAX, ZERO, VatSplit

_QUERIES = load_queries("ledger")


class WalletFullError(BillingError):
    """More money than there is."""

    def __init__(self) -> None:
        super().__init__(f"A wallet holds {AMOUNT_MAX} at most.")


class EntryMissingError(BillingError):
    """There is no such ledger entry."""

    def __init__(self, customer_id: int, entry: int | str) -> None:
        super().__init__(f"Customer {customer_id} has no ledger entry {entry}.")


@dataclass(frozen=True, slots=True)
class EntrySummary:
    """A ledger entry and what it did to the wallet."""

    entry_id: int
    kind: str
    occurred_at: datetime
    actor: str
    note: str
    wallet_change: Decimal


@dataclass(frozen=True, slots=True)
class NewBill:
    """A bill of one line that the wallet settles as it is issued."""

    customer_id: int
    kind: str
    subject: str
    period_start: datetime
    period_end: datetime
    issued_at: datetime
    description: str
    quantity: Decimal
    unit: str
    vat_percent: Decimal
    parts: VatSplit


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill as it stands."""

    bill_id: int
    #: None for the few seconds until it is numbered.
    number: str | None
    kind: str
    period_start: datetime
    period_end: datetime
    issued_at: datetime
    due_at: datetime | None
    net: Decimal
    vat: Decimal
    gross: Decimal
    paid: Decimal
    status: str
    subject: str


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line of a bill."""

    bill_id: int
    line_no: int
    description: str
    quantity: Decimal
    unit: str
    net: Decimal
    vat_percent: Decimal
    vat: Decimal
    gross: Decimal


def post(conn: Connection, entry: LedgerEntry) -> int | None:
    """Post an entry and return its id; None when its event was posted before.

    The wallet's balance follows in the database.
    """
    row = conn.execute(
        _QUERIES["insert_entry"],
        {
            "customer_id": entry.customer_id,
            "kind": entry.kind,
            "occurred_at": entry.occurred_at,
            "idempotency_key": entry.idempotency_key,
            "actor": entry.actor,
            "note": entry.note,
            "reverses_entry_id": entry.reverses_entry_id,
        },
    ).fetchone()
    if row is None:
        return None
    postings = {
        "customer_id": entry.customer_id,
        "entry_id": row[0],
        "accounts": [p.ledger_account for p in entry.postings],
        "amounts": [p.amount for p in entry.postings],
    }
    try:
        conn.execute(_QUERIES["insert_postings"], postings)
    except errors.NumericValueOutOfRange:
        raise WalletFullError from None
    return int(row[0])


def find_entry(conn: Connection, customer_id: int, key: str) -> int:
    """Return the entry that an event made when it was told first."""
    row = conn.execute(
        _QUERIES["find_entry"], {"customer_id": customer_id, "idempotency_key": key}
    ).fetchone()
    if row is None:
        raise EntryMissingError(customer_id, key)
    return int(row[0])


def read_postings(
    conn: Connection, customer_id: int, entry_id: int
) -> tuple[Posting, ...]:
    """Return the legs of an entry."""
    with conn.cursor(row_factory=class_row(Posting)) as cursor:
        rows = cursor.execute(
            _QUERIES["read_postings"],
            {"customer_id": customer_id, "entry_id": entry_id},
        ).fetchall()
    if not rows:
        raise EntryMissingError(customer_id, entry_id)
    return tuple(rows)


def list_entries(
    conn: Connection, customer_id: int, *, limit: int
) -> list[EntrySummary]:
    """Return a customer's newest entries."""
    with conn.cursor(row_factory=class_row(EntrySummary)) as cursor:
        return cursor.execute(
            _QUERIES["list_entries"], {"customer_id": customer_id, "limit": limit}
        ).fetchall()


def insert_payment(
    conn: Connection,
    *,
    customer_id: int,
    method: str,
    amount: Decimal,
    received_at: datetime,
    operator: str,
    note: str,
    entry_id: int,
    discount: Decimal = ZERO,
    fee: Decimal = ZERO,
    attempt_id: int | None = None,
) -> int:
    """Record money that came in; returns the payment's id."""
    row = conn.execute(
        _QUERIES["insert_payment"],
        {
            "customer_id": customer_id,
            "method": method,
            "amount": amount,
            "received_at": received_at,
            "operator": operator,
            "note": note,
            "entry_id": entry_id,
            "discount": discount,
            "fee": fee,
            "attempt_id": attempt_id,
        },
    ).fetchone()
    return 0 if row is None else int(row[0])


def issue_bill(conn: Connection, bill: NewBill) -> int:
    """Issue a bill of one line, settled from the wallet, and return its id."""
    values = {
        name: getattr(bill, name)
        for name in ("customer_id", "kind", "subject", "period_start", "period_end")
    }
    row = conn.execute(
        _QUERIES["insert_bill"],
        {**values, "issued_at": bill.issued_at, **asdict(bill.parts)},
    ).fetchone()
    bill_id = 0 if row is None else int(row[0])
    conn.execute(
        _QUERIES["insert_bill_line"],
        {
            "customer_id": bill.customer_id,
            "bill_id": bill_id,
            "line_no": 1,
            "description": bill.description,
            "quantity": bill.quantity,
            "unit": bill.unit,
            "vat_percent": bill.vat_percent,
            **asdict(bill.parts),
        },
    )
    return bill_id


def find_bill(
    conn: Connection, customer_id: int, *, kind: str, subject: str
) -> int | None:
    """Return the bill for a session, purchase or service day, if it was issued."""
    row = conn.execute(
        _QUERIES["find_bill"],
        {"customer_id": customer_id, "kind": kind, "subject": subject},
    ).fetchone()
    return None if row is None else int(row[0])


def list_bills(conn: Connection, customer_id: int, *, limit: int) -> list[Bill]:
    """Return a customer's newest bills."""
    with conn.cursor(row_factory=class_row(Bill)) as cursor:
        return cursor.execute(
            _QUERIES["list_bills"], {"customer_id": customer_id, "limit": limit}
        ).fetchall()


def list_bill_lines(
    conn: Connection, customer_id: int, bill_ids: Sequence[int]
) -> list[BillLine]:
    """Return the lines of these bills of a customer."""
    with conn.cursor(row_factory=class_row(BillLine)) as cursor:
        return cursor.execute(
            _QUERIES["list_bill_lines"],
            {"customer_id": customer_id, "bill_ids": list(bill_ids)},
        ).fetchall()
