"""Refunds at SSLCommerz, against its simulator."""

from dataclasses import replace
from decimal import Decimal

import pytest

from billing_core.gateways.contract import (
    GatewayRefusedError,
    GatewayUnknownError,
    RefundState,
    TransactionId,
)
from tests.gateways.sslcommerz_shop import (
    Shop,
    a_refund,
)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_refund_is_begun_and_done_when_its_status_says_so(shop: Shop) -> None:
    order = a_refund(shop.paid().transactions, "200.00")
    begun = shop.gateway.refund(order, now=shop.clock())
    assert begun.state is RefundState.PROCESSING
    (refund,) = shop.state.refunds.values()
    assert begun.gateway_refund_id == refund.ref_id
    assert (refund.amount, refund.refund_trans_id) == (Decimal("200.00"), "RF1")
    later = replace(order, gateway_refund_id=begun.gateway_refund_id)
    assert shop.gateway.ask_refund(later, now=shop.clock()).state is RefundState.DONE


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("refund_processing", RefundState.PROCESSING),
        ("refund_cancelled", RefundState.REFUSED),
    ],
)
def test_the_status_of_a_refund_is_told(
    shop: Shop, fault: str, state: RefundState
) -> None:
    order = a_refund(shop.paid().transactions)
    begun = shop.gateway.refund(order, now=shop.clock())
    shop.state.faults.arm(fault)
    later = replace(order, gateway_refund_id=begun.gateway_refund_id)
    assert shop.gateway.ask_refund(later, now=shop.clock()).state is state


@pytest.mark.parametrize("fault", ["refund_failed", None])
def test_a_refund_that_it_will_not_make_is_refused_with_its_words(
    shop: Shop, fault: str | None
) -> None:
    paid = shop.paid()
    if fault:
        shop.state.faults.arm(fault)
    order = a_refund(paid.transactions, "500.00" if fault else "500.01")
    answer = shop.gateway.refund(order, now=shop.clock())
    assert answer.state is RefundState.REFUSED
    assert answer.reason


def test_refunds_in_parts_end_with_the_payment(shop: Shop) -> None:
    ids = shop.paid().transactions
    parts = [
        shop.gateway.refund(
            a_refund(ids, "300.00", reference=f"RF{n}"), now=shop.clock()
        ).state
        for n in (1, 2)
    ]
    assert parts == [RefundState.PROCESSING, RefundState.REFUSED]


def test_the_same_refund_sent_again_gives_nothing_back_twice(shop: Shop) -> None:
    order = a_refund(shop.paid().transactions, "200.00")
    first, second = (shop.gateway.refund(order, now=shop.clock()) for _ in range(2))
    assert first.gateway_refund_id == second.gateway_refund_id
    assert len(shop.state.refunds) == 1


def test_a_refund_without_an_answer_is_unknown_and_so_is_asking_about_it(
    shop: Shop,
) -> None:
    order = a_refund(shop.paid().transactions)
    shop.state.faults.arm("refund_lost")
    with pytest.raises(GatewayUnknownError):
        shop.gateway.refund(order, now=shop.clock())
    with pytest.raises(GatewayUnknownError, match="RF1"):
        shop.gateway.ask_refund(order, now=shop.clock())


def test_money_without_a_bank_id_is_refunded_by_hand(shop: Shop) -> None:
    with pytest.raises(GatewayRefusedError, match="by hand"):
        shop.gateway.refund(a_refund(()), now=shop.clock())


def test_a_status_of_another_refund_is_not_taken_for_ours(shop: Shop) -> None:
    begun = shop.gateway.refund(a_refund(shop.paid().transactions), now=shop.clock())
    other = a_refund(
        (TransactionId("bank_tran_id", "B1"),), ref_id=begun.gateway_refund_id
    )
    with pytest.raises(GatewayUnknownError):
        shop.gateway.ask_refund(other, now=shop.clock())
