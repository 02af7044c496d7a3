"""What is to be sent to NAS, and what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from billing_core.db import outbox as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.fair_use import FAIR_USE
from billing_core.services.session_packages import PACKAGE_CHANGED, end_untold

Outcome = Literal["ACK", "NAK", "TIMEOUT", "NO_COA"]

# A NAS that did not answer is tried again after these; then a person must look.
_RETRY_AFTER_SECONDS = (5, 30, 120, 600)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a NAS answered, or that it did not."""

    outcome: Outcome
    error_cause: int | None
    is_retryable: bool


def claim(
    conn: Connection, now: datetime, *, lease_seconds: float, limit: int
) -> list[db.OutboxItem]:
    """Take requests that are due; those that nobody needs any more end here."""

    def work() -> list[db.OutboxItem]:
        due = []
        for item in db.claim_outbox(
            conn, now, lease_seconds=lease_seconds, limit=limit
        ):
            if item.is_moot:
                # Its Stop came first, or money did: nothing is left to ask for.
                db.finish_outbox(
                    conn,
                    item.outbox_id,
                    state="cancelled",
                    outcome=None,
                    error_cause=None,
                    now=now,
                )
            else:
                due.append(item)
        return due

    return in_transaction(conn, work)


def record(
    conn: Connection, answered: list[tuple[db.OutboxItem, Answer]], now: datetime
) -> None:
    """Record answers; what may still succeed is due again later, some bounded times.

    An ACK does not end the session: its Stop does, or silence. A session whose NAS
    does not take its new rates is ended.
    """

    def work() -> None:
        for item, answer in answered:
            retries = _is_tried_again(item, answer)
            state = "done" if answer.outcome == "ACK" else "failed"
            wait = _RETRY_AFTER_SECONDS[item.attempts - 1] if retries else 0
            db.finish_outbox(
                conn,
                item.outbox_id,
                state="pending" if retries else state,
                outcome=answer.outcome,
                error_cause=answer.error_cause,
                now=now,
                next_attempt_at=now + timedelta(seconds=wait),
            )
        untold = {
            (item.customer_id, item.session_id, item.reason)
            for item, answer in answered
            if item.kind == "coa"
            and item.reason in (PACKAGE_CHANGED, FAIR_USE)
            and answer.outcome != "ACK"
            and not _is_tried_again(item, answer)
        }
        for customer_id, session_id, reason in sorted(untold):
            end_untold(conn, customer_id, session_id, reason, now)

    in_transaction(conn, work)


def _is_tried_again(item: db.OutboxItem, answer: Answer) -> bool:
    return answer.is_retryable and item.attempts <= len(_RETRY_AFTER_SECONDS)
