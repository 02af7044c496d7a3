"""Where a visitor comes from, as tries are counted; pure."""

from ipaddress import IPv4Address, ip_address, ip_network


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
