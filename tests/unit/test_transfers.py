"""What somebody says of money, held against what a gateway says of it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from billing_core.gateways.contract import Answer, PaidState, TransactionId
from billing_core.payments import ReviewReason, approval_refused, say_reasons
from billing_core.transfers import Claim, compare_money, is_same_number, judge_money

R = ReviewReason
CLAIM = Claim(Decimal("500.00"), "BDT", "01770618575")
SAID = Answer(
    state=PaidState.PAID,
    reference=None,
    payment_id=None,
    merchant="01929918378",
    merchant_expected="01929918378",
    amount=Decimal(500),
    currency="BDT",
    transactions=(TransactionId("trx_id", "6H7801QFYM"),),
    fee=None,
    paid_at=None,
    payer="8801770618575",
    flags=(),
    reason="",
    raw={},
)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("01929918378", "8801929918378", True),
        ("+880 1929-918378", "01929918378", True),
        ("01929918***", "01929918378", True),
        ("01929918***", "01929917378", False),
        ("01929918**", "01929918378", False),
        ("01929918378", "01929918379", False),
        ("", "", False),
        ("***", "", False),
    ],
)
def test_a_number_is_the_same_however_it_is_written_and_as_far_as_it_is_shown(
    one: str, other: str, same: bool
) -> None:
    assert is_same_number(one, other) is same
    assert is_same_number(other, one) is same


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, ()),
        ({"amount": Decimal("499.99")}, (R.AMOUNT,)),
        ({"amount": None}, (R.AMOUNT_UNUSABLE,)),
        ({"amount": Decimal("-500")}, (R.AMOUNT_UNUSABLE,)),
        ({"currency": "USD"}, (R.CURRENCY,)),
        ({"merchant": "01999999999"}, (R.MERCHANT,)),
        ({"merchant": "01999999999", "merchant_expected": None}, ()),
        ({"payer": "01877722345"}, (R.SENDER,)),
        ({"payer": ""}, ()),
        ({"flags": ("refunded: only 5 of it is left",)}, (R.FLAGGED,)),
        ({"state": PaidState.FAILED, "amount": None}, (R.NOT_FOUND,)),
    ],
)
def test_whatever_differs_is_a_reason_to_look(
    changes: dict[str, Any], reasons: tuple[ReviewReason, ...]
) -> None:
    judgement = judge_money(CLAIM, replace(SAID, **changes), R.TRANSFER)
    assert judgement.reasons == (R.TRANSFER, *reasons)


def test_a_person_may_approve_another_sender_but_no_other_receiver() -> None:
    for changes, may in (
        ({"payer": "01877722345"}, True),
        ({"amount": Decimal(400)}, True),
        ({"merchant": "01999999999"}, False),
        ({"currency": "USD"}, False),
        ({"state": PaidState.WAITING}, False),
    ):
        answer = replace(SAID, **changes)  # type: ignore[arg-type]  # of each its own
        reasons = judge_money(CLAIM, answer, R.TRANSFER).reasons
        refused = approval_refused(say_reasons(reasons), answer, "BDT")
        assert (refused is None) is may


def test_each_field_stands_beside_the_gateways() -> None:
    compared = compare_money(CLAIM, SAID)
    assert [each.field for each in compared] == [
        "amount",
        "currency",
        "merchant",
        "sender",
    ]
    assert all(each.agrees for each in compared)
