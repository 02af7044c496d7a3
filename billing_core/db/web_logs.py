"""What was done by whom, how the billing runs went, and what waits."""

from collections.abc import Generator
from dataclasses import asdict, dataclass
from datetime import datetime

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.db.runs import Run
from billing_core.db.web_lists import read_page, stream_all

_QUERIES = load_queries("web_logs")

LOGS = ("customers", "operators", "cards")


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries of the logs."""

    #: As it is written in the log: operator:boss, cli:root, scheduler.
    actor: str | None = None
    #: In full, as it is written in the log: suspended, cards printed.
    what: str | None = None
    customer_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    #: One of LOGS.
    log: str | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Who did what, and why."""

    at: datetime
    #: Tells entries of one moment apart, across the logs.
    rank: int
    actor: str
    what: str
    reason: str
    note: str
    customer_id: int | None
    username: str | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of a program."""

    name: str
    pid: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Backlogs:
    """What waits to be done."""

    #: Packets to fold; counted up to 100,001.
    intake: int
    intake_since: datetime | None
    packets_parked: int
    #: Requests to NAS.
    outbox: int
    outbox_since: datetime | None
    outbox_failed: int
    messages: int
    payments_to_ask: int
    #: Counted up to 10,001.
    customers_parked: int


def list_events(
    conn: Connection,
    wanted: LogFilter,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[LogEntry]:
    """Return entries of all logs, newest first, after a (time, rank)."""
    values = _events(wanted, after) | {"limit": limit}
    return read_page(conn, _QUERIES["list_events"], values, LogEntry)


def stream_events(
    conn: Connection, wanted: LogFilter
) -> Generator[LogEntry, None, None]:
    """Yield every entry that a filter leaves, without holding them all."""
    return stream_all(conn, _QUERIES["list_events"], _events(wanted), LogEntry)


def list_runs(
    conn: Connection,
    *,
    kind: str | None,
    did_something: bool,
    after: int | None,
    limit: int,
) -> list[Run]:
    """Return runs of billing jobs, newest first, before a number."""
    values = {
        "kind": kind,
        "did_something": did_something,
        "after": after,
        "limit": limit,
    }
    return read_page(conn, _QUERIES["list_runs"], values, Run)


def list_heartbeats(conn: Connection) -> list[Heartbeat]:
    """Return the last sign of life of each program."""
    with conn.cursor(row_factory=class_row(Heartbeat)) as cursor:
        return cursor.execute(_QUERIES["list_heartbeats"]).fetchall()


def read_backlogs(conn: Connection, *, since: datetime, now: datetime) -> Backlogs:
    """Return what waits; what failed is that since a moment."""
    with conn.cursor(row_factory=class_row(Backlogs)) as cursor:
        found = cursor.execute(
            _QUERIES["read_backlogs"], {"since": since, "now": now}
        ).fetchone()
    assert found is not None  # noqa: S101 - a SELECT without FROM gives one row
    return found


def _events(
    wanted: LogFilter, after: tuple[datetime, int] | None = None
) -> dict[str, object]:
    after_at, after_rank = after or (None, None)
    return {**asdict(wanted), "after_at": after_at, "after_rank": after_rank}
