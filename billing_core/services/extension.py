"""What more money or a new package means to sessions that are running."""

from datetime import datetime

from billing_core.accounting import AcctSession
from billing_core.db import outbox
from billing_core.db.connect import Connection
from billing_core.db.nas import read_nas_traits
from billing_core.services.rating import load_batch, rate_and_write


def extend_running(conn: Connection, customer_id: int, now: datetime) -> None:
    """Give a customer's running sessions the limits that he can pay now.

    In the caller's transaction, under the wallet's lock, after the money was posted.

    1. take back Disconnects that have not left yet: their reason may be gone
    2. rate the sessions anew; what is still exhausted is cut again by that
    3. tell the NAS the new limits where it takes CoA; elsewhere the session simply is
       not cut by us, and what the NAS was told at login ends it
    """
    batch = load_batch(conn, [customer_id])
    running = batch.running[customer_id]
    if not running:
        return
    traits = read_nas_traits(conn)
    outbox.cancel_disconnects(conn, customer_id, [s.session_id for s in running])
    limits_before = {s.session_id: _limits(s) for s in running}
    for session in running:
        nas = traits.get(session.nas_id)
        session.nas_limits_octets = nas is not None and nas.limits_octets
        batch.touch(session)
        session.disconnect_requested_at = None
    rate_and_write(conn, batch, now)
    for session in running:
        changed = _limits(session) != limits_before[session.session_id]
        nas = traits.get(session.nas_id)
        if changed and nas is not None and nas.accepts_coa:
            outbox.enqueue_coa(
                conn,
                session,
                "LIMITS_CHANGED",
                {
                    "limit_seconds": session.limit_seconds,
                    "limit_octets": session.limit_octets,
                },
            )


def _limits(session: AcctSession) -> tuple[int | None, int | None]:
    return session.limit_seconds, session.limit_octets
