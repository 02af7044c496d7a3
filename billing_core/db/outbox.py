"""The outbox: requests to NAS, written with their cause and sent by a worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from billing_core.accounting import AcctSession
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("outbox")


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One request that is due, with what identifies its session to the NAS."""

    outbox_id: int
    customer_id: int
    session_id: int
    nas_id: int
    kind: str
    reason: str
    attributes: dict[str, Any]
    attempts: int
    username: str
    acct_session_id: str | None
    framed_ip: str | None
    nas_ip: str | None
    calling_station_id: str
    nas_port_id: str
    session_seconds: int
    started_at: datetime
    #: The session has ended, or nobody asks for its end any more.
    is_moot: bool


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A request and what came of it, for people."""

    outbox_id: int
    username: str
    nas: str
    session_id: int
    kind: str
    reason: str
    created_at: datetime
    first_sent_at: datetime | None
    finished_at: datetime | None
    state: str
    attempts: int
    outcome: str | None
    error_cause: int | None


def enqueue_coa(
    conn: Connection, session: AcctSession, reason: str, attributes: dict[str, Any]
) -> None:
    """Ask that a running session be changed."""
    conn.execute(
        _QUERIES["enqueue_coa"],
        {
            "customer_id": session.customer_id,
            "session_id": session.session_id,
            "nas_id": session.nas_id,
            "reason": reason,
            "attributes": Jsonb(attributes),
        },
    )


def cancel_disconnects(
    conn: Connection,
    customer_id: int,
    session_ids: Sequence[int],
    *,
    standing: Sequence[str],
) -> set[int]:
    """Take back Disconnects that have not left; return sessions where one stands.

    Those stand whose reason is of `standing`.
    """
    rows = conn.execute(
        _QUERIES["cancel_disconnects"],
        {
            "customer_id": customer_id,
            "session_ids": list(session_ids),
            "standing": list(standing),
        },
    ).fetchall()
    return {row[0] for row in rows}


def claim_outbox(
    conn: Connection, now: datetime, *, lease_seconds: float, limit: int
) -> list[OutboxItem]:
    """Take what is due; what is not finished within the lease is due again."""
    rows = conn.execute(
        _QUERIES["claim_outbox"],
        {"now": now, "lease_seconds": lease_seconds, "limit": limit},
    ).fetchall()
    return [OutboxItem(*row) for row in rows]


def finish_outbox(
    conn: Connection,
    outbox_id: int,
    *,
    state: str,
    outcome: str | None,
    error_cause: int | None,
    now: datetime,
    next_attempt_at: datetime | None = None,
) -> None:
    """Record what came of a request."""
    conn.execute(
        _QUERIES["finish_outbox"],
        {
            "outbox_id": outbox_id,
            "state": state,
            "outcome": outcome,
            "error_cause": error_cause,
            "now": now,
            "next_attempt_at": next_attempt_at or now,
        },
    )


def next_due(conn: Connection) -> datetime | None:
    """Return when the next request is due."""
    row = conn.execute(_QUERIES["next_due"]).fetchone()
    return None if row is None else row[0]


def list_outbox(
    conn: Connection,
    *,
    username: str | None,
    limit: int,
    session_id: int | None = None,
) -> list[OutboxRow]:
    """Return the newest requests, of one customer or session or of all."""
    with conn.cursor(row_factory=class_row(OutboxRow)) as cursor:
        return cursor.execute(
            _QUERIES["list_outbox"],
            {"username": username, "session_id": session_id, "limit": limit},
        ).fetchall()
