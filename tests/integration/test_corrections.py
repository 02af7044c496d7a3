"""Voids, credit notes, charges and reversals, on a real PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.db.corrections import UnknownBillError
from billing_core.db.profiles import insert_vat_profile
from billing_core.services import suspension
from billing_core.services.audit import audit
from billing_core.services.charges import bill_again
from billing_core.services.corrections import CorrectionError, void_bill
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_nas,
    a_package,
    at_once,
    fold,
    posted,
    rows,
    username_of,
)
from tests.integration.correcting import (
    FEBRUARY,
    JANUARY,
    billed,
    charge,
    credit,
    due,
    last_event,
    number,
    void,
)
from tests.integration.test_billing_run import (
    DHAKA,
    a_monthly_customer,
    bills,
    dhaka,
    run,
)

D = Decimal


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


def test_a_void_bill_is_no_debt_and_is_not_billed_again(conn: Connection) -> None:
    customer_id = billed(conn)

    void(conn, number(conn, customer_id))
    run(conn, JANUARY + timedelta(days=3))

    assert [row[3] for row in bills(conn, customer_id)] == ["void"]
    assert due(conn, customer_id) == 0
    assert last_event(conn, customer_id) == (
        "nila",
        "bill void",
        f"{number(conn, customer_id)}: wrong",
    )
    run(conn, FEBRUARY)
    assert [row[3] for row in bills(conn, customer_id)] == ["void", "unpaid"]


def test_what_was_paid_of_a_void_bill_goes_back_and_settles_others(
    conn: Connection,
) -> None:
    customer_id = billed(conn, balance="700")
    charge(conn, customer_id, "150")
    assert (posted(conn, customer_id), due(conn, customer_id)) == (D(0), D(50))

    void(conn, number(conn, customer_id))

    assert (posted(conn, customer_id), due(conn, customer_id)) == (D(550), D(0))


def test_voiding_what_suspended_a_customer_restores_him(conn: Connection) -> None:
    customer_id = billed(conn)
    later = JANUARY + timedelta(days=30)
    assert suspension.sweep_suspensions(conn, later).suspended == 1

    void(conn, number(conn, customer_id), later)

    assert rows(conn, "SELECT status FROM customer") == [("active",)]


def test_a_bill_is_voided_once_by_whoever_comes_first(
    conn: Connection, database_url: str
) -> None:
    customer_id = billed(conn, balance="600")
    bill = number(conn, customer_id)

    tried = at_once(database_url, [lambda own: void(own, bill)] * 4)

    assert sum(t is None for t in tried) == 1
    assert sum(isinstance(t, CorrectionError) for t in tried) == 3
    assert posted(conn, customer_id) == 600


def test_the_period_of_a_void_bill_is_billed_again_by_a_person_once(
    conn: Connection,
) -> None:
    customer_id = billed(conn)
    first = number(conn, customer_id)
    with pytest.raises(CorrectionError, match="only the period of a void"):
        bill_again(conn, first, actor="nila", now=JANUARY, zone=DHAKA)
    void(conn, first)
    conn.execute("UPDATE customer SET special_price = 500")
    late = dhaka(2026, 1, 20, 12)

    again = bill_again(conn, first, actor="nila", now=late, zone=DHAKA)

    assert rows(
        conn,
        "SELECT period_start, period_end, gross, due_at FROM bill WHERE number = %s",
        again,
    ) == [(JANUARY, FEBRUARY, D("500.00"), dhaka(2026, 1, 27))]
    with pytest.raises(CorrectionError, match="billed again already"):
        bill_again(conn, first, actor="nila", now=late, zone=DHAKA)
    # The new one may be wrong as well.
    void(conn, again, late)
    bill_again(conn, again, actor="nila", now=late, zone=DHAKA)
    run(conn, FEBRUARY)
    assert due(conn, customer_id) == 1000


def test_a_period_of_other_cycles_is_not_billed_again(conn: Connection) -> None:
    customer_id = a_monthly_customer(
        conn, joined=dhaka(2026, 1, 10, 12), bill_trigger="day", bill_day=20
    )
    run(conn, dhaka(2026, 1, 25))
    bill = number(conn, customer_id)
    void(conn, bill)
    conn.execute("UPDATE billing_profile SET bill_trigger = 'first', bill_day = NULL")

    # It would reach to the first of February, over the cycle from the 20th.
    with pytest.raises(CorrectionError, match="nothing is to be billed"):
        bill_again(conn, bill, actor="nila", now=dhaka(2026, 1, 25), zone=DHAKA)


def test_what_was_paused_is_not_billed_again_either(conn: Connection) -> None:
    customer_id = billed(conn)
    name = username_of(conn, customer_id)
    middle = dhaka(2026, 1, 16, 12)
    suspension.pause(conn, name, note="", actor="nila", now=middle)
    suspension.resume(conn, name, note="", actor="nila", now=FEBRUARY)
    void(conn, number(conn, customer_id), FEBRUARY)

    bill_again(conn, number(conn, customer_id), actor="nila", now=FEBRUARY, zone=DHAKA)

    assert due(conn, customer_id) == D("300.00")


@pytest.mark.parametrize("name", ["B-99999999", "99", "x", "9" * 30, "²", ""])
def test_a_bill_that_nobody_issued_is_unknown(conn: Connection, name: str) -> None:
    with pytest.raises(UnknownBillError):
        void(conn, name)


def test_a_correction_says_why(conn: Connection) -> None:
    bill = number(conn, billed(conn))
    with pytest.raises(CorrectionError, match="Say why"):
        void_bill(conn, bill, reason=" ", actor="nila", now=JANUARY)


def test_a_credit_lowers_what_is_open_and_the_rest_goes_into_the_wallet(
    conn: Connection,
) -> None:
    customer_id = billed(conn, balance="500")
    bill = number(conn, customer_id)

    assert credit(conn, bill, "40", "a") == "CN-00000001"
    assert (due(conn, customer_id), posted(conn, customer_id)) == (D(60), D(0))
    assert credit(conn, bill, "100", "b") == "CN-00000002"
    assert (due(conn, customer_id), posted(conn, customer_id)) == (D(0), D(40))
    assert bills(conn, customer_id)[0][3] == "paid"


def test_credits_give_back_the_whole_vat_and_not_more_than_the_bill(
    conn: Connection,
) -> None:
    package = a_package(
        conn, billing="per_session", price_per_minute=D("0.07"), vat_percent=D(15)
    )
    customer_id = a_customer(conn, package, balance="50")
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=NOON)
    fold(conn, p.start(), p.stop(600), now=NOON)
    ((bill, net, vat, gross),) = rows(conn, "SELECT bill_id, net, vat, gross FROM bill")

    for part in range(7):
        credit(conn, str(bill), str(gross / 7), str(part))

    assert rows(conn, "SELECT sum(net), sum(vat), sum(gross) FROM credit_note") == [
        (net, vat, gross)
    ]
    assert posted(conn, customer_id) == 50
    with pytest.raises(CorrectionError, match=r"up to 0\.00"):
        credit(conn, str(bill), "0.01", "more")


def test_the_same_key_credits_once(conn: Connection, database_url: str) -> None:
    customer_id = billed(conn)
    bill = number(conn, customer_id)

    numbers = at_once(database_url, [lambda own: credit(own, bill, "10")] * 4)

    assert numbers == ["CN-00000001"] * 4
    assert due(conn, customer_id) == 590


@pytest.mark.parametrize("amount", ["0", "-1", "600.01"])
def test_an_amount_that_is_no_part_of_a_bill_is_refused(
    conn: Connection, amount: str
) -> None:
    with pytest.raises(CorrectionError, match=r"up to 600\.00"):
        credit(conn, number(conn, billed(conn)), amount)


def test_what_was_credited_cannot_be_voided_nor_a_void_bill_credited(
    conn: Connection,
) -> None:
    credited, voided = billed(conn), billed(conn)
    credit(conn, number(conn, credited), "1")
    with pytest.raises(CorrectionError, match="credit the rest"):
        void(conn, number(conn, credited))
    void(conn, number(conn, voided))
    with pytest.raises(CorrectionError, match="is void"):
        credit(conn, number(conn, voided), "1")


def test_a_charge_is_billed_once_with_the_vat_of_today(
    conn: Connection, database_url: str
) -> None:
    customer_id = billed(conn)
    insert_vat_profile(
        conn,
        "goods",
        registration_number="",
        inclusive=False,
        rates=[(JANUARY.date(), D(15)), (FEBRUARY.date(), D(20))],
    )

    names = at_once(
        database_url,
        [lambda own: charge(own, customer_id, "100", vat_profile="goods")] * 3,
    )

    assert len(set(names)) == 1
    assert rows(
        conn,
        "SELECT net, vat, gross, status, due_at FROM bill WHERE number = %s",
        names[0],
    ) == [(D(100), D(15), D(115), "unpaid", dhaka(2026, 1, 8))]
    assert due(conn, customer_id) == 715


def test_a_charge_is_void_like_any_bill(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="30")
    bill = charge(conn, customer_id, "20")
    assert posted(conn, customer_id) == 10

    void(conn, bill)

    assert posted(conn, customer_id) == 30


def test_a_charge_has_an_amount_and_says_what_for(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn))
    with pytest.raises(CorrectionError, match="more than 0"):
        charge(conn, customer_id, "0")
    with pytest.raises(CorrectionError, match="Say what"):
        charge(conn, customer_id, "1", description=" ")
