"""Fold recorded accounting packets into sessions, and charge what they used."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from billing_core.accounting import (
    NAS_EVENTS,
    SESSION_EVENTS,
    AcctEvent,
    AcctSession,
    event_time,
    fold_event,
    fold_history,
    implied_start,
    in_order,
    needs_history,
)
from billing_core.charging import BALANCE_EXHAUSTED
from billing_core.db import intake
from billing_core.db import sessions as db
from billing_core.db.closing import NasRestart, note_nas_restart
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.nas import read_nas_traits
from billing_core.services.rating import Batch, load_batch, rate_and_write
from billing_core.session_matching import find_session, session_id_of_class

# acct_event's customer for packets with a username that nobody has.
NOBODY = 0
# Until a NAS is told otherwise (RFC 2869 §5.16 recommends at least 600, NAS use less).
_INTERIM_SECONDS_DEFAULT = 300


@dataclass(slots=True)
class FoldResult:
    """What one batch did."""

    events: int = 0
    nas_restarts: int = 0
    sessions: int = 0
    charges: int = 0
    disconnects: int = 0


@dataclass(slots=True)
class _Folding:
    """One batch while events find their sessions."""

    batch: Batch
    events_of: dict[int, list[AcctEvent]] = field(
        default_factory=lambda: defaultdict(list)
    )
    born: dict[int, AcctSession] = field(default_factory=dict)
    session_of: dict[int, int] = field(default_factory=dict)

    def assign(self, session: AcctSession, event: AcctEvent) -> None:
        """Note that an event belongs to a session."""
        self.batch.touch(session)
        self.events_of[session.session_id].append(event)
        self.session_of[event.intake_id] = session.session_id


def fold_intake(
    conn: Connection, now: datetime, *, lanes: Sequence[int], limit: int
) -> FoldResult:
    """Fold one batch of packets, in one transaction; nothing waiting gives zeroes.

    1. claim lanes, so that no two workers fold the same customer
    2. read the oldest packets, attributed to customers
    3. lock the customers' wallets, in order
    4. find or open the session of each packet, and fold it in
    5. rate, post, hold, bill and cut: rate_and_write
    6. move the packets from the queue to history
    7. note which NAS restarted: their old sessions are ended after this transaction
    """
    return in_transaction(conn, lambda: _fold_intake(conn, now, lanes, limit))


def _fold_intake(
    conn: Connection, now: datetime, lanes: Sequence[int], limit: int
) -> FoldResult:
    result = FoldResult()
    claimed = intake.claim_lanes(conn, lanes)
    if not claimed:
        return result
    events = intake.read_intake(conn, claimed, limit=limit)
    if not events:
        return result
    result.events = len(events)
    by_customer = _group_by_customer(events)
    session_of: dict[int, int] = {}
    if by_customer:
        batch = load_batch(conn, list(by_customer))
        session_of = _fold(conn, batch, by_customer)
        rated = rate_and_write(conn, batch, now)
        result.sessions = len(batch.touched)
        result.charges, result.disconnects = rated.charges, rated.disconnects
    intake.move_to_events(
        conn,
        [
            (e.intake_id, e.customer_id or NOBODY, session_of.get(e.intake_id))
            for e in events
        ],
    )
    for event in events:
        if event.status_type in NAS_EVENTS:
            result.nas_restarts += 1
            note_nas_restart(conn, _restart(event))
    return result


def _restart(event: AcctEvent) -> NasRestart:
    # Event-Timestamp has whole seconds (RFC 2869 §5.3); a NAS may restart within one.
    end_of_second = event_time(event) + timedelta(seconds=1)
    return NasRestart(event.nas_id, end_of_second, event.received_at)


def _group_by_customer(events: Sequence[AcctEvent]) -> dict[int, list[AcctEvent]]:
    by_customer: dict[int, list[AcctEvent]] = defaultdict(list)
    for event in events:
        if event.customer_id is not None and event.status_type in SESSION_EVENTS:
            by_customer[event.customer_id].append(event)
    return by_customer


def _fold(
    conn: Connection, batch: Batch, by_customer: dict[int, list[AcctEvent]]
) -> dict[int, int]:
    """Fold each event into its session; return the session of each intake_id."""
    folding = _Folding(batch)
    orphans: list[AcctEvent] = []
    ended = _read_ended(conn, batch, by_customer)
    for customer_id, events in by_customer.items():
        known = batch.running[customer_id] + ended[customer_id]
        for event in events:
            session = find_session(known, event, loosely=True)
            if session is None:
                orphans.append(event)
            else:
                folding.assign(session, event)
                # The rest of this batch finds it by that, and others' packets do not
                # take it for a login that waits for its Start.
                session.acct_session_id = event.acct_session_id
    if orphans:
        _open_unknown(conn, folding, orphans)
    traits = read_nas_traits(conn)
    for session_id, events in folding.events_of.items():
        session = batch.touched[session_id]
        nas = traits.get(session.nas_id)
        session.nas_limits_octets = nas is not None and nas.limits_octets
        _fold_events(conn, session, events, is_new=session_id in folding.born)
        if session.is_running:
            batch.note_running(session)
    return folding.session_of


def _fold_events(
    conn: Connection, session: AcctSession, events: list[AcctEvent], *, is_new: bool
) -> None:
    if not is_new and needs_history(session, events):
        history = intake.read_session_events(
            conn, session.customer_id, session.session_id
        )
        fold_history(session, [*history, *events])
        return
    if len(events) > 1:
        events = sorted(events, key=in_order)
    for event in events:
        fold_event(session, event)


def _read_ended(
    conn: Connection, batch: Batch, by_customer: dict[int, list[AcctEvent]]
) -> dict[int, list[AcctSession]]:
    """Return ended sessions that packets may belong to which fit no running one."""
    keys = [
        (customer_id, e.acct_session_id, session_id_of_class(e.class_value))
        for customer_id, events in by_customer.items()
        for e in events
        if find_session(batch.running[customer_id], e, loosely=False) is None
    ]
    ended: dict[int, list[AcctSession]] = defaultdict(list)
    if keys:
        for session in db.read_ended(conn, keys):
            ended[session.customer_id].append(session)
    return ended


def _open_unknown(
    conn: Connection, folding: _Folding, orphans: Sequence[AcctEvent]
) -> None:
    """Open sessions for packets that belong to none: their login was not ours to see.

    A lost Start, a NAS that was moved here from another server, a login while the
    database was away: the customer used the service, so it is recorded and charged.
    """
    packages = db.read_customer_packages(
        conn, {e.customer_id for e in orphans if e.customer_id is not None}
    )
    ids = iter(db.next_session_ids(conn, len(orphans)))
    of_customer: dict[int, list[AcctSession]] = defaultdict(list)
    for event in sorted(orphans, key=in_order):
        customer = packages[event.customer_id or NOBODY]
        session = find_session(of_customer[customer.customer_id], event, loosely=True)
        if session is None:
            session = _new_session(event, customer, next(ids))
            of_customer[customer.customer_id].append(session)
            folding.born[session.session_id] = session
        folding.assign(session, event)
        # So that the next event of the same session finds it.
        session.acct_session_id = event.acct_session_id
    sessions = list(folding.born.values())
    usernames = [packages[s.customer_id].username for s in sessions]
    db.insert_sessions(conn, sessions, usernames)
    for session_id in folding.born:
        # Whatever it looks like, all of it has to be written once.
        folding.batch.before[session_id] = ()


def _new_session(
    event: AcctEvent, customer: db.CustomerPackage, session_id: int
) -> AcctSession:
    start = implied_start(event)
    return AcctSession(
        customer_id=customer.customer_id,
        session_id=session_id,
        nas_id=event.nas_id,
        package_id=customer.package_id,
        subscription_id=customer.subscription_id,
        state="open",
        acct_session_id=event.acct_session_id,
        class_value=event.class_value,
        calling_station_id=event.calling_station_id,
        called_station_id=event.called_station_id,
        nas_port_id=event.nas_port_id,
        nas_ip=None,
        framed_ip=None,
        framed_ipv6="",
        started_at=start,
        last_event_at=start,
        last_received_at=event.received_at,
        interim_interval_seconds=customer.interim_interval_seconds
        or _INTERIM_SECONDS_DEFAULT,
        # No login of ours charged its day: the rollover does, at once, or cuts it.
        cut_at=event.received_at if customer.billing == "daily" else None,
        cut_reason=BALANCE_EXHAUSTED if customer.billing == "daily" else None,
    )
