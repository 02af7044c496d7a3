"""Charge what folded sessions have grown by, and write everything that follows."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from billing_core.accounting import AcctSession
from billing_core.charging import (
    BALANCE_EXHAUSTED,
    NO_SUBSCRIPTION,
    Charge,
    Quota,
    RatedPackage,
    charge_growth,
    count_growth,
    count_octets,
    limit_by_money,
    limit_by_quota,
    must_disconnect,
    quota_end,
    share_of_funds,
)
from billing_core.db import sessions as db
from billing_core.db.connect import Connection
from billing_core.fair_use import FAIR_USE
from billing_core.money import ZERO
from billing_core.services.fair_use import follow_fair_use


@dataclass(slots=True)
class Batch:
    """Sessions at work, under their customers' wallet locks."""

    wallets: dict[int, db.Wallet]
    #: Every running session of these customers, rated or not.
    running: dict[int, list[AcctSession]]
    #: What running sessions hold; absent = no open reservation.
    held: dict[int, Decimal]
    #: Sessions to rate and write.
    touched: dict[int, AcctSession] = field(default_factory=dict)
    #: Fields beyond the counters as they were when read, to see what changed.
    before: dict[int, tuple[object, ...]] = field(default_factory=dict)

    #: Sessions to cut whatever their rating says, with the reason.
    due: dict[int, str] = field(default_factory=dict)

    def others(self, session: AcctSession) -> list[AcctSession]:
        """Return the customer's other running sessions."""
        return [
            s
            for s in self.running[session.customer_id]
            if s.is_running and s.session_id != session.session_id
        ]

    def note_running(self, session: AcctSession) -> None:
        """Count a session that was born or reopened among its customer's."""
        running = self.running[session.customer_id]
        if all(s.session_id != session.session_id for s in running):
            running.append(session)

    def touch(self, session: AcctSession) -> None:
        """Note a session as one to rate and write, before it is changed."""
        if session.session_id not in self.touched:
            self.touched[session.session_id] = session
            self.before[session.session_id] = beyond_counters(session)

    def untouch(self, session: AcctSession) -> None:
        """Take back touch() for a session that turned out to need no change."""
        self.touched.pop(session.session_id, None)
        self.before.pop(session.session_id, None)


@dataclass(slots=True)
class _Outcome:
    charges: list[tuple[int, Charge]] = field(default_factory=list)
    quotas: dict[tuple[int, int], Quota] = field(default_factory=dict)
    quotas_read: dict[tuple[int, int], Quota] = field(default_factory=dict)
    holds: list[tuple[int, int, Decimal, Decimal]] = field(default_factory=list)
    opened: list[tuple[int, int]] = field(default_factory=list)
    disconnects: list[tuple[AcctSession, str]] = field(default_factory=list)
    #: Octets that customers of packages with fair use have used more.
    used: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class RatingResult:
    """How much one batch charged and cut."""

    charges: int
    disconnects: int


beyond_counters = attrgetter(
    "state",
    "acct_session_id",
    "calling_station_id",
    "called_station_id",
    "nas_port_id",
    "nas_ip",
    "framed_ip",
    "framed_ipv6",
    "started_at",
    "ended_at",
    "terminate_cause",
    "limit_seconds",
    "limit_octets",
    "cut_at",
    "cut_reason",
    "disconnect_requested_at",
)


def load_batch(conn: Connection, customer_ids: Sequence[int]) -> Batch:
    """Lock the wallets of these customers and read their running sessions."""
    batch = Batch(db.lock_wallets(conn, customer_ids), defaultdict(list), {})
    for session, held in db.read_running(conn, customer_ids):
        batch.running[session.customer_id].append(session)
        if held is not None:
            batch.held[session.session_id] = held
    return batch


def rate_and_write(conn: Connection, batch: Batch, now: datetime) -> RatingResult:
    """Rate the batch's sessions and write what follows, in the caller's transaction.

    1. charge or count each session's growth; set what it may still use
       and tell sessions of customers who go beyond fair use their lower rates
    2. write sessions, ledger entries, quotas and holds
    3. settle and bill what ended
    4. ask for the Disconnect of what is exhausted or suspended
    """
    outcome = _Outcome()
    packages = db.read_rated_packages(
        conn, {s.package_id for s in batch.touched.values()}
    )
    outcome.quotas_read = _read_quotas(conn, batch, packages)
    # The ended ones first: what they held is free for those that go on.
    for session in sorted(batch.touched.values(), key=lambda s: s.is_running):
        _rate(batch, session, packages[session.package_id], outcome, now)
    if outcome.used:
        untold = follow_fair_use(conn, batch.running, outcome.used, now)
        _cut(batch, untold, FAIR_USE, outcome, now)
    _write(conn, batch, outcome, now)
    return RatingResult(len(outcome.charges), len(outcome.disconnects))


def _read_quotas(
    conn: Connection, batch: Batch, packages: Mapping[int, RatedPackage]
) -> dict[tuple[int, int], Quota]:
    keys = {
        (s.customer_id, s.subscription_id)
        for s in batch.touched.values()
        if s.subscription_id is not None and packages[s.package_id].billing == "package"
    }
    return db.read_quotas(conn, keys) if keys else {}


def _rate(
    batch: Batch,
    session: AcctSession,
    package: RatedPackage,
    outcome: _Outcome,
    now: datetime,
) -> None:
    reason = None
    if not session.is_restricted:
        reason = batch.wallets[session.customer_id].suspend_reason
    reason = reason or batch.due.get(session.session_id)
    if package.billing == "per_session":
        if _rate_by_money(batch, session, package, outcome):
            reason = reason or BALANCE_EXHAUSTED
    elif package.billing == "package" and session.subscription_id is None:
        # It began without a login of ours, by a customer who has bought nothing.
        reason = reason or NO_SUBSCRIPTION
    elif package.billing == "package":
        reason = _rate_by_quota(batch, session, package, outcome, now) or reason
    else:
        # Counted whether or not it matters now: a change of package looks ahead only.
        grown = count_octets(session)
        if package.has_fair_use and not session.is_restricted:
            outcome.used[session.customer_id] += grown
        if package.billing == "daily" and session.disconnect_requested_at is not None:
            # The rollover found nobody to pay this day, and the NAS did not end it.
            is_unpaid = session.cut_at is not None and session.cut_at <= now
            reason = reason or (BALANCE_EXHAUSTED if is_unpaid else None)
    if reason is not None:
        _cut(batch, [session], reason, outcome, now)


def _rate_by_money(
    batch: Batch, session: AcctSession, package: RatedPackage, outcome: _Outcome
) -> bool:
    """Charge a session to the wallet; tell whether its money is at its end."""
    wallet = batch.wallets[session.customer_id]
    charge = charge_growth(session, package.tariff)
    if charge is not None:
        wallet.posted -= charge.parts.gross
        outcome.charges.append((session.customer_id, charge))
    if not session.is_running:
        # Its reservation is settled with it; what it held is free for others at once.
        wallet.reserved -= batch.held.pop(session.session_id, ZERO)
        return False
    held = batch.held.get(session.session_id)
    if held is None:
        outcome.opened.append((session.customer_id, session.session_id))
        held = ZERO
    allowed = wallet.sessions_allowed or package.sessions_allowed
    # Those that hold nothing yet are still to have a share: sessions of one batch.
    others = sum(o.session_id in batch.held for o in batch.others(session))
    funds = wallet.available + held
    share = share_of_funds(funds, allowed, others)
    is_at_limit = limit_by_money(session, package.tariff, share)
    if is_at_limit and funds > share:
        # Money that no other session has asked for is not kept from this one.
        share = funds
        is_at_limit = limit_by_money(session, package.tariff, share)
    if share != held:
        outcome.holds.append((session.customer_id, session.session_id, held, share))
        wallet.reserved += share - held
        batch.held[session.session_id] = share
    # Within an increment that nobody could pay it is not at its limit, but at its end.
    return is_at_limit or wallet.available < 0


def _rate_by_quota(
    batch: Batch,
    session: AcctSession,
    package: RatedPackage,
    outcome: _Outcome,
    now: datetime,
) -> str | None:
    """Count a session against its package; tell why the package is at its end."""
    assert session.subscription_id is not None  # noqa: S101 - narrows the type
    key = (session.customer_id, session.subscription_id)
    quota = outcome.quotas.get(key) or outcome.quotas_read[key]
    outcome.quotas[key] = quota = count_growth(session, quota)
    wallet = batch.wallets[session.customer_id]
    allowed = wallet.sessions_allowed or package.sessions_allowed
    others = batch.others(session)
    if session.is_running:
        limit_by_quota(session, quota, allowed, others)
    reason = quota_end(quota, now)
    if reason is not None:
        on_it = [o for o in others if o.subscription_id == session.subscription_id]
        _cut(batch, on_it, reason, outcome, now)
    return reason


def _cut(
    batch: Batch,
    sessions: Sequence[AcctSession],
    reason: str,
    outcome: _Outcome,
    now: datetime,
) -> None:
    for session in sessions:
        if must_disconnect(session, now):
            batch.touch(session)
            session.disconnect_requested_at = now
            outcome.disconnects.append((session, reason))


def _write(conn: Connection, batch: Batch, outcome: _Outcome, now: datetime) -> None:
    grown: list[AcctSession] = []
    changed: list[AcctSession] = []
    for session_id, session in batch.touched.items():
        same = batch.before.get(session_id) == beyond_counters(session)
        (grown if same else changed).append(session)
    if grown:
        db.write_counters(conn, grown)
    if changed:
        db.write_sessions(conn, changed)
    if outcome.charges:
        db.post_session_charges(conn, outcome.charges, now)
    if outcome.quotas:
        db.write_quotas(conn, outcome.quotas)
    if outcome.opened:
        db.open_holds(conn, outcome.opened, now)
    if outcome.holds:
        db.write_holds(conn, outcome.holds)
    ended = [
        (s.customer_id, s.session_id)
        for s in batch.touched.values()
        if not s.is_running
    ]
    if ended:
        db.settle_holds(conn, ended, now)
        db.bill_ended_sessions(conn, ended, now)
    if outcome.disconnects:
        db.enqueue_disconnects(conn, outcome.disconnects)
