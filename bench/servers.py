"""Run a private FreeRADIUS from a configuration of the benchmark's own."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from billing_core.stack import radius
from billing_core.stack.identities import server_identity
from billing_core.stack.programs import BASE_ENVIRONMENT, last_lines

PROGRAM = Path("/usr/sbin/freeradius")
SECRET = "bench-secret"  # noqa: S105 - of servers that listen on loopback only
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 30.0
_PR_SET_PDEATHSIG = 1


class Server:
    """A FreeRADIUS under load, started without -X and with its threads on."""

    def __init__(
        self,
        name: str,
        etc_dir: Path,
        *,
        auth_port: int,
        acct_port: int,
        secret: str = SECRET,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.auth_port = auth_port
        self.acct_port = acct_port
        self.secret = secret
        self._etc_dir = etc_dir
        self._environment = dict(BASE_ENVIRONMENT) | dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers Status-Server."""
        identity = server_identity()
        log = self._etc_dir / "radius.out"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                radius.command(PROGRAM, self._etc_dir),
                cwd=self._etc_dir,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                preexec_fn=_end_with_parent,
                user=identity.uid if identity.is_switch else None,
                group=identity.gid if identity.is_switch else None,
                extra_groups=identity.groups if identity.is_switch else None,
            )
        end = time.monotonic() + START_SECONDS_MAX
        while not radius.answers("127.0.0.1", self.auth_port, self.secret, 0.3):
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.name} does not start:\n{_tail(log)}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it in order; by force when it does not end.

        A thread of 3.2.1 that found only a request given up in its queue turns round
        and round until the next one comes (request_dequeue() in its threads.c); after
        SIGTERM none comes.
        """
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def give_to_server(directory: Path) -> None:
    """Let the server's user read (and write logs in) what we wrote, and nobody else."""
    identity = server_identity()
    for folder, _, files in os.walk(directory):
        for place in (folder, *(os.path.join(folder, name) for name in files)):
            if identity.is_switch:
                os.chown(place, identity.uid, identity.gid)
            os.chmod(place, 0o700 if os.path.isdir(place) else 0o600)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _tail(log: Path) -> str:
    return last_lines(log.read_text(encoding="utf-8", errors="replace"), 20)
