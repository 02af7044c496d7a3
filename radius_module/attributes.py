"""Read the attributes of a request, once, into what a decision needs; pure."""

import re
from collections.abc import Sequence

from billing_core.decisions import AccessRequest

Pairs = Sequence[tuple[str, str]]

# A hotspot page can send any attribute twice (radius.md §5), and a dict keeps the last.
# FreeRADIUS's own policy refuses these before Python is asked; this is the second lock.
_ONLY_ONCE = frozenset(("User-Name", "Calling-Station-Id", "Khata-Nas-Id"))

# RFC 3580 §3.20 writes 00-10-A4-23-19-C0, MikroTik 00:10:A4:23:19:C0, Cisco
# 0010.a423.19c0, others twelve bare digits; some append ":SSID" or a port to it, which
# makes it no MAC.
_MAC = re.compile(
    r"(?:[0-9A-Fa-f]{2}([-:])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{4}([.-])[0-9A-Fa-f]{4}\2[0-9A-Fa-f]{4}"
    r"|[0-9A-Fa-f]{12})"
)


class MalformedRequestError(ValueError):
    """The request cannot be decided on, whoever sent it."""


def parse_access_request(pairs: Pairs) -> AccessRequest:
    """Read an Access-Request."""
    attributes = dict(pairs)
    if len(attributes) != len(pairs):
        _refuse_repeated(pairs)
    username = attributes.get("User-Name")
    if not username:
        raise MalformedRequestError("there is no User-Name")
    calling_station_id = attributes.get("Calling-Station-Id", "")
    return AccessRequest(
        username,
        _nas_id(attributes.get("Khata-Nas-Id", "")),
        calling_station_id,
        parse_mac(calling_station_id),
    )


def parse_mac(text: str) -> str | None:
    """Give a MAC address in its one form, 02:00:5E:10:00:01; None when it is none."""
    if not _MAC.fullmatch(text):
        return None
    if len(text) == 17 and text[2] == ":":
        return text.upper()
    digits = text.replace("-", "").replace(":", "").replace(".", "").upper()
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))


def _nas_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise MalformedRequestError("there is no Khata-Nas-Id")
    return int(text)


def _refuse_repeated(pairs: Pairs) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen and name in _ONLY_ONCE:
            raise MalformedRequestError(f"{name} is there twice")
        seen.add(name)
