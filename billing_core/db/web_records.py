"""One customer's records, a page at a time: his wallet, his sessions, his log."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.db.web_lists import read_page, stream_all

_QUERIES = load_queries("web_records")


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
class SessionRow:
    """A session of a customer."""

    session_id: int
    state: str
    started_at: datetime
    ended_at: datetime | None
    terminate_cause: str | None
    session_seconds: int
    #: From the customer: upload.
    input_octets: int
    #: To the customer: download.
    output_octets: int
    framed_ip: str | None
    framed_ipv6: str
    calling_station_id: str
    nas: str | None
    package: str
    charged: Decimal


@dataclass(frozen=True, slots=True)
class EventRow:
    """What was done to a customer, by whom and why."""

    event_id: int
    at: datetime
    actor: str
    what: str
    reason: str | None
    note: str


def list_wallet(
    conn: Connection, customer_id: int, *, limit: int, after: int | None = None
) -> list[WalletRow]:
    """Return a customer's ledger, newest first, before an entry."""
    values = {"customer_id": customer_id, "after": after, "limit": limit}
    return read_page(conn, _QUERIES["list_wallet"], values, WalletRow)


def stream_wallet(
    conn: Connection, customer_id: int
) -> Generator[WalletRow, None, None]:
    """Yield all of a customer's ledger, newest first."""
    values = {"customer_id": customer_id, "after": None}
    return stream_all(conn, _QUERIES["list_wallet"], values, WalletRow)


def list_sessions_of(
    conn: Connection, customer_id: int, *, limit: int, after: int | None = None
) -> list[SessionRow]:
    """Return a customer's sessions, newest first, before one of them."""
    values = {"customer_id": customer_id, "after": after, "limit": limit}
    return read_page(conn, _QUERIES["list_sessions_of"], values, SessionRow)


def stream_sessions_of(
    conn: Connection, customer_id: int
) -> Generator[SessionRow, None, None]:
    """Yield all of a customer's sessions, newest first."""
    values = {"customer_id": customer_id, "after": None}
    return stream_all(conn, _QUERIES["list_sessions_of"], values, SessionRow)


def list_events_of(
    conn: Connection, customer_id: int, *, limit: int, after: int | None = None
) -> list[EventRow]:
    """Return a customer's log, newest first, before an entry."""
    values = {"customer_id": customer_id, "after": after, "limit": limit}
    return read_page(conn, _QUERIES["list_events_of"], values, EventRow)


def stream_events_of(
    conn: Connection, customer_id: int
) -> Generator[EventRow, None, None]:
    """Yield all of a customer's log, newest first."""
    values = {"customer_id": customer_id, "after": None}
    return stream_all(conn, _QUERIES["list_events_of"], values, EventRow)
