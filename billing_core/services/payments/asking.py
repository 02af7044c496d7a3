"""Ask a gateway what became of an attempt, and do what its answer means."""

import logging
from datetime import datetime

from billing_core.asking_times import is_asked_long_enough, next_ask
from billing_core.db import asking as asking_db
from billing_core.db import attempt_events as events_db
from billing_core.db import gateway_transactions as transactions_db
from billing_core.db import payments as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.payments import Attempt, UnknownAttemptError
from billing_core.errors import BillingError
from billing_core.gateways.contract import (
    Answer,
    Gateway,
    GatewayRefusedError,
    GatewayUnknownError,
)
from billing_core.payments import (
    AttemptState,
    ReviewReason,
    step_unanswered,
)
from billing_core.services.payments.answers import take_answer

log = logging.getLogger(__name__)

# What the event of asking a gateway to capture says.
_TO_CAPTURE = "to capture"


class OtherGatewayError(BillingError):
    """The attempt was made with another gateway, or with none."""

    def __init__(self, reference: str, gateway: str) -> None:
        super().__init__(f"Payment {reference} was not made by {gateway}.")


class AskedElsewhereError(BillingError):
    """This is more money of another attempt: the gateway knows only that one."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"Ask about {reference}: this money came for it.")


def ask_about(
    conn: Connection,
    gateway: Gateway,
    reference: str,
    *,
    finished: bool = False,
    hint_id: str | None = None,
    verification: str,
    actor: str,
    now: datetime,
) -> Attempt:
    """Ask the gateway about an attempt and do what its answer means.

    Any number may ask at once. One of them speaks with the gateway, outside of any
    transaction; the others wait for it, and ask no more if that has settled it. What
    is true afterwards is returned. An attempt that nobody could ask about now is
    asked about by the reconciler.

    ``finished``: the customer came back as one who has paid (bKash then captures).
    """
    attempt_id = db.find_by_reference(conn, reference)
    if attempt_id is None:
        raise UnknownAttemptError(reference)
    seen = db.read_attempt(conn, attempt_id)
    if seen.again_of_attempt_id is not None:
        of = db.read_attempt(conn, seen.again_of_attempt_id)
        raise AskedElsewhereError(of.reference)
    if seen.gateway != gateway.name:
        raise OtherGatewayError(reference, gateway.name)
    with asking_db.asking(conn, attempt_id) as alone:
        attempt = db.read_attempt(conn, attempt_id)
        was_settled = attempt.state != seen.state and _is_settled(attempt)
        if not alone or (was_settled and _is_known(conn, attempt, hint_id)):
            return attempt
        tried = finished and _note_capture(conn, attempt_id, actor=actor, now=now)
        asked = attempt.asked(
            hint_id=hint_id, customer_finished=finished, capture_tried=tried
        )
        try:
            answer = gateway.ask(asked, now=now)
        except GatewayUnknownError as error:
            return _no_answer(conn, attempt_id, str(error), actor=actor, now=now)
        except GatewayRefusedError as error:
            if error.ours:
                log.error("payment.gateway_refuses_us gateway=%s", gateway.name)
                return _no_answer(conn, attempt_id, str(error), actor=actor, now=now)
            return _unknown_there(conn, attempt_id, str(error), actor=actor, now=now)
        return _answered(
            conn, attempt_id, answer, verification=verification, actor=actor, now=now
        )


def tells_nothing_new(conn: Connection, attempt: Attempt, hint_id: str | None) -> bool:
    """Tell whether the gateway has said it all, and a hint names no other money."""
    return _is_settled(attempt) and _is_known(conn, attempt, hint_id)


def _note_capture(
    conn: Connection, attempt_id: int, *, actor: str, now: datetime
) -> bool:
    """Note that the gateway is asked to capture; True = it was asked so before.

    Written before it is asked: who is killed in between has still asked.
    """
    tried = events_db.has_event(conn, attempt_id, "asked", _TO_CAPTURE)
    if not tried:
        events_db.log_event(
            conn, attempt_id, at=now, actor=actor, what="asked", note=_TO_CAPTURE
        )
    return tried


def _is_settled(attempt: Attempt) -> bool:
    """Tell whether the gateway said all it had to say, unless more money came."""
    if attempt.state == AttemptState.REVIEW:
        return attempt.reason != ReviewReason.UNANSWERED
    return attempt.state in (AttemptState.PAID, AttemptState.CONFIRMED)


def _is_known(conn: Connection, attempt: Attempt, hint_id: str | None) -> bool:
    """Tell whether a hint names no money but what we know of."""
    known = transactions_db.list_transactions(conn, attempt.attempt_id)
    return hint_id is None or hint_id in [each.value for each in known]


def _answered(
    conn: Connection,
    attempt_id: int,
    answer: Answer,
    *,
    verification: str,
    actor: str,
    now: datetime,
) -> Attempt:
    def work() -> Attempt:
        attempt = db.lock_attempt(conn, attempt_id)
        take_answer(
            conn, attempt, answer, verification=verification, actor=actor, now=now
        )
        return db.read_attempt(conn, attempt_id)

    return in_transaction(conn, work)


def _no_answer(
    conn: Connection, attempt_id: int, text: str, *, actor: str, now: datetime
) -> Attempt:
    """Note that the gateway gave no answer: that is not a no, it is asked again."""

    def work() -> Attempt:
        attempt = db.lock_attempt(conn, attempt_id)
        state = AttemptState(attempt.state)
        is_over = is_asked_long_enough(attempt.created_at, now)
        to = step_unanswered(state, attempt.reason, is_over=is_over)
        db.set_outcome(
            conn,
            attempt_id,
            state=to.state,
            reason=to.reason,
            next_ask_at=next_ask(to.state, attempt.created_at, now),
        )
        events_db.log_event_once(
            conn, attempt_id, at=now, actor=actor, what="asked", note=text
        )
        if to.state != state:
            events_db.log_event(
                conn,
                attempt_id,
                at=now,
                actor=actor,
                what=to.state,
                note=to.reason,
            )
        return db.read_attempt(conn, attempt_id)

    return in_transaction(conn, work)


def _unknown_there(
    conn: Connection, attempt_id: int, text: str, *, actor: str, now: datetime
) -> Attempt:
    """Note that the gateway knows no such checkout: nothing can have been paid by it.

    What a person looks at, or what was paid, stays as it is.
    """

    def work() -> Attempt:
        attempt = db.lock_attempt(conn, attempt_id)
        open_states = (AttemptState.CREATED, AttemptState.PENDING)
        fails = attempt.state in open_states
        state = AttemptState.FAILED if fails else AttemptState(attempt.state)
        db.set_outcome(
            conn,
            attempt_id,
            state=state,
            reason=text if fails else attempt.reason,
            next_ask_at=next_ask(state, attempt.created_at, now),
        )
        what = "failed" if fails else "asked"
        events_db.log_event_once(
            conn, attempt_id, at=now, actor=actor, what=what, note=text
        )
        return db.read_attempt(conn, attempt_id)

    return in_transaction(conn, work)
