"""What an answer of a gateway means for an attempt to pay; pure.

A redirect or a notification is a hint to go and ask. Money is credited only from an
authenticated answer that agrees with our row in every field it carries. What does not
agree waits for a person, for money may really have moved; what is not known is asked
again, for unknown is not failed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from billing_core.gateways.contract import Answer, Asked, PaidState, TransactionId
from billing_core.money import AMOUNT_MAX, ZERO, round_money

_ID_LENGTH_MAX = 100


class AttemptState(StrEnum):
    """How far an attempt is; `paid` never moves."""

    CREATED = "created"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    REVIEW = "review"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    REJECTED = "rejected"


#: What waits for a person.
TO_DECIDE = (AttemptState.CONFIRMED, AttemptState.REVIEW)


class ReviewReason(StrEnum):
    """Why a person has to look."""

    #: The answer speaks of another order, checkout or merchant: not our money.
    REFERENCE = "REFERENCE_DIFFERS"
    CHECKOUT = "CHECKOUT_DIFFERS"
    MERCHANT = "MERCHANT_DIFFERS"
    AMOUNT = "AMOUNT_DIFFERS"
    #: It names no amount that could be credited.
    AMOUNT_UNUSABLE = "AMOUNT_UNUSABLE"
    CURRENCY = "CURRENCY_DIFFERS"
    #: It names no money: a replay could not be told.
    NO_TRANSACTION = "NO_TRANSACTION_ID"
    #: The same money stands on another attempt.
    DUPLICATE = "DUPLICATE"
    #: The gateway itself warns: risk, paid twice.
    FLAGGED = "FLAGGED"
    #: More money came for an attempt that was paid before.
    PAID_AGAIN = "PAID_AGAIN"
    #: The gateway said paid, and no longer says so.
    CONTRADICTS = "NO_LONGER_PAID"
    #: Money came after a person had rejected it.
    AFTER_REJECTION = "PAID_AFTER_REJECTION"
    #: The gateway gave no answer as long as it was asked.
    UNANSWERED = "NO_ANSWER"
    #: Announced by a customer, who may err: a person looks, whatever a gateway says.
    TRANSFER = "TRANSFER"
    #: Another number sent the money than the one that he says is his.
    SENDER = "SENDER_DIFFERS"
    #: The gateway that was asked for it knows no such transaction of ours.
    NOT_FOUND = "NOT_FOUND"
    #: The gateway told of it by itself; a person said whose it is.
    UNMATCHED = "UNMATCHED"


# The fields that tie an answer to our row, and what it is called when one differs: then
# it is about somebody else's money, whose ids are not claimed for this attempt.
_TIES = {
    "reference": ReviewReason.REFERENCE,
    "checkout": ReviewReason.CHECKOUT,
    "merchant": ReviewReason.MERCHANT,
}
_NOT_OURS = frozenset(_TIES.values())
# What a person may approve all the same: what was paid is known, ours and in our
# currency.
_APPROVABLE = frozenset(
    {
        ReviewReason.AMOUNT,
        ReviewReason.FLAGGED,
        ReviewReason.PAID_AGAIN,
        ReviewReason.AFTER_REJECTION,
        ReviewReason.TRANSFER,
        ReviewReason.SENDER,
        # It may have gone to another wallet, which somebody looked into.
        ReviewReason.NOT_FOUND,
        ReviewReason.UNMATCHED,
    }
)


class Verdict(StrEnum):
    """What an answer says, held against our row."""

    #: Paid, and every field agrees.
    PAID = "paid"
    #: Paid, and a person must look.
    REVIEW = "review"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field of our row beside the gateway's."""

    field: str
    ours: str
    #: None = the gateway's API does not say.
    theirs: str | None
    agrees: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer means, and why."""

    verdict: Verdict
    reasons: tuple[ReviewReason, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Tell whether the money it speaks of was paid for this attempt."""
        return not _NOT_OURS.intersection(self.reasons)

    def with_reason(self, reason: ReviewReason) -> "Judgement":
        """Return this judgement with one more reason to look."""
        return Judgement(Verdict.REVIEW, (*self.reasons, reason))


@dataclass(frozen=True, slots=True)
class Step:
    """Where an attempt goes, and what is written of why."""

    state: AttemptState
    reason: str = ""


def compare(asked: Asked, answer: Answer) -> tuple[Comparison, ...]:
    """Hold an answer against our row, field by field.

    A field that the API does not carry (None) is not held against it. An amount has to
    be there when the answer says paid.
    """
    amount = None if answer.amount is None else str(answer.amount)
    return (
        _field("reference", asked.reference, answer.reference),
        _field("checkout", asked.payment_id or "", answer.payment_id)
        if asked.payment_id is not None
        # We never heard its id (our create() had no answer): nothing to hold against.
        else Comparison("checkout", "", answer.payment_id, agrees=True),
        _field("merchant", answer.merchant_expected or "", answer.merchant),
        Comparison(
            "amount",
            str(asked.amount),
            amount,
            agrees=is_same_amount(answer.amount, asked.amount)
            or (answer.amount is None and answer.state != PaidState.PAID),
        ),
        _field("currency", asked.currency, answer.currency),
    )


def judge(asked: Asked, answer: Answer) -> Judgement:
    """Say what an answer means for the attempt it was asked about."""
    compared = [each for each in compare(asked, answer) if not each.agrees]
    differing = {each.field for each in compared}
    if answer.state != PaidState.PAID:
        # What names another order says nothing about this one. What names none was
        # asked about this one: bKash says "cancelled" and no more.
        is_other = any(each.theirs for each in compared if each.field in _TIES)
        failed = answer.state == PaidState.FAILED and not is_other
        return Judgement(Verdict.FAILED if failed else Verdict.WAITING)
    reasons = _foreign(asked, answer, differing)
    if "amount" in differing:
        usable = is_creditable(answer.amount)
        reasons.append(ReviewReason.AMOUNT if usable else ReviewReason.AMOUNT_UNUSABLE)
    if "currency" in differing:
        reasons.append(ReviewReason.CURRENCY)
    if not answer.transactions or not all(map(_is_named, answer.transactions)):
        reasons.append(ReviewReason.NO_TRANSACTION)
    if answer.flags or not _fee_is_sane(answer):
        reasons.append(ReviewReason.FLAGGED)
    return Judgement(Verdict.REVIEW if reasons else Verdict.PAID, tuple(reasons))


def step(
    state: AttemptState,
    reason: str,
    judgement: Judgement,
    *,
    automatic: bool,
    is_over: bool,
) -> Step:
    """Say where an answer takes an attempt that is not paid yet.

    ``automatic``: what matches needs no person. ``is_over``: it was asked long enough.
    """
    verdict = judgement.verdict
    if verdict == Verdict.REVIEW:
        return Step(AttemptState.REVIEW, say_reasons(judgement.reasons))
    in_review = state == AttemptState.REVIEW and reason != ReviewReason.UNANSWERED
    if verdict == Verdict.PAID:
        # What a person was called to look at is not decided behind his back.
        may_post = automatic and not in_review
        return Step(AttemptState.PAID if may_post else AttemptState.CONFIRMED)
    if state == AttemptState.CONFIRMED:
        return Step(AttemptState.REVIEW, ReviewReason.CONTRADICTS)
    if in_review or state == AttemptState.REJECTED:
        return Step(state, reason)
    if verdict == Verdict.FAILED:
        return Step(AttemptState.FAILED)
    if state == AttemptState.EXPIRED or is_over:
        return Step(AttemptState.EXPIRED)
    return Step(AttemptState.PENDING)


def step_unanswered(state: AttemptState, reason: str, *, is_over: bool) -> Step:
    """Say where it leaves an attempt that the gateway gave no answer."""
    if is_over and state in (AttemptState.CREATED, AttemptState.PENDING):
        return Step(AttemptState.REVIEW, ReviewReason.UNANSWERED)
    return Step(state, reason)


def is_same_amount(theirs: Decimal | None, ours: Decimal) -> bool:
    """Compare exactly: 15, 15.00 and 15.0000 are the same, 14.99 is not."""
    return theirs is not None and theirs.is_finite() and theirs == ours


def is_creditable(amount: Decimal | None) -> bool:
    """Tell whether this is an amount that a ledger can hold and a customer can pay."""
    return (
        amount is not None
        and amount.is_finite()
        and 0 < amount <= AMOUNT_MAX
        and amount == round_money(amount)
    )


def say_reasons(reasons: Iterable[ReviewReason]) -> str:
    """Write reasons as the row keeps them."""
    return " ".join(reasons)


def approval_refused(reason: str, answer: Answer | None, currency: str) -> str | None:
    """Say why what waits for a person cannot be approved; None = it can.

    What is credited is what the gateway says was paid, so it must say so now, about
    our order, in our currency.
    """
    blocking = [word for word in reason.split() if word not in _APPROVABLE]
    if blocking:
        return f"{', '.join(blocking)}: ask the gateway again, or reject it"
    if answer is None or answer.state != PaidState.PAID:
        return "no answer says now that it was paid"
    if not is_creditable(answer.amount) or answer.currency not in (None, currency):
        return "what was paid is not an amount that can be credited"
    return None


def credited_fee(answer: Answer) -> Decimal:
    """Return what the gateway keeps of it, as the ledger books it."""
    if answer.fee is None or not _fee_is_sane(answer):
        return ZERO
    return round_money(answer.fee)


def _field(name: str, ours: str, theirs: str | None) -> Comparison:
    return Comparison(name, ours, theirs, agrees=theirs is None or theirs == ours)


def _foreign(asked: Asked, answer: Answer, differing: set[str]) -> list[ReviewReason]:
    """Return in what an answer is about something else than this attempt."""
    found = [reason for name, reason in _TIES.items() if name in differing]
    ties = answer.reference is not None or (
        asked.payment_id is not None and answer.payment_id is not None
    )
    return found if ties or found else [ReviewReason.REFERENCE]


def _is_named(transaction: TransactionId) -> bool:
    value = transaction.value
    return 0 < len(value) <= _ID_LENGTH_MAX and value.isprintable()


def _fee_is_sane(answer: Answer) -> bool:
    """Tell whether a fee can be booked: the gateway keeps part of it, or nothing."""
    fee, amount = answer.fee, answer.amount
    if fee is None:
        return True
    if amount is None or not (amount.is_finite() and fee.is_finite()):
        return False
    return 0 <= fee <= amount
