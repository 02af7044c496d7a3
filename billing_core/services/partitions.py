"""Keep a table ahead for each month of accounting history."""

from datetime import UTC, date, datetime

from psycopg import errors, sql

from billing_core.db.connect import Connection, in_transaction
from billing_core.db.queries import load_queries

_QUERIES = load_queries("partitions")
_MONTHS_AHEAD = 3


def ensure_partitions(conn: Connection, now: datetime) -> list[str]:
    """Make the tables of this month and the next ones; return those that were new.

    Without one a month's packets land in the default partition: recorded all the same,
    but slow to archive.
    """
    return in_transaction(conn, lambda: _ensure(conn, now))


def _ensure(conn: Connection, now: datetime) -> list[str]:
    # One at a time: two that find a month missing would both make it.
    conn.execute(_QUERIES["lock_partitions"])
    made = []
    month = now.astimezone(UTC).date().replace(day=1)
    for _ in range(_MONTHS_AHEAD + 1):
        following = _next_month(month)
        name = f"acct_event_{month:%Y_%m}"
        row = conn.execute(_QUERIES["has_partition"], {"name": name}).fetchone()
        if row is not None and not row[0] and _make(conn, name, month, following):
            made.append(name)
        month = following
    return made


def _make(conn: Connection, name: str, month: date, following: date) -> bool:
    """Make one month's table; False when its first packets came before it did.

    They are in the default partition and cannot leave it, history being append-only:
    that month stays there, and the others get their tables all the same.
    """
    try:
        with conn.transaction():
            conn.execute(
                sql.SQL(
                    "CREATE TABLE {} PARTITION OF acct_event"
                    " FOR VALUES FROM ({}) TO ({})"
                ).format(
                    sql.Identifier(name),
                    sql.Literal(f"{month} 00:00:00+00"),
                    sql.Literal(f"{following} 00:00:00+00"),
                )
            )
            conn.execute(
                sql.SQL(
                    "CREATE TRIGGER acct_event_not_truncated BEFORE TRUNCATE ON {}"
                    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()"
                ).format(sql.Identifier(name))
            )
    except errors.CheckViolation:
        return False
    return True


def _next_month(month: date) -> date:
    return (
        month.replace(year=month.year + 1, month=1)
        if month.month == 12
        else month.replace(month=month.month + 1)
    )
