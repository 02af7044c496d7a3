"""`khata bill run` on a terminal shows how far it is; elsewhere it prints no bar."""

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from billing_core import stack
from billing_core.db.connect import Connection
from tests.integration.cli_runner import khata_for
from tests.integration.test_billing_run import a_monthly_customer, run

COMMAND = [sys.executable, "-m", "billing_core.cli", "bill", "run"]
HOME = Path(stack.__file__).parents[2]


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    config = khata_for(database_url, tmp_path).config
    return {
        "PATH": "/usr/bin:/bin",
        "KHATA_CONFIG": str(config),
        "TERM": "xterm",
        "COLUMNS": "100",
    }


@pytest.fixture(autouse=True)
def three_to_bill_and_one_who_is(conn: Connection) -> None:
    now = datetime.now(UTC)
    a_monthly_customer(conn, joined=now - timedelta(days=3))
    run(conn, now - timedelta(days=1))
    for _ in range(3):
        a_monthly_customer(conn, joined=now - timedelta(days=2))


def on_a_terminal(command: list[str], environment: dict[str, str]) -> str:
    """Run a command whose stdout is a terminal; return what it drew there."""
    ours, theirs = pty.openpty()
    drawn = b""
    with subprocess.Popen(
        command, cwd=HOME, env=environment, stdin=subprocess.DEVNULL, stdout=theirs
    ) as process:
        os.close(theirs)
        try:
            while piece := os.read(ours, 4096):
                drawn += piece
        except OSError:
            # Linux says so (EIO) when the last who writes to a terminal is gone.
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0
    return drawn.decode()


def test_a_run_on_a_terminal_shows_how_far_it_is_up_to_all_of_it(
    environment: dict[str, str],
) -> None:
    drawn = on_a_terminal(COMMAND, environment)

    # Drawn over and over in one line: the cursor goes back to its start.
    assert drawn.count("Billing") > 1
    assert "\r" in drawn.partition("Run ")[0]
    assert "0%" in drawn
    # All are those whom it goes through, not everybody there is.
    assert "100%" in drawn
    assert "3 bill(s), 0 customer(s) parked" in drawn


def test_nothing_of_the_bar_is_in_the_json_that_a_terminal_shows(
    environment: dict[str, str],
) -> None:
    drawn = on_a_terminal([*COMMAND, "--json"], environment)

    assert drawn.startswith("{")
    assert "\x1b" not in drawn


@pytest.mark.parametrize("wish", [{}, {"FORCE_COLOR": "1"}, {"TTY_COMPATIBLE": "1"}])
def test_where_stdout_is_no_terminal_nothing_of_the_bar_is_printed(
    environment: dict[str, str], wish: dict[str, str]
) -> None:
    told = subprocess.run(
        COMMAND, cwd=HOME, env=environment | wish, capture_output=True, check=True
    )

    (line,) = told.stdout.decode().splitlines()
    assert line.endswith("3 bill(s), 0 customer(s) parked")
    assert told.stderr == b""
