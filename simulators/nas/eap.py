"""The peer's side of EAP-MD5 (RFC 3748), carried in EAP-Message (RFC 3579)."""

import hashlib
import struct
from dataclasses import dataclass
from typing import Final

REQUEST: Final = 1
RESPONSE: Final = 2
SUCCESS: Final = 3
FAILURE: Final = 4

IDENTITY: Final = 1
NAK: Final = 3
MD5_CHALLENGE: Final = 4

_CHUNK_OCTETS: Final = 253  # the longest value of a RADIUS attribute


@dataclass(frozen=True, slots=True)
class EapPacket:
    """An EAP packet; `kind` is None for Success and Failure."""

    code: int
    identifier: int
    kind: int | None = None
    data: bytes = b""


def encode(packet: EapPacket) -> list[bytes]:
    """Write the packet as the values of the EAP-Message attributes it needs."""
    body = b"" if packet.kind is None else bytes((packet.kind,)) + packet.data
    octets = struct.pack("!BBH", packet.code, packet.identifier, 4 + len(body)) + body
    return [octets[i : i + _CHUNK_OCTETS] for i in range(0, len(octets), _CHUNK_OCTETS)]


def decode(values: list[bytes]) -> EapPacket | None:
    """Read the packet from its EAP-Message attributes; None when it makes no sense."""
    octets = b"".join(values)
    if len(octets) < 4:
        return None
    code, identifier, length = struct.unpack("!BBH", octets[:4])
    if length < 4 or length > len(octets):
        return None
    if length == 4:
        return EapPacket(code, identifier)
    return EapPacket(code, identifier, octets[4], octets[5:length])


def identity(username: str) -> EapPacket:
    """Make the response by which a peer begins."""
    return EapPacket(RESPONSE, 0, IDENTITY, username.encode())


def respond(request: EapPacket, password: str) -> EapPacket | None:
    """Answer an MD5 challenge, or ask for one when another method is offered."""
    if request.code != REQUEST:
        return None
    if request.kind != MD5_CHALLENGE:
        return EapPacket(RESPONSE, request.identifier, NAK, bytes((MD5_CHALLENGE,)))
    if not request.data or len(request.data) < 1 + request.data[0]:
        return None
    challenge = request.data[1 : 1 + request.data[0]]
    digest = hashlib.md5(
        bytes((request.identifier,)) + password.encode() + challenge,
        usedforsecurity=False,
    ).digest()
    value = bytes((len(digest),)) + digest
    return EapPacket(RESPONSE, request.identifier, MD5_CHALLENGE, value)
