"""Read the keys of recharge cards' PINs; without one there are no cards."""

import base64
import binascii
from collections.abc import Callable

from billing_core.cards import CardKey, CardKeys
from billing_core.errors import BillingError

SECRET_NAMES = ("card_key", "card_keys_old")
KEY_BYTES = 32

#: Gives (value, label) of a setting, or nothing.
Find = Callable[[str], tuple[str, str] | None]


class CardSettingError(BillingError):
    """A key of cards is wrong; the message names the setting, and no secret."""


def read_card_keys(find: Find) -> CardKeys | None:
    """Read KHATA_CARD_KEY, and KHATA_CARD_KEYS_OLD: older ones, one a line."""
    current, old = find("card_key"), find("card_keys_old")
    if current is None:
        if old is not None:
            raise CardSettingError(f"{old[1]}: it needs KHATA_CARD_KEY as well.")
        return None
    keys = CardKeys(
        _key(*current),
        tuple(_key(text, old[1]) for text in old[0].split()) if old else (),
    )
    if len({key.key_id for key in keys}) <= len(keys.old):
        raise CardSettingError(
            f"{current[1] if old is None else old[1]}: it names one key twice."
        )
    return keys


def _key(text: str, label: str) -> CardKey:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise CardSettingError(f"{label}: it is not base64.") from None
    if len(key) != KEY_BYTES:
        raise CardSettingError(f"{label}: it has {len(key)} bytes, use {KEY_BYTES}.")
    return CardKey(key)
