"""RADIUS packets by hand: right ones, and ones that no NAS software would make."""

import hashlib
import hmac
import os
import socket
import struct

MESSAGE_AUTHENTICATOR = 80
ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT = 1, 2, 3
ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE = 4, 5
STATUS_SERVER = 12


def attribute(code: int, value: bytes, *, length: int | None = None) -> bytes:
    """Write an attribute; its length octet may lie."""
    told = len(value) + 2 if length is None else length
    return bytes((code & 255, told & 255)) + value


def access_request(secret: bytes, attributes: bytes, *, signed: bool = True) -> bytes:
    """Write an Access-Request, with a right Message-Authenticator if asked to."""
    authenticator = os.urandom(16)
    if signed:
        attributes += attribute(MESSAGE_AUTHENTICATOR, bytes(16))
    packet = _header(ACCESS_REQUEST, attributes) + authenticator + attributes
    if not signed:
        return packet
    return packet[:-16] + hmac.digest(secret, packet, "md5")


def accounting_request(secret: bytes, attributes: bytes) -> bytes:
    """Write an Accounting-Request with a right authenticator (RFC 2866 §3)."""
    header = _header(ACCOUNTING_REQUEST, attributes)
    return header + md5(header + bytes(16) + attributes + secret) + attributes


def hidden(secret: bytes, authenticator: bytes, password: bytes) -> bytes:
    """Hide a password as RFC 2865 §5.2 does."""
    padded = password.ljust(max(-(-len(password) // 16), 1) * 16, b"\0")
    found, before = b"", authenticator
    for start in range(0, len(padded), 16):
        key = md5(secret + before)
        block = padded[start : start + 16]
        before = bytes(a ^ b for a, b in zip(key, block, strict=True))
        found += before
    return found


def is_signed(answer: bytes, request: bytes, secret: bytes) -> bool:
    """Tell whether both authenticators of an answer are right."""
    length = struct.unpack("!H", answer[2:4])[0]
    expected = md5(answer[:4] + request[4:20] + answer[20:] + secret)
    if length != len(answer) or answer[4:20] != expected:
        return False
    for code, start, end in attributes_of(answer):
        if code == MESSAGE_AUTHENTICATOR:
            asked = answer[:4] + request[4:20] + answer[20:start]
            zeroed = asked + bytes(16) + answer[end:]
            return answer[start:end] == hmac.digest(secret, zeroed, "md5")
    return answer[0] == ACCOUNTING_RESPONSE


def attributes_of(packet: bytes) -> list[tuple[int, int, int]]:
    """Return code, start and end of the value of each attribute of a sound packet."""
    found, place = [], 20
    while place < len(packet):
        end = place + packet[place + 1]
        found.append((packet[place], place + 2, end))
        place = end
    return found


def exchange(
    source: str, port: int, packet: bytes, *, tries: int = 10, seconds: float = 0.5
) -> bytes | None:
    """Send a packet until it is answered, as a NAS does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        sock.connect(("127.0.0.1", port))
        sock.settimeout(seconds)
        for _ in range(tries):
            sock.send(packet)
            try:
                return sock.recv(4096)
            except TimeoutError:
                continue
    return None


def md5(octets: bytes) -> bytes:
    """Digest as RADIUS does."""
    return hashlib.md5(octets, usedforsecurity=False).digest()


def _header(code: int, attributes: bytes) -> bytes:
    return struct.pack("!BBH", code, os.urandom(1)[0], 20 + len(attributes))
