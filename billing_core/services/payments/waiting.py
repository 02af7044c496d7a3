"""Show what waits for a person: our row beside the gateway's authenticated answer."""

from dataclasses import dataclass
from decimal import Decimal

from billing_core.db import attempt_events as events_db
from billing_core.db import gateway_transactions as transactions_db
from billing_core.db import payments as db
from billing_core.db.attempt_events import AttemptEvent
from billing_core.db.connect import Connection
from billing_core.db.payments import (
    Attempt,
    UnknownAttemptError,
)
from billing_core.gateways.contract import Answer, Asked, TransactionId
from billing_core.payments import (
    TO_DECIDE,
    AttemptState,
    Comparison,
    approval_refused,
    compare,
)
from billing_core.stored_answers import read_answer
from billing_core.transfers import Claim, compare_money, is_customers_word


@dataclass(frozen=True, slots=True)
class Shown:
    """An attempt, and all that a person needs to decide on it."""

    attempt: Attempt
    #: What the gateway said last; of a transfer that none knows, the customer's word.
    answer: Answer | None
    #: Field by field; empty where no gateway has answered.
    comparisons: tuple[Comparison, ...]
    #: The money that is of this attempt.
    transactions: tuple[TransactionId, ...]
    #: Why it cannot be approved now; None = it can.
    not_approvable: str | None

    @property
    def is_matching(self) -> bool:
        """Tell whether the gateway says paid and all agrees."""
        return self.attempt.state == AttemptState.CONFIRMED

    @property
    def said(self) -> Decimal | None:
        """Return what was paid, as a gateway says; None = none has said."""
        return self.answer.amount if self.answer and self.comparisons else None

    @property
    def differences(self) -> tuple[str, ...]:
        """Name the fields in which the gateway's answer differs from our row."""
        return tuple(each.field for each in self.comparisons if not each.agrees)


def list_waiting(conn: Connection, *, limit: int) -> list[Shown]:
    """Return what waits for a person, the longest first."""
    return [show(conn, attempt) for attempt in db.list_to_decide(conn, limit=limit)]


def read_shown(conn: Connection, reference: str) -> tuple[Shown, list[AttemptEvent]]:
    """Return one attempt with its history."""
    attempt_id = db.find_by_reference(conn, reference)
    if attempt_id is None:
        raise UnknownAttemptError(reference)
    attempt = db.read_attempt(conn, attempt_id)
    return show(conn, attempt), events_db.list_attempt_events(conn, attempt_id)


def show(conn: Connection, attempt: Attempt) -> Shown:
    """Hold an attempt beside the newest answer about it."""
    answer = read_answer(attempt.answer)
    asked = attempt.asked()
    if attempt.again_of_attempt_id is not None:
        # The gateway knows only the attempt that the money came for.
        asked = db.read_attempt(conn, attempt.again_of_attempt_id).asked()
    waits = attempt.state in TO_DECIDE
    return Shown(
        attempt=attempt,
        answer=answer,
        comparisons=_compare(attempt, asked, answer),
        transactions=tuple(transactions_db.list_transactions(conn, attempt.attempt_id)),
        not_approvable=approval_refused(attempt.reason, answer, attempt.currency)
        if waits
        else f"it is {attempt.state}",
    )


def _compare(
    attempt: Attempt, asked: Asked, answer: Answer | None
) -> tuple[Comparison, ...]:
    """Hold what a gateway said against our row; nothing, where none has spoken."""
    if answer is None or is_customers_word(answer):
        return ()
    if attempt.sender:
        # It came by no checkout: announced by him, or assigned to him.
        claim = Claim(attempt.amount, attempt.currency, attempt.sender)
        return compare_money(claim, answer)
    return compare(asked, answer)
