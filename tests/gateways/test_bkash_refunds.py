"""Refunds by bKash: sent once, told as they are, found again when an answer is lost."""

from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from billing_core.gateways.contract import (
    GatewayRefusedError,
    GatewayUnknownError,
    RefundAnswer,
    RefundState,
)
from tests.gateways.bkash_shop import REFERENCE, Shop, answering

BOTH = pytest.mark.parametrize("version", ["v1", "v2"])


def sent(shop: Shop) -> dict[str, object]:
    found = httpx.Response(200, content=shop.wire.requests[-1].content).json()
    assert isinstance(found, dict)
    return found


@BOTH
def test_a_part_of_a_payment_goes_back(version: str) -> None:
    shop = Shop(refunds=version)
    checkout, paid = shop.pay()
    answer = shop.gateway.refund(
        shop.refund_order(checkout, paid, "100.5"), now=shop.clock()
    )
    (refund,) = shop.bkash.payment_of(REFERENCE).refunds
    assert answer.state is RefundState.DONE
    assert answer.gateway_refund_id == refund.trx_id
    assert answer.amount == refund.amount == Decimal("100.50")
    assert refund.sku == "REFUND00000000000001"
    assert shop.bkash.calls["refund_v1" if version == "v1" else "refund_v2"] == 1
    amount = sent(shop)["amount" if version == "v1" else "refundAmount"]
    assert amount == "100.50"


@BOTH
def test_a_refund_whose_answer_is_lost_is_asked_about_and_never_repeated(
    version: str,
) -> None:
    shop = Shop(refunds=version)
    shop.bkash.faults.arm("refund_times_out")
    checkout, paid = shop.pay()
    order = shop.refund_order(checkout, paid)
    with pytest.raises(GatewayUnknownError):
        shop.gateway.refund(order, now=shop.clock())
    answer = shop.gateway.ask_refund(order, now=shop.clock())
    (refund,) = shop.bkash.payment_of(REFERENCE).refunds
    assert answer.state is RefundState.DONE
    assert answer.gateway_refund_id == refund.trx_id


def test_one_of_two_refunds_of_the_same_amount_is_not_taken_for_the_other() -> None:
    shop = Shop()
    checkout, paid = shop.pay()
    first = shop.gateway.refund(shop.refund_order(checkout, paid), now=shop.clock())
    assert first.gateway_refund_id is not None
    others = frozenset({first.gateway_refund_id})
    second = shop.refund_order(checkout, paid, number=2, others=others)
    # Its answer is lost before bKash ever saw it: the first one is not its answer.
    asked = shop.gateway.ask_refund(second, now=shop.clock())
    assert asked.state is RefundState.PROCESSING
    assert asked.gateway_refund_id is None
    shop.bkash.faults.arm("refund_times_out")
    with pytest.raises(GatewayUnknownError):
        shop.gateway.refund(second, now=shop.clock())
    found = shop.gateway.ask_refund(second, now=shop.clock())
    assert found.state is RefundState.DONE
    assert found.gateway_refund_id not in (None, first.gateway_refund_id)


def test_a_refund_of_another_amount_is_not_taken_for_this_one() -> None:
    shop = Shop()
    checkout, paid = shop.pay()
    shop.gateway.refund(shop.refund_order(checkout, paid, "50.00"), now=shop.clock())
    asked = shop.gateway.ask_refund(
        shop.refund_order(checkout, paid, "60.00"), now=shop.clock()
    )
    assert asked.state is RefundState.PROCESSING


@BOTH
def test_a_refund_that_is_under_way_is_done_later(version: str) -> None:
    shop = Shop(refunds=version)
    shop.bkash.faults.arm("refund_processing")
    checkout, paid = shop.pay()
    started = shop.gateway.refund(shop.refund_order(checkout, paid), now=shop.clock())
    assert started.state is RefundState.PROCESSING
    shop.bkash.payment_of(REFERENCE).refunds[0].is_completed = True
    order = shop.refund_order(
        checkout, paid, gateway_refund_id=started.gateway_refund_id
    )
    assert shop.gateway.ask_refund(order, now=shop.clock()).state is RefundState.DONE


@BOTH
def test_more_than_was_paid_does_not_go_back(version: str) -> None:
    shop = Shop(refunds=version)
    checkout, paid = shop.pay()
    shop.gateway.refund(shop.refund_order(checkout, paid, "400.00"), now=shop.clock())
    answer = shop.gateway.refund(
        shop.refund_order(checkout, paid, "100.01", number=2), now=shop.clock()
    )
    assert answer.state is RefundState.REFUSED
    assert "2072" in answer.reason
    assert shop.bkash.payment_of(REFERENCE).refundable == Decimal("100.00")


@BOTH
def test_after_the_allowed_days_nothing_goes_back(version: str) -> None:
    shop = Shop(refunds=version)
    checkout, paid = shop.pay()
    shop.clock.forward(days=15, seconds=1)
    answer = shop.gateway.refund(shop.refund_order(checkout, paid), now=shop.clock())
    assert answer.state is RefundState.REFUSED
    assert "2071" in answer.reason


def test_ten_parts_may_go_back_and_no_more() -> None:
    shop = Shop()
    checkout, paid = shop.pay()
    states = [
        shop.gateway.refund(
            shop.refund_order(checkout, paid, "1.00", number=number), now=shop.clock()
        ).state
        for number in range(11)
    ]
    assert states == [RefundState.DONE] * 10 + [RefundState.REFUSED]


def test_a_payment_without_a_trx_id_cannot_go_back() -> None:
    shop = Shop()
    checkout = shop.open()
    answer = shop.ask(checkout)
    with pytest.raises(GatewayRefusedError):
        shop.gateway.refund(shop.refund_order(checkout, answer), now=shop.clock())
    assert shop.bkash.calls["refund_v2"] == 0


def answered(body: object, *, status: int = 200, asked: bool = False) -> RefundAnswer:
    gateway, _ = answering(lambda _: httpx.Response(status, json=body))
    shop = Shop()
    checkout, paid = shop.pay()
    call = gateway.ask_refund if asked else gateway.refund
    return call(shop.refund_order(checkout, paid), now=datetime.now(UTC))


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"message": "Endpoint request timed out"}),
        (504, {"message": "Endpoint request timed out"}),
        (200, {"statusCode": "9999", "statusMessage": "System Error"}),
        (500, {"externalCode": "2071", "errorMessageEn": "too late"}),
        (400, {"externalCode": "2127", "errorMessageEn": "not yet completed"}),
        (200, {}),
        (200, ["x"]),
        (302, {}),
    ],
)
def test_an_answer_that_says_nothing_leaves_the_refund_open(
    status: int, body: object, asked: bool
) -> None:
    with pytest.raises(GatewayUnknownError):
        answered(body, status=status, asked=asked)


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("code", ["2080", "2081", "2082"])
def test_an_account_that_may_not_refund_is_ours_to_mend(code: str, asked: bool) -> None:
    body = {"internalCode": "x", "externalCode": code, "errorMessageEn": "no"}
    with pytest.raises(GatewayRefusedError) as refused:
        answered(body, status=400, asked=asked)
    assert refused.value.ours


def test_a_code_may_stand_in_either_field_of_refunds_v2() -> None:
    body = {"internalCode": "2073", "externalCode": "x", "errorMessageEn": "SKU"}
    assert answered(body, status=400).state is RefundState.REFUSED
