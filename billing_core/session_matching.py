"""Which session an accounting packet belongs to; pure."""

from collections.abc import Iterable

from billing_core.accounting import AcctEvent, AcctSession, is_same_session

_CLASS_DIGITS_MAX = 13  # 36**13 > 2**63


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
        return int(digits, 36)
    except ValueError:
        return 0


def find_session(
    sessions: Iterable[AcctSession], event: AcctEvent
) -> AcctSession | None:
    """Return the session of this customer that an event belongs to, or None.

    1. by our Class, unless that login's session already has another Acct-Session-Id
    2. by NAS and Acct-Session-Id, if it is not a reuse of an old id
    3. for a NAS that returns no Class: the accepted login of that device which has not
       spoken yet
    """
    session_id = session_id_of_class(event.class_value)
    on_nas = [s for s in sessions if s.nas_id == event.nas_id]
    for session in on_nas:
        if session.session_id == session_id and session.acct_session_id in (
            None,
            "",
            event.acct_session_id,
        ):
            return session
    same_id = [
        s
        for s in on_nas
        if s.acct_session_id == event.acct_session_id
        and (session_id == 0 or session_id_of_class(s.class_value) in (0, session_id))
        and is_same_session(s, event)
    ]
    if same_id:
        return max(same_id, key=lambda s: (s.is_running, s.started_at))
    if session_id:
        return None
    return next((s for s in on_nas if _awaits(s, event)), None)


def _awaits(session: AcctSession, event: AcctEvent) -> bool:
    return (
        session.state == "opening"
        and session.acct_session_id in (None, "", event.acct_session_id)
        and session.calling_station_id in ("", event.calling_station_id)
    )
