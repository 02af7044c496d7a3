"""What a person may ask of sessions: end one, rebuild one from its packets."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing_core.accounting import fold_history
from billing_core.charging import must_disconnect
from billing_core.db import intake
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.customers import log_customer_event
from billing_core.db.sessions import read_session
from billing_core.errors import BillingError
from billing_core.services.extension import ASKED_BY_OPERATOR
from billing_core.services.rating import load_batch, rate_and_write


class NoRunningSessionError(BillingError):
    """There is no such running session."""

    def __init__(self, session_id: int) -> None:
        super().__init__(f"Session {session_id} is not running.")


class AskedAlreadyError(BillingError):
    """The NAS was asked within the last minute, and may still do it."""

    def __init__(self, session_id: int) -> None:
        super().__init__(f"The NAS was asked a moment ago to end session {session_id}.")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A session before and after it was folded again from its packets."""

    session_id: int
    packets: int
    seconds_before: int
    seconds_after: int
    octets_before: int
    octets_after: int
    charged_before: Decimal
    charged_after: Decimal


def disconnect(
    conn: Connection, customer_id: int, session_id: int, *, actor: str, now: datetime
) -> None:
    """Ask the NAS, through the outbox, to end a running session."""

    def work() -> None:
        batch = load_batch(conn, [customer_id])
        for session in batch.running[customer_id]:
            if session.session_id == session_id:
                if not must_disconnect(session, now):
                    raise AskedAlreadyError(session_id)
                batch.touch(session)
                batch.due[session_id] = ASKED_BY_OPERATOR
                rate_and_write(conn, batch, now)
                log_customer_event(
                    conn,
                    customer_id,
                    at=now,
                    actor=actor,
                    what="disconnected",
                    note=f"session {session_id}",
                )
                return
        raise NoRunningSessionError(session_id)

    in_transaction(conn, work)


def rebuild(
    conn: Connection, customer_id: int, session_id: int, now: datetime
) -> Rebuilt:
    """Fold a session again from all its packets and charge what that shows missing.

    What was charged too much is not taken back here: that is for a person to reverse.
    """

    def work() -> Rebuilt:
        batch = load_batch(conn, [customer_id])
        session = next(
            (s for s in batch.running[customer_id] if s.session_id == session_id), None
        ) or read_session(conn, customer_id, session_id)
        before = (session.session_seconds, session.octets, session.charged)
        packets = intake.read_session_events(conn, customer_id, session_id)
        batch.touch(session)
        if packets:
            fold_history(session, packets)
            rate_and_write(conn, batch, now)
        return Rebuilt(
            session_id,
            len(packets),
            before[0],
            session.session_seconds,
            before[1],
            session.octets,
            before[2],
            session.charged,
        )

    return in_transaction(conn, work)
