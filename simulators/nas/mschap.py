"""The peer's side of MS-CHAPv2 (RFC 2759), as a PPPoE client computes it."""

import hashlib
import struct
from typing import Final

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

_MAGIC_1: Final = b"Magic server to client signing constant"
_MAGIC_2: Final = b"Pad to make it do more than one iteration"
_MASK: Final = 0xFFFFFFFF


def nt_response(
    *,
    authenticator_challenge: bytes,
    peer_challenge: bytes,
    username: str,
    password: str,
) -> bytes:
    """Compute the 24 octets that prove the password (RFC 2759 section 8.1)."""
    challenge = challenge_hash(peer_challenge, authenticator_challenge, username)
    padded = password_hash(password).ljust(21, b"\0")
    return b"".join(_des(padded[i : i + 7], challenge) for i in (0, 7, 14))


def authenticator_response(
    *,
    authenticator_challenge: bytes,
    peer_challenge: bytes,
    response: bytes,
    username: str,
    password: str,
) -> str:
    """Compute the "S=..." by which the server proves itself (section 8.7)."""
    hash_of_hash = md4(password_hash(password))
    digest = hashlib.sha1(hash_of_hash + response + _MAGIC_1, usedforsecurity=False)
    challenge = challenge_hash(peer_challenge, authenticator_challenge, username)
    proof = hashlib.sha1(digest.digest() + challenge + _MAGIC_2, usedforsecurity=False)
    return "S=" + proof.hexdigest().upper()


def challenge_hash(
    peer_challenge: bytes, authenticator_challenge: bytes, username: str
) -> bytes:
    """Join both challenges and the name without its domain (section 8.2)."""
    name = username.rpartition("\\")[2].encode()
    return hashlib.sha1(
        peer_challenge + authenticator_challenge + name, usedforsecurity=False
    ).digest()[:8]


def password_hash(password: str) -> bytes:
    """Hash the password as Windows keeps it (section 8.3)."""
    return md4(password.encode("utf-16-le"))


def md4(message: bytes) -> bytes:
    """Compute MD4 (RFC 1320), which OpenSSL 3 no longer offers by default."""
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    padded = message + b"\x80" + b"\0" * ((55 - len(message)) % 64)
    padded += struct.pack("<Q", len(message) * 8)
    for start in range(0, len(padded), 64):
        words = struct.unpack("<16I", padded[start : start + 64])
        mixed = _md4_rounds(state, words)
        state = [(old + new) & _MASK for old, new in zip(state, mixed, strict=True)]
    return struct.pack("<4I", *state)


def _md4_rounds(state: list[int], words: tuple[int, ...]) -> list[int]:
    a, b, c, d = state
    round_1 = list(range(16))
    round_2 = [row + 4 * column for row in range(4) for column in range(4)]
    round_3 = [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15]
    for step, index in enumerate(round_1 + round_2 + round_3):
        if step < 16:
            mixed, constant, shifts = (b & c) | (~b & d), 0, (3, 7, 11, 19)
        elif step < 32:
            mixed = (b & c) | (b & d) | (c & d)
            constant, shifts = 0x5A827999, (3, 5, 9, 13)
        else:
            mixed, constant, shifts = b ^ c ^ d, 0x6ED9EBA1, (3, 9, 11, 15)
        total = (a + mixed + words[index] + constant) & _MASK
        shift = shifts[step % 4]
        a, b, c, d = d, ((total << shift) | (total >> (32 - shift))) & _MASK, b, c
    return [a, b, c, d]


def _des(key: bytes, block: bytes) -> bytes:
    """Encrypt one block under seven key octets spread over eight (section 8.6)."""
    bits = int.from_bytes(key)
    spread = bytes(((bits >> (49 - 7 * i)) & 0x7F) << 1 for i in range(8))
    # Three equal keys make Triple-DES the single DES that MS-CHAP asks for.
    encryptor = Cipher(TripleDES(spread * 3), modes.ECB()).encryptor()  # noqa: S305 - RFC 2759 prescribes it
    return encryptor.update(block) + encryptor.finalize()
