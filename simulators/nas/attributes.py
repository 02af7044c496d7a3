"""The attributes a MikroTik puts into its requests, and how replies are read back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyrad.packet import Packet

from radius_module.dictionary import add_attribute, raw_values
from simulators.nas.options import Flavour

Value = str | int | bytes
# Added to a request, replacing what it had under the name; None leaves it out.
Extra = Iterable[tuple[str, Value | None]]


@dataclass(frozen=True, slots=True)
class NasIdentity:
    """How a NAS names itself."""

    address: str
    identifier: str
    flavour: Flavour


@dataclass(frozen=True, slots=True)
class Line:
    """One customer's place on the NAS, known before the login."""

    username: str
    mac: str
    nas_port: int
    acct_session_id: str
    # The address a hotspot gave by DHCP before the login.
    host_ip: str | None


def nas_attributes(nas: NasIdentity) -> list[tuple[str, Value]]:
    """List what identifies the NAS in every request."""
    return [("NAS-Identifier", nas.identifier), ("NAS-IP-Address", nas.address)]


def line_attributes(nas: NasIdentity, line: Line) -> list[tuple[str, Value]]:
    """List what a MikroTik says about a customer's line, login and accounting alike."""
    station = line.mac
    if nas.flavour is Flavour.DHCP:
        station = client_identifier(line.mac)
    attributes: list[tuple[str, Value]] = [
        ("User-Name", line.username),
        ("NAS-Port", line.nas_port),
        ("Calling-Station-Id", station),
    ]
    if nas.flavour is Flavour.PPPOE:
        attributes += [
            ("Service-Type", "Framed-User"),
            ("Framed-Protocol", "PPP"),
            ("NAS-Port-Type", "Ethernet"),
            ("NAS-Port-Id", "ether2"),
            ("Called-Station-Id", "pppoe-service"),
        ]
    elif nas.flavour is Flavour.DHCP:
        attributes += [
            ("NAS-Port-Type", "Ethernet"),
            ("Called-Station-Id", "dhcp1"),
        ]
    else:
        attributes += [
            ("NAS-Port-Type", "Wireless-802.11"),
            ("NAS-Port-Id", "bridge-hotspot"),
            ("Called-Station-Id", "hotspot1"),
        ]
        if line.host_ip is not None:
            attributes += [("Mikrotik-Host-IP", line.host_ip)]
    return attributes + nas_attributes(nas)


def client_identifier(mac: str) -> str:
    """Write a device as RouterOS's DHCP server does: 1:2:0:5e:10:0:1.

    Hardware type 1 (RFC 2132 section 9.14), then octets without leading zeros.
    """
    return "1:" + ":".join(f"{int(octet, 16):x}" for octet in mac.split(":"))


def with_extra(
    attributes: list[tuple[str, Value]], extra: Extra
) -> list[tuple[str, Value]]:
    """Return the attributes with the given names replaced, added or left out."""
    wanted = list(extra)
    replaced = {name for name, _ in wanted}
    kept = [(name, value) for name, value in attributes if name not in replaced]
    return kept + [(name, value) for name, value in wanted if value is not None]


def fill(packet: Packet, attributes: Iterable[tuple[str, Value]]) -> None:
    """Put attributes into a packet."""
    for name, value in attributes:
        add_attribute(packet, name, value)


def read_attributes(packet: Packet) -> Mapping[str, tuple[Value, ...]]:
    """Return what a packet holds, by dictionary name; unreadable values stay bytes."""
    found: dict[str, tuple[Value, ...]] = {}
    for key in packet.keys():  # noqa: SIM118 - pyrad names the attributes only here
        if not isinstance(key, str):
            found[f"Attr-{key}"] = tuple(packet[key])
            continue
        try:
            found[key] = tuple(packet[key])
        except ValueError:
            found[key] = tuple(raw_values(packet, key))
    return found
