"""`khata doctor`: each trouble is found, named, and comes with how to mend it."""

import base64
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from billing_core import stack
from billing_core.db.nas import NewNas, insert_nas
from billing_core.migrations import migrate
from billing_core.settings import load_settings
from billing_core.stack import doctor_database, doctor_machine
from billing_core.stack.config_file import write_config
from billing_core.stack.doctor import examine
from billing_core.stack.findings import FAIL, OK, WARN, Finding, Patient
from billing_core.stack.layout import Layout
from billing_core.stack.state import State


@pytest.fixture(scope="module")
def patient_at_rest() -> Iterator[Patient]:
    """A migrated database and the directories of a stack that does not run."""
    with stack.scratch_var() as var, stack.start_postgres_only(var) as postgres:
        migrate(postgres.url)
        layout = Layout(var)
        key = base64.b64encode(bytes(32)).decode("ascii")
        for name, text in (
            ("database_url", postgres.url),
            ("secret_key", key),
            ("card_key", key),
        ):
            (layout.secrets / name).write_text(text)
            (layout.secrets / name).chmod(0o640)
        write_config(layout, currency="BDT", zone="Asia/Dhaka")
        settings = load_settings({"KHATA_CONFIG": str(layout.config)})
        with psycopg.connect(postgres.url, autocommit=True) as conn:
            yield Patient(layout, State(), settings, "", conn, "", False, "secret")


@pytest.fixture
def patient(patient_at_rest: Patient) -> Iterator[Patient]:
    """The same, with every change of a test undone."""
    assert patient_at_rest.conn is not None
    with patient_at_rest.conn.transaction(force_rollback=True):
        yield replace(patient_at_rest, state=State(ports={"acct": 1813}))


def execute(patient: Patient, query: str, *values: object) -> None:
    assert patient.conn is not None
    patient.conn.execute(query, values)


def states(findings: list[Finding]) -> list[str]:
    return [finding.state for finding in findings]


def a_nas(patient: Patient) -> None:
    assert patient.conn is not None
    nas_id = insert_nas(patient.conn, NewNas("tower-1", "192.0.2.7", "secret"))
    execute(patient, "UPDATE nas SET nas_id = 7 WHERE nas_id = %s", nas_id)


def a_packet(patient: Patient, table: str, **columns: object) -> None:
    """Insert a row whose other texts are empty, whatever columns the table has."""
    assert patient.conn is not None
    texts = patient.conn.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " AND data_type = 'text' AND is_nullable = 'NO'",
        (table,),
    ).fetchall()
    row = {name: "" for (name,) in texts} | columns
    query = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() for _ in row),
    )
    patient.conn.execute(query, list(row.values()))


def a_login(
    patient: Patient,
    minutes_ago: int,
    *,
    spoke_minutes_ago: int | None = None,
    ended_minutes_ago: int | None = None,
    session_id: int = 1,
) -> None:
    state = "opening" if spoke_minutes_ago is None else "open"
    heard = minutes_ago if spoke_minutes_ago is None else spoke_minutes_ago
    execute(
        patient,
        "INSERT INTO acct_session (customer_id, session_id, nas_id, package_id, state,"
        " username, accepted_at, started_at, last_event_at, ended_at,"
        " interim_interval_seconds)"
        " VALUES (1, %s, 7, 1, %s, 'rahim', now() - make_interval(mins => %s),"
        " now() - make_interval(mins => %s), now() - make_interval(mins => %s),"
        " now() - make_interval(mins => %s), 300)",
        *(session_id, "ended" if ended_minutes_ago is not None else state),
        *(minutes_ago, minutes_ago, heard, ended_minutes_ago),
    )


def test_a_current_database_is_well(patient: Patient) -> None:
    assert states(doctor_database.check_database(patient)) == [OK]


def test_a_database_of_another_revision_is_told_with_the_command(
    patient: Patient,
) -> None:
    execute(patient, "UPDATE alembic_version SET version_num = '0000'")
    [finding] = doctor_database.check_database(patient)
    assert (finding.state, finding.mend) == (FAIL, "khata db migrate")
    assert "0000" in finding.found


def test_a_database_that_was_never_migrated_is_told(patient: Patient) -> None:
    execute(patient, "DROP TABLE alembic_version")
    [finding] = doctor_database.check_database(patient)
    assert finding.state == FAIL
    assert "none" in finding.found


def test_a_nas_that_logs_in_but_sends_no_accounting_is_named(patient: Patient) -> None:
    a_nas(patient)
    a_login(patient, 25)
    [finding] = doctor_database.check_silent_nas(patient)
    assert finding.state == FAIL
    assert (
        "no accounting has come from NAS tower-1 (192.0.2.7) for 25 minutes"
        in finding.found
    )
    assert "it has 1 logins" in finding.found
    assert "1813" in finding.mend


def test_a_nas_whose_accounting_stopped_is_named(patient: Patient) -> None:
    a_nas(patient)
    a_login(patient, 300, spoke_minutes_ago=60)
    [finding] = doctor_database.check_silent_nas(patient)
    assert "for 60 minutes" in finding.found


def test_a_nas_whose_unheard_sessions_were_closed_is_named(patient: Patient) -> None:
    a_nas(patient)
    a_login(patient, 120, ended_minutes_ago=60)
    assert states(doctor_database.check_silent_nas(patient)) == [FAIL]


@pytest.mark.parametrize("session", ["fresh", "heard", "one of two heard", "over"])
def test_a_nas_that_reports_is_well(patient: Patient, session: str) -> None:
    a_nas(patient)
    if session == "fresh":
        a_login(patient, 3)
    elif session == "heard":
        a_login(patient, 300, spoke_minutes_ago=4)
    elif session == "one of two heard":
        a_login(patient, 300)
        a_login(patient, 300, spoke_minutes_ago=4, session_id=2)
    else:
        a_login(patient, 300, spoke_minutes_ago=200)
        execute(
            patient,
            "UPDATE acct_session SET state = 'ended', session_seconds = 6000,"
            " ended_at = last_event_at",
        )
    assert states(doctor_database.check_silent_nas(patient)) == [OK]


def test_no_nas_at_all_is_well(patient: Patient) -> None:
    assert states(doctor_database.check_silent_nas(patient)) == [OK]


def test_an_unknown_address_that_speaks_radius_is_named(patient: Patient) -> None:
    assert states(doctor_database.check_unknown_nas(patient)) == [OK]
    execute(patient, "INSERT INTO unknown_nas (address) VALUES ('192.0.2.99')")
    [finding] = doctor_database.check_unknown_nas(patient)
    assert finding.state == WARN
    assert "192.0.2.99" in finding.found
    assert "khata nas add" in finding.mend


@pytest.mark.parametrize(("seconds", "state"), [(0, OK), (30, WARN), (90, FAIL)])
def test_accounting_that_waits_is_told_by_its_age(
    patient: Patient, seconds: int, state: str
) -> None:
    received_at = datetime.now(UTC) - timedelta(seconds=seconds)
    a_packet(patient, "acct_intake", nas_id=7, received_at=received_at)
    [finding] = doctor_database.check_intake(patient)
    assert finding.state == state
    assert "1 packets wait" in finding.found


def an_outbox_row(patient: Patient, **columns: object) -> None:
    execute(
        patient,
        "INSERT INTO outbox (customer_id, session_id, nas_id, kind, reason, state,"
        " outcome, finished_at, next_attempt_at) VALUES (1, 1, 7, 'disconnect', 'x',"
        " %s, %s, %s, now() - make_interval(secs => %s))",
        *(columns["state"], columns.get("outcome"), columns.get("finished_at")),
        columns.get("late_seconds", 0),
    )


def test_failed_disconnects_are_told_by_nas(patient: Patient) -> None:
    a_nas(patient)
    assert states(doctor_database.check_outbox(patient)) == [OK]
    an_outbox_row(patient, state="failed", outcome="TIMEOUT", finished_at="now")
    [finding] = doctor_database.check_outbox(patient)
    assert finding.state == WARN
    assert "NAS tower-1: disconnect TIMEOUT 1 times" in finding.found
    assert "/radius incoming" in finding.mend


def test_disconnects_that_wait_are_told(patient: Patient) -> None:
    an_outbox_row(patient, state="pending", late_seconds=120)
    [finding] = doctor_database.check_outbox(patient)
    assert finding.state == FAIL
    assert "1 wait" in finding.found


@pytest.mark.parametrize(("skew", "state"), [(0, OK), (-900, WARN), (900, WARN)])
def test_a_nas_with_a_wrong_clock_is_named(
    patient: Patient, skew: int, state: str
) -> None:
    a_nas(patient)
    now = datetime.now(UTC)
    a_packet(
        patient,
        "acct_event",
        customer_id=1,
        event_id=1,
        nas_id=7,
        received_at=now,
        event_epoch=int(now.timestamp()) - skew,
    )
    [finding] = doctor_database.check_nas_clocks(patient)
    assert finding.state == state
    if skew:
        direction = "behind" if skew > 0 else "ahead"
        assert f"s {direction}" in finding.found


def test_worker_and_scheduler_that_were_never_seen_are_told(patient: Patient) -> None:
    findings = doctor_database.check_heartbeats(patient)
    assert [(f.check, f.state) for f in findings] == [
        ("worker heartbeat", FAIL),
        ("scheduler heartbeat", FAIL),
    ]


def test_a_worker_that_stopped_beating_is_told(patient: Patient) -> None:
    execute(
        patient,
        "INSERT INTO process_heartbeat (name, pid, at) VALUES"
        " ('worker', 1, now() - interval '5 minutes'), ('scheduler', 2, now())",
    )
    findings = doctor_database.check_heartbeats(patient)
    assert states(findings) == [FAIL, OK]
    assert "300 s ago" in findings[0].found


def test_other_money_than_the_books_is_told(patient: Patient) -> None:
    execute(
        patient,
        "INSERT INTO installation (currency, zone) VALUES ('USD', 'Asia/Dhaka')",
    )
    [finding] = doctor_database.check_installation(patient)
    assert finding.state == FAIL
    assert "USD" in finding.found


def test_accounting_on_disk_is_told_once_it_waits(patient: Patient) -> None:
    assert states(doctor_machine.check_spool(patient)) == [OK]
    file = patient.layout.spool / "detail-1"
    file.write_bytes(b"Tue Nov 24 06:00:00 2026\n")
    try:
        assert states(doctor_machine.check_spool(patient)) == [OK]  # it just came
        old = time.time() - 300
        os.utime(file, (old, old))
        [finding] = doctor_machine.check_spool(patient)
        assert finding.state == FAIL
        assert "1 files, 25 octets" in finding.found
    finally:
        file.unlink()


def test_secrets_that_others_may_read_are_told(patient: Patient) -> None:
    assert states(doctor_machine.check_secrets(patient)) == [OK]
    file = patient.layout.secrets / "secret_key"
    file.chmod(0o644)
    try:
        [finding] = doctor_machine.check_secrets(patient)
    finally:
        file.chmod(0o640)
    assert finding.state == FAIL
    assert "secret_key" in finding.found


def test_a_stack_that_does_not_run_is_told(patient: Patient) -> None:
    [finding] = doctor_machine.check_processes(patient)
    assert (finding.state, finding.mend) == (FAIL, "khata up")


def test_a_place_without_a_stack_is_told(tmp_path: Path) -> None:
    [finding] = examine(tmp_path)
    assert finding.state == FAIL
    assert "`khata up`" in finding.mend


def test_the_doctor_works_while_the_database_is_away() -> None:
    with (
        stack.scratch_var() as var,
        stack.up(var, processes=("postgres",), fast_init=True) as running,
    ):
        well: dict[str, Any] = {f.check: f.state for f in examine(var)}
        assert (well["postgres"], well["database"]) == (OK, OK)
        running.kill("postgres")
        ill = {f.check: f for f in examine(var)}
    assert ill["postgres"].state == FAIL
    assert ill["database"].state == FAIL
    assert "khata up" in ill["database"].mend
