"""MAC addresses, in the one form that they are kept and compared in; pure."""

import re

# RFC 3580 §3.21 writes 00-10-A4-23-19-C0, MikroTik 00:10:A4:23:19:C0, Cisco
# 0010.a423.19c0, others twelve bare digits. With more behind it (":SSID") it is none.
_MAC = re.compile(
    r"(?:[0-9A-Fa-f]{2}([-:])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{4}([.-])[0-9A-Fa-f]{4}\2[0-9A-Fa-f]{4}"
    r"|[0-9A-Fa-f]{12})"
)
# RouterOS's DHCP server tells a device as its DHCP client identifier (RFC 2132 §9.14):
# hardware type 1, Ethernet, then the address, each octet without its leading zero:
# 1:2:0:5e:10:0:1.
_CLIENT_IDENTIFIER = re.compile(r"0?1((?::[0-9A-Fa-f]{1,2}){6})")


def parse_mac(text: str) -> str | None:
    """Give a MAC address in its one form, 02:00:5E:10:00:01; None when it is none."""
    if not _MAC.fullmatch(text):
        identifier = _CLIENT_IDENTIFIER.fullmatch(text)
        if identifier is None:
            return None
        return ":".join(f"{o:0>2}" for o in identifier[1][1:].upper().split(":"))
    if text[2] == ":" and text == text.upper():
        # Most NAS write it so, and this runs for each login.
        return text
    digits = text.replace("-", "").replace(":", "").replace(".", "").upper()
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))


def normalise_station(text: str) -> str:
    """Give a station its one spelling, so that one device is told as one.

    What is no MAC address stays as it is; normalise_station() of the database agrees.
    """
    if len(text) == 17 and text[2] == ":" and text == text.upper():
        # Most NAS write it so, and this runs for each login and packet.
        return text
    return parse_mac(text) or text
