"""The stack after crashes: killed processes, stale files, ports taken meanwhile."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from billing_core import stack
from billing_core.stack import control, lifecycle, ports
from billing_core.stack.layout import REPOSITORY, Layout
from billing_core.stack.state import read_state

ONLY_POSTGRES = ("postgres",)
WAIT_SECONDS = 30.0


@pytest.fixture
def var() -> Iterator[Path]:
    with stack.scratch_var() as place:
        yield place
        lifecycle.take_down(place)


def up(var: Path, **options: object) -> stack.Stack:
    return stack.up(var, processes=ONLY_POSTGRES, fast_init=True, **options)  # type: ignore[arg-type] # passed on as they are


def write_a_row(url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        conn.execute("INSERT INTO kept VALUES ('here')")


def count_rows(url: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (process / "stat").read_text("latin-1").rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(process.name))
    found, todo = [], [pid]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def test_a_second_start_says_so_and_changes_nothing(var: Path) -> None:
    said: list[str] = []
    with up(var) as running:
        before = running.pid("postgres")
        around, supervisor = lifecycle.bring_up(
            var, fixed_ports={}, say=said.append, processes=ONLY_POSTGRES
        )
        assert said == ["The stack is already running."]
        assert supervisor is None
        assert around.ports == read_state(Layout(var).state).ports
        assert running.pid("postgres") == before


def test_a_second_start_starts_what_was_stopped(var: Path) -> None:
    said: list[str] = []
    with up(var) as running:
        running.stop("postgres")
        lifecycle.bring_up(
            var, fixed_ports={}, say=said.append, processes=ONLY_POSTGRES
        )
        assert "Starting postgres." in said
        assert running.pid("postgres") is not None


def test_other_choices_for_a_running_stack_are_refused(var: Path) -> None:
    with up(var):
        for wish in ({"database_away": "last_known"}, {"ports": {"web": 9999}}):
            with pytest.raises(stack.StackError, match="other choices"):
                up(var, **wish)


def test_a_second_stop_finds_nothing_to_stop(var: Path) -> None:
    with up(var):
        assert lifecycle.take_down(var) is True
        assert lifecycle.take_down(var) is False


def test_a_stop_before_any_start_finds_nothing_to_stop(var: Path) -> None:
    assert lifecycle.take_down(var / "never") is False


def test_what_was_written_is_there_after_down_and_up_on_the_same_port(
    var: Path,
) -> None:
    with up(var) as running:
        write_a_row(running.database_url)
        url = running.database_url
    with up(var) as running:
        assert running.database_url == url
        assert count_rows(url) == 1


def test_all_of_it_killed_at_once_comes_up_again_with_what_was_written(
    var: Path,
) -> None:
    running = up(var)
    write_a_row(running.database_url)
    supervisor = control.supervisor_pid(Layout(var).run)
    assert supervisor is not None
    for pid in (supervisor, *descendants(supervisor)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with up(var) as again:
        assert count_rows(again.database_url) == 1
    running.down()


def test_a_killed_supervisor_leaves_nothing_running(var: Path) -> None:
    running = up(var)
    run = Layout(var).run
    supervisor = control.supervisor_pid(run)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    assert control.wait_for(lambda: running.pid("postgres") is None, WAIT_SECONDS)
    assert control.wait_for(
        lambda: not (run / "postgres.keeper").exists(), WAIT_SECONDS
    )
    running.down()


def test_a_start_right_after_the_supervisor_was_killed_works(var: Path) -> None:
    running = up(var)
    write_a_row(running.database_url)
    supervisor = control.supervisor_pid(Layout(var).run)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    with up(var) as again:
        assert count_rows(again.database_url) == 1
    running.down()


def test_a_killed_keeper_takes_its_process_along_and_the_stack_ends(var: Path) -> None:
    running = up(var)
    run = Layout(var).run
    keeper = control.running_pid(run / "postgres.keeper")
    assert keeper is not None
    os.kill(keeper, signal.SIGKILL)
    assert control.wait_for(lambda: control.supervisor_pid(run) is None, WAIT_SECONDS)
    assert control.wait_for(lambda: running.pid("postgres") is None, WAIT_SECONDS)
    running.down()


def test_a_killed_process_is_started_again_by_its_keeper(var: Path) -> None:
    with up(var) as running:
        write_a_row(running.database_url)
        before = running.pid("postgres")
        running.kill("postgres", hold=False)
        running.wait_until_ready("postgres")
        assert running.pid("postgres") not in (None, before)
        assert count_rows(running.database_url) == 1
        state = control.process_state(Layout(var).run, "postgres")
        assert (state.restarts, state.last_end) == (1, "was ended by SIGKILL")


def test_a_process_killed_to_stay_down_does(var: Path) -> None:
    with up(var) as running:
        running.kill("postgres")
        time.sleep(1.2)  # longer than the keeper takes to look again and to restart
        assert running.pid("postgres") is None
        assert control.process_state(Layout(var).run, "postgres").state == "held"
        running.start("postgres")
        assert running.pid("postgres") is not None


def test_a_stack_ends_with_the_program_that_started_it(var: Path) -> None:
    program = textwrap.dedent(f"""
        import os
        from pathlib import Path
        from billing_core import stack
        stack.up(Path({str(var)!r}), processes=("postgres",), fast_init=True)
        os.kill(os.getpid(), 9)
    """)
    subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, check=False, timeout=60
    )
    run = Layout(var).run
    assert control.wait_for(lambda: control.supervisor_pid(run) is None, WAIT_SECONDS)
    assert control.process_pid(run, "postgres") is None


@pytest.mark.parametrize("content", ["", "nonsense", "999999999:1", "{pid}:1"])
def test_a_stale_pid_file_does_not_hinder_a_start(var: Path, content: str) -> None:
    with up(var):
        pass
    stale = Layout(var).run / "stack.pid"
    # The last one names a process that runs, but is not the one that is meant.
    stale.write_text(content.replace("{pid}", str(os.getpid())), encoding="ascii")
    with up(var) as running:
        assert running.pid("postgres") is not None


def test_a_stale_postmaster_pid_of_another_program_does_not_hinder_a_start(
    var: Path,
) -> None:
    with up(var):
        pass
    file = Layout(var).postgres / "postmaster.pid"
    # Of the same user, as PostgreSQL checks; a program that has nothing to do with it.
    owner = Layout(var).postgres.stat()
    other = subprocess.Popen(
        ["sleep", "60"],
        user=owner.st_uid if os.geteuid() == 0 else None,
        group=owner.st_gid if os.geteuid() == 0 else None,
        cwd="/",
    )
    try:
        file.write_text(f"{other.pid}\n{Layout(var).postgres}\n", encoding="ascii")
        os.chown(file, owner.st_uid, owner.st_gid)
        with up(var) as running:
            assert running.pid("postgres") is not None
    finally:
        other.kill()
        other.wait()


def test_a_port_taken_meanwhile_gives_way_and_the_taker_is_named(var: Path) -> None:
    with up(var) as running:
        write_a_row(running.database_url)
    port = read_state(Layout(var).state).ports["postgres"]
    said: list[str] = []
    with socket.create_server(("127.0.0.1", port)):
        around, supervisor = lifecycle.bring_up(
            var,
            fixed_ports={},
            say=said.append,
            processes=ONLY_POSTGRES,
            tied_to_us=True,
        )
    assert supervisor is not None
    assert around.ports["postgres"] != port
    assert f"Port {port} (PostgreSQL)" in said[0]
    assert f"(pid {os.getpid()})" in said[0]
    assert count_rows(around.database_url) == 1
    lifecycle.take_down(var)
    supervisor.wait()


def test_a_port_that_was_asked_for_and_is_taken_stops_the_start(var: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(stack.StackError, match=f"Port {port}.*is taken") as told:
            up(var, ports={"auth": port})
    assert f"(pid {os.getpid()})" in told.value.message
    assert not (Layout(var).postgres / "PG_VERSION").exists()


def test_ports_of_one_stack_differ() -> None:
    chosen, notes = ports.choose_ports({}, {}, "127.0.0.1", usual=False)
    assert len(set(chosen.values())) == len(ports.SERVICES)
    assert notes == []


def test_two_starts_at_once_are_one_start_and_one_message(var: Path) -> None:
    with up(var):
        pass
    layout = Layout(var)
    with lifecycle._alone(layout), pytest.raises(stack.StackError, match="at work"):
        up(var)


def test_a_broken_state_file_is_told(var: Path) -> None:
    with up(var):
        pass
    Layout(var).state.write_text("{", encoding="ascii")
    with pytest.raises(stack.StackError, match=r"state\.json cannot be read"):
        up(var)


def test_choices_are_remembered(var: Path) -> None:
    with up(var, database_away="last_known", database_away_minutes=5):
        pass
    with up(var):
        kept = json.loads(Layout(var).state.read_text(encoding="utf-8"))
    assert kept["database_away"] == "last_known"
    assert kept["database_away_minutes"] == 5


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("database_away", "maybe"),
        ("processes", ("postgres", "mailer")),
        ("processes", ("worker",)),
    ],
)
def test_a_wrong_choice_is_told(var: Path, option: str, value: object) -> None:
    options: dict[str, object] = {"processes": ONLY_POSTGRES, option: value}
    with pytest.raises(stack.StackError):
        stack.up(var, fast_init=True, **options)  # type: ignore[arg-type] # wrong on purpose
