"""A transfer that was announced, held against what bKash itself says of its trxID."""

from decimal import Decimal

import pytest

from billing_core.db.attempt_events import list_attempt_events
from billing_core.db.connect import Connection
from billing_core.db.payments import Attempt
from billing_core.services.payments.crediting import NotCreditableError
from billing_core.services.payments.deciding import (
    ChangedSinceError,
    NotApprovableError,
    approve,
)
from billing_core.services.payments.transfer_answers import (
    NobodyToAskError,
    ask_about_transfer,
    finder_of,
)
from billing_core.services.payments.waiting import read_shown
from tests.builders import NOON, at_once, audited, posted
from tests.integration.gateway_attempts import announce, begin, come_back, someone
from tests.payment_shops import Bkash, Shop, a_shop

SENDER = "01770618575"


@pytest.fixture
def shop(database_url: str) -> Shop:
    return a_shop("bkash", database_url)


def test_an_announced_transfer_is_not_approved_once_its_gateway_has_credited_it(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.change = lambda answer: answer.update(
        {"trxID": "8N7A6B5C4D"} if answer.get("trxID") else {}
    )
    transfer = announce(conn, customer_id)
    assert come_back(conn, shop, attempt).state == "paid"
    with pytest.raises(NotCreditableError, match="another"):
        approve(conn, transfer.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == Decimal("500.00")
    assert audited(conn) == []


def paid_in_the_app(shop: Shop, amount: str = "500.00", sender: str = SENDER) -> str:
    """Pay to the merchant's wallet in bKash's own app; return the trxID."""
    assert isinstance(shop.simulator, Bkash)
    return shop.simulator.state.pay_to_wallet(Decimal(amount), sender)


def asked(conn: Connection, shop: Shop, attempt: Attempt) -> Attempt:
    finder = finder_of({"bkash": shop.gateway})
    return ask_about_transfer(
        conn, finder, attempt.attempt_id, actor="operator:nila", now=NOON
    )


def seen(conn: Connection, attempt: Attempt) -> dict[str, tuple[str, str | None, bool]]:
    shown, _events = read_shown(conn, attempt.reference)
    return {c.field: (c.ours, c.theirs, c.agrees) for c in shown.comparisons}


def test_bkash_is_asked_for_a_transfer_that_was_announced_and_bears_it_out(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    trx_id = paid_in_the_app(shop)
    attempt = announce(conn, customer_id, transaction_id=trx_id, sender=SENDER)
    after = asked(conn, shop, attempt)
    # A transfer is never posted by itself, whatever bKash says.
    assert (after.state, after.reason) == ("review", "TRANSFER")
    assert posted(conn, customer_id) == 0
    assert seen(conn, after) == {
        "amount": ("500.00", "500.00", True),
        "currency": ("BDT", "BDT", True),
        "merchant": ("01929918378", "01929918378", True),
        "sender": (SENDER, SENDER, True),
    }
    approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == Decimal("500.00")
    assert audited(conn) == []


def test_what_bkash_knows_otherwise_is_marked_and_what_was_paid_is_credited(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    trx_id = paid_in_the_app(shop, "400.00", "01877722345")
    attempt = announce(conn, customer_id, transaction_id=trx_id, sender=SENDER)
    after = asked(conn, shop, attempt)
    assert after.reason == "TRANSFER AMOUNT_DIFFERS SENDER_DIFFERS"
    differing = {name: v for name, v in seen(conn, after).items() if not v[2]}
    assert differing == {
        "amount": ("500.00", "400.00", False),
        "sender": (SENDER, "01877722345", False),
    }
    with pytest.raises(ChangedSinceError, match=r"400\.00"):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    paid = Decimal("400.00")
    approve(conn, attempt.attempt_id, amount=paid, operator="nila", now=NOON)
    assert posted(conn, customer_id) == paid
    assert audited(conn) == []


def test_money_that_went_to_another_merchant_is_not_approved(
    conn: Connection, shop: Shop
) -> None:
    attempt = announce(
        conn, someone(conn), transaction_id=paid_in_the_app(shop), sender=SENDER
    )
    assert isinstance(shop.simulator, Bkash)
    shop.simulator.state.short_code = "01999999999"
    after = asked(conn, shop, attempt)
    assert after.reason == "TRANSFER MERCHANT_DIFFERS"
    with pytest.raises(NotApprovableError, match="MERCHANT"):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)


def test_what_bkash_does_not_know_a_person_may_have_seen_in_another_wallet(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = announce(conn, customer_id)
    after = asked(conn, shop, attempt)
    assert after.reason == "TRANSFER NOT_FOUND"
    assert seen(conn, after) == {}
    approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == Decimal("500.00")


def test_a_bkash_that_gives_no_answer_leaves_the_customers_word_as_it_was(
    conn: Connection, shop: Shop
) -> None:
    attempt = announce(conn, someone(conn), transaction_id=paid_in_the_app(shop))
    shop.wire.telling, shop.wire.loses = ("/searchTransaction",), 1
    after = asked(conn, shop, attempt)
    assert (after.state, after.reason) == ("review", "TRANSFER")
    assert after.answer == attempt.answer
    shop.wire.change = lambda answer: answer.update(trxID="6HOTHER000")
    assert asked(conn, shop, attempt).reason == "TRANSFER"
    told = [e.note for e in list_attempt_events(conn, attempt.attempt_id)][1:]
    assert len(told) == 2
    assert "other money" in told[1]


def test_without_a_gateway_that_tells_of_money_a_person_looks_himself(
    database_url: str,
) -> None:
    nagad = a_shop("nagad", database_url)
    with pytest.raises(NobodyToAskError, match="look into the wallet"):
        finder_of({"nagad": nagad.gateway})


def test_a_transfer_and_its_gateway_credited_at_once_are_credited_once(
    conn: Connection, database_url: str, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    transfer = announce(conn, customer_id, transaction_id="6H0006FJ2X")
    shop.pay(attempt)
    shop.wire.change = lambda answer: answer.update(
        {"trxID": "6H0006FJ2X"} if answer.get("trxID") else {}
    )
    come_back(conn, shop, attempt, verification="operator")
    results = at_once(
        database_url,
        [
            lambda own: approve(own, attempt.attempt_id, operator="nila", now=NOON),
            lambda own: approve(own, transfer.attempt_id, operator="rafi", now=NOON),
        ],
    )
    assert len([r for r in results if isinstance(r, NotCreditableError)]) == 1
    assert posted(conn, customer_id) == Decimal("500.00")
    assert audited(conn) == []
