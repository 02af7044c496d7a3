"""How the installation is doing."""

from dataclasses import dataclass
from typing import Any

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("overview")


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts of now and of the last hour; no customer's name."""

    sessions_online: int
    #: Counted up to 100,001.
    intake_backlog: int
    packets_parked: int
    outbox_waiting: int
    outbox_failed_last_hour: int
    worker_is_alive: bool
    scheduler_is_alive: bool
    rejects_last_hour: tuple[tuple[str, int], ...]


def read_overview(conn: Connection) -> Overview:
    """Return how the installation is doing."""
    row = conn.execute(_QUERIES["read_overview"]).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM gives one row
    rejects = conn.execute(_QUERIES["rejects_last_hour"]).fetchall()
    fields: tuple[Any, ...] = (*row, tuple(rejects))
    return Overview(*fields)
