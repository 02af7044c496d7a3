"""Who asks a gateway about an attempt to pay: one at a time, each in its turn."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from psycopg import errors

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("asking")
# Advisory locks of attempts being asked about; the second number is the attempt's.
_ASKING = 0x4B485041


def claim_to_ask(
    conn: Connection, gateway: str, now: datetime, *, lease_until: datetime
) -> int | None:
    """Take one attempt whose time has come, for as long as the lease."""
    row = conn.execute(
        _QUERIES["claim_to_ask"],
        {"gateway": gateway, "now": now, "lease_until": lease_until},
    ).fetchone()
    return None if row is None else int(row[0])


@contextmanager
def asking(conn: Connection, attempt_id: int) -> Iterator[bool]:
    """Be the only one who asks about an attempt; False = somebody is at it for long.

    Waits no longer than the connection waits for any lock, outside of any transaction.
    A process that dies lets go of it with its connection.
    """
    key = {"space": _ASKING, "attempt_id": attempt_id}
    try:
        conn.execute(_QUERIES["lock_asking"], key)
    except errors.LockNotAvailable:
        yield False
        return
    try:
        yield True
    finally:
        if not conn.broken and not conn.closed:
            conn.execute(_QUERIES["unlock_asking"], key)
