"""Tell which of two secrets a login was made with: the password, or a key; pure.

FreeRADIUS compares with one secret. So that it is given the right one, the proof is
looked at here, for the few customers who have a key; it is checked there all the same.
"""

import hashlib
from collections.abc import Mapping

from billing_core.hotspot_keys import HotspotKey, is_same

_CHAP_OCTETS = 17


def is_by_key(key: HotspotKey, attributes: Mapping[str, str], now_epoch: float) -> bool:
    """Tell whether a request is from the key's device and proves the key."""
    if not key.is_good_for(attributes.get("Calling-Station-Id", ""), now_epoch):
        return False
    typed = attributes.get("User-Password")
    if typed is not None:
        return is_same(typed, key.secret)
    chap = _octets(attributes.get("CHAP-Password", ""))
    # Without the attribute the challenge is the packet's authenticator (RFC 2865 §5.3),
    # which Python is not told; RouterOS' hotspot always sends it.
    challenge = _octets(attributes.get("CHAP-Challenge", ""))
    if len(chap) != _CHAP_OCTETS or not challenge:
        return False
    answer = hashlib.md5(  # noqa: S324 - RFC 2865 §5.3
        chap[:1] + key.secret.encode() + challenge
    )
    return is_same(answer.hexdigest(), chap[1:].hex())


def _octets(text: str) -> bytes:
    """Read octets as FreeRADIUS prints them, 0x6b31…; b'' when it is none."""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return b""
