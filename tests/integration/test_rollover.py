"""Midnight: a paid day carries over, an unpaid one is cut, each is charged once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from billing_core.db.connect import Connection
from billing_core.services.cash import take_cash
from billing_core.services.closing import cut_due_sessions
from billing_core.services.customers import suspend
from billing_core.services.rollover import roll_service_days
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_daily_package,
    a_grant,
    a_nas,
    at_once,
    audited,
    fold,
    open_session,
    posted,
    rows,
    sessions_of,
    username_of,
)

DHAKA = ZoneInfo("Asia/Dhaka")
TODAY = date(2026, 11, 24)
MIDNIGHT = datetime(2026, 11, 24, 18, tzinfo=UTC)
NEXT_MIDNIGHT = MIDNIGHT + timedelta(days=1)


def online(conn: Connection, balance: str, devices: int = 1) -> tuple[int, Packets]:
    """A daily customer, 10.00 a day, who logged in today and stays on."""
    package = a_daily_package(conn, sessions_allowed=devices, vat_percent=Decimal(5))
    customer_id = a_customer(conn, package, balance=balance)
    nas_id = a_nas(conn)
    for number in range(devices):
        grant = a_grant(
            conn,
            customer_id,
            nas_id,
            cut_at=MIDNIGHT,
            cut_reason="BALANCE_EXHAUSTED",
            day=TODAY,
            day_net=Decimal("9.52"),
            day_vat=Decimal("0.48"),
            vat_percent=Decimal(5),
        )
        mac = f"02:00:00:00:00:{number:02X}"
        assert open_session(conn, grant, mac=mac) == "OK"
        p = Packets(
            username_of(conn, customer_id), nas_id, class_value=grant.class_value
        )
        fold(conn, p.start())
    return customer_id, p


def roll(conn: Connection, now: datetime) -> int:
    return roll_service_days(conn, now, DHAKA)


def days(conn: Connection, customer_id: int) -> list[date]:
    return [
        day
        for (day,) in rows(
            conn,
            "SELECT service_date FROM service_day WHERE customer_id = %s ORDER BY 1",
            customer_id,
        )
    ]


def asked(conn: Connection) -> list[str]:
    return [
        reason
        for (reason,) in rows(
            conn, "SELECT reason FROM outbox WHERE kind = 'disconnect' ORDER BY 1"
        )
    ]


def test_nothing_happens_before_midnight(conn: Connection) -> None:
    customer_id, _ = online(conn, "100")
    assert roll(conn, MIDNIGHT - timedelta(seconds=1)) == 0
    assert days(conn, customer_id) == [TODAY]


def test_a_customer_who_can_pay_is_carried_over_untouched(conn: Connection) -> None:
    customer_id, _ = online(conn, "25")
    assert roll(conn, MIDNIGHT) == 1
    assert roll(conn, MIDNIGHT) == 0

    assert days(conn, customer_id) == [TODAY, TODAY + timedelta(days=1)]
    assert posted(conn, customer_id) == Decimal("5.00")
    (session,) = sessions_of(conn, customer_id)
    assert (session["state"], session["cut_at"]) == ("open", NEXT_MIDNIGHT)
    assert session["disconnect_requested_at"] is None
    assert rows(conn, "SELECT count(*) FROM outbox") == [(0,)]
    assert rows(
        conn,
        "SELECT period_start, period_end, net, vat, gross FROM bill"
        " ORDER BY bill_id DESC LIMIT 1",
    ) == [
        (
            MIDNIGHT,
            NEXT_MIDNIGHT,
            Decimal("9.52"),
            Decimal("0.48"),
            Decimal("10.00"),
        )
    ]
    assert audited(conn) == []


def test_a_customer_who_cannot_pay_is_cut_and_not_charged(conn: Connection) -> None:
    customer_id, _ = online(conn, "19.99")
    assert roll(conn, MIDNIGHT) == 1
    assert roll(conn, MIDNIGHT) == 0
    assert cut_due_sessions(conn, MIDNIGHT) == 0

    assert days(conn, customer_id) == [TODAY]
    assert posted(conn, customer_id) == Decimal("9.99")
    assert asked(conn) == ["BALANCE_EXHAUSTED"]


def test_two_devices_of_one_customer_pay_one_day(conn: Connection) -> None:
    customer_id, _ = online(conn, "25", devices=2)
    assert roll(conn, MIDNIGHT) == 2
    assert posted(conn, customer_id) == Decimal("5.00")
    assert roll(conn, NEXT_MIDNIGHT) == 2
    assert asked(conn) == ["BALANCE_EXHAUSTED"] * 2


def test_a_day_is_charged_once_whatever_runs_at_once(
    conn: Connection, database_url: str
) -> None:
    customers = [online(conn, "25")[0] for _ in range(5)]
    done = at_once(database_url, [lambda own: roll(own, MIDNIGHT)] * 4)
    assert sum(number for number in done if isinstance(number, int)) == 5
    for customer_id in customers:
        assert posted(conn, customer_id) == Decimal("5.00")
        assert len(days(conn, customer_id)) == 2
    assert audited(conn) == []


def test_a_login_and_the_rollover_at_midnight_charge_one_day(
    conn: Connection, database_url: str
) -> None:
    customer_id, p = online(conn, "25")
    conn.execute("UPDATE customer SET sessions_allowed = 2")
    grant = a_grant(
        conn,
        customer_id,
        p.nas_id,
        cut_at=NEXT_MIDNIGHT,
        day=TODAY + timedelta(days=1),
        day_net=Decimal("9.52"),
        day_vat=Decimal("0.48"),
    )

    done = at_once(
        database_url,
        [
            lambda own: roll(own, MIDNIGHT),
            lambda own: open_session(own, grant, mac="02:00:00:00:00:FF"),
        ],
    )

    assert done == [1, "OK"]
    assert posted(conn, customer_id) == Decimal("5.00")
    assert audited(conn) == []


def test_whoever_was_cut_at_midnight_pays_the_day_when_money_comes(
    conn: Connection,
) -> None:
    customer_id, _ = online(conn, "12")
    roll(conn, MIDNIGHT)
    assert asked(conn) == ["BALANCE_EXHAUSTED"]

    take_cash(
        conn,
        username_of(conn, customer_id),
        Decimal(20),
        key="k",
        operator="nila",
        note="",
        now=MIDNIGHT + timedelta(seconds=30),
    )
    assert rows(conn, "SELECT state FROM outbox WHERE kind = 'disconnect'") == [
        ("cancelled",)
    ]
    assert roll(conn, MIDNIGHT + timedelta(seconds=31)) == 1

    assert days(conn, customer_id) == [TODAY, TODAY + timedelta(days=1)]
    assert posted(conn, customer_id) == Decimal("12.00")
    assert sessions_of(conn, customer_id)[0]["cut_at"] == NEXT_MIDNIGHT


def test_an_unpaid_session_that_speaks_on_is_asked_for_again(conn: Connection) -> None:
    customer_id, p = online(conn, "12")
    roll(conn, MIDNIGHT)
    for seconds, requests in ((30, 1), (61, 2), (100, 2), (123, 3)):
        now = MIDNIGHT + timedelta(seconds=seconds)
        fold(conn, p.interim(int((now - NOON).total_seconds())), now=now)
        assert len(asked(conn)) == requests, seconds
    assert posted(conn, customer_id) == Decimal("2.00")


def test_a_suspended_customer_pays_no_new_day(conn: Connection) -> None:
    customer_id, _ = online(conn, "50")
    conn.execute("UPDATE customer SET status = 'suspended', suspend_reason = 'DUE'")
    roll(conn, MIDNIGHT)
    assert days(conn, customer_id) == [TODAY]
    assert asked(conn) == ["DUE"]


def test_a_worker_that_slept_over_a_midnight_charges_the_days_it_missed(
    conn: Connection,
) -> None:
    """The session ran all the while: those days were used."""
    customer_id, _ = online(conn, "100")
    late = MIDNIGHT + timedelta(days=2, hours=3)
    assert roll(conn, late) == 1
    assert days(conn, customer_id) == [TODAY + timedelta(days=n) for n in range(4)]
    assert posted(conn, customer_id) == Decimal("60.00")
    assert sessions_of(conn, customer_id)[0]["cut_at"] == MIDNIGHT + timedelta(days=3)
    assert audited(conn) == []


def test_missed_days_are_charged_as_far_as_the_money_goes_and_then_it_is_cut(
    conn: Connection,
) -> None:
    customer_id, _ = online(conn, "35")
    assert roll(conn, MIDNIGHT + timedelta(days=3)) == 1
    assert days(conn, customer_id) == [TODAY + timedelta(days=n) for n in range(3)]
    assert posted(conn, customer_id) == Decimal("5.00")
    assert asked(conn) == ["BALANCE_EXHAUSTED"]


@pytest.mark.parametrize("balance", ["25", "5"])
def test_a_daily_session_that_began_without_us_pays_its_day_or_is_cut(
    conn: Connection, balance: str
) -> None:
    customer_id = a_customer(conn, a_daily_package(conn), balance=balance)
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start())

    assert roll(conn, NOON + timedelta(seconds=5)) == 1

    if balance == "25":
        assert days(conn, customer_id) == [TODAY]
        assert posted(conn, customer_id) == Decimal("15.00")
        assert sessions_of(conn, customer_id)[0]["cut_at"] == MIDNIGHT
        assert asked(conn) == []
    else:
        assert days(conn, customer_id) == []
        assert asked(conn) == ["BALANCE_EXHAUSTED"]
    assert audited(conn) == []


def test_a_session_that_ended_before_midnight_pays_no_new_day(conn: Connection) -> None:
    customer_id, p = online(conn, "25")
    fold(conn, p.stop(3600))
    assert roll(conn, MIDNIGHT) == 0
    assert days(conn, customer_id) == [TODAY]


def test_a_suspension_that_puts_off_at_night_costs_nothing_at_midnight(
    conn: Connection,
) -> None:
    customer_id, _ = online(conn, "50")
    suspend(conn, username_of(conn, customer_id), note="", actor="x", now=NOON)
    roll(conn, MIDNIGHT)
    assert days(conn, customer_id) == [TODAY]
    assert len(asked(conn)) == 1
