"""The sums by day are the bills and payments, whatever happens to them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Thread

import psycopg
import pytest

from billing_core.db.connect import Connection, connect
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.db.web_bills import move_due
from billing_core.services.billing_run import run_cycles
from billing_core.services.cash import take_cash
from billing_core.services.changes import change_package
from billing_core.services.corrections import credit_bill, void_bill
from billing_core.services.customers import give_to_operator
from billing_core.services.day_sums import fold_day_sums
from billing_core.services.operators import add_operator
from billing_core.services.service_days import run_service_days
from billing_core.services.wallets import reverse_entry
from tests.builders import NOON as NOW
from tests.builders import (
    a_customer,
    a_daily_package,
    a_package,
    audited,
    rows,
    username_of,
)
from tests.integration.test_billing_run import DHAKA

D = Decimal


def sums(conn: Connection, what: str) -> list[tuple[object, ...]]:
    return rows(
        conn,
        "SELECT operator_id, sum(items)::integer, sum(amount), sum(paid)"
        " FROM day_sum_now WHERE what = %s GROUP BY 1 HAVING sum(items) <> 0"
        " ORDER BY 1",
        what,
    )


def monthly(conn: Connection) -> int:
    if not rows(conn, "SELECT FROM billing_profile WHERE name = 'monthly'"):
        insert_profile(conn, NewProfile(name="monthly", billing_type="monthly"))
        a_package(conn, name="monthly", billing="monthly", price=D(1000))
        a_package(conn, name="faster", billing="monthly", price=D(1500))
    customer_id = a_customer(conn, "monthly", profile="monthly")
    conn.execute(
        "UPDATE customer SET activated_at = %s WHERE customer_id = %s",
        [NOW - timedelta(hours=12), customer_id],
    )
    return customer_id


def bill(conn: Connection) -> None:
    run_cycles(conn, as_of=NOW, now=NOW, zone=DHAKA, actor="test")


def number_of(conn: Connection, customer_id: int) -> str:
    ((number,),) = rows(
        conn, "SELECT number FROM bill WHERE customer_id = %s", customer_id
    )
    return str(number)


def pay(conn: Connection, customer_id: int, amount: str) -> int:
    return take_cash(
        conn,
        username_of(conn, customer_id),
        D(amount),
        key=f"{customer_id}-{amount}",
        operator="operator:boss",
        note="n",
        now=NOW,
    ).entry_id


def test_whatever_is_done_to_bills_and_payments_is_in_the_sums(
    conn: Connection,
) -> None:
    paid, partly, void, credited, moved = (monthly(conn) for _ in range(5))
    bill(conn)
    assert sums(conn, "billed") == [(0, 5, D(5000), D(0))]
    assert sums(conn, "open") == [(0, 5, D(5000), D(0))]
    fold_day_sums(conn, NOW)

    pay(conn, paid, "1500")
    pay(conn, partly, "400")
    mistake = pay(conn, moved, "300")
    reverse_entry(
        conn,
        username_of(conn, moved),
        mistake,
        reason="typed twice",
        operator="operator:boss",
        now=NOW,
    )
    void_bill(conn, number_of(conn, void), reason="r", actor="test", now=NOW)
    credit_bill(
        conn,
        number_of(conn, credited),
        D(250),
        reason="r",
        key="k" * 32,
        actor="test",
        now=NOW,
    )

    assert sums(conn, "billed") == [(0, 4, D(4000), D(1650))]
    assert sums(conn, "open") == [(0, 3, D(2350), D(0))]
    assert sums(conn, "received") == [(0, 2, D(1900), D(0))]
    assert audited(conn) == []
    assert fold_day_sums(conn, NOW) > 0
    assert rows(conn, "SELECT count(*) FROM day_sum_change") == [(0,)]
    assert sums(conn, "received") == [(0, 2, D(1900), D(0))]
    assert audited(conn) == []


def test_a_customer_takes_his_bills_and_payments_along(conn: Connection) -> None:
    one, other = monthly(conn), monthly(conn)
    bill(conn)
    pay(conn, one, "1000")
    pay(conn, other, "600")
    fold_day_sums(conn, NOW)
    add_operator(conn, "mirpur", "x" * 12, "operator", actor="test", now=NOW)
    ((mirpur,),) = rows(conn, "SELECT operator_id FROM operator")

    give_to_operator(conn, username_of(conn, one), "mirpur", actor="test", now=NOW)

    assert sums(conn, "billed") == [
        (0, 1, D(1000), D(600)),
        (mirpur, 1, D(1000), D(1000)),
    ]
    assert sums(conn, "received") == [(0, 1, D(600), D(0)), (mirpur, 1, D(1000), D(0))]
    assert audited(conn) == []
    give_to_operator(conn, username_of(conn, one), None, actor="test", now=NOW)
    assert sums(conn, "billed") == [(0, 2, D(2000), D(1600))]
    assert audited(conn) == []


def test_bills_without_a_package_of_their_own_follow_their_customers(
    conn: Connection,
) -> None:
    a_daily_package(conn, name="day")
    a_daily_package(conn, name="fast day")
    customer_id = a_customer(conn, "day", balance="100")
    run_service_days(conn, now=NOW, zone=DHAKA, actor="test")
    # As of a day that a login charges.
    conn.execute("UPDATE bill SET package_id = NULL")

    change_package(
        conn,
        username_of(conn, customer_id),
        "fast day",
        actor="test",
        now=NOW,
        zone=DHAKA,
    )

    assert rows(
        conn,
        "SELECT p.name, sum(s.items)::integer FROM day_sum_now s"
        " JOIN package p ON p.package_id::text = s.part WHERE s.what = 'billed'"
        " GROUP BY 1 HAVING sum(s.items) <> 0",
    ) == [("fast day", 1)]
    assert audited(conn) == []


def test_another_due_date_moves_what_is_open(conn: Connection) -> None:
    customer_id = monthly(conn)
    bill(conn)
    ((bill_id,),) = rows(conn, "SELECT bill_id FROM bill")
    due = datetime(2026, 12, 24, tzinfo=UTC)

    move_due(conn, customer_id, bill_id, due)

    assert rows(
        conn,
        "SELECT day::text, sum(amount) FROM day_sum_now WHERE what = 'open'"
        " GROUP BY 1 HAVING sum(items) <> 0",
    ) == [("2026-12-24", D(1000))]
    assert audited(conn) == []


def test_whoever_is_moved_while_he_is_billed_is_moved_with_that_bill(
    conn: Connection, database_url: str
) -> None:
    customer_id = monthly(conn)
    add_operator(conn, "mirpur", "x" * 12, "operator", actor="test", now=NOW)
    ((mirpur,),) = rows(conn, "SELECT operator_id FROM operator")

    def move() -> None:
        with connect(database_url, application="tests") as mover:
            give_to_operator(
                mover, username_of(mover, customer_id), "mirpur", actor="t", now=NOW
            )

    with conn.transaction():
        conn.execute("SELECT FROM wallet FOR UPDATE")
        moving = Thread(target=move)
        moving.start()
        # He has come to the wallet that we hold.
        while not rows(conn, "SELECT FROM pg_locks WHERE NOT granted"):
            pass
        conn.execute(
            "INSERT INTO bill (customer_id, kind, period_start, period_end, issued_at,"
            " net, vat, gross, status, subject)"
            " VALUES (%s, 'other_charge', %s, %s, %s, 5, 0, 5, 'unpaid', 'x')",
            [customer_id, NOW, NOW, NOW],
        )
    moving.join()

    assert sums(conn, "billed") == [(mirpur, 1, D(5), D(0))]


def test_sums_that_differ_are_found(conn: Connection) -> None:
    monthly(conn)
    bill(conn)
    fold_day_sums(conn, NOW)
    conn.execute("UPDATE day_sum SET amount = amount + 1 WHERE what = 'billed'")
    (found,) = audited(conn)
    assert "day_sums_unlike_bills" in str(found)
    conn.execute("SELECT rebuild_day_sums()")
    assert audited(conn) == []


def test_a_sum_of_something_else_is_refused(conn: Connection) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="day_sum_what_known"):
        conn.execute(
            "INSERT INTO day_sum VALUES ('lost', '2026-01-01', 0, '', '', 1, 1, 1)"
        )
