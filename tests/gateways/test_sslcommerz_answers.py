"""What SSLCommerz may answer that its simulator does not, and what hints name."""

import json
from decimal import Decimal

import pytest

from billing_core.gateways.contract import (
    Answer,
    GatewayRefusedError,
    GatewayUnknownError,
    PaidState,
)
from billing_core.gateways.sslcommerz.answers import validated
from tests.gateways.sslcommerz_shop import (
    OTHER_PASSWORD,
    OTHER_STORE,
    REFERENCE,
    SECOND,
    STORE,
    Shop,
    a_gateway,
    an_order,
    answering,
)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def a_payment(**changes: str) -> dict[str, str]:
    facts = {
        "APIConnect": "DONE",
        "status": "VALID",
        "tran_id": REFERENCE,
        "val_id": "V1",
        "bank_tran_id": "B1",
        "currency_type": "BDT",
        "amount": "500.00",
        "currency_amount": "500.00",
        "store_amount": "490.00",
        "risk_level": "0",
        "tran_date": "2026-11-24 12:00:00",
    }
    return facts | changes


def listing(*payments: dict[str, str]) -> str:
    return json.dumps(
        {
            "APIConnect": "DONE",
            "no_of_trans_found": len(payments),
            "element": list(payments),
        }
    )


def ask_with(*bodies: str, hint_id: str | None = None) -> Answer:
    asked = Shop().asked(REFERENCE, "500.00", hint_id=hint_id)
    return a_gateway(answering(*bodies)).ask(asked, now=asked.created_at)


def test_a_listed_payment_of_another_order_is_passed_over() -> None:
    answer = ask_with(listing(a_payment(tran_id=SECOND)))
    assert answer.state is PaidState.WAITING


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_payments_the_one_that_fits_answers(turn: int) -> None:
    wrong = a_payment(val_id="V0", amount="1.00", currency_amount="1.00")
    fitting = a_payment(tran_date="2026-11-24 13:00:00")
    both = [wrong, fitting][::turn]
    answer = ask_with(listing(*both), json.dumps(fitting))
    assert (answer.amount, answer.transactions[0].value) == (Decimal("500.00"), "V1")
    assert "V0" in answer.flags[0]


def test_a_validation_of_another_payment_is_unknown() -> None:
    with pytest.raises(GatewayUnknownError, match="another payment"):
        ask_with(listing(a_payment()), json.dumps(a_payment(val_id="V2")))


@pytest.mark.parametrize("said", ["INVALID_REQUEST", "FAILED", "INACTIVE"])
def test_a_refused_hint_blames_nobody(said: str) -> None:
    refused = json.dumps({"APIConnect": said})
    assert ask_with(refused, listing(), hint_id="V9").state is PaidState.WAITING


@pytest.mark.parametrize("said", ['"SOON"', "null", "1", "{}"])
def test_an_answer_that_was_not_connected_is_unknown(said: str) -> None:
    with pytest.raises(GatewayUnknownError):
        ask_with(f'{{"APIConnect": {said}, "element": []}}')


@pytest.mark.parametrize("listed", ["null", '"x"', "[1, null]", "{}"])
def test_a_listing_of_nothing_readable_is_waiting(listed: str) -> None:
    answer = ask_with(f'{{"APIConnect": "DONE", "element": {listed}}}')
    assert answer.state is PaidState.WAITING


def test_an_inactive_store_is_our_own_fault(shop: Shop) -> None:
    shop.open()
    shop.state.faults.arm("store_inactive")
    with pytest.raises(GatewayRefusedError, match="not active") as caught:
        shop.ask()
    assert (caught.value.ours, caught.value.code) == (True, "INACTIVE")


@pytest.mark.parametrize(
    "changes",
    [
        {"currency_amount": None},
        {"currency_amount": "NaN"},
        {"amount": "five hundred"},
        {"risk_level": None},
        {"store_amount": "600.00"},
    ],
)
def test_a_paid_answer_that_lacks_what_is_compared_is_flagged(
    shop: Shop, changes: dict[str, object]
) -> None:
    answer = validated({**shop.paid().raw, **changes}, STORE)
    assert answer.state is PaidState.PAID
    assert len(answer.flags) == 1


def test_a_paid_answer_without_currency_or_order_equals_none_of_ours(
    shop: Shop,
) -> None:
    raw = {
        k: v
        for k, v in shop.paid().raw.items()
        if k not in ("tran_id", "currency_type")
    }
    answer = validated(raw, STORE)
    assert (answer.reference, answer.currency) == ("", "")


def test_a_hinted_val_id_of_ours_takes_one_call(shop: Shop) -> None:
    _, posted = shop.walk(shop.open(), "pay")
    shop.state.asked.clear()
    assert shop.ask(hint_id=posted["val_id"]).state is PaidState.PAID
    assert shop.calls() == ["validate"]


def test_a_val_id_of_another_order_of_ours_pays_nothing(shop: Shop) -> None:
    _, posted = shop.walk(shop.open(), "pay")
    shop.open(SECOND, "5000.00")
    answer = shop.ask(SECOND, "5000.00", hint_id=posted["val_id"])
    assert answer.state is PaidState.WAITING


def test_a_val_id_of_another_store_pays_nothing(shop: Shop) -> None:
    theirs = a_gateway(shop.http, OTHER_STORE, OTHER_PASSWORD)
    checkout = theirs.create(an_order(), now=shop.clock())
    _, posted = shop.walk(checkout, "pay")
    shop.open()
    assert shop.ask(hint_id=posted["val_id"]).state is PaidState.WAITING


def test_an_answer_that_names_another_order_is_not_taken_for_ours(shop: Shop) -> None:
    _, posted = shop.walk(shop.open(), "pay")
    shop.state.faults.arm("another_tran_id")
    answer = shop.ask(hint_id=posted["val_id"])
    assert answer.reference != REFERENCE


@pytest.mark.parametrize(
    "val_id", ["FORGED", "", "x&tran_id=1", "../..", "ক", "a" * 51]
)
def test_an_invented_val_id_falls_back_to_our_reference(
    shop: Shop, val_id: str
) -> None:
    shop.walk(shop.open(), "pay")
    assert shop.ask(hint_id=val_id).state is PaidState.PAID
    # What no gateway would give as an id is not even sent.
    assert (("validate", val_id) in shop.state.asked) is (val_id == "FORGED")


def test_an_invented_val_id_fails_no_attempt(shop: Shop) -> None:
    shop.open()
    shop.clock.forward(hours=30)
    assert shop.ask(hint_id="FORGED").state is PaidState.WAITING
