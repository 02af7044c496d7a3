"""What the pages show of customers: lists by filter, within a scope."""

from collections.abc import Generator
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from psycopg.rows import class_row

from billing_core.db.connect import Connection
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

_QUERIES = load_queries("web_customers")


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """Which customers; None and False = whichever."""

    search: str | None = None
    status: str | None = None
    kind: str | None = None
    package_id: int | None = None
    profile_id: int | None = None
    #: Whose; OWN = the provider's own.
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


def is_customer_of(conn: Connection, customer_id: int, scope: Scope) -> bool:
    """Tell whether there is such a customer within a scope."""
    values = {"customer_id": customer_id, "scope": as_list(scope)}
    row = conn.execute(_QUERIES["is_customer_of"], values).fetchone()
    return row is not None and bool(row[0])


def is_bill_of(conn: Connection, customer_id: int, bill_id: int, scope: Scope) -> bool:
    """Tell whether there is such a bill within a scope."""
    values = {"customer_id": customer_id, "bill_id": bill_id, "scope": as_list(scope)}
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
    values = _values(wanted, scope, after) | {"limit": limit}
    return read_page(conn, _QUERIES["list_customers"], values, CustomerRow)


def stream_customers(
    conn: Connection, wanted: CustomerFilter, scope: Scope
) -> Generator[CustomerRow, None, None]:
    """Yield every customer that a filter leaves, without holding them all."""
    values = _values(wanted, scope)
    return stream_all(conn, _QUERIES["list_customers"], values, CustomerRow)


def total_customers(
    conn: Connection, wanted: CustomerFilter, scope: Scope
) -> CustomerTotals:
    """Count what a filter leaves, if it is not too much."""
    found = read_totals(
        conn,
        _QUERIES["total_customers"],
        _QUERIES["list_customers"],
        _values(wanted, scope),
        CustomerTotals,
    )
    return found[0] if found else CustomerTotals(COUNTED_MAX + 1, ZERO, ZERO)


def list_zones(conn: Connection, scope: Scope) -> list[str]:
    """Return the zones where a scope's customers live."""
    rows = conn.execute(_QUERIES["list_zones"], {"scope": as_list(scope)}).fetchall()
    return [row[0] for row in rows]


def usage_by_day(
    conn: Connection, customer_id: int, *, since: datetime, zone: ZoneInfo
) -> list[UsageDay]:
    """Return what a customer's sessions carried, by day."""
    values = {"customer_id": customer_id, "since": since, "zone": zone.key}
    with conn.cursor(row_factory=class_row(UsageDay)) as cursor:
        return cursor.execute(_QUERIES["usage_by_day"], values).fetchall()


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
    wanted: CustomerFilter, scope: Scope, after: int | None = None
) -> dict[str, object]:
    return {
        **asdict(wanted),
        "words": like(wanted.search),
        "scope": as_list(scope),
        "after": after,
    }
