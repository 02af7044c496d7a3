"""Run Khata's own PostgreSQL, FreeRADIUS, worker, scheduler and web on one machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from billing_core.stack.errors import StackError
from billing_core.stack.handle import Stack
from billing_core.stack.lifecycle import bring_up
from billing_core.stack.postgres_only import (
    Postgres,
    scratch_var,
    start_postgres_only,
)
from billing_core.stack.state import ALL_PROCESSES

__all__ = [
    "ALL_PROCESSES",
    "Postgres",
    "Stack",
    "StackError",
    "scratch_var",
    "start_postgres_only",
    "up",
]


def up(
    var: Path,
    *,
    processes: Sequence[str] = ALL_PROCESSES,
    ports: Mapping[str, int] | None = None,
    listen: str | None = None,
    database_away: str | None = None,
    database_away_minutes: int | None = None,
    max_threads: int | None = None,
    fast_init: bool = False,
    currency: str | None = None,
    zone: str | None = None,
) -> Stack:
    """Start a stack of its own under a var directory; it ends with this process.

    `fast_init` does not wait for the disk while the cluster's files are made; the
    running database is as durable as ever.
    """
    around, supervisor = bring_up(
        var,
        fixed_ports=dict(ports or {}),
        usual_ports=False,
        fast_init=fast_init,
        tied_to_us=True,
        currency=currency,
        zone=zone,
        processes=tuple(processes),
        listen=listen,
        database_away=database_away,
        database_away_minutes=database_away_minutes,
        max_threads=max_threads,
    )
    return Stack(around, supervisor)
