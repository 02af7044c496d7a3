"""What the pages show of attempts to pay: those that wait for a person, and all."""

from dataclasses import asdict, dataclass

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.db.web_lists import Scope, like

_QUERIES = load_queries("web_verify")


@dataclass(frozen=True, slots=True)
class AttemptFilter:
    """Which attempts; None = whichever."""

    #: A reference, a transaction's number, or part of a username, name or mobile.
    search: str | None = None
    state: str | None = None
    gateway: str | None = None


@dataclass(frozen=True, slots=True)
class FoundAttempt:
    """An attempt in a list, with whose it is."""

    attempt_id: int
    name: str
    mobile: str
    operator: str | None


def find_waiting(
    conn: Connection,
    wanted: AttemptFilter,
    scope: Scope,
    *,
    after: int | None,
    limit: int,
) -> list[FoundAttempt]:
    """Return what waits for a person, the longest first, after an attempt."""
    return _find(conn, _QUERIES["find_waiting"], wanted, scope, after, limit)


def find_attempts(
    conn: Connection,
    wanted: AttemptFilter,
    scope: Scope,
    *,
    after: int | None,
    limit: int,
) -> list[FoundAttempt]:
    """Return attempts, the newest first, after an attempt."""
    return _find(conn, _QUERIES["find_attempts"], wanted, scope, after, limit)


def is_attempt_of(
    conn: Connection, customer_id: int, attempt_id: int, scope: Scope
) -> bool:
    """Tell whether a customer within a scope has such an attempt."""
    values = {"customer_id": customer_id, "attempt_id": attempt_id}
    row = conn.execute(
        _QUERIES["is_attempt_of"],
        {**values, "scope": None if scope is None else list(scope)},
    ).fetchone()
    return row is not None and bool(row[0])


def _find(
    conn: Connection,
    query: str,
    wanted: AttemptFilter,
    scope: Scope,
    after: int | None,
    limit: int,
) -> list[FoundAttempt]:
    named = _named(conn, wanted.search)
    values = {
        **asdict(wanted),
        "attempt_ids": named,
        "words": None if named else like(wanted.search),
        "scope": None if scope is None else list(scope),
        "after": after,
        "limit": limit,
    }
    with conn.cursor(row_factory=class_row(FoundAttempt)) as cursor:
        # Not prepared: each filter has a plan of its own.
        return cursor.execute(query, values, prepare=False).fetchall()


def _named(conn: Connection, search: str | None) -> list[int] | None:
    """Return the attempts that a search names exactly; None = it names none."""
    if search is None or not search.strip():
        return None
    rows = conn.execute(
        _QUERIES["find_named"], {"name": search.strip().upper()}
    ).fetchall()
    return [row[0] for row in rows] or None
