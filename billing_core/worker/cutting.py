"""The loop that cuts sessions at the moment their limit is reached."""

import threading
from datetime import UTC, datetime

from billing_core.db.closing import next_cut
from billing_core.db.connect import Connection
from billing_core.services.closing import bill_leftover_sessions, cut_due_sessions
from billing_core.services.rollover import roll_service_days
from billing_core.settings import Settings
from billing_core.worker.connection import keep_connected

# How late a limit that was set meanwhile may be noticed.
_LOOK_SECONDS = 0.5


def run_cutting(settings: Settings, stop: threading.Event) -> None:
    """Cut until told to stop."""
    keep_connected(
        settings.database_url,
        "cutting",
        stop,
        lambda conn: _serve(conn, settings, stop),
    )


def _serve(conn: Connection, settings: Settings, stop: threading.Event) -> None:
    while not stop.is_set():
        bill_leftover_sessions(conn, datetime.now(UTC))
        due = next_cut(conn)
        now = datetime.now(UTC)
        if due is not None and due <= now:
            roll_service_days(conn, now, settings.zone)
            cut_due_sessions(conn, now)
            continue
        until = _LOOK_SECONDS if due is None else (due - now).total_seconds()
        stop.wait(min(until, _LOOK_SECONDS))
