"""Read what people type: durations, octets, rates, amounts and secrets."""

import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from billing_core.measures import (
    MeasureError,
    parse_duration,
    parse_octets,
    parse_rate,
)
from billing_core.money import AmountError, parse_amount


class Duration(click.ParamType[int]):
    """A duration in seconds: 90, 30s, 15m, 12h, 30d."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return seconds."""
        if isinstance(value, int):
            return value
        try:
            return parse_duration(str(value))
        except MeasureError as error:
            self.fail(str(error))


class Octets(click.ParamType[int]):
    """An amount of data in octets: 500MB, 5GB."""

    name = "data"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return octets."""
        if isinstance(value, int):
            return value
        try:
            return parse_octets(str(value))
        except MeasureError as error:
            self.fail(str(error))


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
        try:
            return parse_rate(up), parse_rate(down or up)
        except MeasureError:
            self.fail(f"{value!r}: write rates like 5M/10M, upload first")


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
    if file is None:
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=True))
    is_piped = file == "-"
    try:
        octets = sys.stdin.buffer.readline() if is_piped else Path(file).read_bytes()
        return octets.decode("utf-8").strip("\r\n")
    except OSError as error:
        raise click.UsageError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError:
        where = "standard input" if is_piped else file
        raise click.UsageError(f"{where}: it is not text in UTF-8") from None
