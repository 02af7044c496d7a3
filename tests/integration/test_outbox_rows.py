"""Requests to NAS in the database: claimed once, tried again, called off."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.db.outbox import OutboxItem, list_outbox, next_due
from billing_core.services.cash import take_cash
from billing_core.services.outbox import Answer, Outcome, claim, record
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_nas,
    a_package,
    at_once,
    fold,
    rows,
    username_of,
)

LEASE = 30.0


def exhausted(conn: Connection) -> Packets:
    """A session whose Disconnect waits in the outbox."""
    customer_id = a_customer(conn, a_package(conn), balance="1")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start(), p.interim(60))
    conn.execute(
        "UPDATE outbox SET created_at = %(at)s, next_attempt_at = %(at)s", {"at": NOON}
    )
    return p


def take(conn: Connection, now: datetime = NOON) -> list[OutboxItem]:
    return claim(conn, now, lease_seconds=LEASE, limit=100)


def answer(
    conn: Connection,
    item: OutboxItem,
    outcome: Outcome,
    *,
    retryable: bool = False,
    cause: int | None = None,
    now: datetime = NOON,
) -> None:
    record(conn, [(item, Answer(outcome, cause, is_retryable=retryable))], now)


def states(conn: Connection) -> list[tuple[str, str | None, int | None]]:
    return rows(conn, "SELECT state, outcome, error_cause FROM outbox ORDER BY 1")


def test_a_request_carries_what_names_its_session_to_the_nas(conn: Connection) -> None:
    p = exhausted(conn)
    (item,) = take(conn)
    assert (item.kind, item.reason, item.attempts) == (
        "disconnect",
        "BALANCE_EXHAUSTED",
        1,
    )
    assert (item.username, item.acct_session_id) == (p.username, p.acct_session_id)
    assert (item.framed_ip, item.nas_ip) == ("10.0.0.2", "127.0.0.1")
    assert item.calling_station_id == "02:00:00:00:00:01"
    assert item.nas_port_id == "ether1"


def test_one_request_is_claimed_by_one_of_many(
    conn: Connection, database_url: str
) -> None:
    for _ in range(5):
        exhausted(conn)
    taken = at_once(database_url, [take] * 4)
    ids = [i.outbox_id for items in taken if isinstance(items, list) for i in items]
    assert len(ids) == 5
    assert len(set(ids)) == 5


def test_a_sender_that_died_leaves_its_request_to_be_due_again(
    conn: Connection,
) -> None:
    exhausted(conn)
    assert len(take(conn)) == 1
    assert next_due(conn) == NOON + timedelta(seconds=LEASE)
    assert take(conn, NOON + timedelta(seconds=LEASE - 1)) == []
    (again,) = take(conn, NOON + timedelta(seconds=LEASE))
    assert again.attempts == 2


@pytest.mark.parametrize(
    ("outcome", "cause", "state"),
    [("ACK", None, "done"), ("NAK", 503, "failed"), ("NO_COA", None, "failed")],
)
def test_an_answer_ends_the_request(
    conn: Connection, outcome: Outcome, cause: int | None, state: str
) -> None:
    exhausted(conn)
    (item,) = take(conn)
    answer(conn, item, outcome, cause=cause)
    assert states(conn) == [(state, outcome, cause)]
    assert take(conn, NOON + timedelta(days=1)) == []
    assert next_due(conn) is None
    # The session ends by its Stop, not by an ACK.
    assert rows(conn, "SELECT state FROM acct_session") == [("open",)]


def test_a_nas_that_does_not_answer_is_tried_a_bounded_number_of_times(
    conn: Connection,
) -> None:
    exhausted(conn)
    now, waits = NOON, []
    while items := take(conn, now):
        answer(conn, items[0], "TIMEOUT", retryable=True, now=now)
        due = next_due(conn)
        if due is None:
            break
        waits.append((due - now).total_seconds())
        now = due
    assert waits == [5, 30, 120, 600]
    assert states(conn) == [("failed", "TIMEOUT", None)]


def test_a_request_for_a_session_that_ended_meanwhile_is_not_sent(
    conn: Connection,
) -> None:
    p = exhausted(conn)
    fold(conn, p.stop(60))
    assert take(conn) == []
    assert states(conn) == [("cancelled", None, None)]


def pay(conn: Connection, p: Packets) -> None:
    take_cash(
        conn,
        p.username,
        Decimal(50),
        key="k",
        operator="nila",
        note="",
        now=NOON,
    )


def test_money_that_comes_while_a_request_is_on_its_way_calls_off_its_retry(
    conn: Connection,
) -> None:
    p = exhausted(conn)
    (item,) = take(conn)
    pay(conn, p)
    answer(conn, item, "TIMEOUT", retryable=True)

    left = take(conn, NOON + timedelta(days=1))

    assert [i.kind for i in left] == ["coa"]
    assert ("cancelled", None, None) in states(conn)


def test_a_new_end_of_money_is_asked_for_anew(conn: Connection) -> None:
    p = exhausted(conn)
    pay(conn, p)
    fold(conn, p.interim(52 * 60), now=NOON + timedelta(minutes=52))
    assert rows(
        conn, "SELECT state FROM outbox WHERE kind = 'disconnect' ORDER BY outbox_id"
    ) == [("cancelled",), ("pending",)]


def test_the_newest_requests_are_listed_of_all_or_of_one(conn: Connection) -> None:
    one, _ = exhausted(conn), exhausted(conn)
    assert len(list_outbox(conn, username=None, limit=10)) == 2
    assert [r.username for r in list_outbox(conn, username=one.username, limit=10)] == [
        one.username
    ]
    assert len(list_outbox(conn, username=None, limit=1)) == 1
