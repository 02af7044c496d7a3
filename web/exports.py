"""Hand out lists as CSV and XLSX: every row of the filter, never all in memory."""

import csv
import io
import os
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter
from flask import Response
from flask_babel import gettext as _

from billing_core.errors import BillingError
from billing_core.spreadsheets import safe_cell
from web.desk import keep_connection, settings
from web.filters import number

# What a sheet holds, with its head.
_XLSX_ROWS_MAX = 1_048_575
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHUNK_OCTETS = 64 * 1024


class TooManyRowsError(BillingError):
    """A sheet has an end."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "An XLSX sheet holds %(count)s rows: narrow the filter, or take the"
                " CSV.",
                count=number(_XLSX_ROWS_MAX),
            )
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an export: its title, and what of a row stands in it."""

    title: str
    value: Callable[[Any], object]


def hand_out(
    suffix: str,
    name: str,
    columns: Sequence[Column],
    rows: Generator[object, None, None],
) -> Response:
    """Hand rows out as what the address asks for: csv or xlsx."""
    make = csv_of if suffix == "csv" else xlsx_of
    return make(name, columns, rows)


def csv_of(
    name: str, columns: Sequence[Column], rows: Generator[object, None, None]
) -> Response:
    """Stream rows as CSV; with a BOM, since Excel would guess the encoding."""
    zone = settings().zone

    def lines() -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        buffer.write("\ufeff")
        writer.writerow([column.title for column in columns])
        # Closed here, so that a reader who gave up ends the transaction as well.
        with closing(rows):
            for row in rows:
                writer.writerow([_as_text(c.value(row), zone) for c in columns])
                if buffer.tell() > _CHUNK_OCTETS:
                    yield buffer.getvalue()
                    buffer.seek(0)
                    buffer.truncate()
        yield buffer.getvalue()

    response = Response(
        lines(), mimetype="text/csv", headers=_attachment(f"{name}.csv")
    )
    response.call_on_close(keep_connection())
    return response


def xlsx_of(
    name: str, columns: Sequence[Column], rows: Generator[object, None, None]
) -> Response:
    """Write rows into a sheet on disk and send it; numbers and dates stay such."""
    descriptor, path = tempfile.mkstemp(suffix=".xlsx")
    os.close(descriptor)
    try:
        with closing(rows):
            _write_sheet(path, columns, rows)
        # An open file stays readable after its name is gone.
        file = open(path, "rb")  # noqa: SIM115 - closed by who reads it
    finally:
        os.unlink(path)

    def chunks() -> Iterator[bytes]:
        with file:
            while chunk := file.read(_CHUNK_OCTETS):
                yield chunk

    return Response(chunks(), mimetype=_XLSX, headers=_attachment(f"{name}.xlsx"))


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _write_sheet(path: str, columns: Sequence[Column], rows: Iterable[object]) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "default_date_format": "yyyy-mm-dd hh:mm",
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True})
        money = book.add_format({"num_format": "#,##0.00"})
        sheet.freeze_panes(1, 0)
        for index, column in enumerate(columns):
            sheet.write(0, index, column.title, bold)
        for line, row in enumerate(rows, start=1):
            if line > _XLSX_ROWS_MAX:
                raise TooManyRowsError
            for index, column in enumerate(columns):
                value = column.value(row)
                if isinstance(value, datetime):
                    sheet.write_datetime(line, index, value.astimezone(settings().zone))
                elif isinstance(value, Decimal):
                    # A sheet knows only floats; 15 digits of them are exact.
                    sheet.write_number(line, index, float(value), money)
                elif value is not None:
                    sheet.write(line, index, value)


def _as_text(value: object, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, date | Decimal | int):
        return str(value)
    # What a customer called himself must not run as a formula.
    return safe_cell(str(value))
