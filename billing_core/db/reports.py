"""What people look at: read-only."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("reports")


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as people see it."""

    session_id: int
    customer_id: int
    username: str
    nas: str | None
    package: str
    state: str
    acct_session_id: str | None
    calling_station_id: str
    framed_ip: str | None
    framed_ipv6: str
    started_at: datetime
    last_event_at: datetime
    ended_at: datetime | None
    terminate_cause: str | None
    session_seconds: int
    #: From the customer: upload.
    input_octets: int
    #: To the customer: download.
    output_octets: int
    charged: Decimal
    billed: Decimal
    limit_seconds: int | None
    limit_octets: int | None
    cut_at: datetime | None
    cut_reason: str | None
    disconnect_requested_at: datetime | None
    held: Decimal


@dataclass(frozen=True, slots=True)
class RejectRow:
    """A login that was refused, and why."""

    rejected_at: datetime
    username: str
    reason: str
    nas: str | None
    calling_station_id: str


@dataclass(frozen=True, slots=True)
class UnknownNasRow:
    """An address that spoke to us and is no NAS of ours."""

    last_seen_at: datetime
    address: str
    packets: int


def list_sessions(
    conn: Connection,
    *,
    customer_id: int | None,
    running: bool,
    limit: int,
    session_id: int | None = None,
) -> list[SessionRow]:
    """Return the newest sessions, or one of them."""
    with conn.cursor(row_factory=class_row(SessionRow)) as cursor:
        return cursor.execute(
            _QUERIES["list_sessions"],
            {
                "customer_id": customer_id,
                "session_id": session_id,
                "running": running,
                "limit": limit,
            },
        ).fetchall()


def list_rejects(
    conn: Connection, *, username: str | None, limit: int
) -> list[RejectRow]:
    """Return the newest rejected logins."""
    with conn.cursor(row_factory=class_row(RejectRow)) as cursor:
        return cursor.execute(
            _QUERIES["list_rejects"], {"username": username, "limit": limit}
        ).fetchall()


def list_unknown_nas(conn: Connection, *, limit: int) -> list[UnknownNasRow]:
    """Return addresses that are no NAS of ours, latest first."""
    with conn.cursor(row_factory=class_row(UnknownNasRow)) as cursor:
        return cursor.execute(_QUERIES["list_unknown_nas"], {"limit": limit}).fetchall()


def count_parked(conn: Connection) -> int:
    """Count the packets that were set aside."""
    row = conn.execute(_QUERIES["count_parked"]).fetchone()
    return 0 if row is None else int(row[0])
