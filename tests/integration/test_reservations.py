"""Held money: an end each, and never more than there was."""

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing_core.db.connect import Connection
from billing_core.services.closing import close_stale_sessions
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_grant,
    a_nas,
    a_package,
    at_once,
    audited,
    fold,
    open_session,
    rows,
    username_of,
)


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    """One database for all of this: the tests keep to customers of their own."""
    return shared_database_url


def holds(conn: Connection, customer_id: int) -> list[tuple[str, Decimal]]:
    return rows(
        conn,
        "SELECT state, held FROM reservation WHERE customer_id = %s"
        " ORDER BY reservation_id",
        customer_id,
    )


def money(conn: Connection, customer_id: int) -> tuple[Decimal, Decimal]:
    return rows(
        conn, "SELECT posted, reserved FROM wallet WHERE customer_id = %s", customer_id
    )[0]


def wrong(conn: Connection, customer_id: int) -> list[object]:
    return [f for f in audited(conn) if f.customer_id == customer_id]


def logged_in(
    conn: Connection, customer_id: int, hold: str, mac: str = "02:00:00:00:00:01"
) -> Packets:
    grant = a_grant(conn, customer_id, a_nas(conn), hold=Decimal(hold))
    assert open_session(conn, grant, mac=mac, at=NOON) == "OK"
    return Packets(
        username_of(conn, customer_id), grant.nas_id, class_value=grant.class_value
    )


def test_a_hold_shrinks_by_what_is_charged_and_ends_settled(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    p = logged_in(conn, customer_id, "10")
    fold(conn, p.start())
    for minute in (1, 2, 3):
        fold(conn, p.interim(60 * minute))
        left = Decimal(10 - minute)
        assert money(conn, customer_id) == (left, left)
        assert holds(conn, customer_id) == [("open", left)]
    fold(conn, p.stop(200))
    assert money(conn, customer_id) == (Decimal("6.00"), Decimal("0.00"))
    assert holds(conn, customer_id) == [("settled", Decimal("0.00"))]


def test_a_hold_is_settled_once_though_the_stop_comes_twice(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10", sessions_allowed=2)
    p = logged_in(conn, customer_id, "4")
    q = logged_in(conn, customer_id, "4", "02:00:00:00:00:02")
    fold(conn, p.start(), q.start())
    reserved = money(conn, customer_id)[1]
    fold(conn, p.stop(60), p.stop(60))
    after = money(conn, customer_id)
    fold(conn, p.stop(60))
    assert money(conn, customer_id) == after
    assert after[1] <= reserved
    assert wrong(conn, customer_id) == []


def test_a_session_that_reopens_holds_anew(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="30")
    p = logged_in(conn, customer_id, "30")
    fold(conn, p.start(), p.interim(60))
    close_stale_sessions(conn, NOON + timedelta(hours=3))
    assert money(conn, customer_id) == (Decimal("29.00"), Decimal("0.00"))
    fold(conn, p.interim(600))
    assert money(conn, customer_id) == (Decimal("20.00"), Decimal("20.00"))
    assert [state for state, _ in holds(conn, customer_id)] == ["settled", "open"]
    assert wrong(conn, customer_id) == []


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 2), st.sampled_from(["report", "stop"]), st.integers(1, 400)
        ),
        min_size=1,
        max_size=10,
    ),
    balance=st.integers(1, 12),
)
def test_holds_and_charges_never_exceed_what_there_was(
    conn: Connection, steps: list[tuple[int, str, int]], balance: int
) -> None:
    """Three devices on NAS that keep the limits: the wallet is never overdrawn."""
    package = a_package(conn, sessions_allowed=3)
    customer_id = a_customer(conn, package, balance=str(balance))
    share = f"{Decimal(balance) / 3:.2f}" if balance % 3 == 0 else str(balance // 3)
    devices = [
        logged_in(conn, customer_id, share, f"02:00:00:00:00:0{n}") for n in range(3)
    ]
    fold(conn, *(p.start() for p in devices))
    seconds, stopped = [0, 0, 0], set()
    for device, what, elapsed in steps:
        if device in stopped:
            continue
        p = devices[device]
        ((limit,),) = rows(
            conn,
            "SELECT limit_seconds FROM acct_session"
            " WHERE customer_id = %s AND class_value = %s",
            customer_id,
            p.class_value,
        )
        seconds[device] = min(seconds[device] + elapsed, limit)
        if what == "stop":
            stopped.add(device)
        fold(conn, (p.stop if what == "stop" else p.interim)(seconds[device]))
        posted, reserved = money(conn, customer_id)
        assert 0 <= reserved <= posted
    assert wrong(conn, customer_id) == []


def test_many_devices_that_come_and_go_at_once_leave_the_books_right(
    conn: Connection, database_url: str
) -> None:
    package = a_package(conn, sessions_allowed=4)
    customer_id = a_customer(conn, package, balance="40")
    nas_id, name = a_nas(conn), username_of(conn, customer_id)

    def come_and_go(number: int):  # type: ignore[no-untyped-def]  # for at_once
        def work(own: Connection) -> list[str]:
            answers = []
            for turn in range(3):
                grant = a_grant(own, customer_id, nas_id, hold=Decimal(10))
                mac = f"02:00:00:00:{number:02X}:{turn:02X}"
                answers.append(open_session(own, grant, mac=mac))
                if answers[-1] == "OK":
                    p = Packets(name, nas_id, class_value=grant.class_value)
                    fold(own, p.start(), p.interim(60))
                    fold(own, p.stop(60))
            return answers

        return work

    told = at_once(database_url, [come_and_go(n) for n in range(6)])

    assert all(isinstance(answers, list) for answers in told)
    # A fold that found its lane held left its packets for whoever comes next.
    fold(conn)
    opened = sum(answers.count("OK") for answers in told if isinstance(answers, list))
    assert opened >= 4
    assert money(conn, customer_id) == (Decimal(40 - opened), Decimal("0.00"))
    assert wrong(conn, customer_id) == []


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE wallet SET reserved = -1", "held_amount_not_negative"),
        ("UPDATE reservation SET held = -1", "held_amount_not_negative"),
        ("UPDATE reservation SET state = 'settled'", "reservation_end_is_whole"),
        ("UPDATE reservation SET held = 0, state = 'lost'", "reservation_"),
        (
            "INSERT INTO reservation (customer_id, session_id, held, opened_at)"
            " SELECT customer_id, session_id, 1, now() FROM reservation",
            "reservation_one_open",
        ),
    ],
)
def test_the_database_keeps_holds_in_order(
    conn: Connection, statement: str, constraint: str
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    logged_in(conn, customer_id, "10")
    guarded = f"{statement} WHERE customer_id = {customer_id}"
    if statement.startswith("UPDATE reservation") or "FROM reservation" in statement:
        guarded += " AND state = 'open'"
    with pytest.raises(psycopg.IntegrityError, match=constraint):
        conn.execute(guarded.encode())
