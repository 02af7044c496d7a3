"""Clear what a crashed stack left: processes that outlived it, files of dead ones."""

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from billing_core.stack import cluster as clusters
from billing_core.stack import control
from billing_core.stack.layout import Layout

KEEPER_SECONDS = 3.0
ORDERLY_SECONDS = 15.0
POSTGRES_SECONDS = 75.0


def clear_leftovers(layout: Layout, say: Callable[[str], None]) -> bool:
    """End what outlived its supervisor, and remove files that name dead processes."""
    (layout.run / "stack.pid").unlink(missing_ok=True)
    found = False
    for pid_file in sorted(layout.run.glob("*.pid")):
        name = pid_file.stem
        if control.running_pid(pid_file) is not None:
            found = True
            say(f"Stopping {name}, which outlived the last stack.")
            # Its keeper does so within a second; without a keeper, it is for us to do.
            if not control.wait_until_gone(layout.run, name, KEEPER_SECONDS):
                _end_leftover(pid_file, name)
        pid_file.unlink(missing_ok=True)
    postmaster = clusters.postmaster_pid(layout)
    if postmaster is not None:
        found = True
        say(f"Stopping PostgreSQL (pid {postmaster}), which outlived the last stack.")
        with contextlib.suppress(ProcessLookupError):
            os.kill(postmaster, signal.SIGINT)
        control.wait_for(
            lambda: clusters.postmaster_pid(layout) is None, POSTGRES_SECONDS
        )
    for hold in layout.run.glob("*.hold"):
        hold.unlink(missing_ok=True)
    return found


def _end_leftover(pid_file: Path, name: str) -> None:
    first = signal.SIGINT if name == "postgres" else signal.SIGTERM
    if not control.end_process(pid_file, first, ORDERLY_SECONDS):
        control.end_process(pid_file, signal.SIGKILL, ORDERLY_SECONDS)
