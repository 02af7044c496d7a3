"""Hash operators' passwords with Argon2id; pure but for the salt."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from billing_core.errors import BillingError

# RFC 9106 §4, second choice: 64 MiB, three passes. Parallelism 1, since a web process
# answers others at the same time.
_HASHER = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=1)
PASSWORD_LENGTH_MIN = 10
PASSWORD_LENGTH_MAX = 200


class WeakPasswordError(BillingError):
    """This is no password for an operator."""

    def __init__(self) -> None:
        super().__init__(
            f"A password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters."
        )


def hash_password(clear: str) -> str:
    """Return what is kept of a password."""
    if not PASSWORD_LENGTH_MIN <= len(clear) <= PASSWORD_LENGTH_MAX:
        raise WeakPasswordError
    return _HASHER.hash(clear)


def is_password(kept: str, clear: str) -> bool:
    """Tell whether this is the password that the hash was made of."""
    try:
        return _HASHER.verify(kept, clear)
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def nobodys_hash() -> str:
    """Return what is checked for usernames nobody has: they take as long as others."""
    return _HASHER.hash("nobody has this password")
