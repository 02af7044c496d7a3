"""Judge a CoA or Disconnect request as a MikroTik would (RFC 5176, radius facts of it).

Pure: what the request says, who the NAS is and which sessions it has, in; what to
answer and to whom it applies, out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from simulators.nas.attributes import NasIdentity, Value
from simulators.nas.session import NasSession

Kind = Literal["disconnect", "coa"]
Attributes = Mapping[str, tuple[Value, ...]]

UNSUPPORTED_ATTRIBUTE: Final = 401
MISSING_ATTRIBUTE: Final = 402
NAS_IDENTIFICATION_MISMATCH: Final = 403
SESSION_CONTEXT_NOT_FOUND: Final = 503

# What tells a session from others (RFC 5176 section 3), read off the session.
_SESSION_IDENTIFICATION: Final[dict[str, Callable[[NasSession], Value]]] = {
    "Acct-Session-Id": lambda session: session.acct_session_id,
    "User-Name": lambda session: session.username,
    "Framed-IP-Address": lambda session: session.framed_ip,
    "Calling-Station-Id": lambda session: session.mac,
    "NAS-Port": lambda session: session.line.nas_port,
}
_NAS_IDENTIFICATION: Final[dict[str, Callable[[NasIdentity], Value]]] = {
    "NAS-IP-Address": lambda nas: nas.address,
    "NAS-Identifier": lambda nas: nas.identifier,
}
_NEUTRAL: Final = frozenset(
    ("Event-Timestamp", "Message-Authenticator", "Proxy-State", "Reply-Message")
)
# What RouterOS documents as changeable, and the address list.
_CHANGEABLE: Final = frozenset(
    (
        "Session-Timeout",
        "Idle-Timeout",
        "Port-Limit",
        "Filter-Id",
        "Mikrotik-Group",
        "Mikrotik-Rate-Limit",
        "Mikrotik-Mark-Id",
        "Mikrotik-Recv-Limit",
        "Mikrotik-Recv-Limit-Gigawords",
        "Mikrotik-Xmit-Limit",
        "Mikrotik-Xmit-Limit-Gigawords",
        "Mikrotik-Total-Limit",
        "Mikrotik-Total-Limit-Gigawords",
        "Mikrotik-Advertise-URL",
        "Mikrotik-Advertise-Interval",
        "Mikrotik-Address-List",
    )
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to answer (no cause: ACK), and the sessions it is about."""

    error_cause: int | None
    sessions: tuple[NasSession, ...] = ()


def judge(
    kind: Kind,
    attributes: Attributes,
    nas: NasIdentity,
    sessions: Sequence[NasSession],
) -> Verdict:
    """Decide on a request; it acts on every session that fits all it says."""
    for name, of_nas in _NAS_IDENTIFICATION.items():
        if name in attributes and attributes[name] != (of_nas(nas),):
            return Verdict(NAS_IDENTIFICATION_MISMATCH)
    understood = _NEUTRAL | set(_NAS_IDENTIFICATION) | set(_SESSION_IDENTIFICATION)
    if kind == "coa":
        understood |= _CHANGEABLE
    if not understood.issuperset(attributes):
        return Verdict(UNSUPPORTED_ATTRIBUTE)
    asked = [name for name in _SESSION_IDENTIFICATION if name in attributes]
    if not asked:
        return Verdict(MISSING_ATTRIBUTE)
    matching = tuple(
        session
        for session in sessions
        if all(
            attributes[name] == (_SESSION_IDENTIFICATION[name](session),)
            for name in asked
        )
    )
    if not matching:
        return Verdict(SESSION_CONTEXT_NOT_FOUND)
    return Verdict(None, matching)
