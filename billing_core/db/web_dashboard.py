"""What the dashboard shows: how a scope's customers stand, and the machines."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.db.web_lists import Scope, as_list, read_page

_QUERIES = load_queries("web_dashboard")


@dataclass(frozen=True, slots=True)
class Standing:
    """How customers stand now."""

    online: int
    suspended: int
    outstanding: Decimal


@dataclass(frozen=True, slots=True)
class Collected:
    """What came in on a day by a method."""

    day: date
    method: str
    amount: Decimal
    payments: int


@dataclass(frozen=True, slots=True)
class SilentNas:
    """A NAS with sessions that tells nothing of them."""

    name: str
    sessions: int
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class LatestRun:
    """The newest run of a billing job."""

    kind: str
    started_at: datetime
    finished_at: datetime | None
    billed: int
    parked: int
    errors: int


def read_standing(conn: Connection, scope: Scope) -> Standing:
    """Return how a scope's customers stand."""
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        found = cursor.execute(
            _QUERIES["read_standing"], {"scope": as_list(scope)}, prepare=False
        ).fetchone()
    assert found is not None  # noqa: S101 - a SELECT without FROM gives one row
    return found


def collected_by_day(
    conn: Connection, scope: Scope, *, since: datetime, zone: ZoneInfo
) -> list[Collected]:
    """Return what came in, by day and method."""
    values = {"scope": as_list(scope), "since": since, "zone": zone.key}
    return read_page(conn, _QUERIES["collected_by_day"], values, Collected)


def logins_by_hour(
    conn: Connection, scope: Scope, *, since: datetime
) -> dict[datetime, int]:
    """Return how many sessions began, by hour (UTC)."""
    values = {"scope": as_list(scope), "since": since}
    rows = conn.execute(_QUERIES["logins_by_hour"], values, prepare=False)
    return {row[0]: row[1] for row in rows}


def rejects_by_hour(
    conn: Connection, scope: Scope, *, since: datetime
) -> dict[datetime, int]:
    """Return how many logins were refused, by hour (UTC)."""
    values = {"scope": as_list(scope), "since": since}
    rows = conn.execute(_QUERIES["rejects_by_hour"], values, prepare=False)
    return {row[0]: row[1] for row in rows}


def silent_nas(conn: Connection, now: datetime) -> list[SilentNas]:
    """Return the NAS with sessions that were not heard of for three intervals."""
    with conn.cursor(row_factory=class_row(SilentNas)) as cursor:
        return cursor.execute(_QUERIES["silent_nas"], {"now": now}).fetchall()


def latest_runs(conn: Connection) -> list[LatestRun]:
    """Return the newest run of each billing job."""
    with conn.cursor(row_factory=class_row(LatestRun)) as cursor:
        return cursor.execute(_QUERIES["latest_runs"]).fetchall()
