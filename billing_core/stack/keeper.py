"""Keep one process of the stack running: start it, restart it, stop it in order.

Run as a script by path, with the standard library only, so that it is small and starts
at once: `python keeper.py SPEC.json SUPERVISOR_PID:START_TIME`.

Rules, in order:
1. While NAME.hold exists, the process does not run.
2. A process that ends by itself is started again, after 0.5 s, 1 s, 2 s … up to 30 s;
   one that ran for a minute begins with 0.5 s again.
3. When the supervisor is gone, for whatever reason, the process is stopped in order.
4. When this keeper is gone, even by SIGKILL, the kernel stops the process.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

POLL_SECONDS = 0.5
RESTART_SECONDS_FIRST = 0.5
RESTART_SECONDS_MAX = 30.0
STEADY_SECONDS = 60.0
PR_SET_PDEATHSIG = 1
WAITED_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGCHLD}


def start_time(pid: int) -> str | None:
    """Read when a process began, in clock ticks: with its pid, this names it for good.

    None when there is no such process, or it is only waiting to be reaped.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before may hold anything
    return None if fields[0] in "ZX" else fields[19]


def is_alive(name: str) -> bool:
    """Tell whether the process named PID:START_TIME runs."""
    pid, _, began = name.partition(":")
    return pid.isdigit() and start_time(int(pid)) == began


def main(spec_file: Path, supervisor: str) -> None:
    """Keep the process until this keeper is told to end or the supervisor is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WAITED_SIGNALS)
    name = spec_file.name.removesuffix(".json")
    hold = spec_file.with_suffix(".hold")
    pid_file = spec_file.with_suffix(".pid")
    own_file = spec_file.with_suffix(".keeper")
    own_file.write_text(f"{os.getpid()}:{start_time(os.getpid())}\n", encoding="ascii")
    child: subprocess.Popen[bytes] | None = None
    failures = restarts = 0
    began = not_before = stop_by = 0.0
    is_ending = False
    while True:
        now = time.monotonic()
        if child is not None and child.poll() is not None:
            pid_file.unlink(missing_ok=True)
            asked_to = is_ending or hold.exists()
            failures = 1 if now - began > STEADY_SECONDS else failures + 1
            wait = min(RESTART_SECONDS_FIRST * 2 ** (failures - 1), RESTART_SECONDS_MAX)
            not_before = now + wait
            how = _told(child.returncode)
            print(
                f"{name} {how}"
                + ("." if asked_to else f"; starting it again in {wait:g} s."),
                flush=True,
            )
            if not asked_to:
                restarts += 1
                _note(spec_file, restarts, how)
            child, stop_by = None, 0.0
        is_ending = is_ending or not is_alive(supervisor)
        wanted = not is_ending and not hold.exists()
        if child is None and is_ending:
            break
        if child is None and not wanted:
            failures, not_before = 0, 0.0
        elif child is None and now >= not_before:
            child, began = _spawn(spec_file, pid_file), now
            if child is None:  # it could not even be started
                failures += 1
                not_before = now + RESTART_SECONDS_MAX
        elif child is not None and not wanted:
            stop_by = _stop(child, spec_file, stop_by, now)
        arrived = signal.sigtimedwait(WAITED_SIGNALS, POLL_SECONDS)
        if arrived and arrived.si_signo in (signal.SIGTERM, signal.SIGINT):
            is_ending = True
    own_file.unlink(missing_ok=True)


def _spec(spec_file: Path) -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(spec_file.read_text(encoding="utf-8"))
    return spec


def _spawn(spec_file: Path, pid_file: Path) -> "subprocess.Popen[bytes] | None":
    spec = _spec(spec_file)
    try:
        with contextlib.ExitStack() as opened:
            output = None
            if spec["log"]:
                output = opened.enter_context(Path(spec["log"]).open("ab"))
            child = subprocess.Popen(
                spec["argv"],
                env=spec["environment"],
                cwd=spec["directory"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                user=spec["uid"],
                group=spec["gid"],
                extra_groups=spec["groups"],
                umask=0o027,
                start_new_session=True,  # Ctrl-C is for the supervisor alone
                preexec_fn=_before_exec,
            )
    except OSError as error:
        print(f"{spec_file.stem} cannot be started: {error}.", flush=True)
        return None
    pid_file.write_text(f"{child.pid}:{start_time(child.pid)}\n", encoding="ascii")
    return child


def _before_exec() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _stop(
    child: "subprocess.Popen[bytes]", spec_file: Path, stop_by: float, now: float
) -> float:
    """Ask a process to end, and make it end when its time is over."""
    spec = _spec(spec_file)
    if stop_by == 0.0:
        child.send_signal(spec["stop_signal"])
        return now + float(spec["stop_seconds"])
    if now > stop_by:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    return stop_by


def _told(returncode: int) -> str:
    if returncode < 0:
        return f"was ended by {signal.Signals(-returncode).name}"
    return f"ended with status {returncode}"


def _note(spec_file: Path, restarts: int, how: str) -> None:
    # A full disk must not end the keeper: this file is only for `khata status`.
    with contextlib.suppress(OSError):
        spec_file.with_suffix(".note").write_text(
            json.dumps({"restarts": restarts, "last_end": how}), encoding="utf-8"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
