"""End the sessions that no Stop will end, and cut those that are at their limit."""

from collections.abc import Callable
from datetime import datetime, timedelta

from billing_core.accounting import (
    NAS_RESTARTED,
    NEVER_STARTED,
    STALE,
    AcctSession,
)
from billing_core.charging import BALANCE_EXHAUSTED, must_disconnect
from billing_core.db import closing as db
from billing_core.db import sessions
from billing_core.db.connect import Connection, in_transaction
from billing_core.services.rating import Batch, load_batch, rate_and_write

# Customers a transaction: bounds how long wallets stay locked.
_CHUNK = 500
# A session is stale when it missed this many reports, and a little for late packets.
_MISSED_REPORTS = 3.0
_GRACE_SECONDS = 60
# An accepted login that starts does so within seconds; RADIUS retries take a minute.
_OPENING_SECONDS = 180
_REJECTS_KEPT = timedelta(days=90)


def close_sessions_of_restarted_nas(conn: Connection, now: datetime) -> int:
    """End the old sessions of NAS that said Accounting-On or -Off; return how many.

    A note in the database says which, so that a killed worker loses none.
    """
    ended = 0
    for restart in db.list_nas_restarts(conn):
        ended += _close_sessions_of_nas(conn, restart, now)
        db.finish_nas_restart(conn, restart)
    return ended


def _close_sessions_of_nas(
    conn: Connection, restart: db.NasRestart, now: datetime
) -> int:
    """End what a NAS had before it restarted; what was heard of since goes on.

    So it does not matter in which order the packets are folded.
    """

    def end(_batch: Batch, session: AcctSession) -> bool:
        if (
            session.nas_id != restart.nas_id
            or session.last_event_at > restart.restarted_at
            or session.last_received_at > restart.received_at
        ):
            return False
        # The NAS's word is from the restart; the session's own last word is earlier.
        _end(session, session.last_event_at, NAS_RESTARTED)
        return True

    return change_running(
        conn,
        lambda: db.find_running_on_nas(conn, restart, limit=_CHUNK),
        end,
        now,
    )


def close_stale_sessions(conn: Connection, now: datetime) -> int:
    """End sessions that fell silent at their last report; return how many.

    Offline time is not charged: the session ends where its last report left it. Should
    it speak again, it is reopened and only the growth is charged.
    """

    def end(_batch: Batch, session: AcctSession) -> bool:
        silent = now - session.last_received_at
        if session.state == "opening":
            if silent < timedelta(seconds=_OPENING_SECONDS):
                return False
            _end(session, session.last_event_at, NEVER_STARTED)
            return True
        patience = session.interim_interval_seconds * _MISSED_REPORTS + _GRACE_SECONDS
        if silent < timedelta(seconds=patience):
            return False
        _end(session, session.last_event_at, STALE)
        return True

    return change_running(
        conn,
        lambda: db.find_stale(
            conn,
            now,
            missed=_MISSED_REPORTS,
            grace_seconds=_GRACE_SECONDS,
            opening_seconds=_OPENING_SECONDS,
            limit=_CHUNK,
        ),
        end,
        now,
    )


def cut_due_sessions(conn: Connection, now: datetime) -> int:
    """Ask for the Disconnect of sessions that are at their limit; return how many.

    The moment was foretold from the last report, so that a session does not run on
    until its next one.
    """

    def cut(batch: Batch, session: AcctSession) -> bool:
        due = session.cut_at is not None and session.cut_at <= now
        if not due or not must_disconnect(session, now):
            return False
        batch.due[session.session_id] = session.cut_reason or BALANCE_EXHAUSTED
        return True

    return change_running(
        conn, lambda: db.find_due_to_cut(conn, now, limit=_CHUNK), cut, now
    )


def bill_leftover_sessions(conn: Connection, now: datetime) -> int:
    """Bill sessions that a login of the same device ended; return how many."""
    billed = 0
    while True:
        keys = db.find_unbilled(conn, limit=_CHUNK)
        if not keys:
            return billed

        def bill(keys: list[tuple[int, int]] = keys) -> None:
            sessions.lock_wallets(conn, {customer_id for customer_id, _ in keys})
            sessions.bill_ended_sessions(conn, keys, now)

        in_transaction(conn, bill)
        billed += len(keys)


def forget_old_rejects(conn: Connection, now: datetime) -> int:
    """Delete rejected logins that nobody will ask about any more."""
    return db.forget_rejects(conn, now - _REJECTS_KEPT)


def _end(session: AcctSession, at: datetime, cause: str) -> None:
    session.state = "ended"
    session.ended_at = at
    session.terminate_cause = cause


def change_running(
    conn: Connection,
    find: Callable[[], list[int]],
    change: Callable[[Batch, AcctSession], bool],
    now: datetime,
    *,
    prepare: Callable[[Batch], None] | None = None,
) -> int:
    """Change running sessions of the customers found, a bounded number at a time.

    Each chunk is one transaction: lock, prepare, change each session, rate and write.
    `change` tells whether it changed the session; ends when a chunk changed nothing.
    """
    total = 0
    while True:
        customer_ids = find()
        if not customer_ids:
            return total

        def work(customer_ids: list[int] = customer_ids) -> int:
            batch = load_batch(conn, customer_ids)
            if prepare is not None:
                prepare(batch)
            for session in [s for many in batch.running.values() for s in many]:
                batch.touch(session)
                if not change(batch, session):
                    batch.untouch(session)
            rate_and_write(conn, batch, now)
            return len(batch.touched)

        changed = in_transaction(conn, work)
        if changed == 0:
            return total
        total += changed
