"""What happened to attempts to pay, in order and for ever."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("attempt_events")


@dataclass(frozen=True, slots=True)
class AttemptEvent:
    """Something that happened to an attempt."""

    event_id: int
    at: datetime
    actor: str
    what: str
    note: str
    answer: dict[str, Any] | None


def log_event(
    conn: Connection,
    attempt_id: int,
    *,
    at: datetime,
    actor: str,
    what: str,
    note: str = "",
    answer: Mapping[str, object] | None = None,
) -> None:
    """Write down what happened to an attempt."""
    conn.execute(
        _QUERIES["insert_event"],
        {
            "attempt_id": attempt_id,
            "at": at,
            "actor": actor,
            "what": what,
            "note": note,
            "answer": None if answer is None else Jsonb(answer),
        },
    )


def log_event_once(
    conn: Connection,
    attempt_id: int,
    *,
    at: datetime,
    actor: str,
    what: str,
    note: str,
) -> None:
    """Write down what may be told any number of times, unless it stands there."""
    conn.execute(
        _QUERIES["insert_event_once"],
        {
            "attempt_id": attempt_id,
            "at": at,
            "actor": actor,
            "what": what,
            "note": note,
        },
    )


def has_event(conn: Connection, attempt_id: int, what: str, note: str) -> bool:
    """Tell whether this ever happened to an attempt."""
    row = conn.execute(
        _QUERIES["has_event"], {"attempt_id": attempt_id, "what": what, "note": note}
    ).fetchone()
    return row is not None and bool(row[0])


def list_attempt_events(conn: Connection, attempt_id: int) -> list[AttemptEvent]:
    """Return all that happened to an attempt, in order."""
    with conn.cursor(row_factory=class_row(AttemptEvent)) as cursor:
        return cursor.execute(
            _QUERIES["list_events"], {"attempt_id": attempt_id}
        ).fetchall()
