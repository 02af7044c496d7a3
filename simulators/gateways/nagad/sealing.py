"""Nagad's end of the RSA; of its own, so that no mistake of ours is made twice."""

import base64
import json
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_BITS = 2048


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The key pairs around one account."""

    merchant: rsa.RSAPrivateKey
    gateway: rsa.RSAPrivateKey
    #: Nobody's; what is signed with it or encrypted for it is wrong.
    other: rsa.RSAPrivateKey


def new_keys() -> AccountKeys:
    """Make the key pairs of an account, as the portal does."""
    return AccountKeys(_new_key(), _new_key(), _new_key())


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=_BITS)


def private_text(key: rsa.RSAPrivateKey) -> str:
    """Show a private key as the portal does: bare base64."""
    return base64.b64encode(
        key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    ).decode("ascii")


def public_text(key: rsa.RSAPrivateKey) -> str:
    """Show the public half of a key as the portal does."""
    return base64.b64encode(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode("ascii")


def opened(key: rsa.RSAPrivateKey, sealed: str) -> tuple[bytes, dict[str, str]] | None:
    """Decrypt what a merchant sent; nothing where it was not encrypted for us."""
    try:
        plain = key.decrypt(base64.b64decode(sealed, validate=True), padding.PKCS1v15())
        fields = json.loads(plain)
    except ValueError:
        return None
    return (plain, fields) if isinstance(fields, dict) else None


def is_signed(
    key: rsa.RSAPublicKey, plain: bytes, signature: str, kind: hashes.HashAlgorithm
) -> bool:
    """Tell whether the merchant signed these very octets."""
    try:
        raw = base64.b64decode(signature, validate=True)
        key.verify(raw, plain, padding.PKCS1v15(), kind)
    except (InvalidSignature, ValueError):
        return False
    return True


def sealed(key: rsa.RSAPublicKey, plain: bytes) -> str:
    """Encrypt an answer for the merchant."""
    return base64.b64encode(key.encrypt(plain, padding.PKCS1v15())).decode("ascii")


def signed(key: rsa.RSAPrivateKey, plain: bytes, kind: hashes.HashAlgorithm) -> str:
    """Sign an answer."""
    return base64.b64encode(key.sign(plain, padding.PKCS1v15(), kind)).decode("ascii")
