"""Bring one stack up and down, whatever state the last run left behind."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from billing_core.db.nas import NasTraits
from billing_core.settings import Settings, load_settings
from billing_core.stack import cluster as clusters
from billing_core.stack import control, radius
from billing_core.stack.cluster import Cluster
from billing_core.stack.code_home import reachable_code_home, reachable_var
from billing_core.stack.config_file import write_config
from billing_core.stack.database_setup import prepare_database
from billing_core.stack.errors import StackError
from billing_core.stack.identities import postgres_identity, server_identity
from billing_core.stack.keeper import start_time
from billing_core.stack.layout import (
    REPOSITORY,
    Layout,
    make_directories,
    told_plainly,
)
from billing_core.stack.leftovers import clear_leftovers
from billing_core.stack.packages import (
    embedded_python,
    find_programs,
    refuse_wrong_python,
)
from billing_core.stack.ports import choose_ports
from billing_core.stack.processes import (
    ProcessSpec,
    Surroundings,
    process_specs,
    server_environment,
    wait_until_ready,
    write_spec,
)
from billing_core.stack.radius_variables import radius_variables
from billing_core.stack.secret_files import (
    secret_key_file,
    server_secret,
    superuser_password,
    write_server_secret,
)
from billing_core.stack.state import State, changed, read_state, write_state

CONNECTIONS_BESIDE_RADIUS = 60
FREE_OCTETS_MIN = 256 * 10**6
LOG_OCTETS_MAX = 20 * 10**6
SUPERVISOR_SECONDS = 75.0

Say = Callable[[str], None]


def silent(_line: str) -> None:
    """Say nothing: for tests."""


def bring_up(
    chosen_var: Path | None,
    *,
    fixed_ports: dict[str, int],
    say: Say = silent,
    usual_ports: bool = True,
    fast_init: bool = False,
    tied_to_us: bool = False,
    foreground: bool = False,
    currency: str = "BDT",
    zone: str = "Asia/Dhaka",
    free_octets_min: int = FREE_OCTETS_MIN,
    **choices: object,
) -> tuple[Surroundings, "subprocess.Popen[bytes] | None"]:
    """Start everything that does not run yet, and wait until all of it is ready.

    1. check programs, users, places and the disk; 2. clear what a crash left;
    3. choose ports, make secrets, settings and the cluster; 4. start the supervisor
    with PostgreSQL alone; 5. database, migrations, the local NAS; 6. FreeRADIUS'
    configuration, rendered and checked; 7. the other processes.
    Returns the supervisor too, when this call started it.
    """
    postgres, server = postgres_identity(), server_identity()
    with told_plainly("preparing the stack"):
        var = reachable_var(chosen_var, (postgres, server))
        var.mkdir(parents=True, exist_ok=True)
        layout = Layout(var.resolve())
        programs = find_programs(clusters.made_by_version(layout))
        refuse_wrong_python(embedded_python())
        make_directories(layout, postgres, server)
    with _alone(layout), told_plainly("starting the stack"):
        state = changed(read_state(layout.state), **choices)
        is_running = control.supervisor_pid(layout.run) is not None
        if not is_running:
            _refuse_full_disk(layout, free_octets_min)
            clear_leftovers(layout, say)
            ports, notes = choose_ports(
                fixed_ports, state.ports, state.listen, usual=usual_ports
            )
            for note in notes:
                say(note)
            state = replace(state, ports=ports)
        code = reachable_code_home(server)
        cluster = Cluster(
            layout,
            programs.postgres_bin,
            postgres,
            state.ports["postgres"],
            superuser_password(layout),
            # Two for each FreeRADIUS thread, and the rest for us.
            max_connections=2 * state.max_threads + CONNECTIONS_BESIDE_RADIUS,
        )
        has_database = clusters.made_by_version(layout) is not None
        secret_key_file(layout, server, has_database=has_database)
        database_url = cluster.app_url(
            server_secret(layout, "database_password", server)
        )
        around = Surroundings(
            layout,
            cluster,
            programs,
            server,
            code,
            database_url,
            server_secret(layout, "radius_secret", server),
            state.ports,
        )
        server_secret(layout, "admin_password", server)
        if is_running:
            say("The stack is already running.")
            _start_missing(around, read_state(layout.state).processes, say)
            return around, None
        write_server_secret(layout, "database_url", database_url, server)
        write_config(layout, currency=currency, zone=zone)
        settings = load_settings({"KHATA_CONFIG": str(layout.config)})
        if not has_database:
            say("Making the database.")
        clusters.initialise(cluster, fast=fast_init)
        clusters.configure(cluster)
        clusters.remove_stale_pid_file(cluster)
        write_state(layout.state, state)
        supervisor = _start_supervisor(
            around, state, tied_to_us=tied_to_us, foreground=foreground
        )
        try:
            _start_in_order(around, state, settings, say)
        except BaseException:
            _take_down(layout)
            supervisor.wait()
            raise
        return around, supervisor


def take_down(var: Path, say: Say = silent) -> bool:
    """Stop everything in order; False when nothing was running."""
    layout = Layout(var.resolve())
    if not layout.run.is_dir():
        return False
    with told_plainly("stopping the stack"), _alone(layout):
        if control.supervisor_pid(layout.run) is None:
            stale = (layout.run / "stack.pid").exists()
            cleared = clear_leftovers(layout, say)
            return cleared or stale
        _take_down(layout)
        return True


def _start_in_order(
    around: Surroundings, state: State, settings: Settings, say: Say
) -> None:
    layout = around.layout
    specs = {spec.name: spec for spec in process_specs(around)}
    control.release(layout.run, "postgres")
    wait_until_ready(specs["postgres"], layout)
    clusters.make_sure_it_is_ours(around.cluster)
    clusters.make_database(
        around.cluster,
        server_secret(layout, "database_password", around.server),
        may_create=False,
    )
    clients = prepare_database(around.database_url, settings, around.radius_secret)
    for name in state.processes[1:]:
        say(f"Starting {name}.")
        if name == "freeradius":
            _prepare_freeradius(around, state, settings, clients)
        control.release(layout.run, name)
        wait_until_ready(specs[name], layout)


def _prepare_freeradius(
    around: Surroundings, state: State, settings: Settings, clients: list[NasTraits]
) -> None:
    radius.render(
        around.layout.freeradius,
        radius_variables(around, state, settings, clients),
        around.server,
    )
    radius.check(
        around.programs.freeradius,
        around.layout.freeradius,
        around.server,
        server_environment(around),
    )


def _start_missing(around: Surroundings, names: tuple[str, ...], say: Say) -> None:
    for spec in _wanted(around, names):
        if control.process_pid(around.layout.run, spec.name) is None:
            say(f"Starting {spec.name}, which was stopped.")
            control.release(around.layout.run, spec.name)
            wait_until_ready(spec, around.layout)


def _wanted(around: Surroundings, names: tuple[str, ...]) -> list[ProcessSpec]:
    return [spec for spec in process_specs(around) if spec.name in names]


def _start_supervisor(
    around: Surroundings, state: State, *, tied_to_us: bool, foreground: bool
) -> "subprocess.Popen[bytes]":
    run = around.layout.run
    for spec in _wanted(around, state.processes):
        write_spec(spec, around.layout, to_terminal=foreground)
        _shorten(around.layout.log / f"{spec.name}.log")
        (run / f"{spec.name}.note").unlink(missing_ok=True)
        (run / f"{spec.name}.hold").touch()
    tied_to = f"{os.getpid()}:{start_time(os.getpid())}" if tied_to_us else "-"
    module = "billing_core.stack.supervisor"
    with contextlib.ExitStack() as opened:
        output = None
        if not foreground:
            _shorten(around.layout.log / "stack.log")
            output = opened.enter_context((around.layout.log / "stack.log").open("ab"))
        supervisor = subprocess.Popen(
            [sys.executable, "-B", "-m", module, str(run), tied_to, *state.processes],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            start_new_session=True,
        )
    if (
        not control.wait_for(
            lambda: (
                control.supervisor_pid(run) == supervisor.pid
                or supervisor.poll() is not None
            ),
            SUPERVISOR_SECONDS,
        )
        or supervisor.poll() is not None
    ):
        raise StackError(
            "The supervisor does not start.", f"See {around.layout.log / 'stack.log'}."
        )
    return supervisor


def _take_down(layout: Layout) -> None:
    for name in reversed(read_state(layout.state).processes):
        if control.process_pid(layout.run, name) is not None:
            control.stop(layout.run, name)
    control.end_process(layout.run / "stack.pid", signal.SIGTERM, SUPERVISOR_SECONDS)
    clear_leftovers(layout, silent)


def _refuse_full_disk(layout: Layout, octets_min: int) -> None:
    free = shutil.disk_usage(layout.var).free
    if free < octets_min:
        raise StackError(
            f"Only {free // 10**6} MB are free at {layout.var}; "
            f"{octets_min // 10**6} MB are needed to start.",
            "Free some space: a database on a full disk stops taking accounting.",
        )


def _shorten(log: Path) -> None:
    """Put a long log aside before a start; one older one is kept."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_OCTETS_MAX:
            log.replace(log.with_suffix(".log.1"))


@contextlib.contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Let one up or down at a time work on a stack; a second one says so."""
    with (layout.run / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(
                f"Another `khata up` or `khata down` is at work on {layout.var}.",
                "Wait until it has ended, then look with `khata status`.",
            ) from error
        yield
