"""What the pages show of bills: lists by filter, within a scope."""

from collections.abc import Generator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.day_sums import (
    BILLS,
    BILLS_THAT_STAND,
    Summed,
    read_bounds,
    sum_bills,
    within,
)
from billing_core.db.queries import load_queries
from billing_core.db.web_lists import (
    COUNTED_MAX,
    Scope,
    as_list,
    like,
    read_page,
    read_totals,
    stream_all,
)
from billing_core.money import ZERO

_QUERIES = load_queries("web_bills")


@dataclass(frozen=True, slots=True)
class BillFilter:
    """Which bills; None and False = whichever."""

    #: A bill's number, or part of a customer's username, name or mobile.
    search: str | None = None
    customer_id: int | None = None
    is_open: bool = False
    #: Not void.
    is_valid: bool = False
    status: str | None = None
    overdue_at: datetime | None = None
    kind: str | None = None
    package_id: int | None = None
    #: Whose customer's; OWN = the provider's own.
    operator_id: int | None = None
    zone: str | None = None
    issued_from: datetime | None = None
    issued_until: datetime | None = None
    #: Some of what it bills is from this moment on, and before that one.
    period_from: datetime | None = None
    period_until: datetime | None = None
    due_from: datetime | None = None
    due_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class BillRow:
    """A bill in a list."""

    customer_id: int
    bill_id: int
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
    open_amount: Decimal
    status: str
    suspend_at: datetime | None
    username: str
    name: str
    mobile: str
    zone: str
    package: str
    operator: str | None

    @property
    def label(self) -> str:
        """Return what people call it: its number, or its id until it has one."""
        return self.number or str(self.bill_id)

    @property
    def key(self) -> str:
        """Return what names it in a form."""
        return f"{self.customer_id}-{self.bill_id}"


@dataclass(frozen=True, slots=True)
class BillTotals:
    """How many bills a filter leaves, and what they come to."""

    bills: int
    gross: Decimal
    paid: Decimal
    open_amount: Decimal
    #: Otherwise there are more than COUNTED_MAX, and nothing is summed up.
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class BillMovement:
    """What paid a bill, or took that back (below zero)."""

    entry_id: int
    kind: str
    occurred_at: datetime
    actor: str
    note: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class CreditNoteRow:
    """A credit note of a bill."""

    number: str
    issued_at: datetime
    net: Decimal
    vat: Decimal
    gross: Decimal
    reason: str


def list_bills(
    conn: Connection,
    wanted: BillFilter,
    scope: Scope,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[BillRow]:
    """Return a page of bills, newest first, after one (issued_at, bill_id)."""
    narrowed = _narrowed(conn, wanted, scope)
    if narrowed is None:
        return []
    values = _values(narrowed, scope, after) | {"limit": limit}
    return read_page(conn, _QUERIES["list_bills"], values, BillRow)


def stream_bills(
    conn: Connection, wanted: BillFilter, scope: Scope
) -> Generator[BillRow, None, None]:
    """Yield every bill that a filter leaves, without holding them all."""
    values = _values(wanted, scope)
    return stream_all(conn, _QUERIES["list_bills"], values, BillRow)


def total_bills(conn: Connection, wanted: BillFilter, scope: Scope) -> BillTotals:
    """Sum up what a filter leaves: any number by the sums by day, or not too many."""
    if replace(wanted, search=wanted.search or None) == _only_days(wanted):
        summed = sum_bills(
            conn, _summed(wanted, scope), wanted.issued_from, wanted.issued_until
        )
        if summed is not None:
            return BillTotals(*summed, summed[1] - summed[2], is_whole=True)
    narrowed = _narrowed(conn, wanted, scope)
    if narrowed is None:
        return BillTotals(0, ZERO, ZERO, ZERO)
    found = read_totals(
        conn,
        _QUERIES["total_bills"],
        _QUERIES["list_bills"],
        _values(narrowed, scope),
        BillTotals,
    )
    if not found:
        return BillTotals(COUNTED_MAX + 1, ZERO, ZERO, ZERO, is_whole=False)
    return found[0]


def read_bill_row(conn: Connection, customer_id: int, bill_id: int) -> BillRow | None:
    """Return one bill as a list shows it."""
    values = {"customer_id": customer_id, "bill_id": bill_id}
    with conn.cursor(row_factory=class_row(BillRow)) as cursor:
        return cursor.execute(_QUERIES["read_bill_row"], values).fetchone()


def list_bill_history(
    conn: Connection, customer_id: int, bill_id: int
) -> list[BillMovement]:
    """Return what paid a bill and what was taken off it, in order."""
    values = {"customer_id": customer_id, "bill_id": bill_id}
    with conn.cursor(row_factory=class_row(BillMovement)) as cursor:
        return cursor.execute(_QUERIES["list_bill_history"], values).fetchall()


def list_credit_notes(
    conn: Connection, customer_id: int, bill_id: int
) -> list[CreditNoteRow]:
    """Return the credit notes of a bill."""
    values = {"customer_id": customer_id, "bill_id": bill_id}
    with conn.cursor(row_factory=class_row(CreditNoteRow)) as cursor:
        return cursor.execute(_QUERIES["list_credit_notes"], values).fetchall()


def move_due(
    conn: Connection, customer_id: int, bill_id: int, due_at: datetime
) -> bool:
    """Let an open bill be due at another moment; False when it is not open."""
    values = {"customer_id": customer_id, "bill_id": bill_id, "due_at": due_at}
    return conn.execute(_QUERIES["move_due"], values).rowcount == 1


def _summed(wanted: BillFilter, scope: Scope) -> Summed:
    """Return the sums by day that hold what a filter leaves, if not only that."""
    return Summed(
        BILLS_THAT_STAND if wanted.is_valid else BILLS,
        scope=scope,
        operator_id=wanted.operator_id,
        parts=[str(wanted.package_id)] if wanted.package_id else None,
        kind=wanted.kind,
    )


def _only_days(wanted: BillFilter) -> BillFilter:
    """Return as much of a filter as the sums by day know."""
    return BillFilter(
        is_valid=wanted.is_valid,
        kind=wanted.kind,
        package_id=wanted.package_id,
        operator_id=wanted.operator_id,
        issued_from=wanted.issued_from,
        issued_until=wanted.issued_until,
    )


def _narrowed(conn: Connection, wanted: BillFilter, scope: Scope) -> BillFilter | None:
    """Keep to the days that have such bills; None = no day has."""
    of_some = wanted.kind or wanted.package_id or wanted.operator_id is not None
    if not of_some or wanted.customer_id is not None:
        return wanted
    bounds = read_bounds(conn, _summed(wanted, scope))
    if bounds is None:
        return None
    since, until = within(bounds, wanted.issued_from, wanted.issued_until)
    return replace(wanted, issued_from=since, issued_until=until)


def _values(
    wanted: BillFilter, scope: Scope, after: tuple[datetime, int] | None = None
) -> dict[str, object]:
    search = (wanted.search or "").strip()
    prefix, _, digits = search.upper().partition("-")
    is_number = prefix in ("B", "CN") and digits.isdigit()
    return {
        **asdict(wanted),
        "number": search.upper() if is_number else None,
        "words": None if is_number else like(search),
        "scope": as_list(scope),
        "after_time": after[0] if after else None,
        "after_id": after[1] if after else None,
    }
