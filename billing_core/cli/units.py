"""Read what people type: durations, octets, rates, amounts and secrets."""

import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from billing_core.money import AmountError, parse_amount

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Decimal, as packages are sold (product.md §8): 1 MB = 10^6 octets.
_OCTETS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}


class Duration(click.ParamType[int]):
    """A duration in seconds: 90, 30s, 15m, 12h, 30d."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return seconds."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,9})([smhd]?)", str(value).strip())
        if not found:
            self.fail(f"{value!r}: write a duration like 30d, 12h, 15m or 90s")
        return int(found[1]) * _SECONDS[found[2] or "s"]


class Octets(click.ParamType[int]):
    """An amount of data in octets: 500MB, 5GB."""

    name = "data"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return octets."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,12})\s*(|KB|MB|GB|TB)", str(value).strip().upper())
        if not found:
            self.fail(f"{value!r}: write an amount of data like 500MB or 5GB")
        return int(found[1]) * _OCTETS[found[2]]


class RateLimit(click.ParamType[tuple[int, int]]):
    """A pair of rates, the customer's upload first: 5M/10M, or one for both."""

    name = "up/down"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return bits a second, up and down."""
        if isinstance(value, tuple):
            return value
        up, _, down = str(value).strip().partition("/")
        rates = []
        for text in (up, down or up):
            found = re.fullmatch(r"(\d{1,9})([kMG]?)", text)
            if not found:
                self.fail(f"{value!r}: write rates like 5M/10M, upload first")
            rates.append(int(found[1]) * _BITS[found[2]])
        return rates[0], rates[1]


class Amount(click.ParamType[Decimal]):
    """An amount of money in the installation's currency: 1,500.00."""

    name = "amount"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the amount, never rounded."""
        if isinstance(value, Decimal):
            return value
        try:
            return parse_amount(str(value))
        except AmountError as error:
            self.fail(str(error))


class Rate(click.ParamType[Decimal]):
    """A price per unit, up to six decimals: 0.125."""

    name = "price"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Return the price."""
        if isinstance(value, Decimal):
            return value
        found = re.fullmatch(r"\d{1,8}(\.\d{1,6})?", str(value).strip())
        if not found:
            self.fail(f"{value!r}: write a price like 0.125, at most six decimals")
        return Decimal(str(value).strip())


def read_secret(value: str | None, file: str | None, prompt: str) -> str:
    """Return a secret from an option, a file ('-' = standard input) or a question."""
    if value is not None:
        return value
    if file == "-":
        return sys.stdin.readline().rstrip("\n")
    if file is not None:
        try:
            return Path(file).read_text(encoding="utf-8").strip("\n")
        except OSError as error:
            raise click.UsageError(f"{file}: {error.strerror}") from error
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=True))
