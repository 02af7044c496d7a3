"""Start, stop and kill single processes of a running stack through their keepers."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from billing_core.stack.errors import StackError
from billing_core.stack.keeper import is_alive

WAIT_SECONDS = 0.02
STOP_SECONDS_MAX = 70.0


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What is known of one process of the stack."""

    name: str
    state: str  # running, starting, held, stopped
    pid: int | None
    restarts: int
    last_end: str | None


def running_pid(pid_file: Path) -> int | None:
    """Return the pid in a pid file if that very process still runs."""
    try:
        named = pid_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return int(named.partition(":")[0]) if is_alive(named) else None


def supervisor_pid(run: Path) -> int | None:
    """Return the pid of the supervisor, if the stack runs."""
    return running_pid(run / "stack.pid")


def process_pid(run: Path, name: str) -> int | None:
    """Return the pid of a process of the stack, if it runs."""
    return running_pid(run / f"{name}.pid")


def process_state(run: Path, name: str) -> ProcessState:
    """Look up how a process is."""
    pid = process_pid(run, name)
    has_keeper = running_pid(run / f"{name}.keeper") is not None
    note: dict[str, object] = {}
    with contextlib.suppress(OSError, ValueError):
        note = json.loads((run / f"{name}.note").read_text(encoding="utf-8"))
    if pid is not None:
        state = "running"
    elif not has_keeper:
        state = "stopped"
    else:
        state = "held" if (run / f"{name}.hold").exists() else "starting"
    last_end = note.get("last_end")
    return ProcessState(
        name,
        state,
        pid,
        int(str(note.get("restarts", 0))),
        str(last_end) if last_end else None,
    )


def hold(run: Path, name: str) -> None:
    """Let a process not run, from now or from its start on."""
    (run / f"{name}.hold").touch()
    _wake_keeper(run, name)


def release(run: Path, name: str) -> None:
    """Let a held process run."""
    (run / f"{name}.hold").unlink(missing_ok=True)
    _wake_keeper(run, name)


def stop(run: Path, name: str) -> None:
    """Stop a process in order and keep it stopped."""
    hold(run, name)
    if not wait_until_gone(run, name, STOP_SECONDS_MAX):
        raise StackError(f"{name} does not stop.", f"See {run.parent / 'log'}.")


def kill(run: Path, name: str, *, keep_down: bool) -> None:
    """End a process by SIGKILL; unless it is to stay down, its keeper restarts it."""
    pid = process_pid(run, name)
    if pid is None:
        raise StackError(f"{name} does not run.")
    if keep_down:
        (run / f"{name}.hold").touch()
    os.kill(pid, signal.SIGKILL)
    pid_file = run / f"{name}.pid"
    wait_for(lambda: process_pid(run, name) != pid, STOP_SECONDS_MAX)
    if keep_down:
        wait_for(lambda: not pid_file.exists(), STOP_SECONDS_MAX)


def wait_until_gone(run: Path, name: str, seconds: float) -> bool:
    """Wait for the end of a process; False when it still runs after that time."""
    return wait_for(lambda: process_pid(run, name) is None, seconds)


def end_process(pid_file: Path, how: signal.Signals, seconds: float) -> bool:
    """Signal the process of a pid file and wait for its end."""
    pid = running_pid(pid_file)
    if pid is None:
        return True
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, how)
    return wait_for(lambda: running_pid(pid_file) is None, seconds)


def _wake_keeper(run: Path, name: str) -> None:
    pid = running_pid(run / f"{name}.keeper")
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)


def wait_for(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; False when it is not by the end of that time."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(WAIT_SECONDS)
    return True
