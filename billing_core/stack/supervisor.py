"""Run the keepers of one stack under honcho, until told to end.

Run as `python -m billing_core.stack.supervisor RUN_DIRECTORY TIED_TO NAME…`.
TIED_TO is `-`, or PID:START_TIME of a process whose end ends the stack (tests).
When any keeper ends, honcho ends them all: a keeper only ends when it is told to.
"""

import contextlib
import os
import shlex
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import honcho.manager
from honcho.printer import Printer

from billing_core.stack.keeper import is_alive, start_time

#: PostgreSQL writes what is in its memory when it is stopped; that takes time.
KILL_SECONDS = 60
TIE_SECONDS = 1.0


class ForgivingPrinter(Printer):  # type: ignore[misc] # honcho has no types
    """A printer that drops lines while the disk is full, instead of ending all."""

    def write(self, message: Any) -> None:
        """Print one message of one process."""
        with contextlib.suppress(OSError):
            super().write(message)


def main(run_directory: Path, tied_to: str, names: list[str]) -> int:
    """Start one keeper a process and wait for the end of all."""
    me = f"{os.getpid()}:{start_time(os.getpid())}"
    pid_file = run_directory / "stack.pid"
    pid_file.write_text(me + "\n", encoding="ascii")
    honcho.manager.KILL_WAIT = KILL_SECONDS
    manager = honcho.manager.Manager(ForgivingPrinter(sys.stdout))
    keeper = Path(__file__).with_name("keeper.py")
    for name in names:
        spec = run_directory / f"{name}.json"
        command = [sys.executable, "-I", "-S", "-B", str(keeper), str(spec), me]
        manager.add_process(name, "exec " + shlex.join(command))
    if tied_to != "-":
        _end_with(tied_to)
    try:
        manager.loop()
    finally:
        pid_file.unlink(missing_ok=True)
    return 0 if manager.returncode in (0, 130, 143) else 1


def _end_with(tied_to: str) -> None:
    """End this supervisor when another process is gone."""

    def look(_signal: int, _frame: FrameType | None) -> None:
        if not is_alive(tied_to):
            signal.setitimer(signal.ITIMER_REAL, 0)
            os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, TIE_SECONDS, TIE_SECONDS)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
