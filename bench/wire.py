"""Write and read the few RADIUS packets that must be stamped to the microsecond.

radclient starts anew for each file and cannot say when an answer came.
"""

import hashlib
import struct
from collections.abc import Iterable

ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE = 4, 5
DISCONNECT_REQUEST, DISCONNECT_ACK = 40, 41

USER_NAME, NAS_IP_ADDRESS, FRAMED_IP_ADDRESS, CLASS = 1, 4, 8, 25
CALLING_STATION_ID = 31
ACCT_STATUS_TYPE, ACCT_INPUT_OCTETS, ACCT_OUTPUT_OCTETS = 40, 42, 43
ACCT_SESSION_ID, ACCT_SESSION_TIME, EVENT_TIMESTAMP = 44, 46, 55
ACCT_INPUT_GIGAWORDS, ACCT_OUTPUT_GIGAWORDS = 52, 53
INTERIM_UPDATE = 3

_HEAD = struct.Struct("!BBH")


def text(number: int, value: str) -> bytes:
    """Write an attribute of text."""
    octets = value.encode()
    return bytes((number, 2 + len(octets))) + octets


def integer(number: int, value: int) -> bytes:
    """Write an attribute of four octets."""
    return bytes((number, 6)) + value.to_bytes(4, "big")


def accounting_request(
    identifier: int, attributes: Iterable[bytes], secret: bytes
) -> bytes:
    """Write an Accounting-Request, signed as RFC 2866 §3 says."""
    return _signed(
        ACCOUNTING_REQUEST, identifier, bytes(16), b"".join(attributes), secret
    )


def disconnect_ack(request: bytes, secret: bytes) -> bytes:
    """Write the Disconnect-ACK to a request (RFC 5176 §3.3)."""
    return _signed(DISCONNECT_ACK, request[1], request[4:20], b"", secret)


def is_genuine(request: bytes, secret: bytes) -> bool:
    """Tell whether a Disconnect-Request is signed with the secret."""
    unsigned = request[:4] + bytes(16) + request[20:]
    return hashlib.md5(unsigned + secret).digest() == request[4:20]  # noqa: S324 - RFC 5176


def find_text(packet: bytes, number: int) -> str:
    """Return the first attribute of that number as text; "" when there is none."""
    position = 20
    while position + 2 <= len(packet):
        length = packet[position + 1]
        if packet[position] == number:
            return packet[position + 2 : position + length].decode()
        position += max(length, 2)
    return ""


def _signed(
    code: int, identifier: int, authenticator: bytes, attributes: bytes, secret: bytes
) -> bytes:
    head = _HEAD.pack(code, identifier, 20 + len(attributes))
    signature = hashlib.md5(  # noqa: S324 - RFC 2866 §3
        head + authenticator + attributes + secret
    ).digest()
    return head + signature + attributes
