"""Show records: a table for people, JSON for scripts."""

import dataclasses
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for scripts."
)

limit_option = click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="The newest so many.",
)
# A pipe has no width: what is cut off there, grep never finds.
_PIPE_COLUMNS = 1000


def as_plain(value: object, zone: ZoneInfo) -> Any:
    """Turn records into what JSON knows: money as strings, times ISO 8601 with zone."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: as_plain(getattr(value, name), zone) for name in names}
    if isinstance(value, Mapping):
        return {key: as_plain(item, zone) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item, zone) for item in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return value


def show(value: object, zone: ZoneInfo) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(as_plain(value, zone), ensure_ascii=False, indent=2))


def show_table(
    rows: Iterable[object], columns: Sequence[str], zone: ZoneInfo, *, empty: str
) -> None:
    """Print records as a table of these fields, or say what it means to have none."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "))
    count = 0
    for row in rows:
        plain = as_plain(row, zone)
        table.add_row(*[as_cell(plain.get(column)) for column in columns])
        count += 1
    if count:
        print_table(table)
    else:
        click.echo(empty)


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal; into a pipe, as wide as it is."""
    is_terminal = Console().is_terminal
    width = None if is_terminal else _PIPE_COLUMNS
    Console(width=width, soft_wrap=True).print(table)


def as_cell(value: object) -> Text:
    """Write a value so that it is shown as it is, whoever chose it.

    Anybody may try to log in, and his username is shown: a str would be read as rich's
    markup ("[/b]" ends the command), and control characters command the terminal.
    """
    if value is None:
        return Text("-")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text("".join(map(_visible, str(value))))


def _visible(character: str) -> str:
    is_control = unicodedata.category(character) == "Cc" and character != "\n"
    return f"\\x{ord(character):02x}" if is_control else character
