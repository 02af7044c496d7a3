"""What more money or a new package means to sessions that are running."""

from collections.abc import Sequence
from datetime import UTC, datetime

from billing_core.accounting import AcctSession
from billing_core.db import outbox
from billing_core.db.closing import read_day_prices, read_days_charged
from billing_core.db.connect import Connection
from billing_core.db.installation import read_zone
from billing_core.db.nas import read_nas_traits
from billing_core.decisions import LIMIT_SECONDS_MAX, day_backstop_epoch
from billing_core.fair_use import FAIR_USE
from billing_core.service_days import covered_until, service_date
from billing_core.services.rating import Batch, load_batch, rate_and_write
from billing_core.services.session_packages import PACKAGE_CHANGED

#: A person's Disconnect: money does not call it off.
ASKED_BY_OPERATOR = "OPERATOR"


def extend_running(
    conn: Connection,
    customer_id: int,
    now: datetime,
    *,
    standing: Sequence[str] = (ASKED_BY_OPERATOR, PACKAGE_CHANGED, FAIR_USE),
) -> None:
    """Give a customer's running sessions the limits that he can pay now.

    In the caller's transaction, under the wallet's lock, after the money was posted.

    1. take back Disconnects that have not left yet: their reason may be gone;
       those for a reason of `standing` do not go: a person's, unless he is restored,
       and those that are not about money
    2. rate the sessions anew; what is still exhausted is cut again by that
    3. tell the NAS the new limits where it takes CoA; elsewhere the session simply is
       not cut by us, and what the NAS was told at login ends it
    """
    batch = load_batch(conn, [customer_id])
    # Sessions in the suspended pool or list have no limits of money.
    running = [s for s in batch.running[customer_id] if not s.is_restricted]
    if not running:
        return
    traits = read_nas_traits(conn)
    stand = outbox.cancel_disconnects(
        conn, customer_id, [s.session_id for s in running], standing=standing
    )
    limits_before = {s.session_id: _limits(s) for s in running}
    backstops = _day_backstops(conn, batch, now)
    for session in running:
        nas = traits.get(session.nas_id)
        session.nas_limits_octets = nas is not None and nas.limits_octets
        batch.touch(session)
        if session.session_id not in stand:
            session.disconnect_requested_at = None
    rate_and_write(conn, batch, now)
    for session in running:
        ends_at = backstops.get(session.session_id, session.cut_at)
        changed = _limits(session) != limits_before[session.session_id]
        nas = traits.get(session.nas_id)
        if nas is None or not nas.accepts_coa or session.disconnect_requested_at:
            continue
        if changed or session.session_id in backstops:
            outbox.enqueue_coa(
                conn,
                session,
                "LIMITS_CHANGED",
                {
                    "session_timeout_seconds": _timeout(session, ends_at),
                    "limit_octets": session.limit_octets,
                },
            )


def _limits(session: AcctSession) -> tuple[object, ...]:
    return session.limit_seconds, session.limit_octets, session.cut_at


def _timeout(session: AcctSession, ends_at: datetime | None) -> int | None:
    """Return Session-Timeout as a CoA tells it: counted from the session's start."""
    if ends_at is None:
        return None
    seconds = int((ends_at - session.started_at).total_seconds())
    return min(max(seconds, 1), LIMIT_SECONDS_MAX)


def _day_backstops(
    conn: Connection, batch: Batch, now: datetime
) -> dict[int, datetime]:
    """Return when a NAS is to end each daily session by itself, now that money came."""
    sessions = [s for many in batch.running.values() for s in many]
    prices = read_day_prices(conn, {s.package_id for s in sessions})
    if not prices:
        return {}
    zone = read_zone(conn)
    today = service_date(now, zone)
    charged = read_days_charged(conn, batch.wallets, today)
    ends: dict[int, datetime] = {}
    for session in sessions:
        if session.package_id not in prices:
            continue
        _, price = prices[session.package_id]
        customer_id = session.customer_id
        available = batch.wallets[customer_id].available
        last_day = covered_until(
            available, price, today, today_is_charged=customer_id in charged
        )
        if last_day is not None:
            epoch = day_backstop_epoch(customer_id, last_day, zone)
            ends[session.session_id] = datetime.fromtimestamp(epoch, UTC)
    return ends
