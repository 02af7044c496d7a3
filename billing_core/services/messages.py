"""Messages on their way: who sends which, and what is noted of it."""

from datetime import datetime, timedelta

from billing_core.channels import Outcome
from billing_core.db import messages as db
from billing_core.db.connect import Connection

# What was refused in a way that may pass is tried again after these; then a person must
# look.
_RETRY_AFTER_SECONDS = (60, 300, 1800, 7200)


def note_outcome(
    conn: Connection, message: db.Claimed, outcome: Outcome, now: datetime
) -> None:
    """Note what became of a message; what surely did not leave may be due again.

    Unknown is final: it may have arrived, and nothing is told twice.
    """
    is_sent = outcome.result == "sent"
    retries = outcome.is_retryable and message.attempts <= len(_RETRY_AFTER_SECONDS)
    wait = _RETRY_AFTER_SECONDS[message.attempts - 1] if retries else 0
    error = outcome.error
    if outcome.result == "unknown":
        error = f"it may have arrived: {error}"
    db.finish_message(
        conn,
        message,
        state="sent" if is_sent else "pending" if retries else "failed",
        error=None if is_sent else error,
        now=now,
        next_attempt_at=now + timedelta(seconds=wait),
    )
