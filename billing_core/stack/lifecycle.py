"""Bring one stack up and down, whatever state the last run left behind."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from billing_core.db.nas import NasTraits
from billing_core.settings import load_settings
from billing_core.stack import cluster as clusters
from billing_core.stack import control, radius
from billing_core.stack.config_file import check_choices, write_config
from billing_core.stack.database_setup import prepare_database
from billing_core.stack.errors import StackError
from billing_core.stack.keeper import start_time
from billing_core.stack.layout import (
    REPOSITORY,
    Layout,
    told_plainly,
)
from billing_core.stack.leftovers import clear_leftovers
from billing_core.stack.ports import choose_ports
from billing_core.stack.processes import (
    ProcessSpec,
    process_specs,
    server_environment,
    wait_until_ready,
    write_spec,
)
from billing_core.stack.programs import log_tail
from billing_core.stack.radius_variables import embedded_node, radius_variables
from billing_core.stack.secret_files import (
    server_secret,
)
from billing_core.stack.state import State, changed, read_state, write_state
from billing_core.stack.surroundings import Surroundings, prepare_places, survey

FREE_OCTETS_MIN = 256 * 10**6
LOG_OCTETS_MAX = 20 * 10**6
SUPERVISOR_SECONDS = 75.0

Say = Callable[[str], None]


def silent(_line: str) -> None:
    """Say nothing: for tests."""


def bring_up(
    chosen_var: Path | None,
    *,
    fixed_ports: Mapping[str, int],
    say: Say = silent,
    usual_ports: bool = True,
    fast_init: bool = False,
    tied_to_us: bool = False,
    foreground: bool = False,
    currency: str | None = None,
    zone: str | None = None,
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
    layout = prepare_places(chosen_var)
    with _alone(layout), told_plainly("starting the stack"):
        check_choices(layout, currency, zone)
        recorded = read_state(layout.state)
        state = changed(recorded, **choices)
        if control.supervisor_pid(layout.run) is not None:
            _refuse_other_choices(recorded, state, fixed_ports)
            return _complete(survey(layout, state), state, say), None
        _refuse_full_disk(layout, free_octets_min)
        clear_leftovers(layout, say)
        ports, notes = choose_ports(
            fixed_ports, state.ports, state.listen, usual=usual_ports
        )
        for note in notes:
            say(note)
        state = replace(state, ports=ports)
        around = survey(layout, state)
        write_config(layout, currency=currency, zone=zone)
        if clusters.made_by_version(layout) is None:
            say("Making the database.")
        clusters.initialise(around.cluster, fast=fast_init)
        clusters.configure(around.cluster)
        clusters.remove_stale_pid_file(around.cluster)
        write_state(layout.state, state)
        supervisor = _start_supervisor(
            around, state, tied_to_us=tied_to_us, foreground=foreground
        )
        try:
            _start_in_order(around, state, say)
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


def _refuse_other_choices(
    recorded: State, wanted: State, fixed_ports: Mapping[str, int]
) -> None:
    moved = {
        key: port for key, port in fixed_ports.items() if recorded.ports[key] != port
    }
    if moved or wanted != recorded:
        raise StackError(
            "The stack is already running, with other choices than these.",
            "Run `khata down` first: choices are for a start.",
        )


def _complete(around: Surroundings, state: State, say: Say) -> Surroundings:
    """Start what is missing of a stack that runs, as after a start cut short."""
    say("The stack is already running.")
    run = around.layout.run
    if any(control.process_pid(run, name) is None for name in state.processes):
        _start_in_order(around, state, say)
    return around


def _start_in_order(around: Surroundings, state: State, say: Say) -> None:
    """Start each process that does not run, when those before it are ready."""
    layout = around.layout
    settings = load_settings({"KHATA_CONFIG": str(layout.config)})
    specs = {spec.name: spec for spec in process_specs(around)}
    clients: list[NasTraits] = []
    for name in state.processes:
        if name == "freeradius" and control.process_pid(layout.run, name) is None:
            _prepare_freeradius(around, state, clients)
        if control.process_pid(layout.run, name) is None:
            say(f"Starting {name}.")
            control.release(layout.run, name)
        wait_until_ready(specs[name], layout)
        if name == "postgres":
            clusters.make_sure_it_is_ours(around.cluster)
            clusters.make_database(
                around.cluster,
                server_secret(layout, "database_password", around.server),
                may_create=False,
            )
            clients = prepare_database(
                around.database_url,
                settings,
                around.radius_secret,
                server_secret(layout, "admin_password", around.server),
            )
    _refuse_what_ended_again(layout, state)


def _refuse_what_ended_again(layout: Layout, state: State) -> None:
    """Look once more: a process may say that it works, and end a moment later."""
    for name in state.processes:
        found = control.process_state(layout.run, name)
        if found.state != "running":
            log = layout.log / f"{name}.log"
            raise StackError(
                f"{name} was ready, but {found.last_end or 'ended'} soon after.",
                f"The end of {log}:\n{log_tail(log)}",
            )


def _prepare_freeradius(
    around: Surroundings, state: State, clients: list[NasTraits]
) -> None:
    radius.render(
        around.layout.freeradius,
        radius_variables(embedded_node(around, state), clients),
        around.server,
    )
    radius.check(
        around.programs.freeradius,
        around.layout.freeradius,
        around.server,
        server_environment(around),
    )


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
