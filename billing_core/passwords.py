"""Seal customer passwords at rest; pure.

CHAP and MS-CHAPv2 need the clear password back (RFC 1994 §4, RFC 2759 §8), so a one-way
hash will not do: a password is sealed with AES-GCM under a key kept outside the
database. A sealed password is

    version (1) | key id (4) | nonce (12) | ciphertext and tag

The key id tells a wrong key from a damaged row. The text is padded, so that its length
does not give the password's away. It is bound to this purpose and key, and to nothing
of the customer's: usernames change, passwords stay.
"""

import base64
import binascii
import hashlib
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from billing_core.errors import BillingError

KEY_OCTETS = 32
# RFC 2865 §5.2: User-Password carries at most 128 octets.
PASSWORD_OCTETS_MAX = 128

_VERSION = b"\x01"
_PURPOSE = b"khata customer password"
_HEADER_OCTETS = 5
_NONCE_OCTETS = 12
_TAG_OCTETS = 16
_PADDED_TO_OCTETS = 16


class PasswordError(BillingError):
    """A password could not be sealed or opened."""


class PasswordUnusableError(PasswordError):
    """This password cannot be used on the network."""


class ForeignSealError(PasswordError):
    """The password was sealed with another secret key than the one in use."""


class BrokenSealError(PasswordError):
    """The sealed password is damaged or was tampered with."""


def new_key() -> bytes:
    """Make a secret key."""
    return os.urandom(KEY_OCTETS)


def encode_key(key: bytes) -> str:
    """Write a key in the form that settings hold."""
    return base64.b64encode(key).decode("ascii")


def decode_key(text: str) -> bytes:
    """Read a key from the form that settings hold."""
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        raise PasswordError("The secret key is not base64.") from None
    if len(key) != KEY_OCTETS:
        raise PasswordError(
            f"The secret key has {len(key)} octets, it must have {KEY_OCTETS}."
        )
    return key


def seal_password(key: bytes, clear: str) -> bytes:
    """Seal a clear password; the same password seals differently each time."""
    return _seal(key, _usable(clear))


def seal_no_password(key: bytes) -> bytes:
    """Seal that there is none: opened, it is the empty text, which no password is."""
    return _seal(key, b"\0" * _PADDED_TO_OCTETS)


def _seal(key: bytes, text: bytes) -> bytes:
    header, cipher = _cipher(key)
    padded = text.ljust(-(-len(text) // _PADDED_TO_OCTETS) * _PADDED_TO_OCTETS, b"\0")
    nonce = os.urandom(_NONCE_OCTETS)
    return header + nonce + cipher.encrypt(nonce, padded, _PURPOSE + header)


def open_password(key: bytes, sealed: bytes) -> str:
    """Give back the clear password; empty = the customer has none."""
    header, cipher = _cipher(key)
    if sealed[:_HEADER_OCTETS] != header:
        raise _foreign(sealed)
    nonce_end = _HEADER_OCTETS + _NONCE_OCTETS
    try:
        padded = cipher.decrypt(
            sealed[_HEADER_OCTETS:nonce_end], sealed[nonce_end:], _PURPOSE + header
        )
    except (InvalidTag, ValueError):
        raise BrokenSealError(BrokenSealError.__doc__) from None
    return padded.rstrip(b"\0").decode("utf-8")


@lru_cache(maxsize=4)
def _cipher(key: bytes) -> tuple[bytes, AESGCM]:
    """Prepare a key once: its header and its cipher."""
    if len(key) != KEY_OCTETS:
        raise PasswordError(
            f"The secret key has {len(key)} octets, it must have {KEY_OCTETS}."
        )
    key_id = hashlib.sha256(b"khata key id" + key).digest()[: _HEADER_OCTETS - 1]
    return _VERSION + key_id, AESGCM(key)


def _usable(clear: str) -> bytes:
    try:
        text = clear.encode("utf-8")
    except UnicodeEncodeError:
        raise PasswordUnusableError("A password must be valid UTF-8 text.") from None
    if not text:
        raise PasswordUnusableError("A password must not be empty.")
    if len(text) > PASSWORD_OCTETS_MAX:
        raise PasswordUnusableError(
            f"A password has at most {PASSWORD_OCTETS_MAX} octets, this one has"
            f" {len(text)}."
        )
    # FreeRADIUS ends a value at the first NUL; line ends and the like are never typed.
    if any(ord(character) < 32 or ord(character) == 127 for character in clear):
        raise PasswordUnusableError("A password must not contain control characters.")
    return text


def _foreign(sealed: bytes) -> PasswordError:
    shortest = _HEADER_OCTETS + _NONCE_OCTETS + _PADDED_TO_OCTETS + _TAG_OCTETS
    if len(sealed) < shortest or sealed[:1] != _VERSION:
        return BrokenSealError(BrokenSealError.__doc__)
    return ForeignSealError(ForeignSealError.__doc__)
