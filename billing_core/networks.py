"""Addresses: whose they can be, and where a visitor comes from; pure."""

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network

# RFC 2865 §5.8: 255.255.255.254 and .255 mean "any"; RouterOS takes all of 127/8 and
# 224/3 for "use your own pool" (radius.md §3.1).
_NOBODYS = tuple(map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3")))


def network_of(address: str) -> str:
    """Write an address; of IPv6 its /64, all of which one customer may use.

    RFC 6177 §2: a site is given a /64 at least, so that each try could come from an
    address of its own. ValueError: it is none.
    """
    found = ip_address(address)
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ip_network((int(found), 64), strict=False))


def static_address(text: str) -> str | None:
    """Give an address that a customer may have for himself; None when it is none.

    The database has the same rule (customer_framed_ip_is_a_host).
    """
    try:
        found = IPv4Address(text)
    except ValueError:
        return None
    return None if any(found in network for network in _NOBODYS) else str(found)
