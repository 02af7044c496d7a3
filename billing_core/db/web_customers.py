"""What the pages show of customers: lists by filter, within a scope."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from psycopg import sql
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
#: Whom a search names is found, and counted, up to so many.
_NAMED_MAX = 2000
_WALKED_AT_ONCE = 2000
_WALKED_MAX = 20_000


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
    #: Of these.
    customer_ids: Sequence[int] | None = None


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

    #: At least, if they are not the whole.
    customers: int
    due: Decimal = ZERO
    posted: Decimal = ZERO
    is_whole: bool = True


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
    ids = _named(conn, wanted, scope)
    if ids is None and _is_search_alone(wanted):
        ids = _newest_named(conn, wanted.search, scope, after, limit)
    values = _values(_of(wanted, ids), scope, after) | {"limit": limit}
    return read_page(conn, _QUERIES["list_customers"], values, CustomerRow)


def walk_customers(
    conn: Connection, wanted: CustomerFilter, scope: Scope, *, after: int | None
) -> Iterator[list[int]]:
    """Yield the ids of the list, in its order, in chunks."""
    query = sql.SQL(_QUERIES["walk_customers"]).format(
        filtered=sql.SQL(_QUERIES["list_customers"])
    )
    values = _values(_of(wanted, _named(conn, wanted, scope)), scope)
    while True:
        values |= {"after": after, "limit": _WALKED_AT_ONCE}
        rows = conn.execute(query, values, prepare=False).fetchall()
        if rows:
            yield [row[0] for row in rows]
        if len(rows) < _WALKED_AT_ONCE:
            return
        after = rows[-1][0]


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
    ids = _named(conn, wanted, scope)
    if ids is None and _is_search_alone(wanted):
        return CustomerTotals(_NAMED_MAX, is_whole=False)
    found = read_totals(
        conn,
        _QUERIES["total_customers"],
        _QUERIES["list_customers"],
        _values(_of(wanted, ids), scope),
        CustomerTotals,
    )
    return found[0] if found else CustomerTotals(COUNTED_MAX, is_whole=False)


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


def _named(
    conn: Connection, wanted: CustomerFilter, scope: Scope
) -> Sequence[int] | None:
    """Return those whom a search names; None = there is none, or it names too many."""
    words = like(wanted.search)
    if words is None:
        return None
    values = {"words": words, "scope": as_list(scope), "limit": _NAMED_MAX + 1}
    rows = conn.execute(_QUERIES["find_some_named"], values, prepare=False).fetchall()
    return None if len(rows) > _NAMED_MAX else [row[0] for row in rows]


def _is_search_alone(wanted: CustomerFilter) -> bool:
    searched = like(wanted.search) is not None
    return searched and wanted == CustomerFilter(search=wanted.search)


def _newest_named(
    conn: Connection, search: str | None, scope: Scope, after: int | None, limit: int
) -> list[int]:
    """Return the newest whom a search names.

    Where many are named they are soon met on a walk from the newest on, unless all of
    them are old: then the index of words finds them sooner than a long walk.
    """
    values = {
        "words": like(search),
        "scope": as_list(scope),
        "after": after,
        "limit": limit,
        "among": _WALKED_MAX,
    }
    for query in (_QUERIES["find_newest_named"], _QUERIES["find_all_named"]):
        rows = conn.execute(query, values, prepare=False).fetchall()
        if len(rows) == limit:
            break
    return [row[0] for row in rows]


def _of(wanted: CustomerFilter, ids: Sequence[int] | None) -> CustomerFilter:
    """Put those whom a search names in its place."""
    return wanted if ids is None else replace(wanted, search=None, customer_ids=ids)


def _values(
    wanted: CustomerFilter, scope: Scope, after: int | None = None
) -> dict[str, object]:
    return {
        **asdict(wanted),
        "customer_ids": as_list(wanted.customer_ids),
        "words": like(wanted.search),
        "scope": as_list(scope),
        "after": after,
    }
