"""Daily customers: whose service day is to be charged, and that it was."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from billing_core.db.arrays import array
from billing_core.db.bills import BillRow
from billing_core.db.chunks import in_chunks
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("service_days")


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


class DayWallet(NamedTuple):
    """What a daily customer has to pay days with."""

    customer_id: int
    username: str
    package_id: int
    available: Decimal
    #: He is not suspended before this.
    held_until: datetime | None
    today_is_charged: bool


def find_day_customers(
    conn: Connection,
    *,
    day: date,
    day_end: datetime,
    profile_id: int | None,
    chunk: int,
) -> Iterator[list[int]]:
    """Yield daily customers whose service day is to be charged and is not, by id."""
    return in_chunks(
        conn,
        _QUERIES["find_day_customers"],
        {"day": day, "day_end": day_end, "profile_id": profile_id},
        chunk,
    )


def count_day_customers(
    conn: Connection, *, day: date, day_end: datetime, profile_id: int | None
) -> int:
    """Return how many customers find_day_customers yields."""
    row = conn.execute(
        _QUERIES["count_day_customers"],
        {"day": day, "day_end": day_end, "profile_id": profile_id},
    ).fetchone()
    return 0 if row is None else int(row[0])


def find_day_wallets(
    conn: Connection, *, today: date, chunk: int
) -> Iterator[list[DayWallet]]:
    """Yield active customers who pay for every day, by id, in chunks."""
    with conn.cursor("wallets", withhold=True) as cursor:
        values = {"today": today, "customer_ids": None}
        cursor.execute(_QUERIES["find_day_wallets"], values)
        while found := cursor.fetchmany(chunk):
            yield [DayWallet._make(row) for row in found]


def read_day_wallets(
    conn: Connection, customer_ids: Sequence[int], *, today: date
) -> list[DayWallet]:
    """Return those of these customers whom find_day_wallets yields."""
    values = {"today": today, "customer_ids": list(customer_ids)}
    rows = conn.execute(_QUERIES["find_day_wallets"], values, prepare=False)
    return [DayWallet._make(row) for row in rows]


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
