"""What the pages show of recharge cards: never a PIN."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row

from billing_core.db.cards import Batch, Card, CardEvent
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.db.web_lists import Scope, as_list, read_page

_QUERIES = load_queries("web_cards")

#: Usernames of distributors whose cards one sees; None = everybody's.
Distributors = Sequence[str] | None


@dataclass(frozen=True, slots=True)
class CardFilter:
    """Which cards."""

    serial: int | None = None
    batch_id: int | None = None
    distributor: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class TryFilter:
    """Which tries of PINs."""

    outcome: str | None = None
    bad_only: bool = False
    address: str | None = None
    customer_id: int | None = None


@dataclass(frozen=True, slots=True)
class TryRow:
    """Who tried a PIN, and what became of it."""

    at: datetime
    try_id: int
    customer_id: int
    username: str
    outcome: str
    serial: int | None
    client_address: str | None
    distributor: str
    actor: str


@dataclass(frozen=True, slots=True)
class Locked:
    """Who may not try for a while."""

    subject: str
    locked_until: datetime
    locks: int


@dataclass(frozen=True, slots=True)
class Sales:
    """What became of a distributor's cards."""

    active: int
    used: int
    active_value: Decimal
    used_value: Decimal
    #: His share of those that were used.
    commission: Decimal

    @property
    def owed(self) -> Decimal:
        """Return what the provider gets for the cards that were used."""
        return self.used_value - self.commission


@dataclass(frozen=True, slots=True)
class SoldCard:
    """A card that a customer used."""

    serial: int
    used_at: datetime
    used_by: str
    face_value: Decimal
    commission: Decimal
    package: str | None


def list_batches(
    conn: Connection,
    distributors: Distributors,
    *,
    now: datetime,
    limit: int,
    distributor: str | None = None,
    after: int | None = None,
    batch_id: int | None = None,
) -> list[Batch]:
    """Return batches, newest first, before a number."""
    values = {
        "distributors": as_list(distributors),
        "distributor": distributor,
        "after": after,
        "batch_id": batch_id,
        "now": now,
        "limit": limit,
    }
    return read_page(conn, _QUERIES["list_batches"], values, Batch)


def find_batch(
    conn: Connection, batch_id: int, distributors: Distributors, *, now: datetime
) -> Batch | None:
    """Return a batch of these distributors'."""
    found = list_batches(conn, distributors, now=now, limit=1, batch_id=batch_id)
    return found[0] if found else None


def list_cards(
    conn: Connection,
    wanted: CardFilter,
    distributors: Distributors,
    *,
    now: datetime,
    after: int | None,
    limit: int,
) -> list[Card]:
    """Return cards, newest first, before a serial."""
    values = asdict(wanted) | {
        "distributors": as_list(distributors),
        "now": now,
        "after": after,
        "limit": limit,
    }
    return read_page(conn, _QUERIES["list_cards"], values, Card)


def is_range_of(
    conn: Connection, first: int, last: int, distributors: Distributors
) -> bool:
    """Tell whether no card of a range is another distributor's than these."""
    if distributors is None:
        return True
    row = conn.execute(
        _QUERIES["count_cards_of_others"],
        {"first": first, "last": last, "distributors": list(distributors)},
    ).fetchone()
    return row is not None and row[0] == 0


def list_range_events(
    conn: Connection, first: int, last: int, *, limit: int
) -> list[CardEvent]:
    """Return what was done to the cards of a range, newest first."""
    values = {"first": first, "last": last, "limit": limit}
    with conn.cursor(row_factory=class_row(CardEvent)) as cursor:
        return cursor.execute(_QUERIES["list_range_events"], values).fetchall()


def list_tries(
    conn: Connection,
    wanted: TryFilter,
    scope: Scope,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[TryRow]:
    """Return tries of PINs, newest first, before a (time, id)."""
    after_at, after_id = after or (None, None)
    values = asdict(wanted) | {
        "scope": as_list(scope),
        "after_at": after_at,
        "after_id": after_id,
        "limit": limit,
    }
    return read_page(conn, _QUERIES["list_tries"], values, TryRow)


def list_locked(conn: Connection, *, now: datetime) -> list[Locked]:
    """Return who may not try for a while."""
    with conn.cursor(row_factory=class_row(Locked)) as cursor:
        return cursor.execute(_QUERIES["list_locked"], {"now": now}).fetchall()


def read_sales(conn: Connection, distributor: str, *, now: datetime) -> Sales:
    """Return what became of a distributor's cards."""
    values = {"distributor": distributor, "now": now}
    with conn.cursor(row_factory=class_row(Sales)) as cursor:
        found = cursor.execute(_QUERIES["read_sales"], values).fetchone()
    assert found is not None  # noqa: S101 - an aggregate gives one row
    return found


def list_sold(conn: Connection, distributor: str, *, limit: int) -> list[SoldCard]:
    """Return the cards of a distributor that were used, newest first."""
    values = {"distributor": distributor, "limit": limit}
    with conn.cursor(row_factory=class_row(SoldCard)) as cursor:
        return cursor.execute(_QUERIES["list_sold"], values).fetchall()


def list_shop_scope(conn: Connection, operator_id: int) -> list[int]:
    """Return whose customers a shop serves; none = it works for the provider."""
    rows = conn.execute(_QUERIES["list_shop_scope"], {"operator_id": operator_id})
    return [int(row[0]) for row in rows]


def _list(distributors: Distributors) -> list[str] | None:
    return None if distributors is None else list(distributors)
