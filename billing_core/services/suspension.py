"""Stop service for non-payment and let it come back, on running sessions too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing_core.db import customers as customers_db
from billing_core.db import suspension as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.sessions import lock_wallets_only
from billing_core.reminders import Event
from billing_core.services.rating import Batch, load_batch, rate_and_write
from billing_core.services.reminders import queue_service_news
from billing_core.services.runs import do_chunk
from billing_core.suspension import (
    Restore,
    Suspend,
    SuspendReason,
    decide_service,
)

# Customers a transaction.
_CHUNK = 500
RESTORED = "RESTORED"


@dataclass(slots=True)
class ServiceChanges:
    """How many customers lost and got back their service."""

    suspended: int = 0
    restored: int = 0
    #: Running sessions that are being ended for it.
    disconnects: int = 0

    def add(self, other: "ServiceChanges") -> None:
        """Count another's changes in."""
        self.suspended += other.suspended
        self.restored += other.restored
        self.disconnects += other.disconnects


def sweep_suspensions(conn: Connection, now: datetime) -> ServiceChanges:
    """Suspend everybody whose bills are overdue or too many; chunk by chunk.

    Who cannot be done is in the program's log, and keeps nobody else his service.
    """
    total = ServiceChanges()

    def work(found: list[int]) -> ServiceChanges:
        return review_service(conn, found, now=now, actor="scheduler")

    for found in db.find_to_suspend(conn, now=now, chunk=_CHUNK):
        for done in do_chunk(conn, found, work)[0]:
            total.add(done)
    return total


def review_service(
    conn: Connection,
    customer_ids: Sequence[int],
    *,
    now: datetime,
    actor: str,
    not_covered: frozenset[int] = frozenset(),
) -> ServiceChanges:
    """Decide the service of these customers anew, in the caller's transaction.

    1. lock their wallets, read what decides
    2. change status and log it; open or end the time that is not billed
    3. cut the sessions of who is suspended; of who is restored, those that ran in the
       suspended pool or list, so that they come back as full ones
    """
    batch = load_batch(conn, list(customer_ids))
    facts = db.read_service_facts(conn, customer_ids, now, not_covered=not_covered)
    suspended: list[tuple[int, str]] = []
    restored: list[tuple[int, str]] = []
    for one in facts:
        match decide_service(one, now):
            case Suspend(reason):
                suspended.append((one.customer_id, reason.value))
            case Restore():
                restored.append((one.customer_id, one.suspend_reason or ""))
            case None:
                continue
    if suspended:
        _suspend(conn, suspended, now=now, actor=actor)
    if restored:
        _restore(conn, restored, now=now, actor=actor)
    for customer_id, why in suspended:
        batch.wallets[customer_id].suspend_reason = why
        for session in batch.running[customer_id]:
            batch.touch(session)
    _make_due(batch, [customer_id for customer_id, _ in restored])
    result = rate_and_write(conn, batch, now)
    return ServiceChanges(len(suspended), len(restored), result.disconnects)


def cut_restricted(
    conn: Connection, batch: Batch, customer_ids: Sequence[int], *, now: datetime
) -> int:
    """End the restricted sessions of who is restored; returns how many.

    They ran in the suspended pool or list and come back as full ones.
    """
    _make_due(batch, customer_ids)
    return rate_and_write(conn, batch, now).disconnects


def _make_due(batch: Batch, restored: Sequence[int]) -> None:
    for customer_id in restored:
        batch.wallets[customer_id].suspend_reason = None
        for session in batch.running[customer_id]:
            if session.is_restricted:
                batch.touch(session)
                batch.due[session.session_id] = RESTORED


def hold(
    conn: Connection,
    username: str,
    until: datetime | None,
    *,
    note: str,
    actor: str,
    now: datetime,
) -> None:
    """Do not suspend a customer before a moment; None ends the hold."""

    def work() -> None:
        customer_id = customers_db.find_customer_id(conn, username)
        # Before the first write: who waits for it must find the hold as it is decided.
        lock_wallets_only(conn, [customer_id])
        db.set_hold(conn, customer_id, until)
        customers_db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="hold" if until else "hold ended",
            note=f"until {until.isoformat()} {note}".strip() if until else note,
        )
        if customers_db.read_customer(conn, customer_id).status == "active":
            # A hold keeps service and does not bring it back.
            review_service(conn, [customer_id], now=now, actor=actor)

    in_transaction(conn, work)


def pause(
    conn: Connection, username: str, *, note: str, actor: str, now: datetime
) -> int:
    """Pause a customer: no service and no bills; returns how many sessions are cut.

    What is billed already stays: a credit note gives a part of it back.
    """

    def work() -> int:
        customer_id = customers_db.find_customer_id(conn, username)
        batch = load_batch(conn, [customer_id])
        if not customers_db.set_status(
            conn, customer_id, "suspended", SuspendReason.PAUSED
        ):
            raise customers_db.CustomerError(username, "is suspended already")
        db.set_paused(conn, customer_id, now)
        db.open_stretches(conn, [customer_id], reason="paused", now=now)
        batch.wallets[customer_id].suspend_reason = SuspendReason.PAUSED.value
        for session in batch.running[customer_id]:
            batch.touch(session)
        result = rate_and_write(conn, batch, now)
        customers_db.log_customer_event(
            conn, customer_id, at=now, actor=actor, what="paused", note=note
        )
        news = [(customer_id, SuspendReason.PAUSED.value)]
        queue_service_news(conn, Event.SUSPENDED, news, now=now)
        return result.disconnects

    return in_transaction(conn, work)


def resume(
    conn: Connection, username: str, *, note: str, actor: str, now: datetime
) -> None:
    """Let a paused customer go on; no bill to come covers the time of the pause."""

    def work() -> None:
        customer_id = customers_db.find_customer_id(conn, username)
        batch = load_batch(conn, [customer_id])
        customer = customers_db.read_customer(conn, customer_id)
        if customer.suspend_reason != SuspendReason.PAUSED:
            raise customers_db.CustomerError(username, "is not paused")
        customers_db.set_status(conn, customer_id, "active", None)
        db.set_paused(conn, customer_id, None)
        db.end_stretches(conn, [customer_id], now=now)
        customers_db.log_customer_event(
            conn, customer_id, at=now, actor=actor, what="resumed", note=note
        )
        news = [(customer_id, SuspendReason.PAUSED.value)]
        queue_service_news(conn, Event.RESTORED, news, now=now)
        cut_restricted(conn, batch, [customer_id], now=now)
        review_service(conn, [customer_id], now=now, actor=actor)

    in_transaction(conn, work)


def _suspend(
    conn: Connection, reasons: list[tuple[int, str]], *, now: datetime, actor: str
) -> None:
    db.suspend_customers(conn, reasons)
    db.open_stretches(conn, [c for c, _ in reasons], reason="suspended", now=now)
    db.log_customer_events(conn, reasons, what="suspended", actor=actor, now=now)
    queue_service_news(conn, Event.SUSPENDED, reasons, now=now)


def _restore(
    conn: Connection, reasons: list[tuple[int, str]], *, now: datetime, actor: str
) -> None:
    customer_ids = [customer_id for customer_id, _ in reasons]
    db.restore_customers(conn, customer_ids)
    db.end_stretches(conn, customer_ids, now=now)
    db.log_customer_events(conn, reasons, what="restored", actor=actor, now=now)
    queue_service_news(conn, Event.RESTORED, reasons, now=now)
