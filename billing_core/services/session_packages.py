"""Put a customer's running sessions on the package that he is on now."""

from datetime import datetime

from billing_core.accounting import AcctSession
from billing_core.billing_terms import DAILY, FREE, MONTHLY
from billing_core.db import outbox
from billing_core.db import session_packages as db
from billing_core.db.connect import Connection
from billing_core.db.nas import NasTraits, read_nas_traits
from billing_core.services.fair_use import stand
from billing_core.services.rating import Batch, load_batch, rate_and_write

#: The session runs on a package that its customer is not on any more.
PACKAGE_CHANGED = "PACKAGE_CHANGED"
# What is used in these costs nothing: a session may go from one to the other.
_UNRATED = (DAILY, MONTHLY, FREE)


def follow_package(
    conn: Connection, customer_id: int, package_id: int, now: datetime
) -> int:
    """Let running sessions have a package's terms; returns how many are being ended.

    In the caller's transaction. Where the NAS can be told new rates (CoA) and they are
    all that differs for it, the session goes on; else it is ended, and comes back on
    the package at its next login.
    """
    batch = load_batch(conn, [customer_id])
    # Beyond the fair use of one package he may be within that of the other.
    is_reduced = stand(conn, [customer_id], now)[customer_id].is_reduced
    away = [
        session
        for session in batch.running[customer_id]
        if session.package_id != package_id and not session.is_restricted
    ]
    if not away:
        return 0
    terms = db.read_network_terms(conn, {package_id, *(s.package_id for s in away)})
    has_own_ip, sessions_allowed = db.read_own_terms(conn, customer_id)
    new = terms[package_id]
    allowed = sessions_allowed or new.sessions_allowed
    may_stay = len(batch.running[customer_id]) <= allowed
    traits = read_nas_traits(conn)
    for session in away:
        old, nas = terms[session.package_id], traits.get(session.nas_id)
        if (
            may_stay
            and session.disconnect_requested_at is None
            and _can_be_told(nas, old, new, has_own_ip=has_own_ip)
        ):
            _tell(conn, session, new, is_reduced=is_reduced)
        else:
            _end(batch, session, PACKAGE_CHANGED)
    return rate_and_write(conn, batch, now).disconnects


def end_untold(
    conn: Connection, customer_id: int, session_id: int, reason: str, now: datetime
) -> None:
    """End a session whose NAS did not take its new rates, in the caller's transaction.

    It comes back with them at its next login.
    """
    batch = load_batch(conn, [customer_id])
    for session in batch.running[customer_id]:
        if session.session_id == session_id:
            _end(batch, session, reason)
    rate_and_write(conn, batch, now)


def _can_be_told(
    nas: NasTraits | None,
    old: db.NetworkTerms,
    new: db.NetworkTerms,
    *,
    has_own_ip: bool,
) -> bool:
    """Tell whether a CoA makes a session of one package one of the other.

    MikroTik documents that a CoA changes no IP address, pool or routes.
    """
    if nas is None or not nas.changes_rates:
        return False
    if old.billing not in _UNRATED or new.billing not in _UNRATED:
        return False
    return has_own_ip or old.framed_pool == new.framed_pool


def _tell(
    conn: Connection, session: AcctSession, new: db.NetworkTerms, *, is_reduced: bool
) -> None:
    session.package_id, session.is_reduced = new.package_id, is_reduced
    db.move_session(
        conn,
        session.customer_id,
        session.session_id,
        new.package_id,
        is_reduced=is_reduced,
    )
    rates = new.reduced if is_reduced else new.full
    outbox.enqueue_coa(
        conn,
        session,
        PACKAGE_CHANGED,
        {"rate_up_bps": rates.up_bps, "rate_down_bps": rates.down_bps},
    )


def _end(batch: Batch, session: AcctSession, reason: str) -> None:
    batch.touch(session)
    batch.due[session.session_id] = reason
