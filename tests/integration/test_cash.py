"""Cash at the till: for the bills that were chosen, once, and taken back in sight."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db import receipts
from billing_core.db.connect import Connection
from billing_core.db.corrections import UnknownBillError
from billing_core.db.customers import UnknownCustomerError, read_customer
from billing_core.db.receipts import UnknownReceiptError
from billing_core.services.audit import audit
from billing_core.services.cash import CashError, CashTaken, take_cash
from billing_core.services.suspension import sweep_suspensions
from billing_core.services.wallets import KeyUsedError, reverse_entry
from tests.builders import at_once, posted, rows, username_of
from tests.integration.correcting import due, number
from tests.integration.test_billing_run import a_monthly_customer, dhaka, run

JANUARY, MARCH = dhaka(2026, 1, 1), dhaka(2026, 3, 1)
D = Decimal


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


def pay(
    conn: Connection, customer_id: int, amount: str, *bills: str, **but: Any
) -> CashTaken:
    facts: dict[str, Any] = {"key": "k", "note": "", "now": MARCH} | but
    return take_cash(
        conn,
        username_of(conn, customer_id),
        D(amount),
        operator="nila",
        bills=bills,
        **facts,
    )


def owing(conn: Connection, *, balance: str = "0", **profile: Any) -> int:
    """A customer with bills of January, February and March, 600.00 each."""
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, balance=balance, **({"bill_trigger": "first"} | profile)
    )
    run(conn, MARCH)
    return customer_id


def stand(conn: Connection, customer_id: int) -> list[tuple[str, Decimal]]:
    found = rows(
        conn,
        "SELECT status, paid FROM bill WHERE customer_id = %s ORDER BY bill_id",
        customer_id,
    )
    return [(status, paid) for status, paid in found]


def told(conn: Connection, customer_id: int, taken: CashTaken) -> receipts.Receipt:
    return receipts.read_receipt(conn, customer_id, taken.payment_id)


def test_cash_pays_the_chosen_bill_before_the_one_due_first(conn: Connection) -> None:
    customer_id = owing(conn)
    march = number(conn, customer_id, 2)

    taken = pay(conn, customer_id, "600", march)

    assert stand(conn, customer_id) == [
        ("unpaid", D(0)),
        ("unpaid", D(0)),
        ("paid", D(600)),
    ]
    assert due(conn, customer_id) == D(1200)
    (settled,) = receipts.list_settled(conn, customer_id, taken.entry_id)
    assert (settled.bill, settled.amount, settled.status) == (march, D(600), "paid")


def test_less_than_a_bill_leaves_it_partly_paid(conn: Connection) -> None:
    customer_id = owing(conn)
    pay(conn, customer_id, "250.50", number(conn, customer_id, 1))
    assert stand(conn, customer_id)[1] == ("partial", D("250.50"))


def test_chosen_bills_are_paid_in_the_order_they_are_named(conn: Connection) -> None:
    customer_id = owing(conn)
    march, january = number(conn, customer_id, 2), number(conn, customer_id, 0)
    pay(conn, customer_id, "700", march, january)
    assert stand(conn, customer_id) == [
        ("partial", D(100)),
        ("unpaid", D(0)),
        ("paid", D(600)),
    ]


def test_a_bill_named_twice_is_paid_once(conn: Connection) -> None:
    customer_id = owing(conn)
    march = number(conn, customer_id, 2)
    pay(conn, customer_id, "600", march, march)
    assert due(conn, customer_id) == D(1200)


def test_what_is_over_settles_what_is_due_and_the_rest_stays_in_the_wallet(
    conn: Connection,
) -> None:
    customer_id = owing(conn)
    pay(conn, customer_id, "2000", number(conn, customer_id, 2))
    assert {status for status, _ in stand(conn, customer_id)} == {"paid"}
    assert posted(conn, customer_id) == D(200)


def test_a_discount_pays_like_money_and_is_our_expense(conn: Connection) -> None:
    customer_id = owing(conn)
    taken = pay(
        conn,
        customer_id,
        "550",
        number(conn, customer_id, 0),
        discount=D(50),
        note="old customer",
    )
    assert stand(conn, customer_id)[0] == ("paid", D(600))
    assert rows(
        conn,
        "SELECT ledger_account, amount FROM posting WHERE entry_id = %s"
        " ORDER BY line_no",
        taken.entry_id,
    ) == [("cash", D(550)), ("discount", D(50)), ("wallet", D(-600))]
    receipt = told(conn, customer_id, taken)
    assert (receipt.amount, receipt.discount) == (D(550), D(50))
    assert receipt.note == "old customer"
    assert receipt.refundable == D(550)


def test_a_discount_beyond_what_is_open_on_the_chosen_bills_is_refused(
    conn: Connection,
) -> None:
    customer_id = owing(conn)
    with pytest.raises(CashError, match=r"more than is open, 600\.00"):
        pay(
            conn,
            customer_id,
            "1",
            number(conn, customer_id),
            discount=D("600.01"),
            note="a gift",
        )
    assert due(conn, customer_id) == D(1800)
    assert rows(conn, "SELECT count(*) FROM payment") == [(0,)]


@pytest.mark.parametrize(
    ("amount", "but", "why"),
    [
        ("0", {}, "more than 0"),
        ("-5", {}, "more than 0"),
        ("5", {"discount": D(-1), "note": "x"}, "not less than 0"),
        ("5", {"discount": D(1), "note": " "}, "Say why"),
        ("5", {"received_on": date(2026, 3, 2)}, "today is 2026-03-01"),
        ("5", {"received_on": date(2025, 2, 27)}, "more than 366 days old"),
    ],
)
def test_what_no_till_takes_is_refused(
    conn: Connection, amount: str, but: dict[str, Any], why: str
) -> None:
    customer_id = owing(conn)
    with pytest.raises(CashError, match=why):
        pay(conn, customer_id, amount, **but)
    assert rows(conn, "SELECT count(*) FROM payment") == [(0,)]


def test_today_is_the_day_of_the_isp_not_of_greenwich(conn: Connection) -> None:
    """At 01:00 in Dhaka it is still yesterday in UTC."""
    customer_id = owing(conn)
    one_in_the_morning = dhaka(2026, 3, 5) + timedelta(hours=1)
    taken = pay(
        conn,
        customer_id,
        "5",
        now=one_in_the_morning,
        received_on=date(2026, 3, 5),
    )
    assert told(conn, customer_id, taken).received_at == one_in_the_morning


def test_cash_of_another_day_is_dated_by_it(conn: Connection) -> None:
    customer_id = owing(conn)
    taken = pay(conn, customer_id, "5", received_on=date(2026, 2, 10))
    receipt = told(conn, customer_id, taken)
    assert receipt.received_at == datetime(2026, 2, 10, 6, tzinfo=UTC)  # noon in Dhaka
    assert receipt.recorded_at > receipt.received_at


def test_anothers_bill_is_refused_and_nothing_is_taken(conn: Connection) -> None:
    one, other = owing(conn), owing(conn)
    with pytest.raises(CashError, match="is not one of"):
        pay(conn, one, "600", number(conn, other))
    assert (due(conn, one), due(conn, other)) == (D(1800), D(1800))
    assert rows(conn, "SELECT count(*) FROM payment") == [(0,)]


def test_a_bill_that_is_paid_is_not_paid_again(conn: Connection) -> None:
    customer_id = owing(conn)
    january = number(conn, customer_id)
    pay(conn, customer_id, "600", january)
    with pytest.raises(CashError, match="is paid"):
        pay(conn, customer_id, "600", january, key="another")
    assert due(conn, customer_id) == D(1200)


def test_what_nobody_knows_is_refused(conn: Connection) -> None:
    customer_id = owing(conn)
    with pytest.raises(UnknownBillError):
        pay(conn, customer_id, "600", "B-99999999")
    with pytest.raises(UnknownCustomerError):
        take_cash(conn, "nobody", D(1), key="k", operator="n", note="", now=MARCH)
    for wrong in ("R0", "R", "R-1", "", "R9999999999999999999", "R\uff11", "R4711"):
        with pytest.raises(UnknownReceiptError):
            receipts.find_receipt(conn, wrong)


def test_the_same_key_again_is_the_same_receipt(conn: Connection) -> None:
    customer_id = owing(conn)
    january = number(conn, customer_id)
    first = pay(conn, customer_id, "500", january, discount=D(100), note="gift")
    # The bill is paid by now: a repeat asks nothing anew.
    assert pay(conn, customer_id, "500", january, discount=D(100), note="gift") == first
    assert due(conn, customer_id) == D(1200)
    for amount, discount in (("600", "0"), ("500", "0"), ("550", "100")):
        with pytest.raises(KeyUsedError):
            pay(conn, customer_id, amount, discount=D(discount), note="gift")


def test_ten_tills_with_one_key_take_the_money_once(
    conn: Connection, database_url: str
) -> None:
    customer_id = owing(conn)
    results = at_once(
        database_url, [lambda own: pay(own, customer_id, "600") for _ in range(10)]
    )
    assert len(set(map(repr, results))) == 1, results
    assert due(conn, customer_id) == D(1200)
    assert rows(conn, "SELECT count(*) FROM payment") == [(1,)]


def test_cash_that_clears_what_was_owed_restores_service(conn: Connection) -> None:
    customer_id = owing(conn, due_days=1)
    later = MARCH + timedelta(days=10)
    sweep_suspensions(conn, later)
    assert read_customer(conn, customer_id).status == "suspended"
    pay(conn, customer_id, "1799.99", key="a", now=later)
    assert read_customer(conn, customer_id).status == "suspended"
    pay(conn, customer_id, "0.01", key="b", now=later)
    assert read_customer(conn, customer_id).status == "active"


def test_cash_taken_back_opens_its_bills_and_its_receipt_says_so(
    conn: Connection,
) -> None:
    customer_id = owing(conn)
    taken = pay(
        conn, customer_id, "500", number(conn, customer_id), discount=D(100), note="x"
    )
    reversal = reverse_entry(
        conn,
        username_of(conn, customer_id),
        taken.entry_id,
        reason="it was another customer's",
        operator="omar",
        now=MARCH,
    )
    assert due(conn, customer_id) == D(1800)
    receipt = told(conn, customer_id, taken)
    assert (receipt.reversal_entry_id, receipt.reversed_by) == (reversal, "omar")
    assert receipt.reversal_reason == "it was another customer's"
    assert receipt.refundable == 0
    (row,) = receipts.list_payments(conn, customer_id, limit=10)
    assert row.is_reversed
    ((given_away,),) = rows(
        conn, "SELECT sum(amount) FROM posting WHERE ledger_account = 'discount'"
    )
    assert given_away == 0


def test_a_receipt_lists_only_what_its_own_money_paid(conn: Connection) -> None:
    customer_id = owing(conn)
    first = pay(conn, customer_id, "600", key="a")
    second = pay(conn, customer_id, "700", key="b")
    paid = [
        [b.amount for b in receipts.list_settled(conn, customer_id, taken.entry_id)]
        for taken in (first, second)
    ]
    assert paid == [[D(600)], [D(600), D(100)]]


def test_payments_are_listed_newest_first_by_customer_or_all(conn: Connection) -> None:
    one, other = owing(conn), owing(conn)
    pay(conn, one, "1", key="a", received_on=date(2026, 2, 1))
    pay(conn, other, "2", key="b")
    pay(conn, one, "3", key="c", received_on=date(2026, 1, 1))
    amounts = [row.amount for row in receipts.list_payments(conn, None, limit=10)]
    assert amounts == [D(2), D(1), D(3)]
    mine = receipts.list_payments(conn, one, limit=10)
    assert [row.amount for row in mine] == [D(1), D(3)]
    assert [receipts.find_receipt(conn, row.receipt)[0] for row in mine] == [one, one]
