"""Make up the devices, ports and addresses of a NAS's customers."""

from typing import Final

from simulators.nas.attributes import Line, NasIdentity
from simulators.nas.options import Flavour

# RouterOS begins an Acct-Session-Id with two characters that name the service, then
# counts boots and sessions, so that none comes twice.
_SERVICE: Final = {Flavour.PPPOE: "81", Flavour.HOTSPOT: "80", Flavour.DHCP: "83"}


def new_line(
    nas: NasIdentity, boot: int, number: int, username: str, mac: str | None
) -> Line:
    """Make the line of the NAS's nth login since it was made."""
    if mac is None:
        # The last octets of the NAS's address keep the devices of two NAS apart.
        octets = bytes(map(int, nas.address.split(".")))[2:] + number.to_bytes(3)
        mac = "02:" + octets.hex(":")
    is_hotspot = nas.flavour is Flavour.HOTSPOT
    return Line(
        username=username,
        # RouterOS writes a MAC address so.
        mac=mac.upper().replace("-", ":"),
        nas_port=number,
        acct_session_id=f"{_SERVICE[nas.flavour]}{boot & 0xFFF:03x}{number:05x}",
        host_ip=_address(64, number) if is_hotspot else None,
    )


def pool_address(line: Line) -> str:
    """Give a line an address of the NAS's own pool."""
    return _address(128, line.nas_port)


def _address(second_octet: int, number: int) -> str:
    high, low = divmod(number, 256)
    return f"10.{second_octet + high // 256}.{high % 256}.{low}"
