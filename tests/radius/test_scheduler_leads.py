"""Two schedulers: one leads; killed, the other leads, and the day is charged once."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from billing_core import stack
from billing_core.db.connect import Connection, connect
from billing_core.services.audit import audit
from tests.builders import a_customer, a_daily_package, rows
from tests.radius.isp import until

CUSTOMERS = 6
LEADS = "scheduler.leads"


@dataclass(frozen=True, slots=True)
class Scheduler:
    """One `khata scheduler` process and what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def leads(self) -> bool:
        return LEADS in self.log.read_text(encoding="utf-8")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def database() -> Iterator[stack.Stack]:
    """A stack of PostgreSQL alone; its schedulers are the tests' own."""
    with (
        stack.scratch_var() as var,
        stack.up(var, processes=("postgres",), fast_init=True) as running,
    ):
        yield running


@pytest.fixture
def conn(database: stack.Stack) -> Iterator[Connection]:
    with connect(database.database_url, application="tests") as own:
        package = a_daily_package(own)
        for _ in range(CUSTOMERS):
            a_customer(own, package, balance="100")
        yield own


@contextmanager
def a_scheduler(database: stack.Stack, name: str) -> Iterator[Scheduler]:
    """Start a scheduler; it has ended when the block has."""
    log = database.var / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "billing_core.cli", "scheduler"],
            cwd=Path(stack.__file__).parents[2],
            env={"PATH": "/usr/bin:/bin", **database.environment},
            stdout=output,
            stderr=output,
        )
    try:
        yield Scheduler(process, log)
    finally:
        process.terminate()
        process.wait()


def one(conn: Connection, query: str) -> int:
    ((value,),) = rows(conn, query)
    return int(value)


def connected(conn: Connection) -> int:
    return one(
        conn,
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'khata-scheduler'",
    )


def leaders(conn: Connection) -> int:
    return one(
        conn,
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
        " WHERE locktype = 'advisory' AND granted"
        " AND application_name = 'khata-scheduler'",
    )


def days(conn: Connection) -> int:
    return one(conn, "SELECT count(*) FROM service_day")


def is_charged_once(conn: Connection) -> bool:
    return rows(conn, "SELECT posted, count(*) FROM wallet GROUP BY 1") == [
        (Decimal("90.00"), CUSTOMERS)
    ]


def test_the_other_leads_when_the_leader_is_killed_between_two_runs(
    database: stack.Stack, conn: Connection
) -> None:
    with a_scheduler(database, "first") as first:
        assert until(lambda: days(conn) == CUSTOMERS)
        with a_scheduler(database, "second") as second:
            assert until(lambda: connected(conn) == 2)
            assert not second.leads
            first.kill()
            assert until(lambda: second.leads)
            assert leaders(conn) == 1

    assert is_charged_once(conn)
    assert audit(conn) == []


def test_the_other_charges_the_rest_when_the_leader_is_killed_in_mid_run(
    database: stack.Stack, conn: Connection
) -> None:
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'khata-charge_the_day' AND wait_event_type = 'Lock'"
    )
    finished = (
        "SELECT count(*) FROM billing_run"
        " WHERE kind = 'service_days' AND finished_at IS NOT NULL"
    )
    # Reading goes on; the run waits before its first posting.
    conn.execute("BEGIN")
    conn.execute("LOCK TABLE posting IN SHARE MODE")
    with (
        connect(database.database_url, application="tests") as looking,
        a_scheduler(database, "first") as first,
    ):
        assert until(lambda: one(looking, waiting) == 1)
        with a_scheduler(database, "second") as second:
            assert until(lambda: connected(looking) == 2)
            first.kill()
            assert until(lambda: second.leads)
            assert days(looking) == 0
            conn.execute("COMMIT")
            assert until(lambda: one(looking, finished) == 1)

    assert days(conn) == CUSTOMERS
    assert is_charged_once(conn)
    assert audit(conn) == []


def test_a_leader_whose_connection_is_cut_leads_again_or_the_other_does(
    database: stack.Stack, conn: Connection
) -> None:
    cut = (
        "SELECT pg_terminate_backend(pid, 30000) FROM pg_locks JOIN pg_stat_activity"
        " USING (pid) WHERE locktype = 'advisory' AND granted"
        " AND application_name = 'khata-scheduler'"
    )
    with a_scheduler(database, "first"), a_scheduler(database, "second"):
        assert until(lambda: connected(conn) == 2)
        for _ in range(3):
            assert until(lambda: leaders(conn) == 1)
            assert rows(conn, cut) == [(True,)]
        assert until(lambda: leaders(conn) == 1)
        assert until(lambda: days(conn) == CUSTOMERS)

    assert is_charged_once(conn)
    assert audit(conn) == []
