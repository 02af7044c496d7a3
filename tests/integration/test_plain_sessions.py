"""Sessions opened together: as right as one by one, and nobody waits for another."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest

from billing_core.db.connect import Connection
from radius_module.libpq import DatabaseAwayError
from radius_module.line import Line
from radius_module.session_opening import OPENING, open_plain_session
from tests.builders import (
    Grant,
    a_customer,
    a_grant,
    a_nas,
    a_package,
    open_session,
    rows,
)

MAC = "02:00:5E:10:00:01"


@pytest.fixture
def line(database_url: str) -> Iterator[Line]:
    """The connection over which sessions are opened."""
    line = Line(database_url, OPENING)
    line.begin()
    yield line
    line.close()


def opens(line: Line, grant: Grant, mac: str = MAC, **attributes: str) -> bool:
    request = {"Khata-Grant": grant.words, "Calling-Station-Id": mac, **attributes}
    return open_plain_session(line, request)


def opened(conn: Connection, customer_id: int) -> list[int]:
    """Give the session_ids of a customer that are open."""
    query = "SELECT session_id FROM acct_session WHERE ended_at IS NULL"
    return [
        number for (number,) in rows(conn, query + " AND customer_id = %s", customer_id)
    ]


def wallet_of(conn: Connection, customer_id: int) -> tuple[Decimal, Decimal]:
    """Give what the wallet says is reserved, and what reservations hold."""
    query = """
        SELECT w.reserved, coalesce((SELECT sum(r.held) FROM reservation r
                 WHERE r.customer_id = w.customer_id AND r.state = 'open'), 0.00)
          FROM wallet w WHERE w.customer_id = %s"""
    ((reserved, held),) = rows(conn, query, customer_id)
    return reserved, held


def test_a_plain_session_is_open_and_holds_its_money(
    conn: Connection, line: Line
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    grant = a_grant(conn, customer_id, a_nas(conn), hold="7.50", limit_seconds=3600)
    assert opens(
        line,
        grant,
        "02-00-5e-10-00-01",
        **{
            "Called-Station-Id": 'hot"spot\\',
            "NAS-Port-Id": "ether{1},=41",
            "Acct-Session-Id": "8150",
        },
    )
    query = """
        SELECT session_id, state::text, calling_station_id, called_station_id,
               nas_port_id, acct_session_id, limit_seconds::int,
               accepted_at = started_at
          FROM acct_session WHERE customer_id = %s"""
    assert rows(conn, query, customer_id) == [
        (
            grant.session_id,
            "opening",
            MAC,
            'hot"spot\\',
            "ether{1},=41",
            "8150",
            3600,
            True,
        )
    ]
    assert wallet_of(conn, customer_id) == (Decimal("7.50"), Decimal("7.50"))


def test_both_ways_write_the_same_session(conn: Connection, line: Line) -> None:
    nas_id, package = a_nas(conn), a_package(conn)
    written = []
    for way in ("together", "alone"):
        customer_id = a_customer(conn, package, balance="10")
        grant = a_grant(conn, customer_id, nas_id, hold="1", limit_octets=10**9)
        if way == "together":
            port = {"Called-Station-Id": "hotspot1", "NAS-Port-Id": "ether1"}
            assert opens(line, grant, **port)
        else:
            assert open_session(conn, grant, mac=MAC) == "OK"
        query = """
            SELECT to_jsonb(s) - '{customer_id,session_id,username,class_value,
                                   accepted_at,started_at,last_event_at,
                                   last_received_at}'::text[]
              FROM acct_session s WHERE customer_id = %s"""
        written += rows(conn, query, customer_id)
    assert written[0] == written[1]


def test_who_has_another_session_is_left_to_be_looked_at(
    conn: Connection, line: Line
) -> None:
    customer_id = a_customer(conn, a_package(conn, sessions_allowed=5), balance="10")
    nas_id = a_nas(conn)
    assert opens(line, a_grant(conn, customer_id, nas_id, hold="2"))
    second = a_grant(conn, customer_id, nas_id, hold="2")
    assert not opens(line, second, "02:00:5E:10:00:02")
    assert len(opened(conn, customer_id)) == 1
    assert wallet_of(conn, customer_id) == (Decimal(2), Decimal(2))


@pytest.mark.parametrize(
    "change",
    [
        {"valid_until": datetime(2030, 1, 1, tzinfo=UTC)},
        {"day": date(2026, 11, 24), "day_net": Decimal(5)},
        {"hold": Decimal("10.01")},
        {"standing": "restricted"},
        {"has_running": True},
    ],
)
def test_what_is_not_plain_is_left_to_be_looked_at(
    conn: Connection, line: Line, change: dict[str, object]
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    assert not opens(line, a_grant(conn, customer_id, a_nas(conn), **change))
    assert opened(conn, customer_id) == []
    assert wallet_of(conn, customer_id) == (0, 0)


@pytest.mark.parametrize("status", ["suspended", "disabled"])
def test_who_is_not_active_is_left_to_be_looked_at(
    conn: Connection, line: Line, status: str
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    grant = a_grant(conn, customer_id, a_nas(conn))
    conn.execute(
        "UPDATE customer SET status = %s, suspend_reason = 'OPERATOR'"
        " WHERE customer_id = %s",
        [status, customer_id],
    )
    assert not opens(line, grant)
    assert opened(conn, customer_id) == []


def test_a_wallet_that_somebody_has_locked_delays_nobody(
    conn: Connection, database_url: str, line: Line
) -> None:
    nas_id, package = a_nas(conn), a_package(conn)
    customers = [a_customer(conn, package, balance="10") for _ in range(20)]
    grants = [a_grant(conn, customer_id, nas_id, hold="1") for customer_id in customers]
    with psycopg.connect(database_url) as other:
        other.execute(
            "SELECT FROM wallet WHERE customer_id = %s FOR UPDATE", [customers[7]]
        )
        with ThreadPoolExecutor(20) as threads:
            answers = list(threads.map(lambda grant: opens(line, grant), grants))
        assert [n for n, is_open in enumerate(answers) if not is_open] == [7]
    assert open_session(conn, grants[7]) == "OK"
    assert [len(opened(conn, customer_id)) for customer_id in customers] == [1] * 20


def test_many_devices_of_one_customer_at_one_moment_get_one_place(
    conn: Connection, line: Line
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    nas_id = a_nas(conn)
    grants = [a_grant(conn, customer_id, nas_id, hold="10") for _ in range(30)]
    with ThreadPoolExecutor(30) as threads:
        answers = list(threads.map(lambda grant: opens(line, grant), grants))
    assert answers.count(True) == 1
    assert opened(conn, customer_id) == [grants[answers.index(True)].session_id]
    assert wallet_of(conn, customer_id) == (10, 10)


def test_two_of_one_customer_in_one_statement_get_one_place(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn, sessions_allowed=9), balance="10")
    other_id = a_customer(conn, a_package(conn), balance="10")
    nas_id = a_nas(conn)
    grants = [
        a_grant(conn, one, nas_id, hold="10")
        for one in (customer_id, other_id, customer_id)
    ]
    words = [grant.words for grant in grants]
    texts = [""] * 3
    query = "SELECT open_plain_sessions(%s, {0}, {0}, {0}, {0})".format("%s::text[]")
    told = rows(conn, query, words, texts, texts, texts, texts)
    assert len(told) == 2
    assert len(opened(conn, customer_id)) == 1
    assert len(opened(conn, other_id)) == 1
    assert wallet_of(conn, customer_id) == (10, 10)


@pytest.mark.parametrize("dear_first", [True, False])
def test_of_two_in_one_statement_only_what_the_wallet_covers_is_held(
    conn: Connection, dear_first: bool
) -> None:
    """They were decided before and after a charge; the wallet covers one of them."""
    customer_id = a_customer(conn, a_package(conn, sessions_allowed=9), balance="10")
    nas_id = a_nas(conn)
    holds = ["1000", "10"] if dear_first else ["10", "1000"]
    grants = [a_grant(conn, customer_id, nas_id, hold=hold) for hold in holds]
    covered = grants[1 if dear_first else 0]
    words, texts = [grant.words for grant in grants], [""] * 2
    query = "SELECT open_plain_sessions(%s, {0}, {0}, {0}, {0})".format("%s::text[]")
    told = rows(conn, query, words, texts, texts, texts, texts)
    assert told == [(covered.session_id,)]
    assert opened(conn, customer_id) == [covered.session_id]
    assert wallet_of(conn, customer_id) == (10, 10)


def test_a_session_asked_for_again_is_the_same_session(
    conn: Connection, line: Line
) -> None:
    """The answer was lost, so FreeRADIUS asks by the other way."""
    customer_id = a_customer(conn, a_package(conn), balance="10")
    grant = a_grant(conn, customer_id, a_nas(conn), hold="6")
    assert opens(line, grant)
    assert open_session(conn, grant, mac=MAC) == "OK"
    assert open_session(conn, grant, mac="02:00:5E:10:00:02") == "OK"
    assert opened(conn, customer_id) == [grant.session_id]
    assert wallet_of(conn, customer_id) == (6, 6)


def test_a_grant_that_cannot_be_written_takes_no_other_down(
    conn: Connection, line: Line
) -> None:
    nas_id, package = a_nas(conn), a_package(conn)
    customers = [a_customer(conn, package, balance="10") for _ in range(10)]
    grants = [a_grant(conn, customer_id, nas_id) for customer_id in customers]
    # The number of a session that is there.
    taken = a_customer(conn, package, balance="10")
    old = a_grant(conn, taken, nas_id)
    assert opens(line, old)
    conn.execute(
        "UPDATE acct_session SET state = 'ended', ended_at = now()"
        " WHERE customer_id = %s",
        [taken],
    )
    grants[4] = old

    def try_it(grant: Grant) -> bool:
        try:
            return opens(line, grant)
        except Exception:  # noqa: BLE001 - any failure is one of this grant
            return False

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(try_it, grants))
    assert [n for n, is_open in enumerate(answers) if not is_open] == [4]


def test_a_killed_connection_opens_each_session_once(
    conn: Connection, line: Line
) -> None:
    nas_id, package = a_nas(conn), a_package(conn)
    customers = [a_customer(conn, package, balance="10") for _ in range(60)]
    grants = [a_grant(conn, customer_id, nas_id, hold="3") for customer_id in customers]

    def either_way(grant: Grant) -> str:
        try:
            if opens(line, grant):
                return "OK"
        except DatabaseAwayError:
            pass
        with psycopg.connect(conn.info.dsn, password=conn.info.password) as own:
            return open_session(own, grant, mac=MAC)

    with ThreadPoolExecutor(8) as threads:
        told = [threads.submit(either_way, grant) for grant in grants[:30]]
        rows(
            conn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'khata radius opening'",
        )
        told += [threads.submit(either_way, grant) for grant in grants[30:]]
        assert {future.result() for future in told} == {"OK"}
    for customer_id in customers:
        assert len(opened(conn, customer_id)) == 1
        assert wallet_of(conn, customer_id) == (3, 3)
