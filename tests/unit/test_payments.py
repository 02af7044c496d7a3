"""What a gateway's answer means, held against our row."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.gateways.contract import Answer, Asked, PaidState, TransactionId
from billing_core.payments import (
    AttemptState,
    Judgement,
    ReviewReason,
    Verdict,
    approval_refused,
    compare,
    credited_fee,
    is_creditable,
    judge,
    say_reasons,
    step,
    step_unanswered,
)
from billing_core.references import is_reference, new_reference
from billing_core.stored_answers import read_answer, write_answer

T0 = datetime(2026, 11, 24, 6, tzinfo=UTC)
OURS = Asked("A" * 20, "checkout-1", Decimal("500.00"), "BDT", T0)
PAID = Answer(
    state=PaidState.PAID,
    reference="A" * 20,
    payment_id="checkout-1",
    merchant="shop",
    merchant_expected="shop",
    amount=Decimal(500),
    currency="BDT",
    transactions=(TransactionId("trx_id", "6H7801QFYM"),),
    fee=Decimal("9.75"),
    paid_at=T0,
    payer="017****",
    flags=(),
    reason="",
    raw={},
)
R = ReviewReason


def test_what_agrees_in_every_field_is_paid() -> None:
    assert judge(OURS, PAID) == Judgement(Verdict.PAID)
    assert all(each.agrees for each in compare(OURS, PAID))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reference": "B" * 20}, R.REFERENCE),
        ({"reference": ""}, R.REFERENCE),
        ({"reference": None, "payment_id": None}, R.REFERENCE),
        ({"payment_id": "checkout-2"}, R.CHECKOUT),
        ({"payment_id": ""}, R.CHECKOUT),
        ({"merchant": "other-shop"}, R.MERCHANT),
        ({"merchant": "shop", "merchant_expected": None}, R.MERCHANT),
        ({"amount": Decimal("499.99")}, R.AMOUNT),
        ({"amount": Decimal("500.01")}, R.AMOUNT),
        ({"amount": Decimal("-0.01")}, R.AMOUNT_UNUSABLE),
        ({"amount": Decimal(0), "fee": None}, R.AMOUNT_UNUSABLE),
        ({"amount": Decimal("500.001")}, R.AMOUNT_UNUSABLE),
        ({"amount": Decimal("NaN")}, R.AMOUNT_UNUSABLE),
        ({"amount": Decimal("Infinity")}, R.AMOUNT_UNUSABLE),
        ({"amount": Decimal("1e20")}, R.AMOUNT_UNUSABLE),
        ({"amount": None}, R.AMOUNT_UNUSABLE),
        ({"currency": "USD"}, R.CURRENCY),
        ({"currency": "bdt"}, R.CURRENCY),
        ({"currency": ""}, R.CURRENCY),
        ({"transactions": ()}, R.NO_TRANSACTION),
        ({"transactions": (TransactionId("trx_id", ""),)}, R.NO_TRANSACTION),
        ({"transactions": (TransactionId("trx_id", "a\x00b"),)}, R.NO_TRANSACTION),
        ({"flags": ("risk: 1",)}, R.FLAGGED),
        ({"fee": Decimal("500.01")}, R.FLAGGED),
        ({"fee": Decimal("-1")}, R.FLAGGED),
        ({"fee": Decimal("NaN")}, R.FLAGGED),
    ],
)
def test_paid_with_one_field_that_differs_waits_for_a_person(
    changes: dict[str, Any], reason: ReviewReason
) -> None:
    judgement = judge(OURS, replace(PAID, **changes))
    assert judgement.verdict == Verdict.REVIEW
    assert reason in judgement.reasons


@pytest.mark.parametrize("field", ["reference", "payment_id", "merchant", "currency"])
def test_a_field_that_the_api_does_not_carry_is_not_held_against_it(
    field: str,
) -> None:
    silent: dict[str, Any] = {field: None}
    assert judge(OURS, replace(PAID, **silent)).verdict == Verdict.PAID


def test_an_answer_by_our_reference_may_name_a_checkout_we_never_heard_of() -> None:
    asked = replace(OURS, payment_id=None)
    assert judge(asked, PAID).verdict == Verdict.PAID
    no_reference = replace(PAID, reference=None)
    assert judge(asked, no_reference).reasons == (R.REFERENCE,)


def test_an_answer_about_another_order_cannot_fail_this_one() -> None:
    failed = replace(PAID, state=PaidState.FAILED)
    assert judge(OURS, failed).verdict == Verdict.FAILED
    other = replace(failed, reference="B" * 20)
    assert judge(OURS, other).verdict == Verdict.WAITING
    # bKash says no more than "cancelled" of what it was asked about.
    silent = replace(failed, reference="", payment_id="", currency="", amount=None)
    assert judge(OURS, silent).verdict == Verdict.FAILED


amounts = st.decimals(
    min_value=-1000, max_value=1000, places=2, allow_nan=False, allow_infinity=False
)
texts = st.one_of(st.none(), st.sampled_from(["", "A" * 20, "checkout-1", "BDT", "x"]))


@given(
    reference=texts,
    payment_id=texts,
    merchant=texts,
    currency=texts,
    amount=st.one_of(st.none(), amounts),
    transactions=st.lists(
        st.builds(TransactionId, st.just("trx_id"), st.text(max_size=3)), max_size=2
    ),
)
def test_nothing_is_paid_that_is_not_exactly_ours(
    reference: str | None,
    payment_id: str | None,
    merchant: str | None,
    currency: str | None,
    amount: Decimal | None,
    transactions: list[TransactionId],
) -> None:
    answer = replace(
        PAID,
        reference=reference,
        payment_id=payment_id,
        merchant=merchant,
        currency=currency,
        amount=amount,
        transactions=tuple(transactions),
        fee=None,
    )
    if judge(OURS, answer).verdict == Verdict.PAID:
        assert reference in (None, OURS.reference)
        assert payment_id in (None, OURS.payment_id)
        assert (reference, payment_id) != (None, None)
        assert merchant in (None, "shop")
        assert currency in (None, "BDT")
        assert amount == OURS.amount
        assert transactions
        assert all(each.value for each in transactions)


@given(state=st.sampled_from([PaidState.WAITING, PaidState.FAILED]), reference=texts)
def test_what_is_not_paid_is_never_credited(
    state: PaidState, reference: str | None
) -> None:
    verdict = judge(OURS, replace(PAID, state=state, reference=reference)).verdict
    assert verdict in (Verdict.WAITING, Verdict.FAILED)


def go(
    state: AttemptState, verdict: Verdict, reason: str = "", **how: bool
) -> AttemptState:
    flags = {"automatic": False, "is_over": False} | how
    reasons = (R.AMOUNT,) if verdict == Verdict.REVIEW else ()
    return step(state, reason, Judgement(verdict, reasons), **flags).state


OPEN = (
    AttemptState.CREATED,
    AttemptState.PENDING,
    AttemptState.FAILED,
    AttemptState.EXPIRED,
)


@pytest.mark.parametrize("state", OPEN)
def test_what_matches_waits_for_a_person_or_posts_itself(state: AttemptState) -> None:
    assert go(state, Verdict.PAID) == AttemptState.CONFIRMED
    assert go(state, Verdict.PAID, automatic=True) == AttemptState.PAID


def test_what_a_person_was_called_to_is_never_posted_behind_his_back() -> None:
    review = AttemptState.REVIEW
    assert go(review, Verdict.PAID, R.AMOUNT, automatic=True) == AttemptState.CONFIRMED
    assert go(review, Verdict.FAILED, R.AMOUNT) == review
    # He was called only because nobody answered; somebody has now.
    assert go(review, Verdict.PAID, R.UNANSWERED, automatic=True) == AttemptState.PAID
    assert go(review, Verdict.FAILED, R.UNANSWERED) == AttemptState.FAILED


def test_a_gateway_that_takes_its_word_back_is_looked_at() -> None:
    for verdict in (Verdict.FAILED, Verdict.WAITING):
        to = step(
            AttemptState.CONFIRMED,
            "",
            Judgement(verdict),
            automatic=True,
            is_over=False,
        )
        assert (to.state, to.reason) == (AttemptState.REVIEW, R.CONTRADICTS)


def test_waiting_ends_as_expired_and_silence_with_a_person() -> None:
    assert go(AttemptState.PENDING, Verdict.WAITING) == AttemptState.PENDING
    assert go(AttemptState.PENDING, Verdict.WAITING, is_over=True) == (
        AttemptState.EXPIRED
    )
    pending = AttemptState.PENDING
    assert step_unanswered(pending, "", is_over=False).state == pending
    to = step_unanswered(pending, "", is_over=True)
    assert (to.state, to.reason) == (AttemptState.REVIEW, R.UNANSWERED)
    confirmed = AttemptState.CONFIRMED
    assert step_unanswered(confirmed, "", is_over=True).state == confirmed


@given(
    state=st.sampled_from([s for s in AttemptState if s != AttemptState.PAID]),
    verdict=st.sampled_from([Verdict.REVIEW, Verdict.WAITING, Verdict.FAILED]),
    automatic=st.booleans(),
    is_over=st.booleans(),
)
def test_only_what_is_paid_and_agrees_is_ever_posted(
    state: AttemptState, verdict: Verdict, automatic: bool, is_over: bool
) -> None:
    to = go(state, verdict, R.AMOUNT, automatic=automatic, is_over=is_over)
    assert to != AttemptState.PAID
    assert (to == AttemptState.CONFIRMED) <= (state == AttemptState.CONFIRMED)


def test_a_person_may_approve_another_amount_but_not_other_money() -> None:
    less = replace(PAID, amount=Decimal("400.00"))
    assert approval_refused(R.AMOUNT, less, "BDT") is None
    assert approval_refused("", PAID, "BDT") is None
    for reason in (R.CURRENCY, R.DUPLICATE, R.REFERENCE, R.MERCHANT, R.UNANSWERED):
        said = approval_refused(say_reasons([R.AMOUNT, reason]), less, "BDT")
        assert said is not None
        assert reason in said
    # Whatever the row says, the answer has the last word.
    assert approval_refused("", replace(PAID, currency="USD"), "BDT")
    assert approval_refused("", replace(PAID, amount=Decimal("-5")), "BDT")
    assert approval_refused("", replace(PAID, state=PaidState.FAILED), "BDT")
    assert approval_refused("", None, "BDT")


def test_an_insane_fee_is_not_booked() -> None:
    assert credited_fee(PAID) == Decimal("9.75")
    for fee in ("-1", "500.01", "NaN"):
        assert credited_fee(replace(PAID, fee=Decimal(fee))) == 0


def test_an_amount_that_no_ledger_holds_is_not_creditable() -> None:
    assert is_creditable(Decimal("0.01"))
    for text in ("0", "-1", "0.001", "NaN", "Infinity", "1e14"):
        assert not is_creditable(Decimal(text))
    assert not is_creditable(None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(reason=st.text(), raw=st.dictionaries(st.text(), json_values))
def test_an_answer_is_stored_and_read_back_whatever_a_gateway_sends(
    reason: str, raw: dict[str, object]
) -> None:
    facts = write_answer(replace(PAID, reason=reason, raw=raw))
    text = json.dumps(facts)
    assert "\\u0000" not in text
    again = read_answer(json.loads(text))
    assert again is not None
    assert replace(again, reason="", raw={}) == PAID
    assert read_answer(None) is None


def test_a_nul_and_half_a_character_do_not_break_the_row() -> None:
    facts = write_answer(replace(PAID, reason="a\x00b", raw={"k\ud800": "\udfff\x00"}))
    json.dumps(facts, ensure_ascii=False).encode()
    assert "\x00" not in str(facts)


def test_references_are_long_unalike_and_only_letters_and_digits() -> None:
    made = {new_reference() for _ in range(1000)}
    assert len(made) == 1000
    assert all(each.isascii() and each.isalnum() and len(each) == 20 for each in made)
    assert all(map(is_reference, made))
    text = made.pop()
    for other in (text[:-1], f"{text}0", text.lower(), f"{text[:-1]}'", f"{text}\n"):
        assert not is_reference(other)
