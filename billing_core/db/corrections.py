"""Bills as they stand, and what corrects them: voids and credit notes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError
from billing_core.money import VatSplit

_QUERIES = load_queries("corrections")
# bigint: what is larger is no id, and the driver would not send it as one.
_ID_MAX = 2**63 - 1


class UnknownBillError(BillingError):
    """There is no such bill."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no bill {name}.")


@dataclass(frozen=True, slots=True)
class BillStanding:
    """A bill, and what was paid and credited of it."""

    customer_id: int
    username: str
    bill_id: int
    number: str | None
    kind: str
    subject: str
    period_start: datetime
    period_end: datetime
    issued_at: datetime
    due_at: datetime | None
    suspend_at: datetime | None
    net: Decimal
    vat: Decimal
    gross: Decimal
    #: Settled by the wallet or by credit notes.
    paid: Decimal
    status: str
    voided_at: datetime | None
    void_reason: str | None
    credited_net: Decimal
    credited_vat: Decimal
    credited: Decimal

    @property
    def open_amount(self) -> Decimal:
        """Return what is still to be paid."""
        return self.gross - self.paid

    @property
    def is_open(self) -> bool:
        """Tell whether something is to be paid on it."""
        return self.status in ("unpaid", "partial")

    @property
    def name(self) -> str:
        """Return what people call it."""
        return self.number or str(self.bill_id)


@dataclass(frozen=True, slots=True)
class Allocation:
    """What an entry paid of a bill; below zero, what it took back."""

    entry_id: int
    kind: str
    occurred_at: datetime
    actor: str
    note: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CreditNote:
    """A credit on a bill."""

    number: str
    issued_at: datetime
    net: Decimal
    vat: Decimal
    gross: Decimal
    reason: str
    #: The service given back begins here; None = an amount only.
    credited_from: datetime | None
    entry_id: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the wallet paid of a bill."""

    entry_id: int
    bill_id: int
    amount: Decimal


def find_bill(conn: Connection, name: str) -> tuple[int, int]:
    """Return (customer_id, bill_id) of a bill by number, id or credit note."""
    row = conn.execute(_QUERIES["find_numbered"], {"number": name}).fetchone()
    if row is None and name.isascii() and name.isdigit() and int(name) <= _ID_MAX:
        row = conn.execute(_QUERIES["find_by_id"], {"bill_id": int(name)}).fetchone()
    if row is None:
        raise UnknownBillError(name)
    return row[0], row[1]


def read_bill(conn: Connection, customer_id: int, bill_id: int) -> BillStanding:
    """Return a bill as it stands."""
    with conn.cursor(row_factory=class_row(BillStanding)) as cursor:
        found = cursor.execute(
            _QUERIES["read_bill"], {"customer_id": customer_id, "bill_id": bill_id}
        ).fetchone()
    if found is None:
        raise UnknownBillError(str(bill_id))
    return found


def list_allocations(
    conn: Connection, customer_id: int, bill_id: int
) -> list[Allocation]:
    """Return what paid a bill."""
    with conn.cursor(row_factory=class_row(Allocation)) as cursor:
        return cursor.execute(
            _QUERIES["list_allocations"],
            {"customer_id": customer_id, "bill_id": bill_id},
        ).fetchall()


def list_credit_notes(
    conn: Connection, customer_id: int, bill_id: int
) -> list[CreditNote]:
    """Return the credit notes on a bill."""
    with conn.cursor(row_factory=class_row(CreditNote)) as cursor:
        return cursor.execute(
            _QUERIES["list_credit_notes"],
            {"customer_id": customer_id, "bill_id": bill_id},
        ).fetchall()


def insert_credit_note(
    conn: Connection,
    *,
    customer_id: int,
    bill_id: int,
    number: str,
    parts: VatSplit,
    reason: str,
    entry_id: int,
    credited_from: datetime | None,
    now: datetime,
) -> None:
    """Write a credit note with its number."""
    names = {"customer_id": customer_id, "bill_id": bill_id, "number": number}
    conn.execute(
        _QUERIES["insert_credit_note"],
        {
            **names,
            "net": parts.net,
            "vat": parts.vat,
            "gross": parts.gross,
            "reason": reason,
            "entry_id": entry_id,
            "credited_from": credited_from,
            "now": now,
        },
    )
    conn.execute(_QUERIES["insert_number"], names)


def void_bill(
    conn: Connection, customer_id: int, bill_id: int, *, reason: str, now: datetime
) -> None:
    """Let a bill be no debt any more."""
    conn.execute(
        _QUERIES["void_bill"],
        {"customer_id": customer_id, "bill_id": bill_id, "reason": reason, "now": now},
    )


def insert_allocation(
    conn: Connection, customer_id: int, bill_id: int, entry_id: int, amount: Decimal
) -> None:
    """Write what an entry pays of a bill, or (below zero) takes back."""
    conn.execute(
        _QUERIES["insert_allocation"],
        {
            "customer_id": customer_id,
            "bill_id": bill_id,
            "entry_id": entry_id,
            "amount": amount,
        },
    )


def list_open_bill_ids(conn: Connection, customer_id: int) -> list[int]:
    """Return a customer's open bills."""
    rows = conn.execute(_QUERIES["list_open_bill_ids"], {"customer_id": customer_id})
    return [row[0] for row in rows]


def count_bills(conn: Connection, customer_id: int, *, kind: str, subject: str) -> int:
    """Return how many bills of a customer are about a subject, "/n" not counted."""
    row = conn.execute(
        _QUERIES["count_bills"],
        {"customer_id": customer_id, "kind": kind, "subject": subject},
    ).fetchone()
    return 0 if row is None else int(row[0])


def list_settlements(conn: Connection, customer_id: int) -> list[Settlement]:
    """Return what the wallet paid of bills that stand, newest first."""
    with conn.cursor(row_factory=class_row(Settlement)) as cursor:
        return cursor.execute(
            _QUERIES["list_settlements"], {"customer_id": customer_id}
        ).fetchall()


def find_credit_note(conn: Connection, customer_id: int, key: str) -> str | None:
    """Return the number of the credit note that this key made; None = none yet."""
    row = conn.execute(
        _QUERIES["find_credit_note"], {"customer_id": customer_id, "key": key}
    ).fetchone()
    return None if row is None else str(row[0])


def read_entry_kind(conn: Connection, customer_id: int, entry_id: int) -> str | None:
    """Return what an entry is; None = there is no such entry."""
    row = conn.execute(
        _QUERIES["read_entry_kind"], {"customer_id": customer_id, "entry_id": entry_id}
    ).fetchone()
    return None if row is None else str(row[0])
