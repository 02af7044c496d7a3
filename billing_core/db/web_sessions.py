"""Who is logged in to the web pages, how often it was tried, and one-time codes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("web_sessions")


@dataclass(frozen=True, slots=True)
class NewWebSession:
    """A login: of an operator, or of a customer to the portal."""

    token_hash: bytes
    operator_id: int | None
    customer_id: int | None
    awaits_code: bool
    idle_seconds: int
    expires_at: datetime
    address: str


@dataclass(frozen=True, slots=True)
class WebSession:
    """Who is logged in, and whom he may see."""

    operator_id: int | None
    customer_id: int | None
    awaits_code: bool
    last_seen_at: datetime
    username: str | None
    name: str | None
    role: str | None
    parent_id: int | None
    permissions: list[str] | None
    language: str
    has_totp: bool
    customer_username: str | None
    #: Role and permissions of each operator above him, separated by spaces.
    superiors: list[str]
    #: He (or whose staff he is) and every operator below.
    subordinates: list[int]


def insert_session(conn: Connection, session: NewWebSession, now: datetime) -> None:
    """Write a login."""
    conn.execute(
        _QUERIES["insert_session"],
        {
            "token_hash": session.token_hash,
            "operator_id": session.operator_id,
            "customer_id": session.customer_id,
            "awaits_code": session.awaits_code,
            "idle_seconds": session.idle_seconds,
            "expires_at": session.expires_at,
            "address": session.address,
            "now": now,
        },
    )


def find_session(
    conn: Connection, token_hash: bytes, now: datetime
) -> WebSession | None:
    """Return who is logged in by this cookie; None = nobody, or not any more."""
    with conn.cursor(row_factory=class_row(WebSession)) as cursor:
        return cursor.execute(
            _QUERIES["find_session"], {"token_hash": token_hash, "now": now}
        ).fetchone()


def touch_session(conn: Connection, token_hash: bytes, now: datetime) -> None:
    """Note that a login was seen."""
    conn.execute(_QUERIES["touch_session"], {"token_hash": token_hash, "now": now})


def delete_session(conn: Connection, token_hash: bytes) -> None:
    """Log out."""
    conn.execute(_QUERIES["delete_session"], {"token_hash": token_hash})


def delete_operator_sessions(
    conn: Connection, operator_id: int, *, but: bytes | None = None
) -> None:
    """Log an operator out everywhere but here."""
    conn.execute(
        _QUERIES["delete_operator_sessions"], {"operator_id": operator_id, "but": but}
    )


def delete_customer_sessions(
    conn: Connection, customer_id: int, *, but: bytes | None = None
) -> None:
    """Log a customer out everywhere but here."""
    conn.execute(
        _QUERIES["delete_customer_sessions"], {"customer_id": customer_id, "but": but}
    )


def delete_ended_sessions(conn: Connection, now: datetime) -> int:
    """Forget logins and tries that are over; returns how many logins."""
    return conn.execute(_QUERIES["delete_ended_sessions"], {"now": now}).rowcount


def count_try(
    conn: Connection, subject: str, *, window_start: datetime, now: datetime
) -> tuple[int, datetime]:
    """Count a try; returns how many there are in the window, and when it began."""
    row = conn.execute(
        _QUERIES["count_try"],
        {"subject": subject, "window_start": window_start, "now": now},
    ).fetchone()
    assert row is not None  # noqa: S101 - an upsert returns its row
    return int(row[0]), row[1]


def forget_tries(conn: Connection, subjects: Iterable[str]) -> None:
    """Let what was tried before count no more."""
    conn.execute(_QUERIES["forget_tries"], {"subjects": list(subjects)})


def insert_code(
    conn: Connection,
    customer_id: int,
    code_hash: bytes,
    *,
    expires_at: datetime,
    now: datetime,
) -> None:
    """Write a code that is sent to a customer."""
    conn.execute(
        _QUERIES["insert_code"],
        {
            "customer_id": customer_id,
            "code_hash": code_hash,
            "expires_at": expires_at,
            "now": now,
        },
    )


def use_code(
    conn: Connection,
    customer_id: int,
    code_hash: bytes,
    *,
    tries_max: int,
    now: datetime,
) -> bool:
    """Use up a customer's newest code; False when it is another, over or used.

    Each call counts as a try, so that a code is not guessed by trying all of them.
    """
    found = conn.execute(
        _QUERIES["use_code"],
        {
            "customer_id": customer_id,
            "code_hash": code_hash,
            "tries_max": tries_max,
            "now": now,
        },
    ).fetchone()
    if found is None:
        return False
    values = {"customer_id": customer_id, "code_id": found[0], "now": now}
    return conn.execute(_QUERIES["mark_code_used"], values).rowcount == 1
