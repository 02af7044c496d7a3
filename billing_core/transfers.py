"""Money that came by no checkout of ours, held against what a gateway says; pure.

Somebody paid in bKash's app, by QR code or USSD: nothing at the gateway names an
attempt of ours. Who says that it was he is held against what the gateway knows of it.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from billing_core.gateways.contract import Answer, PaidState
from billing_core.payments import (
    Comparison,
    Judgement,
    ReviewReason,
    Verdict,
    is_creditable,
    is_same_amount,
)

#: The raw answer of a transfer that no gateway was asked about.
CUSTOMERS_WORD = {"said by": "the customer"}
_SENDER = "sender"
_REASONS = {
    "currency": ReviewReason.CURRENCY,
    "merchant": ReviewReason.MERCHANT,
    _SENDER: ReviewReason.SENDER,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says of money: the customer, or the gateway's earlier notice."""

    amount: Decimal | None
    currency: str
    #: The number that sent it; "" = he does not say.
    sender: str


def compare_money(claim: Claim, answer: Answer) -> tuple[Comparison, ...]:
    """Hold a claim against what the gateway says of this money, field by field."""
    amount = None if answer.amount is None else str(answer.amount)
    expected = answer.merchant_expected
    return (
        Comparison(
            "amount",
            "" if claim.amount is None else str(claim.amount),
            amount,
            agrees=claim.amount is not None
            and is_same_amount(answer.amount, claim.amount),
        ),
        Comparison(
            "currency",
            claim.currency,
            answer.currency,
            agrees=answer.currency in (None, claim.currency),
        ),
        Comparison(
            "merchant",
            expected or "",
            answer.merchant,
            # Without a number in the settings there is nothing to hold it against.
            agrees=expected is None
            or answer.merchant is None
            or is_same_number(answer.merchant, expected),
        ),
        Comparison(
            _SENDER,
            claim.sender,
            answer.payer or None,
            agrees=not claim.sender
            or not answer.payer
            or is_same_number(answer.payer, claim.sender),
        ),
    )


def is_customers_word(answer: Answer) -> bool:
    """Tell whether only the customer says so, and no gateway."""
    return dict(answer.raw) == CUSTOMERS_WORD


def judge_money(claim: Claim, answer: Answer, why: ReviewReason) -> Judgement:
    """Say what a person has to look at; by no answer is such money posted by itself."""
    if answer.state == PaidState.FAILED:
        return Judgement(Verdict.REVIEW, (why, ReviewReason.NOT_FOUND))
    reasons = [why]
    for each in compare_money(claim, answer):
        if each.agrees:
            continue
        if each.field == "amount":
            usable = is_creditable(answer.amount)
            reasons.append(
                ReviewReason.AMOUNT if usable else ReviewReason.AMOUNT_UNUSABLE
            )
        else:
            reasons.append(_REASONS[each.field])
    if answer.flags:
        reasons.append(ReviewReason.FLAGGED)
    return Judgement(Verdict.REVIEW, tuple(reasons))


def is_same_number(one: str, other: str) -> bool:
    """Compare numbers of wallets: with 88 or without it, and as far as they are shown.

    bKash hides some digits of some of them, as in 01929918***.
    """
    first, second = _digits(one), _digits(other)
    return len(first) == len(second) > 0 and all(
        a == b or "*" in (a, b) for a, b in zip(first, second, strict=True)
    )


def _digits(text: str) -> str:
    found = re.sub(r"[^0-9*]", "", text)
    return found[2:] if found.startswith("8801") else found
