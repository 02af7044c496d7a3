"""What a person decides about money that waits: approve or reject, once."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from billing_core.db import attempt_events as events_db
from billing_core.db import payments as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.customers import log_customer_event
from billing_core.db.payments import Attempt
from billing_core.errors import BillingError
from billing_core.payments import (
    TO_DECIDE,
    AttemptState,
    approval_refused,
)
from billing_core.services.payments.crediting import credit
from billing_core.stored_answers import read_answer

_AT_ONCE = 1000


class AlreadyDecidedError(BillingError):
    """Somebody decided on this before; one decision stands."""

    def __init__(self, attempt: Attempt) -> None:
        self.decided_by = attempt.decided_by or ""
        at = "" if attempt.decided_at is None else f" at {attempt.decided_at:%F %T} UTC"
        super().__init__(
            f"Payment {attempt.reference} is {attempt.state} already: decided by"
            f" {self.decided_by}{at}."
        )


class NothingToDecideError(BillingError):
    """It does not wait for a person."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(
            f"Payment {attempt.reference} is {attempt.state}: nobody has to decide"
            " on it now."
        )


class NotApprovableError(BillingError):
    """Approving this would credit what was not paid to us."""

    def __init__(self, reference: str, why: str) -> None:
        super().__init__(f"Payment {reference} cannot be approved: {why}.")


class ChangedSinceError(BillingError):
    """A new answer came since the person looked: he has not seen what it says."""

    def __init__(self, reference: str, says: str) -> None:
        super().__init__(
            f"Payment {reference} is not what was approved: it is {says} now."
            " Look at it again."
        )


class ReasonMissingError(BillingError):
    """A rejection says why."""

    def __init__(self) -> None:
        super().__init__("Say why the payment is rejected.")


def approve(
    conn: Connection,
    attempt_id: int,
    *,
    amount: Decimal | None = None,
    reason: str | None = None,
    operator: str,
    now: datetime,
) -> Attempt:
    """Credit what waits for a person: as much as the gateway says was paid.

    ``amount`` and ``reason`` are what he saw when he decided, the amount by itself
    what was asked for: an answer that came since and says otherwise is not approved
    with it. Of two who decide at once one wins, and the other is told who it was.
    """
    return _approve(
        conn,
        attempt_id,
        only_matching=False,
        amount=amount,
        reason=reason,
        operator=operator,
        now=now,
    )


def approve_matching(
    conn: Connection, attempt_ids: Iterable[int], *, operator: str, now: datetime
) -> list[Attempt]:
    """Approve those of these that agree with their gateways' answers, one by one.

    Returns what was approved. What somebody decided on meanwhile, or a new answer
    contradicts, is left as it is.
    """
    approved: list[Attempt] = []
    for attempt_id in attempt_ids:
        try:
            approved.append(
                _approve(
                    conn, attempt_id, only_matching=True, operator=operator, now=now
                )
            )
        except (AlreadyDecidedError, NothingToDecideError, NotApprovableError):
            # Somebody, or a new answer, was faster: his word stands.
            continue
    return approved


def approve_all_matching(
    conn: Connection, *, operator: str, now: datetime
) -> list[Attempt]:
    """Approve all that agrees with its gateway's answer; returns what was approved."""
    waiting = db.list_attempts(conn, states=[AttemptState.CONFIRMED], limit=_AT_ONCE)
    return approve_matching(
        conn,
        [attempt.attempt_id for attempt in reversed(waiting)],
        operator=operator,
        now=now,
    )


def reject(
    conn: Connection, attempt_id: int, *, reason: str, operator: str, now: datetime
) -> Attempt:
    """Decide that what waits is not credited; the row stays, with the reason."""
    if not reason.strip():
        raise ReasonMissingError

    def work() -> Attempt:
        attempt = _lock_undecided(conn, attempt_id)
        db.set_decision(
            conn,
            attempt_id,
            state=AttemptState.REJECTED,
            reason=reason.strip(),
            decided_by=operator,
            decided_at=now,
        )
        events_db.log_event(
            conn,
            attempt_id,
            at=now,
            actor=operator,
            what="rejected",
            note=": ".join(filter(None, (attempt.reason, reason.strip()))),
        )
        log_customer_event(
            conn,
            attempt.customer_id,
            at=now,
            actor=operator,
            what="payment rejected",
            note=f"{attempt.reference}: {reason.strip()}",
        )
        return db.read_attempt(conn, attempt_id)

    return in_transaction(conn, work)


def _approve(
    conn: Connection,
    attempt_id: int,
    *,
    only_matching: bool,
    amount: Decimal | None = None,
    reason: str | None = None,
    operator: str,
    now: datetime,
) -> Attempt:
    def work() -> Attempt:
        attempt = _lock_undecided(conn, attempt_id)
        if only_matching and attempt.state != AttemptState.CONFIRMED:
            raise NotApprovableError(attempt.reference, "it does not match any more")
        answer = read_answer(attempt.answer)
        why = approval_refused(attempt.reason, answer, attempt.currency)
        if why is not None or answer is None:
            raise NotApprovableError(attempt.reference, why or "there is no answer")
        seen = attempt.amount if amount is None else amount
        if answer.amount != seen or reason not in (None, attempt.reason):
            said = f"{answer.amount} {attempt.reason}".strip()
            raise ChangedSinceError(attempt.reference, said)
        note = attempt.reason or "all agrees"
        events_db.log_event(
            conn, attempt_id, at=now, actor=operator, what="approved", note=note
        )
        credit(conn, attempt, answer, actor=operator, now=now)
        return db.read_attempt(conn, attempt_id)

    return in_transaction(conn, work)


def _lock_undecided(conn: Connection, attempt_id: int) -> Attempt:
    attempt = db.lock_attempt(conn, attempt_id)
    if attempt.state in TO_DECIDE:
        return attempt
    if attempt.decided_by is not None:
        raise AlreadyDecidedError(attempt)
    raise NothingToDecideError(attempt)
