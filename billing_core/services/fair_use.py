"""Count what customers use in their cycle, and slow down who goes beyond."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from billing_core.accounting import AcctSession
from billing_core.db import fair_use as db
from billing_core.db import outbox
from billing_core.db.connect import Connection
from billing_core.db.installation import read_zone
from billing_core.db.nas import read_nas_traits
from billing_core.fair_use import FAIR_USE, FairUse, add_use, rates_of, reduced_until


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a customer stands."""

    package_id: int
    #: None = his package has none: he is at full rate.
    fair_use: FairUse | None
    is_reduced: bool


def follow_fair_use(
    conn: Connection,
    running: Mapping[int, Collection[AcctSession]],
    grown: Mapping[int, int],
    now: datetime,
) -> list[AcctSession]:
    """Count octets, tell running sessions their rates; return those to be ended.

    In the caller's transaction, under the wallets' locks. To be ended are sessions
    whose NAS takes no other rates: they come back with them.
    """
    standings = count_use(conn, grown, now)
    sessions = [s for customer_id in standings for s in running[customer_id]]
    return tell_rates(conn, sessions, standings)


def stand(
    conn: Connection, customer_ids: Iterable[int], now: datetime
) -> dict[int, Standing]:
    """Look anew where customers stand: their cycle is over, or their package another.

    In the caller's transaction, under the wallets' locks.
    """
    return count_use(conn, dict.fromkeys(customer_ids, 0), now)


def count_use(
    conn: Connection, grown: Mapping[int, int], now: datetime
) -> dict[int, Standing]:
    """Count octets to customers' cycles; return where each stands then."""
    zone = read_zone(conn)
    standings: dict[int, Standing] = {}
    used, changed = {}, {}
    for row in db.read_standings(conn, list(grown)):
        until = None
        if row.fair_use is not None:
            sum_ = add_use(
                row.used,
                grown[row.customer_id],
                schedule=row.schedule,
                activated_at=row.activated_at,
                now=now,
                zone=zone,
            )
            until = reduced_until(sum_, row.fair_use)
            if sum_ != row.used:
                used[row.customer_id] = sum_
        if until != row.reduced_until:
            changed[row.customer_id] = until
        standings[row.customer_id] = Standing(
            row.package_id, row.fair_use, is_reduced=until is not None
        )
    if used:
        db.write_used(conn, used)
    if changed:
        db.write_reduced(conn, changed, now)
    return standings


def tell_rates(
    conn: Connection,
    sessions: Iterable[AcctSession],
    standings: Mapping[int, Standing],
) -> list[AcctSession]:
    """Tell sessions the rates that apply, where they have others; return the untold."""
    late = [
        (session, standing, standing.fair_use)
        for session in sessions
        if session.is_running
        and not session.is_restricted
        and (standing := standings[session.customer_id]).fair_use is not None
        and session.package_id == standing.package_id
        and session.is_reduced != standing.is_reduced
    ]
    traits = read_nas_traits(conn) if late else {}
    untold = []
    for session, standing, fair_use in late:
        nas = traits.get(session.nas_id)
        if nas is None or not nas.changes_rates:
            untold.append(session)
        elif session.disconnect_requested_at is None and fair_use is not None:
            _tell(conn, session, fair_use, is_reduced=standing.is_reduced)
    return untold


def _tell(
    conn: Connection, session: AcctSession, fair_use: FairUse, *, is_reduced: bool
) -> None:
    session.is_reduced = is_reduced
    db.set_told(conn, session.customer_id, session.session_id, is_reduced=is_reduced)
    rates = rates_of(fair_use, is_reduced=is_reduced)
    outbox.enqueue_coa(
        conn,
        session,
        FAIR_USE,
        {"rate_up_bps": rates.up_bps, "rate_down_bps": rates.down_bps},
    )
