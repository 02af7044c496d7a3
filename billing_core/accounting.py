"""Accounting packets folded into sessions: what RFC 2866 reports, made safe.

Any packet may come twice, late, out of order or never. So the fold takes from each
what it can only say once: counters rise, the first Stop ends, silence and reboots end
what a Stop did not, and a session that speaks again was not over. Folding the same
packets in another order gives the same session.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from billing_core.money import ZERO

START = "Start"
INTERIM_UPDATE = "Interim-Update"
STOP = "Stop"
ACCOUNTING_ON = "Accounting-On"
ACCOUNTING_OFF = "Accounting-Off"
SESSION_EVENTS = frozenset({START, INTERIM_UPDATE, STOP})
NAS_EVENTS = frozenset({ACCOUNTING_ON, ACCOUNTING_OFF})

# Ends that we concluded; a session ended by one of them may prove to be alive.
STALE = "Stale"
NAS_RESTARTED = "NAS-Restarted"
SUPERSEDED = "Superseded"
NEVER_STARTED = "Never-Started"
CONCLUDED_CAUSES = frozenset({STALE, NAS_RESTARTED, SUPERSEDED, NEVER_STARTED})

_LOW_32 = 0xFFFFFFFF
_HALF = 1 << 31
_WRAP = 1 << 32

# Beyond these a NAS does not count, it is at fault (-1 as Acct-Session-Time, Gigawords
# of 0xFFFFFFFF): ten years, and 72 petabytes each way.
_SECONDS_MAX = 10 * 366 * 86400
_GIGAWORDS_MAX = (1 << 24) - 1

# A NAS's clock may lie. Ahead of ours by more than this, or behind by more than a
# spool could explain: our own receipt time is nearer the truth.
_CLOCK_AHEAD_MAX = timedelta(minutes=1)
_CLOCK_BEHIND_MAX = timedelta(days=7)
# Start = Event-Timestamp - Acct-Session-Time, both in whole seconds of a NAS that
# takes its time: estimates of one session's start differ by a few seconds.
START_SLACK = timedelta(seconds=10)


class AcctEvent(NamedTuple):
    """One accounting packet as it was recorded (a tuple: thousands a second)."""

    intake_id: int
    received_at: datetime
    nas_id: int
    status_type: str
    customer_id: int | None
    acct_session_id: str
    class_value: str
    event_epoch: int | None
    session_seconds: int | None
    input_octets: int | None
    output_octets: int | None
    input_gigawords: int | None
    output_gigawords: int | None
    terminate_cause: str
    nas_ip: str
    nas_port_id: str
    calling_station_id: str
    called_station_id: str
    framed_ip: str
    framed_ipv6: str


@dataclass(slots=True)
class AcctSession:
    """A session while events are folded into it; the only mutable record we have.

    Thousands are folded a second, so each is changed in place and written back once.
    """

    customer_id: int
    session_id: int
    nas_id: int
    package_id: int
    subscription_id: int | None
    state: str
    acct_session_id: str | None
    class_value: str
    calling_station_id: str
    called_station_id: str
    nas_port_id: str
    nas_ip: str | None
    framed_ip: str | None
    framed_ipv6: str
    started_at: datetime
    last_event_at: datetime
    last_received_at: datetime
    interim_interval_seconds: int
    ended_at: datetime | None = None
    terminate_cause: str | None = None
    session_seconds: int = 0
    input_octets: int = 0
    output_octets: int = 0
    charged: Decimal = ZERO
    billed: Decimal = ZERO
    counted_seconds: int = 0
    counted_octets: int = 0
    limit_seconds: int | None = None
    limit_octets: int | None = None
    cut_at: datetime | None = None
    cut_reason: str | None = None
    disconnect_requested_at: datetime | None = None
    # Accepted while the customer was suspended, into the suspended pool or list.
    is_restricted: bool = False
    # Its NAS was told the lower rates of those beyond fair use.
    is_reduced: bool = False
    # Octets a second between the last two reports; predicts when a quota ends.
    octets_per_second: float = 0.0
    # Whether the NAS was told its octet limit and keeps it itself.
    nas_limits_octets: bool = False

    @property
    def octets(self) -> int:
        """Return the octets of both directions, which is what is rated."""
        return self.input_octets + self.output_octets

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self.ended_at is None


def event_time(event: AcctEvent) -> datetime:
    """Return when the event happened: the NAS's word, unless its clock is absurd."""
    if event.event_epoch is None:
        return event.received_at
    try:
        told = datetime.fromtimestamp(event.event_epoch, UTC)
    except (OverflowError, ValueError, OSError):
        return event.received_at
    behind = event.received_at - told
    if behind < -_CLOCK_AHEAD_MAX or behind > _CLOCK_BEHIND_MAX:
        return event.received_at
    return told


def implied_start(event: AcctEvent) -> datetime:
    """Return when the session of this event must have begun."""
    return event_time(event) - timedelta(seconds=event.session_seconds or 0)


def began_with(session: AcctSession, event: AcctEvent) -> bool:
    """Tell whether an event's session began when this one did.

    Acct-Session-Id comes back: a NAS counts from the same value after each boot
    (RFC 2866 §5.5 only suggests a scheme), and pppd 2.4.9 repeats it within a second.
    What happens: a later session carries an earlier one's id. Effect: its usage would
    vanish in the old one's higher counters. We ask when the event's session began;
    what remains: an id reused within ten seconds of the old session's start.
    """
    return abs(implied_start(event) - session.started_at) <= START_SLACK


def could_go_on_with(session: AcctSession, event: AcctEvent) -> bool:
    """Tell whether an event may be a later word of this session, whatever clocks say.

    For a NAS whose clock was set in mid-session: the start it implies has moved.
    """
    is_open = session.is_running or session.terminate_cause in CONCLUDED_CAUSES
    seconds = event.session_seconds
    return is_open and (seconds is None or seconds >= session.session_seconds)


def without_absurdities(event: AcctEvent) -> AcctEvent:
    """Leave out numbers that no session reaches; what else the packet tells counts.

    No column could hold them, and nobody is to be charged for 136 years.
    """
    if (event.session_seconds or 0) > _SECONDS_MAX:
        event = event._replace(session_seconds=None)
    if (event.input_gigawords or 0) > _GIGAWORDS_MAX:
        event = event._replace(input_octets=None, input_gigawords=None)
    if (event.output_gigawords or 0) > _GIGAWORDS_MAX:
        event = event._replace(output_octets=None, output_gigawords=None)
    return event


def came_late_without_clock(session: AcctSession, event: AcctEvent) -> bool:
    """Tell whether an event may be an earlier word of this running session.

    For a NAS whose clock is absurd: a packet that comes late, from a spool or sent
    again, then implies a start after the true one. Taken for a session of its own it
    would be charged twice; what remains is an id used again while its session runs.
    """
    if not session.is_running or event_time(event) != event.received_at:
        return False
    seconds = event.session_seconds or 0
    return (
        seconds < session.session_seconds
        and implied_start(event) >= session.started_at - START_SLACK
    )


def grow_counter(
    known: int, octets: int | None, gigawords: int | None, *, is_older: bool
) -> int:
    """Return the 64-bit counter after a report; it never falls.

    RFC 2869 §5.1: total = Gigawords << 32 | Octets. A NAS that sends no Gigawords
    wraps at 4 GiB: a fall by half the range or more is a wrap, a smaller one a late
    packet. An older report of such a NAS says nothing that is not known.
    """
    if octets is None:
        return known
    if gigawords is not None:
        return max(known, gigawords * _WRAP + octets)
    if is_older:
        return known
    candidate = (known & ~_LOW_32) | octets
    if candidate >= known:
        return candidate
    return candidate + _WRAP if known - candidate >= _HALF else known


def fold_event(session: AcctSession, event: AcctEvent) -> None:
    """Fold one event into its session: counters, times, state and attributes."""
    at = event_time(event)
    _fold_counters(session, event, at)
    _fold_attributes(session, event)
    start = at - timedelta(seconds=event.session_seconds or 0)
    # The accept time stands in until the NAS speaks; then its earliest word counts.
    if session.state == "opening" or start < session.started_at:
        session.started_at = start
    _fold_state(session, event, at)
    if at > session.last_event_at:
        session.last_event_at = at
    if event.received_at > session.last_received_at:
        session.last_received_at = event.received_at


def _fold_counters(session: AcctSession, event: AcctEvent, at: datetime) -> None:
    seconds = event.session_seconds
    is_older = (
        seconds < session.session_seconds
        if seconds is not None
        else at < session.last_event_at
    )
    before = session.octets
    # A Stop of a session that lost its carrier may carry zeroes (accel-ppp#273); to a
    # NAS without Gigawords that would look like a wrap.
    if event.input_octets or event.output_octets or event.status_type != STOP:
        session.input_octets = grow_counter(
            session.input_octets,
            event.input_octets,
            event.input_gigawords,
            is_older=is_older,
        )
        session.output_octets = grow_counter(
            session.output_octets,
            event.output_octets,
            event.output_gigawords,
            is_older=is_older,
        )
    if seconds is not None and seconds > session.session_seconds:
        elapsed = seconds - session.session_seconds
        session.octets_per_second = (session.octets - before) / elapsed
        session.session_seconds = seconds


def _fold_attributes(session: AcctSession, event: AcctEvent) -> None:
    session.acct_session_id = event.acct_session_id
    session.nas_ip = event.nas_ip or session.nas_ip
    session.framed_ip = event.framed_ip or session.framed_ip
    session.framed_ipv6 = event.framed_ipv6 or session.framed_ipv6
    session.nas_port_id = event.nas_port_id or session.nas_port_id
    session.calling_station_id = session.calling_station_id or event.calling_station_id
    session.called_station_id = session.called_station_id or event.called_station_id


def _fold_state(session: AcctSession, event: AcctEvent, at: datetime) -> None:
    if event.status_type == STOP:
        if session.ended_at is None or session.terminate_cause in CONCLUDED_CAUSES:
            session.state = "ended"
            session.ended_at = at
            session.terminate_cause = event.terminate_cause or "Unknown"
    elif session.ended_at is None:
        session.state = "open"
    elif session.terminate_cause in CONCLUDED_CAUSES and at > session.ended_at:
        # It speaks, so it was not over; a Stop, though, is the NAS's own word.
        session.state = "open"
        session.ended_at = None
        session.terminate_cause = None
        session.disconnect_requested_at = None


def needs_history(session: AcctSession, events: Iterable[AcctEvent]) -> bool:
    """Tell whether these events can only be folded together with the earlier ones.

    Without Gigawords a late packet may be the one that shows a wrap between two
    others; taken alone it would be ignored, and 4 GiB with it.
    """
    return session.session_seconds > 0 and any(
        e.input_gigawords is None
        and e.input_octets is not None
        and e.session_seconds is not None
        and e.session_seconds < session.session_seconds
        for e in events
    )


def fold_history(session: AcctSession, events: Sequence[AcctEvent]) -> None:
    """Fold all events of a session again, in the order in which they happened."""
    session.session_seconds = 0
    session.input_octets = 0
    session.output_octets = 0
    for event in sorted(events, key=in_order):
        fold_event(session, event)


def in_order(event: AcctEvent) -> tuple[int, datetime, int, int]:
    """Sort key: session time first, since it needs no clock; a Stop comes last."""
    return (
        event.session_seconds if event.session_seconds is not None else 0,
        event_time(event),
        1 if event.status_type == STOP else 0,
        event.intake_id,
    )
