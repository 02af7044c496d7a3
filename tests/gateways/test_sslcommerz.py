"""Asking SSLCommerz, against its simulator: paid, not paid, unknown."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing_core.gateways.contract import (
    GatewayUnknownError,
    PaidState,
    TransactionId,
)
from billing_core.gateways.sslcommerz.answers import validated
from tests.gateways.sslcommerz_shop import (
    REFERENCE,
    STORE,
    Shop,
)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_payment_is_told_with_everything_that_has_to_be_compared(shop: Shop) -> None:
    answer = shop.paid()
    (session,) = shop.state.sessions.values()
    (paid,) = session.tries
    assert answer.state is PaidState.PAID
    assert (answer.reference, answer.amount) == (REFERENCE, Decimal("500.00"))
    assert (answer.currency, answer.merchant_expected) == ("BDT", STORE)
    assert answer.transactions == (
        TransactionId("val_id", paid.val_id),
        TransactionId("bank_tran_id", paid.bank_tran_id),
    )
    assert answer.fee == Decimal("12.50")
    assert answer.paid_at == datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert answer.payer == "418117XXXXXX6675"
    assert answer.flags == ()


def test_valid_at_first_and_validated_later_are_both_paid(shop: Shop) -> None:
    first = shop.paid()
    second = shop.ask()
    assert (first.raw["status"], second.raw["status"]) == ("VALID", "VALIDATED")
    assert first.state is second.state is PaidState.PAID
    assert first.transactions == second.transactions


def test_a_lost_first_validation_costs_no_payment(shop: Shop) -> None:
    shop.walk(shop.open(), "pay")
    shop.state.faults.arm("validate_lost", times=1)
    with pytest.raises(GatewayUnknownError):
        shop.ask()
    assert shop.ask().state is PaidState.PAID


def test_what_was_not_attempted_is_waiting(shop: Shop) -> None:
    shop.open()
    answer = shop.ask()
    assert (answer.state, answer.reason) == (PaidState.WAITING, "not attempted")
    assert answer.reference is None


@pytest.mark.parametrize(
    ("button", "reason"),
    [("fail", "Card declined by issuer"), ("cancel", "Cancelled by User")],
)
def test_tries_that_all_ended_without_money_are_failed(
    shop: Shop, button: str, reason: str
) -> None:
    checkout = shop.open()
    shop.walk(checkout, button)
    answer = shop.ask()
    assert (answer.state, answer.reason) == (PaidState.FAILED, reason)
    assert answer.transactions == ()


def test_a_payment_after_failures_is_paid_however_late(shop: Shop) -> None:
    checkout = shop.open()
    shop.walk(checkout, "fail")
    shop.walk(checkout, "cancel")
    shop.clock.forward(hours=30)
    assert shop.ask().state is PaidState.FAILED
    shop.walk(checkout, "pay")
    assert shop.ask().state is PaidState.PAID


def test_pending_is_waiting_until_it_is_valid(shop: Shop) -> None:
    shop.walk(shop.open(), "pay")
    shop.state.faults.arm("pending")
    assert shop.ask().state is PaidState.WAITING
    shop.state.faults.disarm("pending")
    assert shop.ask().state is PaidState.PAID


def test_two_payments_of_one_order_are_flagged_with_the_other_ones_ids(
    shop: Shop,
) -> None:
    shop.state.faults.arm("pays_twice")
    checkout = shop.open()
    shop.walk(checkout, "pay")
    shop.clock.forward(minutes=1)
    shop.walk(checkout, "pay")
    first, second = shop.state.sessions[checkout.payment_id].tries
    answer = shop.ask()
    assert answer.transactions[0].value == first.val_id
    (flag,) = answer.flags
    assert flag.startswith("paid twice: also 500.00 BDT")
    assert second.val_id in flag
    assert second.bank_tran_id in flag


def test_a_failed_try_after_the_paid_one_changes_nothing(shop: Shop) -> None:
    checkout = shop.open()
    shop.walk(checkout, "pay")
    shop.state.fail(shop.state.sessions[checkout.payment_id])
    answer = shop.ask()
    assert (answer.state, answer.flags) == (PaidState.PAID, ())


@pytest.mark.parametrize(
    ("fault", "flag"),
    [
        ("risk", "risk: level 1 Highest"),
        ("discount", "amount: 500.00 was asked for, 475.00 was paid"),
        ("discount", "discount: discount_percentage 5.00 Campaign"),
        ("settled_usd", "currency: settled in USD"),
        ("no_store_amount", "fee: store_amount is absent"),
        ("no_bank_tran_id", "bank_tran_id: the answer does not tell it"),
    ],
)
def test_what_a_person_has_to_look_at_is_flagged(
    shop: Shop, fault: str, flag: str
) -> None:
    shop.state.faults.arm(fault)
    answer = shop.paid()
    assert answer.state is PaidState.PAID
    assert flag in answer.flags


def test_a_poisha_less_is_told_exactly(shop: Shop) -> None:
    shop.state.faults.arm("amount_less")
    assert shop.paid().amount == Decimal("499.99")


def test_dollars_are_told_as_dollars(shop: Shop) -> None:
    shop.state.faults.arm("currency_usd")
    answer = shop.paid()
    assert (answer.amount, answer.currency) == (Decimal("500.00"), "USD")


def test_what_a_campaign_leaves_is_what_was_paid(shop: Shop) -> None:
    shop.state.faults.arm("discount")
    answer = shop.paid()
    assert (answer.amount, answer.fee) == (Decimal("475.00"), Decimal("11.88"))


def test_another_currency_is_not_told_in_taka(shop: Shop) -> None:
    raw = {**shop.paid().raw, "currency_type": "USD", "amount": "61000.00"}
    answer = validated(raw, STORE)
    assert (answer.amount, answer.currency) == (Decimal("500.00"), "USD")


def test_numbers_in_the_json_are_as_exact_as_texts(shop: Shop) -> None:
    shop.state.faults.arm("numbers_as_json")
    answer = shop.paid("1234.56")
    assert answer.amount == Decimal("1234.56")
    assert answer.fee == Decimal("30.86")
    assert answer.flags == ()
    assert answer.raw["currency_amount"] == "1234.56"


@pytest.mark.parametrize(
    "fault",
    ["validate_lost", "validate_500", "validate_html", "validate_empty", "query_lost"],
)
def test_an_ask_without_a_usable_answer_is_unknown(shop: Shop, fault: str) -> None:
    shop.walk(shop.open(), "pay")
    shop.state.faults.arm(fault)
    with pytest.raises(GatewayUnknownError):
        shop.ask()


def test_a_listed_payment_that_is_not_validated_is_unknown(shop: Shop) -> None:
    shop.walk(shop.open(), "pay")
    shop.state.faults.arm("invalid_transaction")
    with pytest.raises(GatewayUnknownError):
        shop.ask()
