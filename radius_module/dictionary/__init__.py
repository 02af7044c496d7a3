"""The RADIUS attributes Khata speaks, as a pyrad dictionary of our own.

FreeRADIUS's full dictionary does not load into pyrad, and needs the server
installed where only the client runs; this one holds what we send and read.
"""

from functools import cache
from importlib.resources import files

from pyrad.dictionary import Dictionary
from pyrad.packet import Packet


@cache
def radius_dictionary() -> Dictionary:
    """Load the dictionary once a process and share it; it is only ever read."""
    return Dictionary(str(files(__name__) / "dictionary"))


def add_attribute(packet: Packet, name: str, value: str | int | bytes) -> None:
    """Append an attribute by its dictionary name; bytes go out exactly as given."""
    if not isinstance(value, bytes):
        packet.AddAttribute(name, value)
        return
    # pyrad reads octets that begin with "0x" as hexadecimal text. A Class or a
    # CHAP-Password may begin so by chance and would leave changed, so bytes
    # bypass its encoder.
    attribute = packet.dict.attributes[name]
    key: int | tuple[int, int] = attribute.code
    if attribute.vendor:
        key = (packet.dict.vendors.GetForward(attribute.vendor), attribute.code)
    packet.setdefault(key, []).append(value)


def raw_values(packet: Packet, name: str) -> list[bytes]:
    """Return an attribute's values as they stood on the wire."""
    attribute = packet.dict.attributes[name]
    key: int | tuple[int, int] = attribute.code
    if attribute.vendor:
        key = (packet.dict.vendors.GetForward(attribute.vendor), attribute.code)
    values: list[bytes] = packet.get(key, [])
    return values
