"""Refunds: never more than came in, sent once, felt by bills and service."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db import refunds as db
from billing_core.db.attempt_events import list_attempt_events
from billing_core.db.connect import Connection, connect
from billing_core.db.customers import read_customer
from billing_core.db.queries import load_queries
from billing_core.db.receipts import read_receipt, receipt_number
from billing_core.db.refunds import Refund, RefundOpenError
from billing_core.gateways.contract import Gateway
from billing_core.services.audit import audit
from billing_core.services.cash import take_cash
from billing_core.services.refund_answers import (
    RefundError,
    ask_about_refund,
    decide_refund,
    reconcile_refunds,
)
from billing_core.services.refunds import refund_payment
from billing_core.services.service_days import run_service_days
from billing_core.services.wallets import (
    NotReversibleError,
    RefundedError,
    reverse_entry,
)
from tests.builders import (
    NOON,
    a_customer,
    a_daily_package,
    a_package,
    at_once,
    posted,
    rows,
    username_of,
)
from tests.gateways.bkash_shop import Shop
from tests.integration.correcting import due
from tests.integration.paying import paid
from tests.integration.test_billing_run import DHAKA, a_monthly_customer, dhaka, run

JANUARY = dhaka(2026, 1, 1)
D = Decimal


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


def give_back(
    conn: Connection,
    payment_id: int,
    amount: str | None = None,
    by: Gateway | str = "cash",
    **but: Any,
) -> Refund:
    facts: dict[str, Any] = {"reason": "moved away", "key": "k", "now": NOON} | but
    return refund_payment(
        conn,
        receipt_number(payment_id),
        None if amount is None else D(amount),
        by=by,
        operator="nila",
        **facts,
    )


def a_payer(conn: Connection) -> int:
    return a_customer(conn, a_package(conn))


def cash(conn: Connection, customer_id: int, amount: str, **but: Any) -> int:
    facts: dict[str, Any] = {"key": "cash", "note": "", "now": NOON} | but
    return take_cash(
        conn, username_of(conn, customer_id), D(amount), operator="nila", **facts
    ).payment_id


def postings(conn: Connection, entry_id: int) -> list[tuple[str, Decimal]]:
    found = rows(
        conn,
        "SELECT ledger_account, amount FROM posting WHERE entry_id = %s"
        " ORDER BY line_no",
        entry_id,
    )
    return [(account, amount) for account, amount in found]


def sent(shop: Shop) -> int:
    return shop.bkash.calls["refund_v2"]


def test_cash_is_given_back_by_hand_and_recorded(conn: Connection) -> None:
    customer_id = a_payer(conn)
    payment_id = cash(conn, customer_id, "100")
    refund = give_back(conn, payment_id, "40")
    assert (refund.state, refund.by_gateway, refund.amount) == ("done", False, D(40))
    assert posted(conn, customer_id) == D(60)
    assert postings(conn, refund.entry_id) == [("wallet", D(40)), ("cash", D(-40))]
    receipt = read_receipt(conn, customer_id, payment_id)
    assert (receipt.refunded, receipt.refundable) == (D(40), D(60))
    assert rows(conn, "SELECT what, note FROM customer_event")[-1] == (
        "refund",
        f"40.00 of R{payment_id}, {refund.reference}: by cash: moved away",
    )


def test_all_that_is_left_is_given_back_when_no_amount_is_named(
    conn: Connection,
) -> None:
    customer_id = a_payer(conn)
    payment_id = cash(conn, customer_id, "100")
    give_back(conn, payment_id, "40", key="a")
    assert give_back(conn, payment_id, key="b").amount == D(60)
    with pytest.raises(RefundError, match=r"up to 0\.00 can be given back"):
        give_back(conn, payment_id, key="c")
    assert posted(conn, customer_id) == 0


@pytest.mark.parametrize("amount", ["0", "-1", "100.01"])
def test_no_more_than_came_in_and_no_less_than_something_is_given_back(
    conn: Connection, amount: str
) -> None:
    customer_id = a_payer(conn)
    payment_id = cash(conn, customer_id, "100")
    cash(conn, customer_id, "100", key="other")
    with pytest.raises(RefundError, match=r"up to 100\.00"):
        give_back(conn, payment_id, amount)
    assert posted(conn, customer_id) == D(200)


def test_a_discount_is_not_given_back(conn: Connection) -> None:
    customer_id = a_payer(conn)
    payment_id = cash(conn, customer_id, "90", discount=D(10), note="gift")
    with pytest.raises(RefundError, match=r"up to 90\.00"):
        give_back(conn, payment_id, "100")


def test_a_refund_says_why(conn: Connection) -> None:
    payment_id = cash(conn, a_payer(conn), "100")
    with pytest.raises(RefundError, match="Say why"):
        give_back(conn, payment_id, reason=" ")
    with pytest.raises(RefundError, match="by cash or transfer, not cheque"):
        give_back(conn, payment_id, by="cheque")


def test_the_same_key_gives_back_once(conn: Connection) -> None:
    customer_id = a_payer(conn)
    payment_id = cash(conn, customer_id, "100")
    first = give_back(conn, payment_id, "40")
    assert give_back(conn, payment_id, "40") == first
    with pytest.raises(RefundError, match=r"used before, to give back 40\.00"):
        give_back(conn, payment_id, "50")
    assert posted(conn, customer_id) == D(60)


def test_of_two_refunds_at_once_one_wins(conn: Connection, database_url: str) -> None:
    customer_id = a_payer(conn)
    payment_id = cash(conn, customer_id, "100")
    results = at_once(
        database_url,
        [lambda own, n=n: give_back(own, payment_id, key=str(n)) for n in range(8)],  # type: ignore[misc]
    )
    assert sum(isinstance(result, Refund) for result in results) == 1
    assert sum(isinstance(result, RefundError) for result in results) == 7
    assert posted(conn, customer_id) == 0


def test_a_payment_that_was_taken_back_is_not_given_back(conn: Connection) -> None:
    customer_id = a_payer(conn)
    payment_id = cash(conn, customer_id, "100")
    entry_id = read_receipt(conn, customer_id, payment_id).entry_id
    name = username_of(conn, customer_id)
    reverse_entry(conn, name, entry_id, reason="typo", operator="n", now=NOON)
    with pytest.raises(RefundError, match="was taken back"):
        give_back(conn, payment_id)


def test_a_payment_that_was_given_back_is_not_taken_back(conn: Connection) -> None:
    customer_id = a_payer(conn)
    payment_id = cash(conn, customer_id, "100")
    refund = give_back(conn, payment_id, "40")
    entry_id = read_receipt(conn, customer_id, payment_id).entry_id
    name = username_of(conn, customer_id)
    with pytest.raises(RefundedError, match=r"40\.00 was given back"):
        reverse_entry(conn, name, entry_id, reason="typo", operator="n", now=NOON)
    with pytest.raises(NotReversibleError, match="khata pay cash"):
        reverse_entry(
            conn, name, refund.entry_id, reason="typo", operator="n", now=NOON
        )


def test_bills_that_the_money_had_paid_are_open_again_the_newest_first(
    conn: Connection,
) -> None:
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, balance="0", bill_trigger="first", due_days=1
    )
    run(conn, dhaka(2026, 2, 1))
    now = dhaka(2026, 2, 1)
    payment_id = cash(conn, customer_id, "1200", now=now)
    assert due(conn, customer_id) == 0
    give_back(conn, payment_id, "700", now=now)
    assert rows(conn, "SELECT status, paid FROM bill ORDER BY bill_id") == [
        ("partial", D(500)),
        ("unpaid", D(0)),
    ]
    assert posted(conn, customer_id) == 0
    assert due(conn, customer_id) == D(700)


def test_service_stops_when_a_refund_leaves_an_overdue_bill(conn: Connection) -> None:
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, balance="0", bill_trigger="first", due_days=1
    )
    run(conn, JANUARY)
    now = JANUARY + timedelta(days=20)
    payment_id = cash(conn, customer_id, "600", now=now)
    assert read_customer(conn, customer_id).status == "active"
    give_back(conn, payment_id, now=now)
    customer = read_customer(conn, customer_id)
    assert (customer.status, customer.suspend_reason) == ("suspended", "PAYMENT_DUE")


def test_what_was_used_is_not_given_back(conn: Connection) -> None:
    customer_id = a_customer(conn, a_daily_package(conn))
    payment_id = cash(conn, customer_id, "100")
    run_service_days(conn, now=NOON, zone=DHAKA, actor="test")
    assert posted(conn, customer_id) == D(90)
    with pytest.raises(RefundError, match=r"10\.00 of this was used"):
        give_back(conn, payment_id)
    assert posted(conn, customer_id) == D(90)
    assert give_back(conn, payment_id, "90").state == "done"


def test_a_gateway_gives_back_what_it_took(conn: Connection, shop: Shop) -> None:
    customer_id = a_payer(conn)
    payment_id = paid(conn, shop, customer_id, "500")
    refund = give_back(conn, payment_id, "200", by=shop.gateway)
    (theirs,) = next(iter(shop.bkash.payments.values())).refunds
    assert (refund.state, refund.gateway_refund_id) == ("done", theirs.trx_id)
    assert (theirs.amount, theirs.sku) == (D(200), refund.reference)
    assert postings(conn, refund.entry_id) == [("wallet", D(200)), ("bkash", D(-200))]
    assert posted(conn, customer_id) == D(300)
    assert refund.attempt_id is not None
    told = [e.what for e in list_attempt_events(conn, refund.attempt_id)]
    assert told[-2:] == ["refund", "refund done"]


def test_a_gateway_gives_back_only_what_it_took(conn: Connection, shop: Shop) -> None:
    payment_id = cash(conn, a_payer(conn), "100")
    with pytest.raises(RefundError, match="was paid by cash"):
        give_back(conn, payment_id, by=shop.gateway)
    assert sent(shop) == 0


def test_what_the_gateway_refuses_is_back_in_the_wallet_and_on_the_bills(
    conn: Connection, shop: Shop
) -> None:
    shop.bkash.refund_days = -1
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, balance="0", bill_trigger="first"
    )
    run(conn, JANUARY)
    payment_id = paid(conn, shop, customer_id, purpose="bills", now=JANUARY)
    refund = give_back(conn, payment_id, by=shop.gateway, now=JANUARY)
    assert refund.state == "refused"
    assert "2071" in refund.outcome
    assert due(conn, customer_id) == 0
    assert read_receipt(conn, customer_id, payment_id).refundable == D(600)
    # And a person may give it back by hand then.
    assert give_back(conn, payment_id, key="again", now=JANUARY).state == "done"
    assert due(conn, customer_id) == D(600)


def test_a_lost_answer_is_asked_about_and_the_refund_never_sent_again(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = a_payer(conn)
    payment_id = paid(conn, shop, customer_id, "500")
    shop.bkash.faults.arm("refund_times_out", times=1)
    refund = give_back(conn, payment_id, by=shop.gateway)
    assert refund.state == "unknown"
    assert posted(conn, customer_id) == 0
    # A repeat of the same act and another are both no second refund.
    assert give_back(conn, payment_id, by=shop.gateway) == refund
    with pytest.raises(RefundError, match=r"up to 0\.00"):
        give_back(conn, payment_id, by=shop.gateway, key="another")

    def pass_at(seconds: int) -> int:
        return reconcile_refunds(
            lambda: closing(connect(database_url, application="tests")),
            {"bkash": shop.gateway},
            now=NOON + timedelta(seconds=seconds),
        )

    assert pass_at(299) == 0
    assert pass_at(300) == 1
    assert db.read_refund(conn, refund.refund_id).state == "done"
    assert pass_at(10_000) == 0
    assert sent(shop) == 1


def test_a_second_refund_waits_for_the_answer_to_the_first(
    conn: Connection, shop: Shop
) -> None:
    payment_id = paid(conn, shop, a_payer(conn), "500")
    shop.bkash.faults.arm("refund_processing")
    first = give_back(conn, payment_id, "100", by=shop.gateway)
    assert (first.state, first.gateway_refund_id is None) == ("requested", False)
    with pytest.raises(RefundOpenError):
        give_back(conn, payment_id, "100", by=shop.gateway, key="two")
    assert sent(shop) == 1


def test_what_nobody_knows_a_person_settles_once(conn: Connection, shop: Shop) -> None:
    customer_id = a_payer(conn)
    payment_id = paid(conn, shop, customer_id, "500")
    shop.bkash.faults.arm("refund_times_out")
    refund = give_back(conn, payment_id, "500", by=shop.gateway)

    def decide(*, was_given: bool, note: str = "seen in the panel") -> Refund:
        return decide_refund(
            conn,
            refund.reference,
            was_given=was_given,
            note=note,
            operator="omar",
            now=NOON,
        )

    with pytest.raises(RefundError, match="Say how you know"):
        decide(was_given=True, note="")
    assert decide(was_given=False).state == "refused"
    assert posted(conn, customer_id) == D(500)
    with pytest.raises(RefundError, match="is refused already"):
        decide(was_given=True)
    # What the gateway says afterwards moves nothing: the decision stands in the log.
    asked = ask_about_refund(
        conn, shop.gateway, refund.refund_id, actor="test", now=NOON
    )
    assert asked.state == "refused"
    assert posted(conn, customer_id) == D(500)


def test_many_ask_about_one_refused_refund_and_the_money_is_back_once(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = a_payer(conn)
    payment_id = paid(conn, shop, customer_id, "500")
    shop.bkash.faults.arm("refund_times_out")
    refund = give_back(conn, payment_id, by=shop.gateway)
    results = at_once(
        database_url,
        [
            lambda own: decide_refund(
                own,
                refund.reference,
                was_given=False,
                note="not in the panel",
                operator="omar",
                now=NOON,
            )
        ]
        * 5,
    )
    assert {r.state for r in results if isinstance(r, Refund)} == {"refused"}
    assert posted(conn, customer_id) == D(500)


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("UPDATE refund SET amount = 120", "refunds_beyond_payments"),
        ("UPDATE refund SET amount = 50", "refunds_unlike_entries"),
        ("UPDATE refund SET state = 'refused'", "refunds_unlike_entries"),
        ("DELETE FROM refund", "refunds_unlike_entries"),
    ],
)
def test_the_audit_finds_what_a_refund_may_not_be(
    conn: Connection, damage: str, check: str
) -> None:
    payment_id = cash(conn, a_payer(conn), "100")
    give_back(conn, payment_id, "40")
    with conn.transaction(force_rollback=True):
        conn.execute(damage.encode())
        found = conn.execute(load_queries("audit")[check], {"limit": 9}).fetchall()
    assert len(found) == 1


def test_who_is_killed_before_the_gateway_heard_of_it_has_sent_nothing(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    """Between the commit and the call: nobody sends it later, a person settles it."""
    customer_id = a_payer(conn)
    payment_id = paid(conn, shop, customer_id, "500")

    class Killed(BaseException):
        pass

    def die(*_arguments: object, **_named: object) -> None:
        raise Killed

    dying = type("Dying", (), {"name": "bkash", "refund": die})()
    with pytest.raises(Killed):
        give_back(conn, payment_id, by=dying)
    (refund,) = db.list_refunds(conn, open_only=True, limit=9)
    assert (refund.state, posted(conn, customer_id)) == ("requested", D(0))
    asked = reconcile_refunds(
        lambda: closing(connect(database_url, application="tests")),
        {"bkash": shop.gateway},
        now=NOON + timedelta(minutes=5),
    )
    assert (asked, sent(shop)) == (1, 0)
    assert "lists no such refund" in db.read_refund(conn, refund.refund_id).outcome
    decide_refund(
        conn,
        refund.reference,
        was_given=False,
        note="bKash lists none",
        operator="omar",
        now=NOON,
    )
    assert posted(conn, customer_id) == D(500)
