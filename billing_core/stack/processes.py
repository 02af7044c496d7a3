"""List the stack's processes: what runs, as whom, how it ends, when it is ready."""

import json
import signal
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psycopg

from billing_core.stack import cluster as clusters
from billing_core.stack import control, radius
from billing_core.stack.errors import StackError
from billing_core.stack.identities import Identity
from billing_core.stack.layout import Layout, write_file
from billing_core.stack.programs import BASE_ENVIRONMENT, log_tail
from billing_core.stack.surroundings import Surroundings

READY_SECONDS_MAX = 40.0
#: A process that ended so often before it was ready will not become ready.
ENDS_MAX = 3


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How one process is run and when it may be called ready."""

    name: str
    argv: list[str]
    identity: Identity
    environment: Mapping[str, str]
    stop_signal: signal.Signals
    stop_seconds: int
    is_ready: Callable[[], bool]


def process_specs(around: Surroundings) -> list[ProcessSpec]:
    """List every process of a stack in the order in which they start."""
    run = around.layout.run
    environment = server_environment(around)
    python_environment = {**environment, "PYTHONPATH": around.code.python_path}

    def khata(name: str, is_ready: Callable[[], bool]) -> ProcessSpec:
        argv = [str(around.code.python), "-m", "billing_core.cli", name]
        return ProcessSpec(
            name,
            argv,
            around.server,
            python_environment,
            signal.SIGTERM,
            30,
            is_ready,
        )

    def beats(name: str) -> Callable[[], bool]:
        return lambda: has_heartbeat(
            around.database_url, control.process_pid(run, name)
        )

    return [
        ProcessSpec(
            "postgres",
            clusters.command(around.cluster),
            around.cluster.identity,
            BASE_ENVIRONMENT,
            signal.SIGINT,  # PostgreSQL's fast shutdown: does not wait for clients
            60,
            lambda: clusters.answers(around.cluster),
        ),
        ProcessSpec(
            "freeradius",
            radius.command(around.programs.freeradius, around.layout.freeradius),
            around.server,
            environment,
            signal.SIGTERM,
            15,
            lambda: radius.answers(
                "127.0.0.1", around.ports["auth"], around.radius_secret
            ),
        ),
        khata("worker", beats("worker")),
        khata("scheduler", beats("scheduler")),
        khata("web", lambda: page_answers(around.ports["web"])),
    ]


def server_environment(around: Surroundings) -> dict[str, str]:
    """Return the environment of every process that runs our code."""
    return {
        **BASE_ENVIRONMENT,
        "KHATA_CONFIG": str(around.layout.config),
        # Over the socket: TCP through loopback costs the kernel more on either side.
        "KHATA_DATABASE_URL": around.cluster.through_socket(around.database_url),
        # gunicorn keeps a socket in its user's home: not in that of the real one.
        "HOME": str(around.layout.freeradius_run),
        "KHATA_WEB_PORT": str(around.ports["web"]),
        # Their user may not write beside the code, and need not.
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }


def write_spec(spec: ProcessSpec, layout: Layout, *, to_terminal: bool) -> None:
    """Tell a keeper how to run a process."""
    log = layout.log / f"{spec.name}.log"
    user = spec.identity if spec.identity.is_switch else None
    table = {
        "argv": spec.argv,
        "environment": dict(spec.environment),
        "directory": str(layout.var),
        "uid": user.uid if user else None,
        "gid": user.gid if user else None,
        "groups": list(user.groups) if user else None,
        "stop_signal": int(spec.stop_signal),
        "stop_seconds": spec.stop_seconds,
        "log": None if to_terminal else str(log),
    }
    write_file(layout.run / f"{spec.name}.json", json.dumps(table), 0o600)


def wait_until_ready(spec: ProcessSpec, layout: Layout) -> None:
    """Wait until a process is ready, or tell why it will not become so."""
    end = time.monotonic() + READY_SECONDS_MAX
    ends_before = control.process_state(layout.run, spec.name).restarts
    while True:
        runs = control.process_pid(layout.run, spec.name) is not None
        if runs and spec.is_ready():
            return
        ends = control.process_state(layout.run, spec.name).restarts - ends_before
        if ends >= ENDS_MAX or time.monotonic() > end:
            how = (
                f"ended {ends} times in a row"
                if ends >= ENDS_MAX
                else f"is not ready after {READY_SECONDS_MAX:g} s"
            )
            log = layout.log / f"{spec.name}.log"
            raise StackError(
                f"{spec.name} {how}.", f"The end of {log}:\n{log_tail(log)}"
            )
        time.sleep(0.05)


def has_heartbeat(database_url: str, pid: int | None) -> bool:
    """Tell whether the process with this pid has said that it works."""
    if pid is None:
        return False
    try:
        with psycopg.connect(database_url, connect_timeout=5) as conn:
            row = conn.execute(
                "SELECT 1 FROM process_heartbeat WHERE pid = %s"
                " AND at > now() - interval '1 minute'",
                (pid,),
            ).fetchone()
    except psycopg.Error:
        return False
    return row is not None


def page_answers(port: int) -> bool:
    """Tell whether the web pages say that they are well."""
    try:
        address = f"http://127.0.0.1:{port}/healthz"
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
