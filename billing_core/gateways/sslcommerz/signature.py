"""The two hashes that SSLCommerz puts on what it posts (verify_sign).

A filter and never the authority: the secret in it is MD5 of the password, nothing in it
is bound to a time, and the customer's own browser carries signed forms.
SSLCommerz' own PHP library stopped checking it by default in 2026-06.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping

#: The form itself names the fields that are signed, and anybody can send a form: one
#: that claims money has to sign at least what makes it money of ours.
REQUIRED_KEYS = frozenset(
    ("status", "tran_id", "val_id", "amount", "currency", "store_id", "bank_tran_id")
)
Hash = Callable[[bytes], str]


def md5(octets: bytes) -> str:
    """Hash as verify_sign does."""
    return hashlib.md5(octets, usedforsecurity=False).hexdigest()


def sha256(octets: bytes) -> str:
    """Hash as verify_sign_sha2 does."""
    return hashlib.sha256(octets).hexdigest()


def sign(form: Mapping[str, str], keys: list[str], password: str, hash_: Hash) -> str:
    """Hash the named fields, in the order of their names, with the hashed password.

    Values are taken as they were posted: a number or a date that is read and written
    again need not be the same text.
    """
    signed = {key: form.get(key, "") for key in keys}
    signed["store_passwd"] = hash_(password.encode())
    text = "&".join(f"{key}={signed[key]}" for key in sorted(signed))
    # PHP's rtrim($text, '&') in the vendor's libraries.
    return hash_(text.rstrip("&").encode("utf-8", "surrogatepass"))


def is_right(form: Mapping[str, str], password: str) -> bool | None:
    """Tell whether the form's hashes are right; None where it need carry none.

    Each hash that is there has to be right. A form that claims money has to have one,
    over all of REQUIRED_KEYS; one that tells of a failure may come without.
    """
    given = {
        hash_: form[name]
        for name, hash_ in (("verify_sign", md5), ("verify_sign_sha2", sha256))
        if form.get(name)
    }
    claims_money = form.get("status") in ("VALID", "VALIDATED")
    keys = [key for key in form.get("verify_key", "").split(",") if key]
    if not given or not keys:
        return False if claims_money or given else None
    if claims_money and not set(keys) >= REQUIRED_KEYS:
        return False
    return all(
        hmac.compare_digest(
            sign(form, keys, password, hash_).encode(),
            value.encode("utf-8", "surrogatepass"),
        )
        for hash_, value in given.items()
    )
