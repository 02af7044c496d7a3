"""Bills, their ledger entries and what is open on them, written in batches."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing_core.allocation import OpenBill
from billing_core.db.arrays import array, columns
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("bills")


class BillRow(NamedTuple):
    """A bill to write, with its ids."""

    customer_id: int
    bill_id: int
    kind: str
    period_start: datetime
    period_end: datetime
    net: Decimal
    vat: Decimal
    gross: Decimal
    is_paid: bool
    subject: str
    number: str | None
    due_at: datetime | None
    suspend_at: datetime | None
    package_id: int | None
    profile_id: int | None


class LineRow(NamedTuple):
    """A bill's line to write."""

    customer_id: int
    bill_id: int
    line_no: int
    description: str
    quantity: Decimal
    unit: str
    net: Decimal
    vat_percent: Decimal
    vat: Decimal
    gross: Decimal


class EntryRow(NamedTuple):
    """A ledger entry to write; its postings are written with it."""

    customer_id: int
    entry_id: int
    kind: str
    idempotency_key: str


class PostingRow(NamedTuple):
    """One leg of an entry to write."""

    customer_id: int
    entry_id: int
    line_no: int
    ledger_account: str
    amount: Decimal


class AllocationRow(NamedTuple):
    """What an entry pays of a bill."""

    customer_id: int
    bill_id: int
    entry_id: int
    amount: Decimal


def next_bill_ids(conn: Connection, count: int) -> list[tuple[int, int]]:
    """Reserve (bill_id, entry_id) pairs."""
    return conn.execute(
        _QUERIES["next_bill_ids"], {"count": count}, binary=True
    ).fetchall()


def next_entry_ids(conn: Connection, count: int) -> list[int]:
    """Reserve ids of ledger entries."""
    rows = conn.execute(_QUERIES["next_entry_ids"], {"count": count}).fetchall()
    return [row[0] for row in rows]


def take_numbers(conn: Connection, series: str, count: int) -> list[str]:
    """Take the next numbers of a series; a rollback of the caller gives them back."""
    row = conn.execute(
        _QUERIES["take_numbers"], {"series": series, "count": count}
    ).fetchone()
    first = 1 if row is None else int(row[0])
    return [f"{series}-{number:08d}" for number in range(first, first + count)]


def insert_bills(
    conn: Connection,
    bills: Sequence[BillRow],
    lines: Sequence[LineRow],
    now: datetime,
) -> None:
    """Write bills with their lines and numbers."""
    values = columns(BillRow._fields, bills)
    conn.execute(_QUERIES["insert_bills"], {**values, "now": now})
    conn.execute(_QUERIES["insert_bill_lines"], columns(LineRow._fields, lines))


def insert_entries(
    conn: Connection,
    entries: Sequence[EntryRow],
    postings: Sequence[PostingRow],
    *,
    now: datetime,
    actor: str,
) -> None:
    """Write ledger entries with all their postings."""
    values = columns(EntryRow._fields, entries)
    conn.execute(_QUERIES["insert_entries"], {**values, "now": now, "actor": actor})
    conn.execute(_QUERIES["insert_posting_rows"], columns(PostingRow._fields, postings))


def number_bills(conn: Connection, *, limit: int) -> int:
    """Number bills that have no number yet, in order; returns how many."""
    return conn.execute(_QUERIES["number_bills"], {"limit": limit}).rowcount


def add_due(conn: Connection, amounts: Iterable[tuple[int, Decimal]]) -> None:
    """Add (customer_id, amount) to what is open on bills."""
    customer_ids, changes = zip(*amounts, strict=True)
    conn.execute(
        _QUERIES["add_due"],
        {"customer_id": array(customer_ids), "amount": array(changes)},
    )


def read_open_bills(
    conn: Connection, customer_ids: Sequence[int]
) -> dict[int, list[OpenBill]]:
    """Return the open bills of these customers, the one due first first."""
    bills: dict[int, list[OpenBill]] = {}
    rows = conn.execute(
        _QUERIES["read_open_bills"], {"customer_ids": list(customer_ids)}
    )
    for customer_id, bill_id, due_at, open_amount in rows:
        bills.setdefault(customer_id, []).append(OpenBill(bill_id, due_at, open_amount))
    return bills


def read_dues(conn: Connection, customer_ids: Sequence[int]) -> dict[int, Decimal]:
    """Return what these customers owe on bills; those that owe nothing are absent."""
    rows = conn.execute(_QUERIES["read_dues"], {"customer_ids": list(customer_ids)})
    return {row[0]: row[1] for row in rows}


def pay_bills(conn: Connection, allocations: Sequence[AllocationRow]) -> None:
    """Write what settles which bill."""
    values = columns(AllocationRow._fields, allocations)
    conn.execute(_QUERIES["pay_bills"], values)
    conn.execute(_QUERIES["insert_allocations"], values)
