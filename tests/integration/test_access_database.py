"""The module's own connection, while the database is there and while it is not."""

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest

from billing_core import stack
from billing_core.access import AccessRequest, AccessState
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.migrations import migrate
from radius_module.access_database import DECIDING, AccessDatabase
from radius_module.connecting import Attempt
from radius_module.libpq import (
    DatabaseAwayError,
    Link,
    QuestionRefusedError,
    read_flight,
    send_command,
    send_flight,
)
from tests.builders import a_customer, a_nas, a_package, rows, username_of

TODAY = date(2026, 11, 24)
MAC = "02:00:5E:10:00:01"
NOBODY = AccessRequest("nobody", "1", "")
LINKS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'khata radius'"


@pytest.fixture
def database(database_url: str) -> Iterator[AccessDatabase]:
    """The module's connection to this test's database."""
    access = AccessDatabase(database_url)
    yield access
    access.line.close()


@pytest.fixture
def request_of(conn: Connection) -> AccessRequest:
    """Somebody who may log in."""
    customer = a_customer(conn, a_package(conn, billing="free"))
    return AccessRequest(username_of(conn, customer), str(a_nas(conn)), MAC)


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Stop processes as a hung machine would; they go on afterwards."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)


def link_of(database: AccessDatabase) -> Link:
    assert database.line._link is not None
    return database.line._link


def backend_of(database: AccessDatabase) -> int:
    return link_of(database).connection.backend_pid


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    return int(status.rpartition(")")[2].split()[1])


def ask(database: AccessDatabase, request: AccessRequest) -> AccessState:
    """Ask as a NAS does, again until there is an answer: the machine may be busy."""
    # pytest's own time limit ends this.
    while True:
        try:
            state = database.load_access_state(request, TODAY)
        except DatabaseAwayError:
            sleep(0.05)
        else:
            assert state is not None
            return state


def refused(database: AccessDatabase) -> str:
    """Ask once, in vain; give the reason."""
    with pytest.raises(DatabaseAwayError) as error:
        database.load_access_state(NOBODY, TODAY)
    return str(error.value)


def answers(database: AccessDatabase) -> bool:
    """Ask once; tell whether there was an answer."""
    try:
        database.load_access_state(NOBODY, TODAY)
    except DatabaseAwayError:
        return False
    return True


def ask_for_nobody(database: AccessDatabase) -> None:
    while True:
        try:
            assert database.load_access_state(NOBODY, TODAY) is None
        except DatabaseAwayError:
            sleep(0.05)
        else:
            return


def test_nobody_has_an_unknown_username(database: AccessDatabase) -> None:
    ask_for_nobody(database)


def test_each_login_has_a_session_number_of_its_own(
    database: AccessDatabase, request_of: AccessRequest
) -> None:
    numbers = [ask(database, request_of).session_id for _ in range(50)]
    assert numbers == sorted(set(numbers))


def test_running_sessions_are_told_apart_by_device(
    conn: Connection, database: AccessDatabase
) -> None:
    customer, nas = a_customer(conn, a_package(conn)), a_nas(conn)
    other_nas = a_nas(conn)
    for session_id, nas_id, mac, ended in (
        (1, nas, MAC, None),
        (2, nas, "02:00:5E:10:00:02", None),
        (3, other_nas, MAC, None),
        (4, nas, MAC, "now()"),
    ):
        conn.execute(
            "INSERT INTO acct_session (customer_id, session_id, nas_id, package_id,"
            " state, username, calling_station_id, started_at, last_event_at,"
            " ended_at, interim_interval_seconds, limit_seconds, counted_seconds,"
            " limit_octets, counted_octets)"
            " SELECT %s, %s, %s, package_id, %s, 'x', %s, now(), now(), %s, 300,"
            " 100, %s, NULL, 7 FROM customer WHERE customer_id = %s",
            [
                customer,
                session_id,
                nas_id,
                "ended" if ended else "open",
                mac,
                ended,
                session_id * 40,
                customer,
            ],
        )
        conn.execute(
            "INSERT INTO reservation (customer_id, session_id, held, state, opened_at)"
            " VALUES (%s, %s, 1.25, 'open', now())",
            [customer, session_id],
        )
    state = ask(database, AccessRequest(username_of(conn, customer), str(nas), MAC))

    assert sorted(state.running) == [
        (False, 0, 0, 125),
        (False, 20, 0, 125),
        (True, 60, 0, 125),
    ]


def test_a_nas_that_tells_no_device_replaces_no_session(
    conn: Connection, database: AccessDatabase
) -> None:
    customer, nas = a_customer(conn, a_package(conn)), a_nas(conn)
    conn.execute(
        "INSERT INTO acct_session (customer_id, session_id, nas_id, package_id, state,"
        " username, started_at, last_event_at, interim_interval_seconds)"
        " SELECT customer_id, 1, %s, package_id, 'open', 'x', now(), now(), 300"
        " FROM customer WHERE customer_id = %s",
        [nas, customer],
    )
    state = ask(database, AccessRequest(username_of(conn, customer), str(nas), ""))
    assert [session.is_superseded for session in state.running] == [False]


def test_an_endless_validity_is_no_end(
    conn: Connection, database: AccessDatabase, request_of: AccessRequest
) -> None:
    conn.execute(
        "INSERT INTO subscription (customer_id, package_id, started_at)"
        " SELECT customer_id, package_id, now() FROM customer"
    )
    query = "UPDATE subscription SET valid_until = %s"
    for written, read in (
        ("infinity", None),
        (None, None),
        ("2026-11-24 12:00:00.9+06", 1_795_500_000),
    ):
        conn.execute(query, [written])
        subscription = ask(database, request_of).subscription
        assert subscription is not None
        assert subscription.valid_until_epoch == read


def test_only_indexes_are_read_however_small_the_tables_are(
    conn: Connection, database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    conn.execute("ANALYZE")
    for setting in ("seqscan", "bitmapscan", "hashjoin", "mergejoin"):
        conn.execute(f"SET enable_{setting} = off")  # type: ignore[arg-type] # a constant
    query = "EXPLAIN " + load_queries("authorization")["load_access_state"]
    values = {"usernames": ["a"], "service_dates": [TODAY]}
    plan = "\n".join(line for (line,) in conn.execute(query, values))  # type: ignore[arg-type] # as above
    scans = [line for line in plan.splitlines() if "Scan" in line]
    # What was asked is no table.
    scans = [line for line in scans if not re.search("Function Scan|CTE Scan", line)]
    assert len(scans) == 6
    assert all("Index" in line for line in scans), plan


def test_a_killed_connection_is_made_anew(
    conn: Connection, database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    rows(conn, "SELECT pg_terminate_backend(%s, 5000)", backend_of(database))
    assert ask(database, request_of).nas == ("mikrotik", 300)


def test_a_migration_under_a_prepared_statement_is_not_noticed(
    conn: Connection, database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    conn.execute("ALTER TABLE customer ALTER COLUMN mac_binding TYPE varchar(17)")
    assert ask(database, request_of).nas == ("mikrotik", 300)


def test_a_pooler_that_drops_the_prepared_statement_is_not_noticed(
    database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    send_command(link_of(database), b"DEALLOCATE ALL")
    send_flight(link_of(database), [])
    read_flight(link_of(database), monotonic() + 10)
    assert ask(database, request_of).nas == ("mikrotik", 300)


def test_plans_are_made_anew_from_time_to_time(
    database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    database.line._replan_at = 0.0
    assert ask(database, request_of).nas == ("mikrotik", 300)
    assert database.line._replan_at > 0


def test_a_locked_table_costs_one_login_not_all(
    conn: Connection, database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    with conn.transaction():
        conn.execute("LOCK TABLE wallet IN ACCESS EXCLUSIVE MODE")
        refused(database)
    ask(database, request_of)


def test_a_frozen_database_is_not_waited_for_again_and_again(
    database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    backend = backend_of(database)
    with frozen(parent_of(backend), backend):
        assert "did not answer in time" in refused(database)
        assert "did not answer in time" in refused(database)
        assert "a moment ago" in refused(database)
        # Silent for longer it is taken for dead, and a new one is wanted.
        sleep(2.1)
        assert "did not answer in time" in refused(database)
        database.line._breaker.failures = 0
        assert "did not take a connection in time" in refused(database)
    ask(database, request_of)


def test_a_stall_that_is_over_leaves_the_connection_and_the_answers_right(
    conn: Connection, database: AccessDatabase, request_of: AccessRequest
) -> None:
    other = a_customer(conn, a_package(conn, billing="free"))
    ask(database, request_of)
    backend = backend_of(database)
    late = request_of._replace(username=username_of(conn, other))
    with frozen(backend), pytest.raises(DatabaseAwayError):
        database.load_access_state(late, TODAY)
    # Its answer is there now, before ours.
    assert ask(database, request_of).customer_id != other
    assert ask(database, late).customer_id == other
    assert backend_of(database) == backend


def test_its_first_word_is_the_sign_that_a_late_database_is_back(
    conn: Connection, database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    backend = backend_of(database)
    with frozen(backend):
        for _ in range(2):
            assert "did not answer in time" in refused(database)
        assert "a moment ago" in refused(database)
    # Refused for a second were it silent.
    database.line._breaker.open_until = monotonic() + 3600
    while not link_of(database).has_word():
        sleep(0.001)
    assert ask(database, request_of).nas == ("mikrotik", 300)
    assert backend_of(database) == backend
    assert link_of(database).owed == 0


def test_logins_that_one_stall_met_together_are_one_failure(
    database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    backend = backend_of(database)
    with frozen(backend), ThreadPoolExecutor(10) as threads:
        reasons = list(threads.map(refused, [database] * 10))
    assert len(reasons) == 10
    # One alone turns nobody away.
    assert database.line._breaker.failures == 1
    ask(database, request_of)


def test_a_stopped_database_is_noticed_and_used_again_when_it_is_back() -> None:
    with stack.scratch_var() as var, stack.start_postgres_only(var) as postgres:
        migrate(postgres.url)
        database = AccessDatabase(postgres.url)
        ask_for_nobody(database)
        postgres.kill()
        # A backend sees by and by that its postmaster is gone.
        while answers(database):
            sleep(0.01)
        for _ in range(20):
            refused(database)
        postgres.start()
        ask_for_nobody(database)
        database.line.close()


def test_a_question_the_database_cannot_take_does_not_count_as_its_absence(
    database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    for _ in range(5):
        with pytest.raises(QuestionRefusedError):
            database.load_access_state(request_of._replace(nas_id="9" * 25), TODAY)
        assert ask(database, request_of).nas == ("mikrotik", 300)


def test_a_child_process_has_a_connection_of_its_own(
    database: AccessDatabase, request_of: AccessRequest
) -> None:
    mine = ask(database, request_of).session_id
    child = os.fork()
    if child == 0:
        status = 1
        try:
            number = ask(database, request_of).session_id
            database.line.close()
            status = 0 if number > mine else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ask(database, request_of).nas == ("mikrotik", 300)


def test_logins_of_one_moment_share_a_round_trip_and_get_each_its_own_answer(
    conn: Connection, database: AccessDatabase
) -> None:
    nas_id, package = a_nas(conn), a_package(conn, billing="free")
    customers = [a_customer(conn, package) for _ in range(40)]
    usernames = [username_of(conn, customer) for customer in customers]
    ask_for_nobody(database)
    backend = backend_of(database)

    def customer_of(username: str) -> int:
        state = ask(database, AccessRequest(username, str(nas_id), MAC))
        return state.customer_id

    with ThreadPoolExecutor(40) as threads:
        with frozen(backend):
            told = [threads.submit(customer_of, username) for username in usernames]
            nobody = threads.submit(ask_for_nobody, database)
            # Less than a login's patience; all of them are waiting meanwhile.
            sleep(0.03)
        assert [future.result() for future in told] == customers
        nobody.result()


def test_odd_texts_reach_the_database_as_they_are(
    conn: Connection, database: AccessDatabase
) -> None:
    nas_id, package = a_nas(conn), a_package(conn, billing="free")
    for username in ('a"b', "a\\b", "{a,b}", "NULL", "a b", "ক,খ", "'"):
        customer = a_customer(conn, package)
        conn.execute(
            "UPDATE login SET username = %s WHERE customer_id = %s",
            [username, customer],
        )
        state = ask(database, AccessRequest(username, str(nas_id), MAC))
        assert state.customer_id == customer


def test_who_asks_what_cannot_be_asked_spoils_it_for_nobody_else(
    conn: Connection, database: AccessDatabase, request_of: AccessRequest
) -> None:
    ask(database, request_of)
    backend = backend_of(database)
    database._nas.clear()
    wrong = request_of._replace(nas_id="9" * 25)
    with ThreadPoolExecutor(20) as threads:
        with frozen(backend):
            good = [threads.submit(ask, database, request_of) for _ in range(9)]
            bad = threads.submit(ask, database, wrong)
            sleep(0.03)
        assert {future.result().nas for future in good} == {("mikrotik", 300)}
        with pytest.raises(QuestionRefusedError):
            bad.result()


def test_a_host_may_be_a_name(database_url: str) -> None:
    database = AccessDatabase(database_url.replace("127.0.0.1", "localhost"))
    ask_for_nobody(database)
    database.line.close()


def test_a_name_that_does_not_resolve_is_an_absent_database() -> None:
    database = AccessDatabase("postgresql://khata@no-such-host.invalid/khata")
    refused(database)


def test_closing_while_connecting_leaves_nothing_behind(database_url: str) -> None:
    database = AccessDatabase(database_url)
    attempt = database.line._attempt = Attempt(database_url, DECIDING)
    database.line.close()
    assert attempt.ended.wait(10)
    with psycopg.connect(database_url) as conn:
        while conn.execute(LINKS).fetchone() != (0,):
            sleep(0.05)
