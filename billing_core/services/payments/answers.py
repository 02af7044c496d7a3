"""Do what a gateway's answer means: credit, review, wait or fail; one transaction."""

from datetime import datetime

from billing_core.asking_times import is_asked_long_enough, next_ask
from billing_core.db import attempt_events as events_db
from billing_core.db import gateway_transactions as transactions_db
from billing_core.db import payments as db
from billing_core.db.connect import Connection
from billing_core.db.payments import Attempt, NewAttempt
from billing_core.gateways.contract import Answer, PaidState
from billing_core.payments import (
    AttemptState,
    Judgement,
    ReviewReason,
    Step,
    is_creditable,
    judge,
    say_reasons,
    step,
)
from billing_core.references import new_reference
from billing_core.services.payments.crediting import credit
from billing_core.stored_answers import as_json, write_answer

AUTOMATIC = "automatic"


def take_answer(
    conn: Connection,
    attempt: Attempt,
    answer: Answer,
    *,
    verification: str,
    actor: str,
    now: datetime,
) -> None:
    """Do what an answer means for a locked attempt, in the caller's transaction.

    1. hold it against our row
    2. what was paid before is not touched: more money becomes a row of its own
    3. claim the money's ids: what stands on another attempt is a duplicate
    4. write the answer down, and the state it leads to
    5. credit it, where it matches and needs no person
    """
    judgement = judge(attempt.asked(), answer)
    is_paid = answer.state == PaidState.PAID
    if attempt.state == AttemptState.PAID:
        _note_asked(conn, attempt)
        if is_paid:
            _take_more_money(conn, attempt, answer, judgement, actor=actor, now=now)
        return
    if attempt.state == AttemptState.REJECTED:
        if not is_paid or _is_known_money(conn, attempt, answer):
            _note_asked(conn, attempt)
            return
        judgement = judgement.with_reason(ReviewReason.AFTER_REJECTION)
    if is_paid and _has_anothers_checkout(conn, attempt, answer):
        judgement = judgement.with_reason(ReviewReason.CHECKOUT)
    names_money = ReviewReason.NO_TRANSACTION not in judgement.reasons
    if (
        is_paid
        and judgement.is_ours
        and names_money
        and transactions_db.claim_transactions(conn, attempt, answer.transactions)
    ):
        judgement = judgement.with_reason(ReviewReason.DUPLICATE)
    to = step(
        AttemptState(attempt.state),
        attempt.reason,
        judgement,
        automatic=verification == AUTOMATIC,
        is_over=is_asked_long_enough(attempt.created_at, now),
    )
    _write(conn, attempt, answer, to, judgement, actor=actor, now=now)
    if to.state == AttemptState.PAID:
        credit(conn, attempt, answer, actor=actor, now=now)


def _write(
    conn: Connection,
    attempt: Attempt,
    answer: Answer,
    to: Step,
    judgement: Judgement,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Write an answer down, and the state it leads to; a repeat is not news."""
    facts = write_answer(answer)
    is_failed = to.state == AttemptState.FAILED
    # Credited in the same transaction, which says so itself.
    state = AttemptState.CONFIRMED if to.state == AttemptState.PAID else to.state
    db.set_outcome(
        conn,
        attempt.attempt_id,
        state=state,
        reason=str(facts["reason"]) if is_failed else to.reason,
        next_ask_at=next_ask(state, attempt.created_at, now),
        answer=facts,
        answered_at=now,
        payment_id=answer.payment_id
        if judgement.is_ours and not _has_anothers_checkout(conn, attempt, answer)
        else None,
    )
    if state == attempt.state and as_json(facts) == as_json(attempt.answer):
        return
    events_db.log_event(
        conn,
        attempt.attempt_id,
        at=now,
        actor=actor,
        what="asked" if state == attempt.state else state,
        note=to.reason or str(facts["reason"]),
        answer=facts,
    )


def _note_asked(conn: Connection, attempt: Attempt) -> None:
    """Count an answer that changes nothing: hints may bring only so many."""
    db.set_outcome(
        conn,
        attempt.attempt_id,
        state=attempt.state,
        reason=attempt.reason,
        next_ask_at=None,
    )


def _has_anothers_checkout(conn: Connection, attempt: Attempt, answer: Answer) -> bool:
    """Tell whether an answer names a checkout that was opened for another attempt.

    Of ours we may not know it: our create() had no answer.
    """
    if attempt.gateway_payment_id is not None or not answer.payment_id:
        return False
    owner = db.find_by_checkout(conn, attempt.gateway, answer.payment_id)
    return owner is not None


def _is_known_money(conn: Connection, attempt: Attempt, answer: Answer) -> bool:
    return attempt.attempt_id in transactions_db.read_owners(
        conn, attempt, answer.transactions
    )


def _take_more_money(
    conn: Connection,
    attempt: Attempt,
    answer: Answer,
    judgement: Judgement,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Make an attempt of its own of money that nobody has yet; a person decides on it.

    The usual answer for a paid attempt speaks of the money that paid it, and changes
    nothing. But a customer can pay one order twice (two tabs; SSLCommerz takes several
    tries under one order): that money must not be lost, nor posted unseen.
    """
    if not judgement.is_ours or ReviewReason.NO_TRANSACTION in judgement.reasons:
        return
    if transactions_db.read_owners(conn, attempt, answer.transactions):
        return
    facts = write_answer(answer)
    amount = answer.amount
    if amount is None or not is_creditable(amount):
        events_db.log_event_once(
            conn,
            attempt.attempt_id,
            at=now,
            actor=actor,
            what="review",
            note=f"{ReviewReason.PAID_AGAIN} {ReviewReason.AMOUNT_UNUSABLE}",
        )
        return
    others = [r for r in judgement.reasons if r != ReviewReason.AMOUNT]
    reason = say_reasons([ReviewReason.PAID_AGAIN, *others])
    reference = new_reference()
    attempt_id = db.insert_attempt(
        conn,
        NewAttempt(
            customer_id=attempt.customer_id,
            reference=reference,
            gateway=attempt.gateway,
            amount=amount,
            currency=attempt.currency,
            purpose="wallet",
            bill_id=None,
            package_id=None,
            created_at=now,
            created_by=actor,
            state=AttemptState.REVIEW,
            reason=reason,
            answer=facts,
            again_of_attempt_id=attempt.attempt_id,
        ),
    )
    more = db.read_attempt(conn, attempt_id)
    transactions_db.claim_transactions(conn, more, answer.transactions)
    for owner, note in (
        (attempt.attempt_id, f"{amount} more was paid: {reference}"),
        (attempt_id, f"more money for {attempt.reference}, which was paid before"),
    ):
        events_db.log_event(
            conn, owner, at=now, actor=actor, what="review", note=note, answer=facts
        )
