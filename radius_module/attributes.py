"""Read the attributes of a request, once, into what a decision needs; pure."""

from collections.abc import Sequence

from billing_core.decisions import AccessRequest

Pairs = Sequence[tuple[str, str]]

# A hotspot page can send any attribute twice (radius.md §5), and a dict keeps the last.
# FreeRADIUS's own policy refuses these before Python is asked; this is the second lock.
_ONLY_ONCE = frozenset(("User-Name", "Calling-Station-Id", "Khata-Nas-Id"))
_NAS_ID_DIGITS_MAX = 18  # of a bigint


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
    nas_id = attributes.get("Khata-Nas-Id", "")
    if not (nas_id.isdecimal() and nas_id.isascii()):
        raise MalformedRequestError("there is no Khata-Nas-Id")
    if len(nas_id) > _NAS_ID_DIGITS_MAX:
        raise MalformedRequestError("Khata-Nas-Id is no bigint")
    return AccessRequest(username, nas_id, attributes.get("Calling-Station-Id", ""))


def _refuse_repeated(pairs: Pairs) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen and name in _ONLY_ONCE:
            raise MalformedRequestError(f"{name} is there twice")
        seen.add(name)
