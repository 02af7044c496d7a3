"""Suspension reaches what runs, and whoever was waiting at that moment."""

import threading
from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection, connect
from billing_core.db.customers import CustomerError
from billing_core.services.cash import take_cash
from billing_core.services.customers import activate, suspend
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_nas,
    a_package,
    audited,
    fold,
    rows,
    sessions_of,
    username_of,
    wait_until_blocked,
)


def put_off(
    conn: Connection, customer_id: int, seconds: int = 0, *, disable: bool = False
) -> int:
    return suspend(
        conn,
        username_of(conn, customer_id),
        note="asked by phone",
        actor="nila",
        now=NOON + timedelta(seconds=seconds),
        disable=disable,
    )


def restore(conn: Connection, customer_id: int) -> None:
    activate(conn, username_of(conn, customer_id), note="paid", actor="nila", now=NOON)


def asked(conn: Connection) -> list[tuple[object, ...]]:
    return rows(
        conn,
        "SELECT session_id, reason, state FROM outbox WHERE kind = 'disconnect'"
        " ORDER BY outbox_id",
    )


@pytest.mark.parametrize(
    "make",
    [
        a_package,
        a_daily_package,
        a_hotspot_package,
        lambda conn: a_package(conn, billing="free"),
    ],
    ids=["per session", "daily", "hotspot", "free"],
)
def test_suspension_puts_off_every_running_session(conn: Connection, make) -> None:  # type: ignore[no-untyped-def]
    customer_id = a_customer(conn, make(conn), balance="100", sessions_allowed=2)
    nas_id, name = a_nas(conn), username_of(conn, customer_id)
    fold(conn, Packets(name, nas_id).start(), Packets(name, nas_id).interim(60))
    conn.execute("DELETE FROM outbox")
    conn.execute("UPDATE acct_session SET disconnect_requested_at = NULL")

    assert put_off(conn, customer_id) == 2

    assert {(reason, state) for _, reason, state in asked(conn)} == {
        ("OPERATOR", "pending")
    }
    assert len(asked(conn)) == 2
    assert rows(conn, "SELECT what, reason, note FROM customer_event")[-1] == (
        "suspended",
        "OPERATOR",
        "asked by phone",
    )
    assert audited(conn) == []


def test_a_suspended_customer_whose_session_speaks_is_cut_again_each_minute(
    conn: Connection,
) -> None:
    customer_id = a_customer(conn, a_package(conn, billing="free"))
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start())
    put_off(conn, customer_id, 10)
    for seconds, requests in ((30, 1), (70, 1), (71, 2), (90, 2), (132, 3)):
        fold(conn, p.interim(seconds), now=NOON + timedelta(seconds=seconds))
        assert len(asked(conn)) == requests, seconds


def test_a_session_that_begins_after_the_suspension_is_cut_at_its_first_word(
    conn: Connection,
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="100")
    put_off(conn, customer_id)
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    assert fold(conn, p.start()).disconnects == 1
    assert [reason for _, reason, _ in asked(conn)] == ["OPERATOR"]


def test_a_fold_that_waited_for_a_suspension_sees_it(
    conn: Connection, database_url: str
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="100")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    folded: list[int] = []

    def work() -> None:
        with connect(database_url, application="tests") as own:
            folded.append(fold(own, p.start()).disconnects)

    other = threading.Thread(target=work)
    with conn.transaction():
        put_off(conn, customer_id)
        other.start()
        wait_until_blocked(conn)
    other.join()

    assert folded == [1]
    assert [reason for _, reason, _ in asked(conn)] == ["OPERATOR"]


def test_money_does_not_restore_whom_an_operator_suspended(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="1")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start())
    put_off(conn, customer_id)
    take_cash(
        conn,
        username_of(conn, customer_id),
        Decimal(50),
        key="k",
        operator="nila",
        note="",
        now=NOON,
    )
    assert ("OPERATOR", "pending") in [(r, s) for _, r, s in asked(conn)]
    assert rows(conn, "SELECT status FROM customer") == [("suspended",)]


def test_who_is_restored_is_cut_no_more(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="100")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start())
    put_off(conn, customer_id)
    restore(conn, customer_id)

    later = NOON + timedelta(seconds=300)
    fold(conn, p.interim(300), now=later)

    assert rows(conn, "SELECT status, suspend_reason FROM customer") == [
        ("active", None)
    ]
    assert len(asked(conn)) == 1


def test_restoring_calls_off_a_disconnect_that_has_not_left(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="100")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start())
    put_off(conn, customer_id)
    restore(conn, customer_id)
    assert [state for _, _, state in asked(conn)] == ["cancelled"]
    assert sessions_of(conn, customer_id)[0]["disconnect_requested_at"] is None


def test_suspending_twice_and_restoring_who_is_active_are_refused(
    conn: Connection,
) -> None:
    customer_id = a_customer(conn, a_package(conn))
    with pytest.raises(CustomerError, match="active already"):
        restore(conn, customer_id)
    put_off(conn, customer_id)
    with pytest.raises(CustomerError, match="suspended already"):
        put_off(conn, customer_id)
    assert put_off(conn, customer_id, disable=True) == 0
    assert rows(conn, "SELECT status FROM customer") == [("disabled",)]
    with pytest.raises(CustomerError, match="disabled already"):
        put_off(conn, customer_id, disable=True)
