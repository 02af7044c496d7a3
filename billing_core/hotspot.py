"""Lead a browser back to the login page of a hotspot, and to no other; pure.

RouterOS' login servlet takes `username` and `password`; where the hotspot speaks
HTTP-CHAP the latter is MD5(chap-id + password + chap-challenge) in hex, and both of
these stand in its pages as JavaScript writes bytes: \\371, octal (MikroTik, Hotspot
customisation). A digest is good for one login at that hotspot, so it may stand in an
address, where a password may not.
"""

import hashlib
import ipaddress
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from billing_core.errors import BillingError

PLAIN_NAMES = ("hotspot_hosts",)
Find = Callable[[str], tuple[str, str] | None]

_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_BYTE = re.compile(r"\\([0-3][0-7]{2})|([^\\])", re.DOTALL)
_LOGIN_PATH = "/login"
_CHALLENGE_MAX = 200
#: By which docs/hotspot/login.html knows a key.
_KEY_MARK = "khata"


class HotspotSettingError(BillingError):
    """KHATA_HOTSPOT_HOSTS is wrong."""


@dataclass(frozen=True, slots=True)
class HotspotHosts:
    """Where login pages of the provider's hotspots stand."""

    names: frozenset[str] = frozenset()
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()


NO_HOSTS = HotspotHosts()


def read_hotspot_hosts(find: Find) -> HotspotHosts:
    """Read KHATA_HOTSPOT_HOSTS: names, addresses and networks, separated by commas."""
    found = find("hotspot_hosts")
    if found is None:
        return NO_HOSTS
    names, networks = set(), []
    for word in filter(None, (w.strip().lower() for w in found[0].split(","))):
        try:
            networks.append(ipaddress.ip_network(word))
        except ValueError:
            if not _NAME.fullmatch(word) or word.replace(".", "").isdigit():
                raise HotspotSettingError(
                    f"{found[1]}: {word} is no host name, address or network."
                ) from None
            names.add(word)
    return HotspotHosts(frozenset(names), tuple(networks))


def login_address(
    told: str, hosts: HotspotHosts, nas_addresses: Collection[str]
) -> str | None:
    """Return the login page that a browser says it came from, if it is one of ours.

    The browser may say anything: a page that led wherever it is told would lend the
    provider's name to whoever fishes for passwords.
    """
    if len(told) > 300 or not told.isascii() or re.search(r"[\s\\@]", told):
        return None
    try:
        parts = urlsplit(told)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    is_login = parts.path == _LOGIN_PATH and not parts.query and not parts.fragment
    if parts.scheme not in ("http", "https") or not is_login:
        return None
    if not _is_ours(host, hosts, nas_addresses):
        return None
    shown = f"[{host}]" if ":" in host else host
    place = shown if port is None else f"{shown}:{port}"
    return f"{parts.scheme}://{place}{_LOGIN_PATH}"


def log_in_link(
    page: str, username: str, password: str, chap_id: str, challenge: str
) -> str | None:
    """Return the address that logs in at a hotspot; None = it gave no challenge."""
    key, question = _bytes_of(chap_id), _bytes_of(challenge)
    if not key or not question:
        return None
    answer = hashlib.md5(  # noqa: S324 - RouterOS' protocol, not our choice
        key + password.encode("utf-8") + question
    ).hexdigest()
    return f"{page}?{urlencode({'username': username, 'password': answer})}"


def key_links(
    page: str, username: str, key: str, chap_id: str, challenge: str
) -> tuple[str, str]:
    """Return two addresses that log in with a device's key: (with scripts, without).

    With scripts our page on the router takes the key from behind the #, which goes to
    no server, and answers the challenge of that moment: RouterOS has forgotten the one
    that the browser was shown before it paid, if it showed another since. Without, that
    old one has to do; and where the hotspot gave none it takes the key as it is.
    """
    told = f"#{_KEY_MARK}={quote(username, safe='')}&{key}"
    by_hand = log_in_link(page, username, key, chap_id, challenge)
    if by_hand is None and not chap_id:
        by_hand = f"{page}?{urlencode({'username': username, 'password': key})}"
    return page + told, (by_hand or page) + told


def _is_ours(host: str, hosts: HotspotHosts, nas_addresses: Collection[str]) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in hosts.names
    return str(address) in nas_addresses or any(
        address.version == network.version and address in network
        for network in hosts.networks
    )


def _bytes_of(text: str) -> bytes:
    """Read bytes as RouterOS writes them into its pages; b'' = that is none."""
    if len(text) > _CHALLENGE_MAX:
        return b""
    octets, end = bytearray(), 0
    for found in _BYTE.finditer(text):
        if found.start() != end:
            return b""
        end = found.end()
        octets.append(int(found[1], 8) if found[1] else ord(found[2]) & 0xFF)
    return bytes(octets) if end == len(text) else b""
