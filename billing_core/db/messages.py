"""Messages to customers: of whom to tell what, what waits, and what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString, NamedTuple
from zoneinfo import ZoneInfo

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db.arrays import array
from billing_core.db.connect import Connection
from billing_core.db.customers import CustomerError
from billing_core.db.queries import load_queries
from billing_core.messages import Locality
from billing_core.reminders import (
    NOTHING_TOLD,
    BalanceFacts,
    BillFacts,
    Event,
    PackageFacts,
    ReminderPolicy,
)

_QUERIES = load_queries("messages")


class Contact(NamedTuple):
    """One way to reach one customer."""

    customer_id: int
    channel: str
    recipient: str
    language: str
    username: str
    name: str


class BillToTell(NamedTuple):
    """A bill that one way has not told of yet."""

    contact: Contact
    bill: BillFacts
    number: str
    period_start: datetime
    period_end: datetime
    suspend_at: datetime | None


class WalletToTell(NamedTuple):
    """A wallet that is low, and one way to tell it."""

    contact: Contact
    wallet: BalanceFacts
    package: str


class PackageToTell(NamedTuple):
    """A package that nears its end, and one way to tell it."""

    contact: Contact
    facts: PackageFacts
    package: str
    #: "event subject" of what this way told already.
    told: frozenset[str]


class ServiceToTell(NamedTuple):
    """Whose service changed, and one way to tell it."""

    contact: Contact
    due: Decimal
    available: Decimal


class NewMessage(NamedTuple):
    """A message to write."""

    customer_id: int
    event: str
    subject: str
    channel: str
    recipient: str
    language: str
    title: str
    body: str


class Claimed(NamedTuple):
    """A message that is this sender's for the time of its lease."""

    customer_id: int
    message_id: int
    recipient: str
    title: str
    body: str
    attempts: int


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message and what became of it, for people."""

    message_id: int
    username: str
    event: str
    subject: str
    channel: str
    recipient: str
    language: str
    title: str
    body: str
    created_at: datetime
    state: str
    attempts: int
    next_attempt_at: datetime
    sent_at: datetime | None
    error: str | None


def read_policy(conn: Connection) -> tuple[ReminderPolicy, Locality]:
    """Return what is told and how it is written; nothing while nobody has said so."""
    row = conn.execute(_QUERIES["read_policy"]).fetchone()
    if row is None:
        return NOTHING_TOLD, Locality(ZoneInfo("UTC"), "")
    policy = ReminderPolicy(tuple(row[0]), *row[1:7])
    return policy, Locality(ZoneInfo(row[7]), row[8], policy.provider)


def write_policy(conn: Connection, policy: ReminderPolicy) -> None:
    """Keep what the settings say, for services that know only the database."""
    values = asdict(policy) | {"channels": list(policy.channels)}
    conn.execute(_QUERIES["write_policy"], values)


def find_bills_issued(
    conn: Connection,
    *,
    since: datetime,
    until: datetime,
    channels: Sequence[str],
    chunk: int,
) -> Iterator[list[BillToTell]]:
    """Yield chunks of new bills that were not told of."""
    query = _QUERIES["find_bills_issued"]
    values = {"since": since, "until": until, "channels": list(channels)}
    for rows in _chunks(conn, query, values, chunk):
        yield [_bill_to_tell(row) for row in rows]


def find_bills_due(
    conn: Connection,
    event: Event,
    *,
    since: datetime,
    until: datetime,
    channels: Sequence[str],
    chunk: int,
) -> Iterator[list[BillToTell]]:
    """Yield chunks of open bills due within a time, not told of by this event."""
    query = _QUERIES["find_bills_due"]
    values = {
        "event": event.value,
        "since": since,
        "until": until,
        "channels": list(channels),
    }
    for rows in _chunks(conn, query, values, chunk):
        yield [_bill_to_tell(row) for row in rows]


def read_daily_packages(conn: Connection) -> list[int]:
    """Return the packages that are paid by the day."""
    return [row[0] for row in conn.execute(_QUERIES["read_daily_packages"]).fetchall()]


def find_wallets_low(
    conn: Connection,
    *,
    day_prices: Mapping[int, Decimal],
    next_day: str,
    balance_low: Decimal,
    payments_since: datetime,
    channels: Sequence[str],
    chunk: int,
) -> Iterator[list[WalletToTell]]:
    """Yield chunks of prepaid wallets that are low and were not told of."""
    query = _QUERIES["find_wallets_low"]
    values = {
        "package_id": array(day_prices),
        "price": array(day_prices.values()),
        "next_day": next_day,
        "balance_low": balance_low,
        "payments_since": payments_since,
        "channels": list(channels),
    }
    for rows in _chunks(conn, query, values, chunk):
        yield [
            WalletToTell(
                Contact(*row[:6]),
                BalanceFacts(row[6], row[7], next_day, row[8]),
                row[9],
            )
            for row in rows
        ]


def find_packages_ending(
    conn: Connection,
    *,
    now: datetime,
    until: datetime,
    channels: Sequence[str],
    chunk: int,
) -> Iterator[list[PackageToTell]]:
    """Yield chunks of packages whose time ends by a moment or whose data is short."""
    query = _QUERIES["find_packages_ending"]
    values = {"now": now, "until": until, "channels": list(channels)}
    for rows in _chunks(conn, query, values, chunk):
        yield [
            PackageToTell(
                Contact(*row[:6]), PackageFacts(*row[6:11]), row[11], frozenset(row[12])
            )
            for row in rows
        ]


def read_contacts(
    conn: Connection, customer_ids: Sequence[int], channels: Sequence[str]
) -> list[ServiceToTell]:
    """Return the ways to reach these customers, and how their money stands."""
    rows = conn.execute(
        _QUERIES["read_contacts"],
        {"customer_ids": list(customer_ids), "channels": list(channels)},
    ).fetchall()
    return [ServiceToTell(Contact(*row[:6]), row[6], row[7]) for row in rows]


def insert_messages(
    conn: Connection, messages: Sequence[NewMessage], now: datetime
) -> int:
    """Write messages to be sent; returns how many were not told before."""
    columns = {
        name: array(column)
        for name, column in zip(
            NewMessage._fields, zip(*messages, strict=True), strict=True
        )
    }
    return conn.execute(_QUERIES["insert_messages"], {**columns, "now": now}).rowcount


def insert_code_message(conn: Connection, message: NewMessage, now: datetime) -> None:
    """Write a message with a code, to be sent before all others."""
    values = {**message._asdict(), "now": now}
    conn.execute(_QUERIES["insert_code_message"], values)


def claim_messages(
    conn: Connection,
    channel: str,
    now: datetime,
    *,
    lease_seconds: float,
    limit: int,
) -> list[Claimed]:
    """Take what is due; what is not finished within the lease is due again."""
    rows = conn.execute(
        _QUERIES["claim_messages"],
        {
            "channel": channel,
            "now": now,
            "lease_seconds": lease_seconds,
            "limit": limit,
        },
    ).fetchall()
    return [Claimed(*row) for row in rows]


def finish_message(
    conn: Connection,
    message: Claimed,
    *,
    state: str,
    error: str | None,
    now: datetime,
    next_attempt_at: datetime,
) -> None:
    """Note what became of a message."""
    conn.execute(
        _QUERIES["finish_message"],
        {
            "customer_id": message.customer_id,
            "message_id": message.message_id,
            "attempts": message.attempts,
            "state": state,
            "error": error,
            "now": now,
            "next_attempt_at": next_attempt_at,
        },
    )


def list_messages(
    conn: Connection, *, username: str | None, limit: int
) -> list[MessageRow]:
    """Return the newest messages, of one customer or of all."""
    with conn.cursor(row_factory=class_row(MessageRow)) as cursor:
        return cursor.execute(
            _QUERIES["list_messages"], {"username": username, "limit": limit}
        ).fetchall()


def set_contact(
    conn: Connection,
    customer_id: int,
    *,
    username: str,
    mobile: str | None,
    mail: str | None,
    language: str | None,
) -> None:
    """Set where and in what language a customer is written to; None = as it is."""
    try:
        conn.execute(
            _QUERIES["set_contact"],
            {
                "customer_id": customer_id,
                "mobile": mobile,
                "mail": mail,
                "language": language,
            },
        )
    except errors.CheckViolation:
        raise CustomerError(username, "the language is en or bn") from None


def _bill_to_tell(row: tuple[Any, ...]) -> BillToTell:
    return BillToTell(Contact(*row[:6]), BillFacts(*row[6:12]), *row[12:])


def _chunks(
    conn: Connection, query: LiteralString, values: Mapping[str, object], chunk: int
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of a query chunk by chunk, while other transactions come and go.

    The server keeps them (WITH HOLD): a million bills are looked for once and are
    never all in our memory.
    """
    with conn.cursor(name="reminders", withhold=True) as cursor:
        cursor.execute(query, values)
        while rows := cursor.fetchmany(chunk):
            yield rows
