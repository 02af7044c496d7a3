"""Sessions that somebody other than a Stop must end or bill."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import LiteralString

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.money import VatSplit
from billing_core.service_days import DayPrice

_QUERIES = load_queries("closing")


@dataclass(frozen=True, slots=True)
class NasRestart:
    """A NAS that restarted, by its clock and by ours."""

    nas_id: int
    restarted_at: datetime
    received_at: datetime


def find_running_on_nas(
    conn: Connection, restart: NasRestart, *, limit: int
) -> list[int]:
    """Return customers with sessions on a NAS that were not heard of since."""
    return _ids(
        conn, _QUERIES["find_running_on_nas"], {**asdict(restart), "limit": limit}
    )


def note_nas_restart(conn: Connection, restart: NasRestart) -> None:
    """Note that a NAS restarted, so that its old sessions will be ended."""
    conn.execute(_QUERIES["note_nas_restart"], asdict(restart))


def list_nas_restarts(conn: Connection) -> list[NasRestart]:
    """Return the restarts whose old sessions are to be ended."""
    rows = conn.execute(_QUERIES["list_nas_restarts"]).fetchall()
    return [NasRestart(*row) for row in rows]


def finish_nas_restart(conn: Connection, restart: NasRestart) -> None:
    """Note that all sessions of before this restart are ended."""
    conn.execute(_QUERIES["finish_nas_restart"], asdict(restart))


def forget_rejects(conn: Connection, before: datetime) -> int:
    """Delete rejected logins of before; returns how many."""
    return conn.execute(_QUERIES["forget_rejects"], {"before": before}).rowcount


def find_stale(
    conn: Connection,
    now: datetime,
    *,
    missed: float,
    grace_seconds: int,
    opening_seconds: int,
    limit: int,
) -> list[int]:
    """Return customers with sessions that fell silent, or never started."""
    return _ids(
        conn,
        _QUERIES["find_stale"],
        {
            "now": now,
            "missed": missed,
            "grace_seconds": grace_seconds,
            "opening_seconds": opening_seconds,
            "limit": limit,
        },
    )


def find_due_to_cut(conn: Connection, now: datetime, *, limit: int) -> list[int]:
    """Return customers with sessions whose limit is reached by now."""
    return _ids(conn, _QUERIES["find_due_to_cut"], {"now": now, "limit": limit})


def find_days_due(conn: Connection, now: datetime, *, limit: int) -> list[int]:
    """Return customers whose daily sessions ran into a day that is not charged."""
    return _ids(conn, _QUERIES["find_days_due"], {"now": now, "limit": limit})


def read_day_prices(
    conn: Connection, package_ids: Iterable[int]
) -> dict[int, tuple[str, DayPrice]]:
    """Return name and day price of daily packages, by id."""
    rows = conn.execute(
        _QUERIES["read_day_prices"], {"package_ids": list(package_ids)}
    ).fetchall()
    return {row[0]: (row[1], DayPrice(*row[2:])) for row in rows}


def read_days_charged(
    conn: Connection, customer_ids: Iterable[int], day: date
) -> set[int]:
    """Return which of these customers have this service day charged."""
    return set(
        _ids(
            conn,
            _QUERIES["read_days_charged"],
            {"day": day, "customer_ids": list(customer_ids)},
        )
    )


def charge_service_days(
    conn: Connection,
    day: date,
    charges: Sequence[tuple[int, str, Decimal, VatSplit]],
    *,
    now: datetime,
    actor: str,
) -> None:
    """Charge and bill (customer_id, description, VAT percent, parts) for one day."""
    conn.execute(
        _QUERIES["charge_service_days"],
        {
            "day": day,
            "now": now,
            "actor": actor,
            "customer_ids": [c[0] for c in charges],
            "descriptions": [c[1] for c in charges],
            "vat_percents": [c[2] for c in charges],
            "nets": [c[3].net for c in charges],
            "vats": [c[3].vat for c in charges],
        },
    )


def next_cut(conn: Connection) -> datetime | None:
    """Return when the next running session reaches its limit."""
    row = conn.execute(_QUERIES["next_cut"]).fetchone()
    return None if row is None else row[0]


def find_unbilled(conn: Connection, *, limit: int) -> list[tuple[int, int]]:
    """Return (customer_id, session_id) of ended sessions with charges on no bill."""
    rows = conn.execute(_QUERIES["find_unbilled"], {"limit": limit}).fetchall()
    return [(row[0], row[1]) for row in rows]


def count_running(conn: Connection) -> int:
    """Count the running sessions."""
    row = conn.execute(_QUERIES["count_running"]).fetchone()
    return 0 if row is None else int(row[0])


def _ids(
    conn: Connection, query: LiteralString, values: dict[str, object]
) -> list[int]:
    return [row[0] for row in conn.execute(query, values).fetchall()]
