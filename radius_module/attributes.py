"""Read the attributes of a request, once, into what a decision needs; pure."""

from collections.abc import Mapping, Sequence

from billing_core.access import AccessRequest
from billing_core.mac_addresses import parse_mac

Pairs = Sequence[tuple[str, str]]

# A hotspot page can send any attribute twice (radius.md §5), and a dict keeps the last.
# FreeRADIUS's own policy refuses these before Python is asked; this is the second lock.
_ONLY_ONCE = frozenset(("User-Name", "Calling-Station-Id", "Khata-Nas-Id"))
_NAS_ID_DIGITS_MAX = 18  # of a bigint
# With any of these somebody proves who he is.
_PROOFS = frozenset(
    ("CHAP-Password", "MS-CHAP-Response", "MS-CHAP2-Response", "EAP-Message")
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
    nas_id = attributes.get("Khata-Nas-Id", "")
    if not (nas_id.isdecimal() and nas_id.isascii()):
        raise MalformedRequestError("there is no Khata-Nas-Id")
    if len(nas_id) > _NAS_ID_DIGITS_MAX:
        raise MalformedRequestError("Khata-Nas-Id is no bigint")
    station = attributes.get("Calling-Station-Id", "")
    if attributes.get("User-Password", "") in ("", username):
        device = _device_asked_about(attributes, username, station)
        if device is not None:
            return AccessRequest(device, nas_id, station, is_of_device=True)
    return AccessRequest(username, nas_id, station)


def _device_asked_about(
    attributes: Mapping[str, str], username: str, station: str
) -> str | None:
    """Tell whose MAC address a DHCP server asks about; None when it is another login.

    RouterOS sends the MAC address as User-Name, no password, an empty one or the MAC
    address again (radius-password), and the device as Calling-Station-Id. The latter
    is what no customer can choose at PPPoE or a hotspot: it must say the same.
    """
    if not _PROOFS.isdisjoint(attributes) or "Framed-Protocol" in attributes:
        return None
    device = parse_mac(username)
    return device if device is not None and device == parse_mac(station) else None


def _refuse_repeated(pairs: Pairs) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen and name in _ONLY_ONCE:
            raise MalformedRequestError(f"{name} is there twice")
        seen.add(name)
