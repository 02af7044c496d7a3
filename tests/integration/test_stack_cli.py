"""`khata up, status, doctor, down` as a person runs them, with every process."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from billing_core import stack
from billing_core.stack import control, lifecycle, radius
from billing_core.stack.code_home import reachable_code_home
from billing_core.stack.control import wait_for
from billing_core.stack.identities import server_identity
from billing_core.stack.layout import REPOSITORY
from billing_core.stack.ports import choose_ports

NAMES = ["postgres", "freeradius", "worker", "scheduler", "web"]


def khata(var: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "billing_core.cli", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "KHATA_VAR": str(var), "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def status(var: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(khata(var, "status", "--json").stdout)
    return told


def up(var: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start a stack on ports of its own: the usual ones are for the machine's."""
    return khata(var, "up", *free_ports(), *arguments)


def free_ports() -> list[str]:
    ports, _ = choose_ports({}, {}, "127.0.0.1", usual=False)
    return [f"--{name}-port={port}" for name, port in ports.items()]


@pytest.fixture(scope="module")
def var() -> Iterator[Path]:
    """A stack that `khata up` started."""
    with stack.scratch_var() as place:
        try:
            started = up(place)
            assert started.returncode == 0, started.stderr
            yield place
        finally:
            lifecycle.take_down(place)


def test_status_says_where_everything_listens_and_it_does(var: Path) -> None:
    told = status(var)
    assert told["running"] is True
    assert [process["name"] for process in told["processes"]] == NAMES
    assert {process["state"] for process in told["processes"]} == {"running"}
    with psycopg.connect(told["database_url"]) as conn:
        assert conn.execute("SELECT 1").fetchone() == (1,)
    for key in ("auth_port", "acct_port"):
        secret, port = told["radius"]["secret"], told["radius"][key]
        assert radius.answers("127.0.0.1", port, secret)
        assert not radius.answers("127.0.0.1", port, "wrong", seconds=0.3)
    with urllib.request.urlopen(told["web_url"], timeout=10) as page:
        assert page.status == 200
    assert told["admin"]["username"] == "admin"
    assert Path(told["admin"]["password_file"]).read_text(encoding="utf-8").strip()
    assert told["coa"]["address"] == "127.0.0.1"


def test_status_for_people_names_every_process(var: Path) -> None:
    told = khata(var, "status")
    assert told.returncode == 0
    for name in NAMES:
        assert f"{name:<11} running" in told.stdout


def test_a_second_up_says_so_and_ends_well(var: Path) -> None:
    before = status(var)["processes"]
    again = khata(var, "up")
    assert again.returncode == 0
    assert "already running" in again.stderr
    assert status(var)["processes"] == before


def test_the_doctor_finds_nothing_that_fails(var: Path) -> None:
    looked = khata(var, "doctor", "--json")
    findings = json.loads(looked.stdout)
    assert [f for f in findings if f["state"] == "fail"] == []
    assert looked.returncode == 0
    assert {"FreeRADIUS auth", "database", "worker heartbeat", "spool"} <= {
        f["check"] for f in findings
    }


def test_the_doctor_ends_with_1_when_freeradius_is_away(var: Path) -> None:
    control.stop(var / "run", "freeradius")
    try:
        looked = khata(var, "doctor")
        assert looked.returncode == 1
        assert "no answer to Status-Server" in looked.stdout
    finally:
        assert khata(var, "up").returncode == 0
    assert khata(var, "doctor").returncode == 0


def test_servers_run_as_users_of_their_own(var: Path) -> None:
    for process in status(var)["processes"]:
        owner = Path(f"/proc/{process['pid']}").stat().st_uid
        assert owner != 0, process["name"]


def test_down_stops_all_of_it_and_a_second_one_says_so() -> None:
    with stack.scratch_var() as place:
        assert up(place).returncode == 0
        pids = [process["pid"] for process in status(place)["processes"]]
        stopped = khata(place, "down")
        assert (stopped.returncode, stopped.stderr) == (0, "Stopped.\n")
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        told = status(place)
        assert told["running"] is False
        assert {process["state"] for process in told["processes"]} == {"stopped"}
        again = khata(place, "down")
        assert again.returncode == 0
        assert "was not running" in again.stderr


def test_up_in_the_foreground_ends_in_order_on_sigterm() -> None:
    with stack.scratch_var() as place:
        foreground = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "billing_core.cli",
                "up",
                "--foreground",
                *free_ports(),
            ],
            cwd=REPOSITORY,
            env={**os.environ, "KHATA_VAR": str(place)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert wait_for(lambda: is_up(place), 60)
            foreground.send_signal(signal.SIGTERM)
            said, _ = foreground.communicate(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                foreground.kill()
            lifecycle.take_down(place)
        assert foreground.returncode == 0, said
        assert "database system is shut down" in said  # every process's words are shown
        assert status(place)["running"] is False


def is_up(place: Path) -> bool:
    time.sleep(0.3)  # each look is a whole command
    return (place / "state.json").exists() and bool(status(place)["running"])


def test_a_taken_port_that_was_asked_for_is_one_clear_message() -> None:
    with (
        stack.scratch_var() as place,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken,
    ):
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        refused = khata(place, "up", "--auth-port", port)
    assert refused.returncode == 1
    assert f"Port {port} (RADIUS authentication) is taken by" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("command", ["status", "nas"])
def test_a_command_before_the_first_up_says_what_to_do(command: str) -> None:
    with stack.scratch_var() as place:
        arguments = ("nas", "list") if command == "nas" else ("status",)
        refused = khata(place, *arguments)
    assert refused.returncode in (1, 2)
    assert "khata up" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
@pytest.mark.parametrize("command", ["up", "doctor", "down"])
def test_somebody_elses_stack_is_one_clear_message(var: Path, command: str) -> None:
    server = server_identity()
    home = reachable_code_home(server)
    refused = subprocess.run(
        [home.python, "-m", "billing_core.cli", command],
        cwd="/",
        env={"PYTHONPATH": home.python_path, "KHATA_VAR": str(var)},
        user="nobody",
        group=server.gid,  # may read the code, and nothing that is root's
        extra_groups=[],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in refused.stderr
    if command != "doctor":
        assert refused.returncode == 1
        assert "Error: " in refused.stderr
    assert status(var)["running"] is True


def test_every_command_tells_its_usage() -> None:
    listed = khata(Path("/nonexistent"), "--help")
    assert listed.returncode == 0
    for name in ("up", "down", "status", "doctor"):
        shown = khata(Path("/nonexistent"), name, "--help")
        assert shown.returncode == 0
        assert "Usage: khata" in shown.stdout
        assert f"  {name}" in listed.stdout
