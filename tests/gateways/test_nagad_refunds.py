"""Giving money back through Nagad."""

from dataclasses import replace
from decimal import Decimal

import pytest

from billing_core.gateways.contract import (
    GatewayUnknownError,
    PaidState,
    RefundState,
)
from tests.gateways.nagad_lab import Lab, a_refund


def test_a_refund_gives_all_back_and_verify_shows_it(lab: Lab) -> None:
    checkout = lab.paid()
    order = a_refund(checkout)
    assert (
        lab.gateway.ask_refund(order, now=lab.clock()).state is RefundState.PROCESSING
    )

    answer = lab.gateway.refund(order, now=lab.clock())

    assert answer.state is RefundState.DONE
    assert answer.amount == Decimal("525.00")
    assert answer.gateway_refund_id == lab.state.order(checkout.payment_id).cancel_ref
    assert lab.ask(checkout).state is PaidState.FAILED
    known = replace(order, gateway_refund_id=answer.gateway_refund_id)
    assert lab.gateway.ask_refund(known, now=lab.clock()).state is RefundState.DONE


def test_a_refund_names_the_day_of_the_payment_not_of_today(lab: Lab) -> None:
    """Paid at 20:30 UTC: the next day in Dhaka, and given back ten days later."""
    lab.clock.forward(hours=14, minutes=30)
    checkout = lab.paid()
    paid_at = lab.clock()
    lab.clock.forward(days=10)
    order = a_refund(checkout, paid_at=paid_at)
    assert lab.gateway.refund(order, now=lab.clock()).state is RefundState.DONE


def test_parts_are_given_back_up_to_what_was_paid(lab: Lab) -> None:
    checkout = lab.paid()
    first = a_refund(checkout, amount=Decimal("25.00"))
    done = lab.gateway.refund(first, now=lab.clock())
    assert (done.state, done.amount) == (RefundState.DONE, Decimal("25.00"))
    paid = lab.ask(checkout)
    assert paid.state is PaidState.PAID
    assert any("given back" in flag for flag in paid.flags)

    second = a_refund(checkout, refund_reference="RF2", amount=Decimal("500.01"))
    refused = lab.gateway.refund(second, now=lab.clock())
    assert refused.state is RefundState.REFUSED
    assert "Amount is not valid" in refused.reason

    third = a_refund(checkout, refund_reference="RF3", amount=Decimal("500.00"))
    assert lab.gateway.refund(third, now=lab.clock()).state is RefundState.DONE


def test_a_refund_without_an_answer_is_asked_about_and_found(lab: Lab) -> None:
    checkout = lab.paid()
    order = a_refund(checkout, amount=Decimal("25.00"))
    lab.state.faults.arm("silent_refund")
    with pytest.raises(GatewayUnknownError):
        lab.gateway.refund(order, now=lab.clock())
    answer = lab.gateway.ask_refund(order, now=lab.clock())
    assert answer.state is RefundState.DONE
    assert answer.gateway_refund_id == lab.state.order(checkout.payment_id).cancel_ref


def test_anothers_refund_is_not_taken_for_this_one(lab: Lab) -> None:
    checkout = lab.paid()
    first = lab.gateway.refund(
        a_refund(checkout, amount=Decimal("25.00")), now=lab.clock()
    )
    assert first.gateway_refund_id is not None
    second = a_refund(
        checkout,
        refund_reference="RF2",
        amount=Decimal("30.00"),
        other_refund_ids=frozenset({first.gateway_refund_id}),
    )
    answer = lab.gateway.ask_refund(second, now=lab.clock())
    assert answer.state is RefundState.PROCESSING
    assert answer.gateway_refund_id is None


@pytest.mark.parametrize("fault", ["bad_signature", "garbage"])
def test_an_answer_to_a_refund_that_nagad_did_not_sign_is_unknown(
    lab: Lab, fault: str
) -> None:
    checkout = lab.paid()
    lab.state.faults.arm(fault)
    with pytest.raises(GatewayUnknownError, match="proves nothing"):
        lab.gateway.refund(a_refund(checkout), now=lab.clock())


def test_a_long_reason_is_cut_by_whole_characters_to_the_room_that_is_left(
    lab: Lab,
) -> None:
    checkout = lab.paid()
    order = a_refund(checkout, reason='"দুইবার পরিশোধ" ' * 40)
    assert lab.gateway.refund(order, now=lab.clock()).state is RefundState.DONE


def test_an_order_that_does_not_fit_into_the_block_says_so(lab: Lab) -> None:
    checkout = lab.paid()
    order = a_refund(checkout, refund_reference="R" * 200)
    answer = lab.gateway.refund(order, now=lab.clock())
    assert answer.state is RefundState.REFUSED
    assert "octets do not fit into one RSA block of 245" in answer.reason


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": Decimal("-0.01")},
        {"amount": Decimal("0.00")},
        {"currency": "USD"},
    ],
)
def test_an_impossible_refund_is_never_sent(
    lab: Lab, changed: dict[str, object]
) -> None:
    checkout = lab.paid()
    before = len(lab.state.requests)
    answer = lab.gateway.refund(a_refund(checkout, **changed), now=lab.clock())
    assert answer.state is RefundState.REFUSED
    assert len(lab.state.requests) == before
