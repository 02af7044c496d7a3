"""What the simulated SSLCommerz posts: signed as the real one signs."""

import hashlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import httpx

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ipn:
    """One notification on its way to a shop."""

    url: str
    form: dict[str, str]


Post = Callable[[Ipn], None]


def post_ipn(ipn: Ipn) -> None:
    """Really post it; a shop that does not answer loses it, as far as is known."""
    try:
        answer = httpx.post(ipn.url, data=ipn.form, timeout=10)
        log.info("simulated IPN answered %s", answer.status_code)
    except httpx.HTTPError as error:
        log.info("simulated IPN not taken: %s", type(error).__name__)


def post_soon(post: Post, ipn: Ipn, seconds: float) -> None:
    """Post it after the answer that is being given now."""
    timer = threading.Timer(seconds, post, (ipn,))
    timer.daemon = True
    timer.start()


def signed(fields: dict[str, str], password: str) -> dict[str, str]:
    """Add verify_key and both hashes: over every field, in the order of names."""
    keys = sorted(fields)

    def hashed(name: str) -> str:
        def digest(text: str) -> str:
            return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

        pairs = sorted([*fields.items(), ("store_passwd", digest(password))])
        return digest("&".join(f"{key}={value}" for key, value in pairs))

    return {
        **fields,
        "verify_key": ",".join(keys),
        "verify_sign": hashed("md5"),
        "verify_sign_sha2": hashed("sha256"),
    }
