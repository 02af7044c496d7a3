"""Hand out lists as CSV and XLSX: every row of the filter, never all in memory."""

import csv
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from flask import Response, stream_with_context

from billing_core.errors import BillingError
from web.desk import settings

# What a sheet holds, with its head.
_XLSX_ROWS_MAX = 1_048_575
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHUNK_OCTETS = 64 * 1024


class TooManyRowsError(BillingError):
    """A sheet has an end."""

    def __init__(self) -> None:
        super().__init__(
            f"An XLSX sheet holds {_XLSX_ROWS_MAX} rows: narrow the filter, or take"
            " the CSV."
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an export: its title, and what of a row stands in it."""

    title: str
    value: Callable[[Any], object]


def csv_of(name: str, columns: Sequence[Column], rows: Iterable[object]) -> Response:
    """Stream rows as CSV; with a BOM, since Excel would guess the encoding."""

    def lines() -> Iterator[str]:
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        buffer.write("\ufeff")
        writer.writerow([column.title for column in columns])
        for row in rows:
            writer.writerow([_as_text(column.value(row)) for column in columns])
            if buffer.tell() > _CHUNK_OCTETS:
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue()

    return Response(
        # The request's connection is given back when the last line has gone.
        stream_with_context(lines()),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def xlsx_of(name: str, columns: Sequence[Column], rows: Iterable[object]) -> Response:
    """Write rows into a sheet on disk and send it; numbers and dates stay such."""
    descriptor, path = tempfile.mkstemp(suffix=".xlsx")
    os.close(descriptor)
    try:
        _write_sheet(path, columns, rows)
        # An open file stays readable after its name is gone.
        file = open(path, "rb")  # noqa: SIM115 - closed with the response
    finally:
        os.unlink(path)
    response = Response(
        iter(lambda: file.read(_CHUNK_OCTETS), b""),
        mimetype=_XLSX,
        headers={"Content-Disposition": f'attachment; filename="{name}.xlsx"'},
    )
    response.call_on_close(file.close)
    return response


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


def _as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(settings().zone).isoformat(timespec="seconds")
    if isinstance(value, date | Decimal | int):
        return str(value)
    return _harmless(str(value))


def _harmless(text: str) -> str:
    """Keep a spreadsheet from running what a customer called himself as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
