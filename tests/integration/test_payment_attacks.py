"""Attacks, the same against every gateway: replayed, swapped, changed on the way.

The gateways are simulated; the wire, the database and all between are real.
"""

from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.attempt_events import list_attempt_events
from billing_core.db.connect import Connection
from billing_core.services.payments.deciding import (
    ChangedSinceError,
    NotApprovableError,
    approve,
    reject,
)
from billing_core.services.payments.hints import take_hint
from tests.builders import NOON, audited, posted, rows
from tests.integration.gateway_attempts import (
    FULL,
    ask,
    begin,
    come_back,
    entries,
    replaced,
    someone,
    tell,
)
from tests.payment_shops import NAMES, Shop, a_shop, attempt_of


@pytest.fixture(params=NAMES)
def shop(request: pytest.FixtureRequest, database_url: str) -> Shop:
    return a_shop(request.param, database_url)


def test_what_was_paid_is_credited_once_however_often_it_is_told(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    for _ in range(3):
        assert come_back(conn, shop, attempt).state == "paid"
        assert ask(conn, shop, attempt).state == "paid"
    assert entries(conn) == [(customer_id, FULL)]
    assert posted(conn, customer_id) == FULL
    assert rows(conn, "SELECT method, amount, attempt_id FROM payment") == [
        (shop.gateway.name, FULL, attempt.attempt_id)
    ]
    assert audited(conn) == []


def test_by_default_a_person_approves_what_matches(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    after = come_back(conn, shop, attempt, verification="operator")
    assert after.state == "confirmed"
    assert posted(conn, customer_id) == 0
    approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == FULL
    told = [event.what for event in list_attempt_events(conn, attempt.attempt_id)]
    assert told[-3:] == ["confirmed", "approved", "paid"]
    assert audited(conn) == []


def test_a_payment_replayed_on_a_second_invoice_pays_only_the_first(
    conn: Connection, shop: Shop
) -> None:
    """The callback names the second order and brings the first one's money."""
    customer_id = someone(conn)
    first = begin(conn, shop, customer_id)
    second = begin(conn, shop, customer_id)
    shop.pay(first)
    come_back(conn, shop, first)
    hint = shop.hint(first)
    for swapped in (
        {"reference": second.reference},
        {"reference": second.reference, "payment_id": None},
        {"reference": first.reference, "payment_id": second.gateway_payment_id},
    ):
        take_hint(
            conn,
            shop.gateway,
            replaced(hint, swapped),
            verification="automatic",
            actor="web",
            now=NOON,
        )
    assert attempt_of(conn, second.reference).state != "paid"
    assert entries(conn) == [(customer_id, FULL)]


def test_money_that_a_gateway_tells_of_twice_is_not_credited_twice(
    conn: Connection, shop: Shop
) -> None:
    """Its answer about the second order carries the first one's transaction id."""
    customer_id = someone(conn)
    first, second = (begin(conn, shop, customer_id) for _ in range(2))
    shop.pay(first)
    paid = come_back(conn, shop, first)
    assert paid.answer is not None
    ids = {each["kind"]: each["id"] for each in paid.answer["transactions"]}
    shop.pay(second)

    def reuse(answer: dict[str, Any]) -> None:
        for name, kind in (
            ("trxID", "trx_id"),
            ("issuerPaymentRefNo", "issuer_ref"),
            ("bank_tran_id", "bank_tran_id"),
        ):
            if answer.get(name):
                answer[name] = ids[kind]

    shop.wire.change = reuse
    after = come_back(conn, shop, second)
    assert (after.state, after.reason) == ("review", "DUPLICATE")
    with pytest.raises(NotApprovableError, match="DUPLICATE"):
        approve(conn, second.attempt_id, operator="nila", now=NOON)
    assert entries(conn) == [(customer_id, FULL)]


def test_another_customers_payment_is_his_whoever_brings_it(
    conn: Connection, shop: Shop
) -> None:
    victim, thief = someone(conn), someone(conn)
    his, mine = begin(conn, shop, victim), begin(conn, shop, thief)
    shop.pay(his)
    hint = shop.hint(his)
    for claimed in (hint, replaced(hint, {"reference": mine.reference})):
        take_hint(
            conn,
            shop.gateway,
            claimed,
            verification="automatic",
            actor="web",
            now=NOON,
        )
    ask(conn, shop, mine, hint_id=hint.transaction_id)
    assert posted(conn, thief) == 0
    assert entries(conn) in ([(victim, FULL)], [])
    come_back(conn, shop, his)
    assert entries(conn) == [(victim, FULL)]


def test_an_answer_about_another_order_is_nobodys_money(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)

    def rename(answer: dict[str, Any]) -> None:
        for name in ("merchantInvoiceNumber", "merchantInvoice", "orderId"):
            if name in answer:
                answer[name] = "Z" * 20
        if "val_id" in answer:
            answer["tran_id"] = "Z" * 20

    shop.wire.change = rename
    after = come_back(conn, shop, attempt)
    assert after.state in ("review", "pending")
    if after.state == "review":
        with pytest.raises(NotApprovableError):
            approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert entries(conn) == []


@pytest.mark.parametrize("verification", ["operator", "automatic"])
def test_a_poisha_less_waits_and_approved_credits_what_was_paid(
    conn: Connection, shop: Shop, verification: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.change = tell(shop.simulator.amount, "499.99")
    after = come_back(conn, shop, attempt, verification=verification)
    assert after.state == "review"
    assert "AMOUNT_DIFFERS" in after.reason
    assert entries(conn) == []
    # He must have seen it: 500.00 is what he expects otherwise.
    with pytest.raises(ChangedSinceError, match=r"499\.99"):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    less = Decimal("499.99")
    approve(conn, attempt.attempt_id, amount=less, operator="nila", now=NOON)
    assert entries(conn) == [(customer_id, less)]
    assert audited(conn) == []


def test_a_negative_amount_is_never_credited(conn: Connection, shop: Shop) -> None:
    attempt = begin(conn, shop, someone(conn))
    shop.pay(attempt)
    shop.wire.change = tell(shop.simulator.amount, "-0.01")
    after = come_back(conn, shop, attempt)
    assert after.state == "review"
    with pytest.raises(NotApprovableError):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert entries(conn) == []


# Nagad's verify tells no currency: the order was signed in BDT (050).
@pytest.mark.parametrize("name", ["bkash", "sslcommerz"])
def test_dollars_are_no_taka(conn: Connection, database_url: str, name: str) -> None:
    shop = a_shop(name, database_url)
    assert shop.simulator.currency is not None
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.change = tell(shop.simulator.currency, "USD")
    after = come_back(conn, shop, attempt)
    assert after.state == "review"
    assert "CURRENCY_DIFFERS" in after.reason
    with pytest.raises(NotApprovableError):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    reject(
        conn,
        attempt.attempt_id,
        reason="given back at the gateway",
        operator="nila",
        now=NOON,
    )
    kept = attempt_of(conn, attempt.reference)
    assert (kept.state, kept.reason) == ("rejected", "given back at the gateway")
    # Told of the same money again, the decision stands.
    assert come_back(conn, shop, attempt).state == "rejected"
    assert ask(conn, shop, attempt, finished=True).state == "rejected"
    assert entries(conn) == []
    assert posted(conn, customer_id) == 0
