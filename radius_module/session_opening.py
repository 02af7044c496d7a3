"""Open the sessions of logins that were granted, those of one moment in one commit.

Only while logins call side by side (parallel.py): a thread waits here for a commit.
What is not plain, or not open in time, FreeRADIUS opens by itself with open_session(),
which knows a session that it finds open as the same.
"""

import time
from collections.abc import Mapping
from types import MappingProxyType

from billing_core.mac_addresses import normalise_station
from radius_module.connecting import Purpose
from radius_module.grants import may_be_plain
from radius_module.line import Line

# A commit takes a few milliseconds. Who is not open by then is asked about again.
DEADLINE_SECONDS = 0.3

OPENING = Purpose(
    "khata radius opening",
    MappingProxyType(
        {
            "open_plain_sessions": (
                "session_ids",
                "grants",
                "stations",
                "called",
                "ports",
                "acct_session_ids",
            )
        }
    ),
    is_durable=True,
)


def open_plain_session(line: Line, request: Mapping[str, str]) -> bool:
    """Open what Khata-Grant of a request grants; tell whether it is open, durably.

    Raises DatabaseAwayError (then it may be open or not), or QuestionRefusedError.
    """
    grant = request["Khata-Grant"]
    if not may_be_plain(grant):
        return False
    started = time.monotonic()
    row = line.ask(
        b"open_plain_sessions",
        (
            grant.split(" ", 2)[1].encode(),
            grant.encode(),
            normalise_station(request.get("Calling-Station-Id", "")).encode(),
            request.get("Called-Station-Id", "").encode(),
            request.get("NAS-Port-Id", "").encode(),
            request.get("Acct-Session-Id", "").encode(),
        ),
        started,
        started + DEADLINE_SECONDS,
    )
    return row is not None
