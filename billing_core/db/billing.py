"""Cycle billing: whom to bill, from what, and the set-based writing of bills."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg.rows import class_row

from billing_core.bills import CyclePackage, CycleProfile, OpenBill
from billing_core.cycles import Schedule
from billing_core.db.arrays import array
from billing_core.db.chunks import in_chunks
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.proration import Stretch
from billing_core.vat import VatProfile

_QUERIES = load_queries("billing")


class CycleRow(NamedTuple):
    """A customer under lock, as cycle billing reads him."""

    customer_id: int
    status: str
    is_paused: bool
    package_id: int
    profile_id: int | None
    special_price: Decimal | None
    discount_percent: Decimal
    activated_at: datetime
    billed_until: datetime | None


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


class Hold(NamedTuple):
    """Somebody is not to be suspended before a moment."""

    until: datetime
    #: By his profile he is suspended then over what he owes.
    auto_suspend: bool


class DayFacts(NamedTuple):
    """A daily customer under lock whose service day is not charged."""

    customer_id: int
    package_id: int
    #: For so many days he must have money to be let in again.
    days_min: int
    #: Of an active one whose hold has not ended.
    held_until: datetime | None
    auto_suspend: bool


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a billing job."""

    run_id: int
    kind: str
    as_of: datetime
    started_at: datetime
    finished_at: datetime | None
    billed: int
    parked: int
    errors: int
    reached_customer_id: int
    note: str


@dataclass(frozen=True, slots=True)
class ParkedCustomer:
    """A customer that runs leave out."""

    customer_id: int
    username: str
    parked_reason: str


def find_cycle_customers(
    conn: Connection, *, as_of: datetime, profile_id: int | None, chunk: int
) -> Iterator[list[int]]:
    """Yield monthly customers for whom a period may have come due, by id, in chunks."""
    return in_chunks(
        conn,
        _QUERIES["find_cycle_customers"],
        {"as_of": as_of, "profile_id": profile_id},
        chunk,
    )


def read_cycle_facts(conn: Connection, customer_ids: Sequence[int]) -> list[CycleRow]:
    """Return what these locked customers' bills are drafted from."""
    rows = conn.execute(
        _QUERIES["read_cycle_facts"], {"customer_ids": list(customer_ids)}, binary=True
    ).fetchall()
    return [CycleRow(*row) for row in rows]


def read_unbilled_stretches(
    conn: Connection, customer_ids: Sequence[int]
) -> dict[int, list[Stretch]]:
    """Return the time of these customers that no cycle bill covers."""
    stretches: dict[int, list[Stretch]] = {}
    rows = conn.execute(
        _QUERIES["read_unbilled_stretches"], {"customer_ids": list(customer_ids)}
    )
    for customer_id, start, end in rows:
        stretches.setdefault(customer_id, []).append(Stretch(start, end))
    return stretches


def read_cycle_packages(conn: Connection) -> dict[int, CyclePackage]:
    """Return the monthly packages."""
    rows = conn.execute(_QUERIES["read_cycle_packages"]).fetchall()
    return {row[0]: CyclePackage(*row) for row in rows}


def read_cycle_profiles(conn: Connection) -> dict[int, CycleProfile]:
    """Return the billing profiles as cycle billing sees them."""
    vats = read_vat_profiles(conn)
    profiles = {}
    for row in conn.execute(_QUERIES["read_profiles"]).fetchall():
        schedule = Schedule(
            trigger=row[3],
            bill_day=row[4],
            in_advance=row[5],
            cycle_ends_with_month=row[6],
            due_days=row[7],
            grace_days=row[8],
            auto_suspend=row[11],
        )
        profiles[row[0]] = CycleProfile(
            profile_id=row[0],
            name=row[1],
            billing_type=row[2],
            schedule=schedule,
            auto_bill=row[10],
            bill_while_suspended=row[13],
            proration=row[17],
            vat=vats[row[18]] if row[18] is not None else None,
        )
    return profiles


def read_vat_profiles(conn: Connection) -> dict[int, VatProfile]:
    """Return the VAT profiles with their rates."""
    return {
        row[0]: VatProfile(
            row[0], row[1], row[2], tuple(zip(row[4], row[5], strict=True)), row[3]
        )
        for row in conn.execute(_QUERIES["read_vat_profiles"]).fetchall()
    }


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
    columns = _columns(BillRow._fields, bills)
    conn.execute(_QUERIES["insert_bills"], {**columns, "now": now})
    conn.execute(_QUERIES["insert_bill_lines"], _columns(LineRow._fields, lines))


def insert_entries(
    conn: Connection,
    entries: Sequence[EntryRow],
    postings: Sequence[PostingRow],
    *,
    now: datetime,
    actor: str,
) -> None:
    """Write ledger entries with all their postings."""
    columns = _columns(EntryRow._fields, entries)
    conn.execute(_QUERIES["insert_entries"], {**columns, "now": now, "actor": actor})
    conn.execute(
        _QUERIES["insert_posting_rows"], _columns(PostingRow._fields, postings)
    )


def advance_customers(conn: Connection, billed: Iterable[tuple[int, datetime]]) -> None:
    """Note up to where each (customer_id, billed_until) is billed."""
    customer_ids, moments = zip(*billed, strict=True)
    conn.execute(
        _QUERIES["advance_customers"],
        {"customer_id": array(customer_ids), "billed_until": array(moments)},
    )


def add_due(conn: Connection, amounts: Iterable[tuple[int, Decimal]]) -> None:
    """Add (customer_id, amount) to what is open on bills."""
    customer_ids, changes = zip(*amounts, strict=True)
    conn.execute(
        _QUERIES["add_due"],
        {"customer_id": array(customer_ids), "amount": array(changes)},
    )


def park_customers(conn: Connection, parked: Sequence[tuple[int, str]]) -> None:
    """Leave (customer_id, reason) out of runs until a person has looked."""
    customer_ids, reasons = zip(*parked, strict=True)
    conn.execute(
        _QUERIES["park_customers"],
        {"customer_id": array(customer_ids), "reason": array(reasons)},
    )


def unpark_customer(conn: Connection, customer_id: int) -> bool:
    """Let runs take a customer in again; False when they did already."""
    done = conn.execute(_QUERIES["unpark_customer"], {"customer_id": customer_id})
    return done.rowcount == 1


def list_parked(conn: Connection, *, limit: int) -> list[ParkedCustomer]:
    """Return customers that runs leave out."""
    with conn.cursor(row_factory=class_row(ParkedCustomer)) as cursor:
        return cursor.execute(_QUERIES["list_parked"], {"limit": limit}).fetchall()


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
    columns = _columns(AllocationRow._fields, allocations)
    conn.execute(_QUERIES["pay_bills"], columns)
    conn.execute(_QUERIES["insert_allocations"], columns)


def start_run(
    conn: Connection, kind: str, *, as_of: datetime, now: datetime, note: str
) -> int:
    """Note that a run begins; returns its number."""
    row = conn.execute(
        _QUERIES["start_run"], {"kind": kind, "as_of": as_of, "now": now, "note": note}
    ).fetchone()
    return 0 if row is None else int(row[0])


def note_progress(
    conn: Connection,
    run_id: int,
    *,
    billed: int,
    parked: int,
    errors: int,
    reached: int,
) -> None:
    """Note how far a run came."""
    conn.execute(
        _QUERIES["note_progress"],
        {
            "run_id": run_id,
            "billed": billed,
            "parked": parked,
            "errors": errors,
            "reached": reached,
        },
    )


def finish_run(conn: Connection, run_id: int, now: datetime) -> None:
    """Note that a run came to its end."""
    conn.execute(_QUERIES["finish_run"], {"run_id": run_id, "now": now})


def list_runs(conn: Connection, *, limit: int) -> list[Run]:
    """Return the newest runs."""
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(_QUERIES["list_runs"], {"limit": limit}).fetchall()


def count_customers_after(conn: Connection, after: int, billings: Sequence[str]) -> int:
    """Count the customers that a run has before it."""
    row = conn.execute(
        _QUERIES["count_customers_after"], {"after": after, "billings": list(billings)}
    ).fetchone()
    return 0 if row is None else int(row[0])


def number_bills(conn: Connection, *, limit: int) -> int:
    """Number bills that have no number yet, in order; returns how many."""
    return conn.execute(_QUERIES["number_bills"], {"limit": limit}).rowcount


def find_day_customers(
    conn: Connection, *, day: date, day_end: datetime, chunk: int
) -> Iterator[list[int]]:
    """Yield daily customers whose service day is to be charged and is not, by id."""
    return in_chunks(
        conn,
        _QUERIES["find_day_customers"],
        {"day": day, "day_end": day_end},
        chunk,
    )


def read_day_facts(
    conn: Connection,
    customer_ids: Sequence[int],
    day: date,
    statuses: Sequence[str],
    now: datetime,
) -> list[DayFacts]:
    """Return what decides the day of locked customers who have it not charged."""
    rows = conn.execute(
        _QUERIES["read_day_facts"],
        {
            "customer_ids": list(customer_ids),
            "day": day,
            "statuses": list(statuses),
            "now": now,
        },
    ).fetchall()
    return [DayFacts._make(row) for row in rows]


def read_holds(
    conn: Connection, customer_ids: Iterable[int], now: datetime
) -> dict[int, Hold]:
    """Return the holds of these customers that have not ended."""
    rows = conn.execute(
        _QUERIES["read_holds"], {"customer_ids": list(customer_ids), "now": now}
    ).fetchall()
    return {row[0]: Hold(row[1], row[2]) for row in rows}


def insert_owed_days(conn: Connection, day: date, customer_ids: Sequence[int]) -> None:
    """Write the service day for which these customers owe a bill."""
    conn.execute(
        _QUERIES["insert_owed_days"], {"day": day, "customer_ids": list(customer_ids)}
    )


def insert_service_days(
    conn: Connection, day: date, bills: Sequence[BillRow], entry_ids: Sequence[int]
) -> None:
    """Write the service days that these bills are for."""
    conn.execute(
        _QUERIES["insert_service_days"],
        {
            "day": day,
            "customer_id": array(b.customer_id for b in bills),
            "amount": array(b.gross for b in bills),
            "bill_id": array(b.bill_id for b in bills),
            "entry_id": array(entry_ids),
        },
    )


def _columns(
    names: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> dict[str, str]:
    return {
        name: array(column)
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def has_finished_run(conn: Connection, kind: str, *, since: datetime) -> bool:
    """Tell whether a run as of a moment or later came to its end."""
    row = conn.execute(
        _QUERIES["has_finished_run"], {"kind": kind, "since": since}
    ).fetchone()
    return row is not None and bool(row[0])
