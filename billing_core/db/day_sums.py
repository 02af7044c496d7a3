"""Sums of bills and payments by day, which pages read instead of adding up."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("day_sums")
BILLS_THAT_STAND = ("billed",)
BILLS = ("billed", "void")
PAYMENTS = ("received", "taken_back")


@dataclass(frozen=True, slots=True)
class Summed:
    """Which sums; None = whichever."""

    whats: Sequence[str]
    #: Operators whose customers one sees.
    scope: Sequence[int] | None = None
    #: 0 = the provider's own customers.
    operator_id: int | None = None
    #: Packages of bills, methods of payments.
    parts: Sequence[str] | None = None
    #: Of bills.
    kind: str | None = None


def fold_changes(conn: Connection) -> int:
    """Add what changed to the sums; returns how many changes there were."""
    row = conn.execute(_QUERIES["fold_changes"]).fetchone()
    return int(row[0]) if row else 0


def read_bounds(conn: Connection, wanted: Summed) -> tuple[datetime, datetime] | None:
    """Return from when until when there is anything of these; None = never.

    The newest are read first: without bounds, a list of few would read all there are.
    """
    return conn.execute(
        _QUERIES["read_bounds"], _values(wanted), prepare=False
    ).fetchone()


def sum_bills(
    conn: Connection, wanted: Summed, since: datetime | None, until: datetime | None
) -> tuple[int, Decimal, Decimal] | None:
    """Return how many bills were issued in a range, their gross, what is paid of it.

    None = it begins or ends within a day: the sums do not know.
    """
    values = {**_values(wanted), "since": since, "until": until}
    return conn.execute(_QUERIES["sum_bills"], values, prepare=False).fetchone()


def within(
    bounds: tuple[datetime, datetime], since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """Return what two ranges have in common."""
    first, last = bounds
    return max(first, since or first), min(last, until or last)


def _values(wanted: Summed) -> dict[str, object]:
    return {
        name: list(value) if isinstance(value, list | tuple) else value
        for name, value in asdict(wanted).items()
    }
