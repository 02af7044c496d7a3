"""The key with which one device logs in at hotspots without its password; pure.

The portal knows a customer by his cookie and not by his password, which it must give
to no page. So it gives the browser a key: as good as the password, but from one device
only and for as long as the router's own cookie of that device would be. See
docs/decisions/.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing_core.mac_addresses import parse_mac
from billing_core.passwords import open_password, seal_password

#: RouterOS keeps a device's cookie, and the key in it, for three days unless it is told
#: otherwise (http-cookie-lifetime, mac-cookie-timeout).
KEY_LASTS = timedelta(days=3)
_SECRET_OCTETS = 16


@dataclass(frozen=True, slots=True)
class HotspotKey:
    """What stands for the password, and for which device."""

    secret: str
    #: Its MAC address, in its one form.
    device: str
    until_epoch: int

    def is_good_for(self, station: str, now_epoch: float) -> bool:
        """Tell whether the device that a NAS names may use it now."""
        return now_epoch < self.until_epoch and parse_mac(station) == self.device


def new_key(device: str, now: datetime, before: HotspotKey | None) -> HotspotKey:
    """Make a key for a device; the one before goes on if it is still good for it.

    A router may have it in its cookie.
    """
    secret = secrets.token_urlsafe(_SECRET_OCTETS)
    if before is not None and before.is_good_for(device, now.timestamp()):
        secret = before.secret
    return HotspotKey(secret, device, int((now + KEY_LASTS).timestamp()))


def seal_key(secret_key: bytes, key: HotspotKey) -> bytes:
    """Seal a key as passwords are: CHAP needs it back."""
    return seal_password(secret_key, f"{key.until_epoch} {key.device} {key.secret}")


def open_key(secret_key: bytes, sealed: bytes) -> HotspotKey:
    """Give back a key that was sealed."""
    until, device, secret = open_password(secret_key, sealed).split(" ")
    return HotspotKey(secret, device, int(until))


def is_same(one: str, other: str) -> bool:
    """Compare two secrets in a time that tells nothing of them."""
    return hmac.compare_digest(one.encode(), other.encode())
