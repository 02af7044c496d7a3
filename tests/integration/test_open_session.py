"""open_session(): many devices at one moment, one wallet, one truth."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from billing_core.db.connect import Connection, connect
from billing_core.mac_addresses import normalise_station
from billing_core.services.customers import suspend
from billing_core.services.purchases import buy_package
from tests.builders import (
    NOON,
    Grant,
    Packets,
    a_customer,
    a_daily_package,
    a_grant,
    a_hotspot_package,
    a_nas,
    a_package,
    at_once,
    audited,
    fold,
    open_session,
    posted,
    rows,
    sessions_of,
    username_of,
    wait_until_blocked,
)

TODAY = date(2026, 11, 24)
MACS = [f"02:00:00:00:01:{n:02X}" for n in range(20)]


def reserved(conn: Connection, customer_id: int) -> Decimal:
    ((amount,),) = rows(
        conn, "SELECT reserved FROM wallet WHERE customer_id = %s", customer_id
    )
    return Decimal(amount)


def running(conn: Connection, customer_id: int) -> list[dict[str, Any]]:
    return [s for s in sessions_of(conn, customer_id) if s["ended_at"] is None]


def everything(conn: Connection) -> list[tuple[Any, ...]]:
    """All that a login may write, to see that a refused one wrote nothing."""
    return [
        *rows(conn, "SELECT customer_id, posted, reserved FROM wallet ORDER BY 1"),
        *rows(
            conn,
            "SELECT session_id, state, ended_at FROM acct_session ORDER BY 1",
        ),
        *rows(conn, "SELECT reservation_id, state, held FROM reservation ORDER BY 1"),
        *rows(conn, "SELECT customer_id, service_date FROM service_day ORDER BY 1, 2"),
        *rows(conn, "SELECT subscription_id, state, valid_until FROM subscription"),
        *rows(conn, "SELECT count(*) FROM ledger_entry"),
        *rows(conn, "SELECT count(*) FROM bill"),
    ]


def opened_at_once(
    database_url: str, grants: list[Grant], macs: list[str] = MACS
) -> list[Any]:
    return at_once(
        database_url,
        [
            lambda own, g=grant, m=mac: open_session(own, g, mac=m)
            for grant, mac in zip(grants, macs, strict=False)
        ],
    )


def test_a_granted_login_writes_its_session(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    grant = a_grant(
        conn,
        customer_id,
        a_nas(conn),
        hold=Decimal("7.50"),
        limit_seconds=450,
        limit_octets=5_000_000_000,
        cut_at=NOON,
        cut_reason="BALANCE_EXHAUSTED",
        interim_seconds=600,
    )
    assert open_session(conn, grant, acct_session_id="8abc=3D1") == "OK"

    (session,) = sessions_of(conn, customer_id)
    assert session["session_id"] == grant.session_id
    assert session["state"] == "opening"
    assert session["username"] == username_of(conn, customer_id)
    assert session["acct_session_id"] == "8abc=1"
    assert session["class_value"] == grant.class_value
    assert (session["limit_seconds"], session["limit_octets"]) == (450, 5_000_000_000)
    assert (session["cut_at"], session["cut_reason"]) == (NOON, "BALANCE_EXHAUSTED")
    assert session["interim_interval_seconds"] == 600
    assert reserved(conn, customer_id) == Decimal("7.50")
    assert audited(conn) == []


def test_ten_devices_at_once_never_get_more_sessions_than_allowed(
    conn: Connection, database_url: str
) -> None:
    package = a_package(conn, billing="free", sessions_allowed=3)
    customer_id, nas_id = a_customer(conn, package), a_nas(conn)
    grants = [a_grant(conn, customer_id, nas_id) for _ in range(10)]

    answers = opened_at_once(database_url, grants)

    assert sorted(answers) == ["OK"] * 3 + ["TOO_MANY_SESSIONS"] * 7
    assert len(running(conn, customer_id)) == 3
    assert audited(conn) == []


def test_ten_devices_at_once_never_hold_more_than_the_wallet(
    conn: Connection, database_url: str
) -> None:
    package = a_package(conn, sessions_allowed=10)
    customer_id = a_customer(conn, package, balance="25")
    nas_id = a_nas(conn)
    # Each was decided while nobody else was there: each wants 10 of 25.
    grants = [a_grant(conn, customer_id, nas_id, hold=Decimal(10)) for _ in range(10)]

    answers = opened_at_once(database_url, grants)

    assert sorted(answers) == ["BALANCE_EXHAUSTED"] * 8 + ["OK"] * 2
    assert reserved(conn, customer_id) == Decimal("20.00")
    assert len(running(conn, customer_id)) == 2
    assert audited(conn) == []


def test_two_devices_that_decided_on_all_of_the_money_do_not_both_get_it(
    conn: Connection, database_url: str
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="5", sessions_allowed=2)
    nas_id = a_nas(conn)
    grants = [a_grant(conn, customer_id, nas_id, hold=Decimal(5)) for _ in range(2)]
    assert sorted(opened_at_once(database_url, grants)) == ["BALANCE_EXHAUSTED", "OK"]
    assert reserved(conn, customer_id) == Decimal("5.00")


def test_ten_first_logins_of_a_day_charge_it_once(
    conn: Connection, database_url: str
) -> None:
    package = a_daily_package(conn, sessions_allowed=10, vat_percent=Decimal(5))
    customer_id = a_customer(conn, package, balance="15")
    nas_id = a_nas(conn)
    grants = [
        a_grant(
            conn,
            customer_id,
            nas_id,
            day=TODAY,
            day_net=Decimal("9.52"),
            day_vat=Decimal("0.48"),
            vat_percent=Decimal(5),
        )
        for _ in range(10)
    ]

    assert opened_at_once(database_url, grants) == ["OK"] * 10

    assert posted(conn, customer_id) == Decimal("5.00")
    assert rows(conn, "SELECT service_date, amount FROM service_day") == [
        (TODAY, Decimal("10.00"))
    ]
    ((start, end, net, vat, gross, status),) = rows(
        conn, "SELECT period_start, period_end, net, vat, gross, status FROM bill"
    )
    # The civil day of Dhaka.
    assert (start, end) == (
        datetime(2026, 11, 23, 18, tzinfo=UTC),
        datetime(2026, 11, 24, 18, tzinfo=UTC),
    )
    assert (net, vat, gross, status) == (
        Decimal("9.52"),
        Decimal("0.48"),
        Decimal("10.00"),
        "paid",
    )
    assert audited(conn) == []


def test_a_day_that_the_wallet_cannot_pay_is_refused_whole(conn: Connection) -> None:
    customer_id = a_customer(conn, a_daily_package(conn), balance="9.99")
    grant = a_grant(conn, customer_id, a_nas(conn), day=TODAY, day_net=Decimal("10.00"))
    before = everything(conn)
    assert open_session(conn, grant) == "BALANCE_EXHAUSTED"
    assert everything(conn) == before


def test_a_day_that_was_charged_needs_no_more_money(conn: Connection) -> None:
    customer_id = a_customer(
        conn, a_daily_package(conn), balance="10", sessions_allowed=2
    )
    nas_id = a_nas(conn)
    for mac in MACS[:2]:
        grant = a_grant(conn, customer_id, nas_id, day=TODAY, day_net=Decimal("10.00"))
        assert open_session(conn, grant, mac=mac) == "OK"
    assert posted(conn, customer_id) == 0


def test_a_refused_login_changes_nothing(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10", sessions_allowed=1)
    nas_id = a_nas(conn)
    first = a_grant(conn, customer_id, nas_id, hold=Decimal(4))
    assert open_session(conn, first, mac=MACS[0]) == "OK"
    before = everything(conn)

    too_many = a_grant(conn, customer_id, nas_id)
    assert open_session(conn, too_many, mac=MACS[1]) == "TOO_MANY_SESSIONS"
    # The dead session of the same device would be replaced, were there money enough.
    too_dear = a_grant(conn, customer_id, nas_id, hold=Decimal("10.01"))
    assert open_session(conn, too_dear, mac=MACS[0]) == "BALANCE_EXHAUSTED"

    assert everything(conn) == before


def test_a_login_of_the_same_device_replaces_the_dead_session_and_frees_its_hold(
    conn: Connection,
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10", sessions_allowed=1)
    nas_id = a_nas(conn)
    first = a_grant(conn, customer_id, nas_id, hold=Decimal(10))
    assert open_session(conn, first, mac="02:00:00:00:00:0A") == "OK"
    second = a_grant(conn, customer_id, nas_id, hold=Decimal(10))
    assert open_session(conn, second, mac="02:00:00:00:00:0A") == "OK"

    dead, alive = sessions_of(conn, customer_id)
    assert (dead["state"], dead["terminate_cause"]) == ("ended", "Superseded")
    assert alive["state"] == "opening"
    assert reserved(conn, customer_id) == Decimal("10.00")
    assert rows(conn, "SELECT state, held FROM reservation ORDER BY 1") == [
        ("open", Decimal("10.00")),
        ("released", Decimal("0.00")),
    ]
    assert audited(conn) == []


def test_one_device_that_logs_in_ten_times_at_once_has_one_session(
    conn: Connection, database_url: str
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10", sessions_allowed=1)
    nas_id = a_nas(conn)
    grants = [a_grant(conn, customer_id, nas_id, hold=Decimal(10)) for _ in range(10)]

    assert opened_at_once(database_url, grants, [MACS[0]] * 10) == ["OK"] * 10

    assert len(running(conn, customer_id)) == 1
    assert reserved(conn, customer_id) == Decimal("10.00")
    assert audited(conn) == []


@pytest.mark.parametrize(
    ("mac", "nas_is_other"),
    [(MACS[1], False), (MACS[0], True), ("", False)],
    ids=["another device", "another NAS", "no device told"],
)
def test_a_session_of_anything_else_is_not_replaced(
    conn: Connection, mac: str, nas_is_other: bool
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10", sessions_allowed=1)
    nas_id = a_nas(conn)
    assert (
        open_session(conn, a_grant(conn, customer_id, nas_id), mac=mac and MACS[0])
        == "OK"
    )
    other = a_nas(conn) if nas_is_other else nas_id
    grant = a_grant(conn, customer_id, other)
    assert open_session(conn, grant, mac=mac) == "TOO_MANY_SESSIONS"
    assert len(running(conn, customer_id)) == 1


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("02:00:5e:10:00:0a", "02:00:5E:10:00:0A"),
        ("02-00-5E-10-00-0A", "02:00:5E:10:00:0A"),
        ("0200.5e10.000a", "02:00:5E:10:00:0A"),
        ("02005e10000a", "02:00:5E:10:00:0A"),
        ("02=3A00=3A5e=3A10=3A00=3A0a", "02:00:5E:10:00:0A"),
        ("1:2:0:5e:10:0:a", "02:00:5E:10:00:0A"),
        ("01:02:00:5E:10:00:0A", "02:00:5E:10:00:0A"),
        ("2:2:0:5e:10:0:a", "2:2:0:5e:10:0:a"),
        ("02:00:5e:10:00:0", "02:00:5e:10:00:0"),
        ("8801711000000", "8801711000000"),
        ("caf=E9", "caf=E9"),
        ("", ""),
    ],
)
def test_a_device_has_one_spelling(conn: Connection, written: str, stored: str) -> None:
    customer_id = a_customer(conn, a_package(conn, billing="free"))
    assert (
        open_session(conn, a_grant(conn, customer_id, a_nas(conn)), mac=written) == "OK"
    )
    assert sessions_of(conn, customer_id)[0]["calling_station_id"] == stored
    if "=" not in written:
        assert normalise_station(written) == stored


def test_the_same_device_is_known_in_any_spelling(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn, billing="free"), sessions_allowed=1)
    nas_id = a_nas(conn)
    for mac in ("02-00-5E-10-00-0A", "02:00:5e:10:00:0a", "0200.5e10.000a"):
        assert open_session(conn, a_grant(conn, customer_id, nas_id), mac=mac) == "OK"
    assert len(running(conn, customer_id)) == 1


def test_packets_of_a_device_in_another_spelling_belong_to_its_login(
    conn: Connection,
) -> None:
    """A NAS that returns no Class, and writes a MAC its own way."""
    customer_id = a_customer(conn, a_package(conn), balance="10", sessions_allowed=1)
    nas_id = a_nas(conn)
    mac = "02-00-5E-10-00-0A"
    grant = a_grant(conn, customer_id, nas_id, hold=Decimal(10))
    assert open_session(conn, grant, mac=mac) == "OK"

    now = datetime.now(UTC)
    p = Packets(username_of(conn, customer_id), nas_id, started_at=now)
    fold(conn, p.start(calling_station_id=mac), now=now)

    (session,) = sessions_of(conn, customer_id)
    assert session["state"] == "open"
    assert session["session_id"] == grant.session_id


def test_a_session_that_began_without_us_is_replaced_by_the_login_of_its_device(
    conn: Connection,
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10", sessions_allowed=1)
    nas_id = a_nas(conn)
    p = Packets(username_of(conn, customer_id), nas_id)
    fold(conn, p.start(calling_station_id="02-00-5e-10-00-0a"))

    grant = a_grant(conn, customer_id, nas_id)
    assert open_session(conn, grant, mac="02:00:5E:10:00:0A") == "OK"
    assert [s["session_id"] for s in running(conn, customer_id)] == [grant.session_id]


@pytest.mark.parametrize("disable", [False, True], ids=["suspended", "disabled"])
def test_a_customer_who_was_suspended_since_is_refused(
    conn: Connection, disable: bool
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    grant = a_grant(conn, customer_id, a_nas(conn), hold=Decimal(1))
    suspend(
        conn,
        username_of(conn, customer_id),
        note="",
        actor="nila",
        now=NOON,
        disable=disable,
    )
    before = everything(conn)
    assert open_session(conn, grant) == "SUSPENDED"
    assert everything(conn) == before


def test_a_login_that_waited_for_a_suspension_sees_it(
    conn: Connection, database_url: str
) -> None:
    """The wallet's lock was waited for: what it guards must be read after it."""
    customer_id = a_customer(conn, a_package(conn), balance="10")
    grant = a_grant(conn, customer_id, a_nas(conn))
    answers: list[str] = []

    def log_in() -> None:
        with connect(database_url, application="tests") as own:
            answers.append(open_session(own, grant))

    waiting = threading.Thread(target=log_in)
    with conn.transaction():
        suspend(conn, username_of(conn, customer_id), note="", actor="x", now=NOON)
        waiting.start()
        wait_until_blocked(conn)
    waiting.join()

    assert answers == ["SUSPENDED"]
    assert running(conn, customer_id) == []


def test_nobodys_grant_is_refused(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn))
    grant = a_grant(conn, customer_id, a_nas(conn))
    stranger = Grant(10**6, grant.session_id, grant.nas_id, grant.package_id)
    assert open_session(conn, stranger) == "UNKNOWN_CUSTOMER"
    assert sessions_of(conn, 10**6) == []


def test_a_grant_that_is_no_grant_writes_nothing(conn: Connection) -> None:
    before = everything(conn)
    with pytest.raises(psycopg.DataError):
        conn.execute("SELECT open_session('rubbish', '', '', '', '')")
    assert everything(conn) == before


def test_the_cookie_binds_later_packets_to_the_login(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="50", sessions_allowed=2)
    nas_id = a_nas(conn)
    one, other = (
        a_grant(conn, customer_id, nas_id, hold=Decimal(10)) for _ in range(2)
    )
    for grant, mac in ((one, MACS[0]), (other, MACS[1])):
        assert open_session(conn, grant, mac=mac) == "OK"
    name = username_of(conn, customer_id)
    p, q = (
        Packets(name, nas_id, "80000001", class_value=other.class_value),
        Packets(name, nas_id, "80000002", class_value=one.class_value),
    )

    fold(conn, p.interim(120), q.start(), q.interim(60))

    first, second = sessions_of(conn, customer_id)
    assert (first["acct_session_id"], first["session_seconds"]) == ("80000002", 60)
    assert (second["acct_session_id"], second["session_seconds"]) == ("80000001", 120)
    assert audited(conn) == []


def test_an_id_told_at_login_binds_packets_without_a_cookie(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="50", sessions_allowed=2)
    nas_id = a_nas(conn)
    grant = a_grant(conn, customer_id, nas_id, hold=Decimal(10))
    assert open_session(conn, grant, mac="", acct_session_id="81500001") == "OK"
    now = datetime.now(UTC).replace(microsecond=0)
    p = Packets(username_of(conn, customer_id), nas_id, "81500001", started_at=now)

    fold(conn, p.start(), p.interim(60), now=now + timedelta(seconds=60))

    (session,) = sessions_of(conn, customer_id)
    assert (session["session_id"], session["session_seconds"]) == (grant.session_id, 60)


def test_the_validity_of_a_package_that_is_running_is_not_moved(
    conn: Connection,
) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, balance="10")
    buy_package(
        conn, username_of(conn, customer_id), package, key="k", actor="x", now=NOON
    )
    grant = a_grant(
        conn, customer_id, a_nas(conn), valid_until=NOON + timedelta(days=99)
    )
    assert open_session(conn, grant) == "OK"
    assert rows(conn, "SELECT valid_until FROM subscription") == [
        (NOON + timedelta(days=1),)
    ]
