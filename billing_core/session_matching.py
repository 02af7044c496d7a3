"""Which session an accounting packet belongs to; pure."""

from collections.abc import Sequence
from datetime import timedelta

from billing_core.accounting import (
    START_SLACK,
    AcctEvent,
    AcctSession,
    began_with,
    came_late_without_clock,
    could_go_on_with,
    implied_start,
)

_CLASS_DIGITS_MAX = 13  # 36**13 > 2**63
_SESSION_ID_MAX = 2**63 - 1


def session_id_of_class(class_value: str) -> int:
    """Return the session id in our Class cookie, or 0 for anybody else's.

    The cookie is `k<customer>.<session>` in base 36: at most 16 octets for realistic
    ids, since many NAS keep no more of a Class than that.
    """
    if not class_value.startswith("k"):
        return 0
    _, dot, digits = class_value.partition(".")
    if not dot or not digits.isalnum() or len(digits) > _CLASS_DIGITS_MAX:
        return 0
    try:
        session_id = int(digits, 36)
    except ValueError:
        return 0
    # Another server's Class may look like ours; no column could hold this number.
    return session_id if session_id <= _SESSION_ID_MAX else 0


def find_session(
    sessions: Sequence[AcctSession], event: AcctEvent, *, loosely: bool
) -> AcctSession | None:
    """Return the session of this customer that an event belongs to, or None.

    1. by our Class, unless that login's session already has another Acct-Session-Id
    2. by NAS, Acct-Session-Id and the moment the session began

    And loosely, once no other is known to fit, ended ones included:

    3. for a NAS that returns no Class: the accepted login of that device which has not
       spoken yet. The Stop of the session that this login replaced comes about now, too
    4. by NAS and Acct-Session-Id alone
    """
    session_id = session_id_of_class(event.class_value)
    on_nas = [s for s in sessions if s.nas_id == event.nas_id]
    for session in on_nas:
        if session.session_id == session_id and _is_free_for(session, event):
            return session
    same_id = [s for s in on_nas if _has_id(s, event, session_id)]
    began = [s for s in same_id if began_with(s, event)]
    if began:
        start = implied_start(event)
        return min(began, key=lambda s: abs(s.started_at - start))
    if not loosely:
        return None
    if not session_id:
        for session in on_nas:
            if _awaits(session, event):
                return session
    later = [
        s
        for s in same_id
        if could_go_on_with(s, event) or came_late_without_clock(s, event)
    ]
    return max(later, key=lambda s: s.started_at, default=None)


def _has_id(session: AcctSession, event: AcctEvent, session_id: int) -> bool:
    """Tell whether Acct-Session-Id matches, and no Class speaks against it."""
    if session.acct_session_id != event.acct_session_id:
        return False
    known = session_id_of_class(session.class_value)
    return session_id == 0 or known in (0, session_id)


def _is_free_for(session: AcctSession, event: AcctEvent) -> bool:
    return session.acct_session_id in (None, "", event.acct_session_id)


def _awaits(session: AcctSession, event: AcctEvent) -> bool:
    return (
        session.state == "opening"
        and _is_free_for(session, event)
        and session.calling_station_id in ("", event.calling_station_id)
        # By our clock, since it was by ours that the login was accepted.
        and event.received_at - timedelta(seconds=event.session_seconds or 0)
        >= session.started_at - START_SLACK
    )
