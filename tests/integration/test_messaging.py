"""Messages on their way: claimed once, tried again, sent by the real loops."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing_core.channels import Outcome, read_mail_server, read_sms_gateway
from billing_core.db.connect import Connection, connect
from billing_core.db.messages import Claimed, claim_messages, read_policy
from billing_core.reminders import CHANNELS, ReminderPolicy
from billing_core.scheduler import _serve as serve
from billing_core.services import suspension
from billing_core.services.messages import note_outcome
from billing_core.services.reminders import queue_reminders
from billing_core.settings import Settings
from billing_core.worker.messaging import run_mail, run_sms
from tests.builders import KEY, at_once, rows
from tests.integration.test_reminders import (
    DAY,
    JOINED,
    TEN,
    an_owing_customer,
    bodies,
    pay,
    tell_by,
    told,
)
from tests.message_ends import Mailbox, Phones, a_mail_server, an_sms_gateway

PATIENCE_SECONDS = 20
NOW = JOINED + TEN
LEASE = 300.0


def take(conn: Connection, now: datetime = NOW, limit: int = 10) -> list[Claimed]:
    return claim_messages(conn, "sms", now, lease_seconds=LEASE, limit=limit)


def queued(conn: Connection, count: int = 1) -> None:
    """Let bills be told by SMS."""
    tell_by(conn, "sms")
    for _ in range(count):
        an_owing_customer(conn)
    queue_reminders(conn, NOW)


def states(conn: Connection) -> list[tuple[Any, ...]]:
    return rows(conn, "SELECT state, attempts, error FROM message ORDER BY message_id")


def test_two_senders_never_have_the_same_message(
    conn: Connection, database_url: str
) -> None:
    queued(conn, 6)

    def work(own: Connection) -> list[Claimed]:
        with own.transaction():
            found = take(own, limit=2)
            time.sleep(0.1)
            return found

    results = at_once(database_url, [work] * 4)

    ids = [one.message_id for found in results for one in found]  # type: ignore[union-attr]
    assert len(ids) == len(set(ids)) == 6


def test_a_sender_that_died_leaves_its_message_after_the_lease(
    conn: Connection,
) -> None:
    queued(conn)
    (first,) = take(conn)
    assert take(conn, NOW + timedelta(seconds=LEASE - 1)) == []

    (second,) = take(conn, NOW + timedelta(seconds=LEASE))

    assert (second.message_id, second.attempts) == (first.message_id, 2)
    # The first was only slow, and has nothing to say any more but that it did send.
    note_outcome(conn, first, Outcome("refused", "slow"), NOW)
    assert states(conn) == [("sending", 2, None)]
    note_outcome(conn, first, Outcome("sent"), NOW)
    note_outcome(conn, second, Outcome("refused", "late"), NOW)
    assert states(conn) == [("sent", 2, None)]


def test_what_may_pass_is_tried_again_later_and_not_for_ever(
    conn: Connection,
) -> None:
    queued(conn)
    now, waits = NOW, []
    while claimed := take(conn, now):
        note_outcome(conn, claimed[0], Outcome("refused", "451 later", True), now)
        ((state, due),) = rows(conn, "SELECT state, next_attempt_at FROM message")
        if state == "pending":
            assert take(conn, due - timedelta(seconds=1)) == []
            waits.append((due - now).total_seconds())
            now = due

    assert waits == [60, 300, 1800, 7200]
    assert states(conn) == [("failed", 5, "451 later")]


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Outcome("refused", "550 never"), "550 never"),
        (Outcome("unknown", "no answer"), "it may have arrived: no answer"),
    ],
)
def test_what_stays_refused_or_may_have_arrived_is_not_tried_again(
    outcome: Outcome, error: str, conn: Connection
) -> None:
    queued(conn)
    (claimed,) = take(conn)

    note_outcome(conn, claimed, outcome, NOW)

    assert states(conn) == [("failed", 1, error)]
    assert take(conn, NOW + 365 * DAY) == []


def test_what_lost_its_point_is_not_sent(conn: Connection) -> None:
    tell_by(conn, "sms")
    customer_id = an_owing_customer(conn)
    queue_reminders(conn, JOINED + 7 * DAY + TEN)
    suspension.sweep_suspensions(conn, JOINED + 10 * DAY)
    assert told(conn) == [("overdue", "sms"), ("suspended", "sms")]

    pay(conn, customer_id, "600", JOINED + 10 * DAY)
    claimed = take(conn, JOINED + 10 * DAY + TEN)

    assert [one.body for one in claimed] == bodies(conn, "restored")
    assert [state for state, _, _ in states(conn)] == [
        "cancelled",
        "cancelled",
        "sending",
    ]


def settings_for(
    database_url: str, box: Mailbox, phones: Phones, var: Path
) -> Settings:
    return Settings(
        database_url=database_url,
        secret_key=KEY,
        currency="BDT",
        zone=ZoneInfo("Asia/Dhaka"),
        var_dir=var,
        web_host="127.0.0.1",
        web_port=1,
        log_level="INFO",
        mail_server=read_mail_server(
            f"smtp://127.0.0.1:{box.port}", "Shapla Net <billing@example.net>"
        ),
        sms_gateway=read_sms_gateway(
            f"http://127.0.0.1:{phones.port}/send",
            method="POST",
            body="to={recipient}&text={text}",
            headers="",
            expect_status="200",
            expect_text="SENT",
        ),
        reminders=ReminderPolicy(channels=CHANNELS, balance_low=Decimal(20)),
    )


@contextmanager
def a_worker(
    database_url: str, box: Mailbox, phones: Phones, var: Path
) -> Iterator[None]:
    stop = threading.Event()
    settings = settings_for(database_url, box, phones, var)
    loops = [
        threading.Thread(target=loop, args=(settings, stop))
        for loop in (run_mail, run_sms)
    ]
    for loop in loops:
        loop.start()
    try:
        yield
    finally:
        stop.set()
        for loop in loops:
            loop.join(PATIENCE_SECONDS)
            assert not loop.is_alive()


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < until, "it does not come to pass"
        time.sleep(0.02)


def test_workers_send_everything_once_and_note_what_was_refused(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    tell_by(conn, *CHANNELS)
    for _ in range(20):
        an_owing_customer(conn)
    queue_reminders(conn, NOW)
    box, phones = Mailbox(answers={"RCPT": ["550 gone"]}), Phones(silent=1)

    with (
        a_mail_server(box),
        an_sms_gateway(phones),
        a_worker(database_url, box, phones, tmp_path),
        a_worker(database_url, box, phones, tmp_path),
    ):
        wait_until(
            lambda: (
                rows(
                    conn,
                    "SELECT count(*) FROM message WHERE state IN ('sent', 'failed')",
                )
                == [(40,)]
            )
        )

    assert len(box.mails) == len({mail["Message-ID"] for mail in box.mails}) == 19
    assert len(phones.requests) == len({body for *_, body in phones.requests}) == 20
    assert rows(
        conn, "SELECT channel, error FROM message WHERE state = 'failed' ORDER BY 1"
    ) == [
        ("mail", "550 gone"),
        ("sms", "it may have arrived: no answer to the request: RemoteDisconnected"),
    ]


def test_a_database_that_goes_away_in_mid_sending_makes_nothing_leave_twice(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    queued(conn)
    box, phones = Mailbox(port=9), Phones()
    phones.may_answer.clear()
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'khata-messaging-sms'"
        "   AND datname = current_database()"
    )
    with (
        an_sms_gateway(phones),
        a_worker(database_url, box, phones, tmp_path),
    ):
        wait_until(lambda: len(phones.requests) == 1)
        assert rows(conn, cut) == [(True,)]
        phones.may_answer.set()
        wait_until(lambda: states(conn) == [("sent", 1, None)])

    assert len(phones.requests) == 1


def test_a_worker_that_is_told_to_stop_notes_what_is_on_its_way(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    queued(conn)
    box, phones = Mailbox(port=9), Phones()
    phones.may_answer.clear()
    with an_sms_gateway(phones), a_worker(database_url, box, phones, tmp_path):
        wait_until(lambda: len(phones.requests) == 1)
        threading.Timer(0.3, phones.may_answer.set).start()

    assert states(conn) == [("sent", 1, None)]


def test_who_leads_the_scheduler_says_what_is_told(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    settings = settings_for(database_url, Mailbox(port=9), Phones(port=9), tmp_path)
    stop = threading.Event()

    def lead() -> None:
        with connect(database_url, application="scheduler") as own:
            serve(own, settings, stop)

    leader = threading.Thread(target=lead)
    leader.start()
    try:
        wait_until(lambda: read_policy(conn)[0] == settings.reminders)
    finally:
        stop.set()
        leader.join()
