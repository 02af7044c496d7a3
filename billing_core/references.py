"""Make the references by which gateways know what we asked of them."""

import re
import secrets

#: Nagad takes at most 20 letters and digits as an order's number.
REFERENCE_LENGTH = 20
# 32 signs that nobody mistakes for one another on a screen: 100 random bits.
_SIGNS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REFERENCE = re.compile(f"[{_SIGNS}]{{{REFERENCE_LENGTH}}}")


def new_reference() -> str:
    """Make a reference that nobody can guess."""
    return "".join(secrets.choice(_SIGNS) for _ in range(REFERENCE_LENGTH))


def is_reference(text: str) -> bool:
    """Tell whether a text can be a reference of ours."""
    return _REFERENCE.fullmatch(text) is not None
