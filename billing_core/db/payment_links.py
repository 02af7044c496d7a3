"""Links that open one payment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("payment_links")
_OPENING = 0x4B484C4B


@dataclass(frozen=True, slots=True)
class PaymentLink:
    """A link as it stands."""

    link_id: int
    customer_id: int
    username: str
    language: str
    #: None = what is open when it is opened.
    amount: Decimal | None
    #: None = whatever is due first.
    bill_id: int | None
    created_at: datetime
    created_by: str
    expires_at: datetime
    withdrawn_at: datetime | None
    #: The reference of the attempt that was paid by it, or waits for a person.
    spent_by: str | None


def insert_link(
    conn: Connection,
    *,
    customer_id: int,
    amount: Decimal | None,
    bill_id: int | None,
    created_at: datetime,
    created_by: str,
    expires_at: datetime,
) -> int:
    """Write a link and return its id."""
    row = conn.execute(
        _QUERIES["insert_link"],
        {
            "customer_id": customer_id,
            "amount": amount,
            "bill_id": bill_id,
            "created_at": created_at,
            "created_by": created_by,
            "expires_at": expires_at,
        },
    ).fetchone()
    return 0 if row is None else int(row[0])


def read_link(conn: Connection, link_id: int) -> PaymentLink | None:
    """Return a link; None = there is no such."""
    with conn.cursor(row_factory=class_row(PaymentLink)) as cursor:
        return cursor.execute(_QUERIES["read_link"], {"link_id": link_id}).fetchone()


def find_begun(
    conn: Connection, link_id: int, gateway: str, amount: Decimal, *, since: datetime
) -> tuple[int, str, str] | None:
    """Return (id, reference, address) of a link's checkout that is open since then."""
    row = conn.execute(
        _QUERIES["find_begun"],
        {"link_id": link_id, "gateway": gateway, "amount": amount, "since": since},
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]), str(row[2]))


@contextmanager
def opening(conn: Connection, link_id: int) -> Iterator[bool]:
    """Be the only one who opens a link's checkout; False = somebody is at it for long.

    As `payments.asking`: outside of any transaction, as long as any lock is waited for.
    """
    key = {"space": _OPENING, "link_id": link_id}
    try:
        conn.execute(_QUERIES["lock_opening"], key)
    except errors.LockNotAvailable:
        yield False
        return
    try:
        yield True
    finally:
        if not conn.broken and not conn.closed:
            conn.execute(_QUERIES["unlock_opening"], key)


def set_link_attempt(conn: Connection, link_id: int, attempt_id: int) -> None:
    """Note the newest attempt that a link opened."""
    conn.execute(
        _QUERIES["set_link_attempt"], {"link_id": link_id, "attempt_id": attempt_id}
    )


def withdraw_link(conn: Connection, link_id: int, now: datetime) -> bool:
    """Let a link open nothing any more; False when it was withdrawn already."""
    done = conn.execute(_QUERIES["withdraw_link"], {"link_id": link_id, "now": now})
    return done.rowcount == 1
