"""Read what documents say of the provider; all of it may be left out."""

from collections.abc import Callable
from dataclasses import dataclass

from billing_core.errors import BillingError

PLAIN_NAMES = (
    "provider_address",
    "provider_contact",
    "provider_bin",
    "provider_officer",
)
_LENGTH_MAX = 200

#: Gives (value, label) of a setting, or nothing.
Find = Callable[[str], tuple[str, str] | None]


class DocumentSettingError(BillingError):
    """A setting of documents is wrong; the message names it."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Who issues bills and receipts, as it is printed on them."""

    name: str = ""
    #: Where bills are issued; may have several lines.
    address: str = ""
    #: Telephone, mail, whatever customers shall use.
    contact: str = ""
    #: Of bills whose VAT profile has no number of its own.
    registration_number: str = ""
    #: Name and designation of who signs tax invoices.
    officer: str = ""


NOBODY = Provider()


def read_provider(find: Find, name: str) -> Provider:
    """Read KHATA_PROVIDER_…; the name is KHATA_PROVIDER, which signs messages, too."""
    address, contact, registration_number, officer = (
        _text(find, setting) for setting in PLAIN_NAMES
    )
    return Provider(name, address, contact, registration_number, officer)


def _text(find: Find, name: str) -> str:
    found = find(name)
    if found is None:
        return ""
    lines = [line.strip() for line in found[0].strip().splitlines()]
    text = "\n".join(line for line in lines if line)
    if len(text) > _LENGTH_MAX or not all(line.isprintable() for line in lines):
        raise DocumentSettingError(
            f"{found[1]}: use a text of up to {_LENGTH_MAX} characters."
        )
    return text
