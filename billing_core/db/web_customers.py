"""What the pages show of customers: lists by filter, within a scope."""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from psycopg import sql
from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("web_customers")
#: Totals count up to so many rows: a page must not read a million to say how many.
COUNTED_MAX = 50_000
#: Operators whose customers one sees; None = everybody's.
Scope = Sequence[int] | None
#: In a filter by operator: customers that are the provider's own.
OWN = 0


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Which customers; None and False = whichever."""

    search: str | None = None
    status: str | None = None
    kind: str | None = None
    package_id: int | None = None
    profile_id: int | None = None
    operator_id: int | None = None
    zone: str | None = None
    owing: bool = False
    online: bool = False
    #: Left out by billing runs until somebody looked.
    parked: bool = False
    #: Service stops by this moment if nothing is paid.
    suspended_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer in a list."""

    customer_id: int
    username: str
    name: str
    mobile: str
    zone: str
    kind: str
    status: str
    suspend_reason: str | None
    package: str
    profile: str | None
    operator: str | None
    posted: Decimal
    available: Decimal
    due: Decimal
    created_at: datetime
    parked_reason: str | None
    is_online: bool


@dataclass(frozen=True, slots=True)
class CustomerTotals:
    """How many customers a filter leaves, and what they owe and have."""

    customers: int
    due: Decimal
    posted: Decimal

    @property
    def is_whole(self) -> bool:
        """Tell whether all were counted."""
        return self.customers <= COUNTED_MAX


@dataclass(frozen=True, slots=True)
class UsageDay:
    """What a customer's sessions carried that began on a day."""

    day: date
    up_octets: int
    down_octets: int
    seconds: int


@dataclass(frozen=True, slots=True)
class WalletRow:
    """An entry of a customer's ledger, and what was in the wallet after it."""

    entry_id: int
    kind: str
    occurred_at: datetime
    actor: str
    note: str
    wallet_change: Decimal
    balance: Decimal
    is_reversed: bool


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment of a customer."""

    payment_id: int
    method: str
    amount: Decimal
    discount: Decimal
    received_at: datetime
    operator: str
    note: str
    entry_id: int
    is_reversed: bool


@dataclass(frozen=True, slots=True)
class RejectRow:
    """A login of a customer that was refused."""

    rejected_at: datetime
    reason: str
    calling_station_id: str


def like(search: str | None) -> str | None:
    """Return a search as a pattern that finds it anywhere; % and _ are letters."""
    if search is None or not search.strip():
        return None
    words = search.strip().lower()
    for special in ("\\", "%", "_"):
        words = words.replace(special, "\\" + special)
    return f"%{words}%"


def is_customer_of(conn: Connection, customer_id: int, scope: Scope) -> bool:
    """Tell whether there is such a customer within a scope."""
    values = {"customer_id": customer_id, "scope": _list(scope)}
    row = conn.execute(_QUERIES["is_customer_of"], values).fetchone()
    return row is not None and bool(row[0])


def is_bill_of(conn: Connection, customer_id: int, bill_id: int, scope: Scope) -> bool:
    """Tell whether there is such a bill within a scope."""
    values = {"customer_id": customer_id, "bill_id": bill_id, "scope": _list(scope)}
    row = conn.execute(_QUERIES["is_bill_of"], values).fetchone()
    return row is not None and bool(row[0])


def list_customers(
    conn: Connection,
    wanted: CustomerFilter,
    scope: Scope,
    *,
    after: int | None,
    limit: int,
) -> list[CustomerRow]:
    """Return a page of customers, newest first, after one of them."""
    with conn.cursor(row_factory=class_row(CustomerRow)) as cursor:
        # Not prepared: each filter has a plan of its own.
        return cursor.execute(
            _QUERIES["list_customers"],
            _values(wanted, scope, after=after, limit=limit),
            prepare=False,
        ).fetchall()


def stream_customers(
    conn: Connection, wanted: CustomerFilter, scope: Scope
) -> Generator[CustomerRow, None, None]:
    """Yield every customer that a filter leaves, without holding them all."""
    with (
        conn.transaction(),
        conn.cursor("export", row_factory=class_row(CustomerRow)) as cursor,
    ):
        cursor.itersize = 1000
        cursor.execute(
            _QUERIES["list_customers"], _values(wanted, scope, after=None, limit=None)
        )
        yield from cursor


def total_customers(
    conn: Connection, wanted: CustomerFilter, scope: Scope
) -> CustomerTotals:
    """Count what a filter leaves, up to COUNTED_MAX and one more."""
    query = sql.SQL(_QUERIES["total_customers"]).format(
        filtered=sql.SQL(_QUERIES["list_customers"])
    )
    with conn.cursor(row_factory=class_row(CustomerTotals)) as cursor:
        found = cursor.execute(
            query,
            _values(wanted, scope, after=None, limit=COUNTED_MAX + 1),
            prepare=False,
        ).fetchone()
    assert found is not None  # noqa: S101 - an aggregate gives one row
    return found


def list_zones(conn: Connection, scope: Scope) -> list[str]:
    """Return the zones where a scope's customers live."""
    rows = conn.execute(_QUERIES["list_zones"], {"scope": _list(scope)}).fetchall()
    return [row[0] for row in rows]


def usage_by_day(
    conn: Connection, customer_id: int, *, since: datetime, zone: ZoneInfo
) -> list[UsageDay]:
    """Return what a customer's sessions carried, by day."""
    values = {"customer_id": customer_id, "since": since, "zone": zone.key}
    with conn.cursor(row_factory=class_row(UsageDay)) as cursor:
        return cursor.execute(_QUERIES["usage_by_day"], values).fetchall()


def list_wallet(conn: Connection, customer_id: int, *, limit: int) -> list[WalletRow]:
    """Return a customer's ledger, newest first."""
    values = {"customer_id": customer_id, "limit": limit}
    with conn.cursor(row_factory=class_row(WalletRow)) as cursor:
        return cursor.execute(_QUERIES["list_wallet"], values).fetchall()


def list_payments_of(
    conn: Connection, customer_id: int, *, limit: int
) -> list[PaymentRow]:
    """Return a customer's payments, newest first."""
    values = {"customer_id": customer_id, "limit": limit}
    with conn.cursor(row_factory=class_row(PaymentRow)) as cursor:
        return cursor.execute(_QUERIES["list_payments_of"], values).fetchall()


def list_rejects_of(conn: Connection, username: str, *, limit: int) -> list[RejectRow]:
    """Return a customer's refused logins, newest first."""
    values = {"username": username, "limit": limit}
    with conn.cursor(row_factory=class_row(RejectRow)) as cursor:
        return cursor.execute(_QUERIES["list_rejects_of"], values).fetchall()


def _values(
    wanted: CustomerFilter, scope: Scope, *, after: int | None, limit: int | None
) -> dict[str, object]:
    return {
        **asdict(wanted),
        "words": like(wanted.search),
        "scope": _list(scope),
        "after": after,
        "limit": limit,
    }


def _list(scope: Scope) -> list[int] | None:
    return None if scope is None else list(scope)
