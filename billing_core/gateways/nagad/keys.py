"""RSA as Nagad does it: PKCS #1 v1.5, one block, keys in bare base64."""

import base64
import binascii
import re
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from billing_core.errors import BillingError

BITS_MIN = 2048
# RFC 8017 §7.2: eleven octets of the block are padding.
_PADDING_OCTETS = 11
# The lines around a PEM body, and the line ends that a shell left in as two characters.
_ARMOUR = re.compile(r"-----[A-Z ]+-----|\\[rn]|\s+")


class SignatureHash(StrEnum):
    """What is signed: every working client uses SHA-256, one readme says SHA-1."""

    SHA256 = "SHA256"
    SHA1 = "SHA1"


class KeyTextError(BillingError):
    """That is no key that Nagad could use; the text holds nothing of it."""


class TooLongError(BillingError):
    """The text does not fit into one RSA block."""

    def __init__(self, octets: int, room: int) -> None:
        super().__init__(f"{octets} octets do not fit into one RSA block of {room}.")


class UnreadableError(BillingError):
    """Nothing that was encrypted for us, or not signed by whom it should be."""


def read_private_key(text: str) -> rsa.RSAPrivateKey:
    """Read a private key, PKCS #8 or PKCS #1, with or without its PEM header.

    The portal gives bare base64 in either form, and people put a header of the other
    form around it; DER tells them apart by itself.
    """
    try:
        key = serialization.load_der_private_key(_der(text), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyTextError("it is no private key in base64") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KeyTextError("it is no RSA key")
    _check_size(key.key_size)
    return key


def read_public_key(text: str) -> rsa.RSAPublicKey:
    """Read a public key, SubjectPublicKeyInfo or PKCS #1."""
    try:
        key = serialization.load_der_public_key(_der(text))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyTextError("it is no public key in base64") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise KeyTextError("it is no RSA key")
    _check_size(key.key_size)
    return key


def encrypt(key: rsa.RSAPublicKey, plain: bytes) -> str:
    """Encrypt one block for the owner of a key, in base64."""
    room = room_of(key)
    if len(plain) > room:
        raise TooLongError(len(plain), room)
    return base64.b64encode(key.encrypt(plain, padding.PKCS1v15())).decode("ascii")


def decrypt(key: rsa.RSAPrivateKey, sealed: str) -> bytes:
    """Decrypt one block. The result proves nothing until its signature is checked.

    OpenSSL 3 answers what it cannot decrypt with random octets instead of an error, so
    that nobody learns from it; they would pass for a text.
    """
    try:
        return key.decrypt(_octets(sealed), padding.PKCS1v15())
    except ValueError:
        raise UnreadableError("it was not encrypted for our key") from None


def sign(key: rsa.RSAPrivateKey, plain: bytes, kind: SignatureHash) -> str:
    """Sign these very octets, in base64."""
    return base64.b64encode(key.sign(plain, padding.PKCS1v15(), _hash(kind))).decode(
        "ascii"
    )


def check(
    key: rsa.RSAPublicKey, plain: bytes, signature: str, kind: SignatureHash
) -> None:
    """Raise UnreadableError unless the owner of a key signed these very octets."""
    try:
        key.verify(_octets(signature), plain, padding.PKCS1v15(), _hash(kind))
    except (InvalidSignature, ValueError):
        raise UnreadableError("its signature is wrong") from None


def room_of(key: rsa.RSAPublicKey) -> int:
    """Tell how many octets fit into one block."""
    return (key.key_size + 7) // 8 - _PADDING_OCTETS


def _hash(kind: SignatureHash) -> hashes.HashAlgorithm:
    if kind is SignatureHash.SHA1:
        # Only where the account is set up for it: KHATA_NAGAD_SIGNATURE_HASH.
        return hashes.SHA1()  # noqa: S303 - the gateway's protocol
    return hashes.SHA256()


def _check_size(bits: int) -> None:
    if bits < BITS_MIN:
        raise KeyTextError(f"it has {bits} bits, use {BITS_MIN} or more")


def _der(text: str) -> bytes:
    return _octets(_ARMOUR.sub("", text))


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
