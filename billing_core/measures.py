"""Read and write durations, amounts of data and rates as people do; pure."""

import re
import unicodedata
from decimal import Decimal

from billing_core.errors import BillingError

_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
# Decimal, as packages are sold (product.md §8): 1 MB = 10^6 octets.
_OCTETS = {"TB": 10**12, "GB": 10**9, "MB": 10**6, "KB": 10**3, "": 1}
_BITS = {"G": 10**9, "M": 10**6, "k": 10**3, "": 1}


class MeasureError(BillingError):
    """This is not how a measure is written."""

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(f"{text!r}: write {kind}.")


def parse_duration(text: str) -> int:
    """Return the seconds of 30d, 12h, 15m, 90s or 90."""
    found = re.fullmatch(r"([0-9]{1,9})\s*([smhd]?)", _plain(text))
    if not found:
        raise MeasureError(text, "a duration like 30d, 12h, 15m or 90s")
    return int(found[1]) * _SECONDS[found[2] or "s"]


def write_duration(seconds: int) -> str:
    """Write a duration as parse_duration reads it, in its largest whole unit."""
    for unit, size in _SECONDS.items():
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def parse_octets(text: str) -> int:
    """Return the octets of 500MB, 5GB or 1.5 GB."""
    found = re.fullmatch(
        r"([0-9]{1,12}(?:\.[0-9]{1,3})?)\s*(|KB|MB|GB|TB)", _plain(text).upper()
    )
    octets = Decimal(found[1]) * _OCTETS[found[2]] if found else Decimal("0.5")
    if octets != int(octets):
        raise MeasureError(text, "an amount of data like 500MB or 5GB")
    return int(octets)


def write_octets(octets: int) -> str:
    """Write an amount of data as parse_octets reads it."""
    return _write(octets, _OCTETS)


def parse_rate(text: str) -> int:
    """Return the bits a second of 10M, 512k or 1G."""
    found = re.fullmatch(r"([0-9]{1,9})\s*([kKmMgG]?)", _plain(text))
    if not found:
        raise MeasureError(text, "a rate like 10M or 512k")
    unit = found[2].upper()
    return int(found[1]) * _BITS["k" if unit == "K" else unit]


def write_rate(bits: int) -> str:
    """Write a rate as parse_rate reads it."""
    return _write(bits, _BITS)


def _write(amount: int, units: dict[str, int]) -> str:
    for unit, size in units.items():
        if amount and amount % size == 0:
            return f"{amount // size}{unit}"
    return str(amount)


def _plain(text: str) -> str:
    """Turn digits of any script (Bangla among them) into our own."""
    return "".join(
        str(unicodedata.decimal(c)) if unicodedata.decimal(c, None) is not None else c
        for c in text.strip()
    )
