"""Read a CSV of customers to take on: each bad row and column is named; pure.

A problem names what is wrong and never what stands in the password's column.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from billing_core.errors import BillingError
from billing_core.kinds import BILLINGS
from billing_core.mac_addresses import parse_mac
from billing_core.money import AmountError, parse_amount
from billing_core.networks import static_address
from billing_core.reminders import LANGUAGES
from billing_core.spreadsheets import plain_cell

ROWS_MAX = 200_000
NEEDED = ("username", "package")
_DELIMITERS = (",", ";", "\t")


class CustomerFileError(BillingError):
    """This is no file of customers at all."""


class NoCsvError(CustomerFileError):
    """The rows cannot be told from one another."""

    def __init__(self, line: int) -> None:
        super().__init__(
            f"From line {line} on it is no CSV: look at its quotation marks."
        )


class _CellError(ValueError):
    """What is wrong with a cell."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row, and where it stands."""

    #: As an editor counts lines; the head is 1.
    line: int
    column: str
    what: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row whose cells can be read; '' and None = nothing is said."""

    line: int
    cells: Mapping[str, Any]


def read_customers(content: bytes) -> Iterator[Row | Problem]:
    """Read a file row by row; a row with problems yields those and no row."""
    reader = _open(content)
    for count, cells in enumerate(_rows(reader), start=1):
        if count > ROWS_MAX:
            raise CustomerFileError(
                f"The file has more than {ROWS_MAX} rows: split it."
            )
        line = reader.line_num
        if None in cells:
            yield Problem(line, "", "there are more cells than columns")
        elif any(value for value in cells.values()):
            yield from _read(line, cells)


def _rows(reader: "csv.DictReader[str]") -> Iterator[dict[str, str | None]]:
    """Read row by row; a quotation mark left open would hide the rows that follow."""
    while True:
        line = reader.line_num
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise NoCsvError(line + 1) from None


def _read(line: int, cells: Mapping[str, str | None]) -> Iterator[Row | Problem]:
    values: dict[str, Any] = {}
    problems = []
    for column, read in COLUMNS.items():
        text = plain_cell((cells.get(column) or "").strip())
        try:
            values[column] = read(text)
        except _CellError as error:
            problems.append(Problem(line, column, str(error)))
    if problems:
        yield from problems
    else:
        yield Row(line, values)


def _open(content: bytes) -> "csv.DictReader[str]":
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CustomerFileError(
            "The file is not UTF-8: save it as “CSV UTF-8”."
        ) from None
    if "\0" in text:
        raise CustomerFileError("The file is no text: save it as CSV.")
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    lines = io.StringIO(text, newline="")
    reader = csv.DictReader(lines, delimiter=delimiter, strict=True)
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
    except csv.Error:
        raise NoCsvError(1) from None
    _check_head(names)
    reader.fieldnames = names
    return reader


def _check_head(names: list[str]) -> None:
    known = f"Known: {', '.join(COLUMNS)}."
    if not any(names):
        raise CustomerFileError(f"The file is empty. {known}")
    for name in names:
        if name not in COLUMNS:
            raise CustomerFileError(f"Column {name!r} is not known. {known}")
        if names.count(name) > 1:
            raise CustomerFileError(f"Column {name!r} stands there twice.")
    for name in NEEDED:
        if name not in names:
            raise CustomerFileError(f"Column {name!r} is missing. {known}")


def _text(most: int, *, needed: bool = False) -> Callable[[str], str]:
    def read(text: str) -> str:
        if needed and not text:
            raise _CellError("it is empty")
        if len(text) > most:
            raise _CellError(f"it has more than {most} characters")
        return text

    return read


def _one_of(*words: str, default: str | None) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        if text and text.lower() not in words:
            raise _CellError(f"{text!r} is none of {', '.join(words)}")
        return text.lower() or default

    return read


def _named(text: str) -> str | None:
    return _text(200)(text) or None


def _address(text: str) -> str | None:
    if not text:
        return None
    address = static_address(text)
    if address is None:
        raise _CellError(f"{text!r} is no IPv4 address of a customer's device")
    return address


def _mac(text: str) -> str | None:
    if not text:
        return None
    mac = parse_mac(text)
    if mac is None:
        raise _CellError(f"{text!r} is no MAC address: write AA:BB:CC:DD:EE:FF")
    return mac


def _amount(default: Decimal | None) -> Callable[[str], Decimal | None]:
    def read(text: str) -> Decimal | None:
        if not text:
            return default
        try:
            amount = parse_amount(text)
        except AmountError as error:
            raise _CellError(str(error)) from None
        if amount < 0:
            raise _CellError(f"{text!r} is less than 0")
        return amount

    return read


def _devices(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise _CellError(f"{text!r} is no number from 1 to 1000")
    return int(text)


def _percent(text: str) -> Decimal:
    try:
        percent = Decimal(text or "0")
    except InvalidOperation:
        percent = Decimal(-1)
    if not percent.is_finite() or not 0 <= percent <= 100:
        raise _CellError(f"{text!r} is no percentage from 0 to 100")
    if percent != round(percent, 2):
        raise _CellError(f"{text!r} has more than two decimals")
    return percent


#: Each column, in the template's order, and how a cell of it is read.
COLUMNS: dict[str, Callable[[str], Any]] = {
    "username": _text(253, needed=True),
    "password": _text(128),
    "package": _text(200, needed=True),
    "name": _text(200),
    "mobile": _text(30),
    "mail": _text(200),
    "language": _one_of(*LANGUAGES, default="en"),
    "kind": _one_of(*BILLINGS, default=None),
    "profile": _named,
    "operator": _named,
    "zone": _text(100),
    "address": _text(500),
    "comment": _text(1000),
    "static_ip": _address,
    "mac": _mac,
    "sessions": _devices,
    "credit_limit": _amount(Decimal(0)),
    "special_price": _amount(None),
    "discount": _percent,
}
