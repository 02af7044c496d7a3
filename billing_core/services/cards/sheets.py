"""Lay the cards of a print file out on sheets: PDF with cut marks, in parts.

Made from the print file, so that a crash loses nothing: parts that are there are kept.
"""

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from pathlib import Path

from billing_core.cards import read_pin
from billing_core.documents.pages import FAMILY, render_pdf
from billing_core.errors import BillingError
from billing_core.services.cards.printing import COLUMNS

Row = Mapping[str, str]

COLUMNS_A_SHEET, ROWS_A_SHEET = 3, 7
CARDS_A_SHEET = COLUMNS_A_SHEET * ROWS_A_SHEET
#: A part is laid out in memory as a whole: some 25 sheets take some 100 MB.
SHEETS_A_PART = 25
# Millimetres; A4 is 210 x 297.
_WIDTH, _HEIGHT, _LEFT, _TOP, _MARK = 60, 38, 15, 15.5, 6

_STYLE = f"""
@page {{ size: A4; margin: 0 }}
body {{ margin: 0; font-family: {FAMILY} }}
.sheet {{ position: relative; width: 210mm; height: 297mm; break-after: page }}
.sheet:last-child {{ break-after: auto }}
.mark {{ position: absolute; background: #000 }}
.card {{ position: absolute; box-sizing: border-box; width: {_WIDTH}mm;
         height: {_HEIGHT}mm; padding: 3mm; font-size: 7pt; overflow: hidden }}
.title {{ font-size: 8pt; font-weight: bold }}
.value {{ font-size: 13pt; font-weight: bold; margin: 1mm 0 }}
.pin {{ font-size: 10.5pt; font-weight: bold; margin: 1.5mm 0; white-space: nowrap }}
"""


class SheetError(BillingError):
    """This print file cannot be laid out."""


@dataclass(frozen=True, slots=True)
class Imprint:
    """What every card says beside its own facts."""

    #: The provider's name.
    title: str
    helpline: str


def make_sheets(
    print_file: Path,
    folder: Path,
    imprint: Imprint,
    *,
    sheets_a_part: int = SHEETS_A_PART,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Path]:
    """Write the PDF sheets of a print file, each part for this user's eyes only."""
    made = []
    rows = read_print_file(print_file)
    while chosen := list(islice(rows, sheets_a_part * CARDS_A_SHEET)):
        first, last = chosen[0]["serial"], chosen[-1]["serial"]
        path = folder / f"cards-{first}-{last}.pdf"
        if not path.exists():
            _write(path, _render(chosen, imprint))
        made.append(path)
        progress(len(chosen))
    return made


def read_print_file(path: Path) -> Iterator[Row]:
    """Read a print file row by row; what is none is refused, without showing a PIN."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if tuple(rows.fieldnames or ()) != COLUMNS:
                raise SheetError(f"{path} is no print file of cards.")
            for row in rows:
                if not row["serial"].isdecimal() or read_pin(row["pin"] or "") is None:
                    raise SheetError(f"{path}: line {rows.line_num} is no card.")
                yield row
    except OSError as error:
        raise SheetError(f"{path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SheetError(f"{path} is no print file of cards.") from None


def _render(rows: Sequence[Row], imprint: Imprint) -> bytes:
    sheets = [
        _sheet(rows[start : start + CARDS_A_SHEET], imprint)
        for start in range(0, len(rows), CARDS_A_SHEET)
    ]
    page = f"<style>{_STYLE}</style><body>{''.join(sheets)}</body>"
    return render_pdf(page)


def _sheet(rows: Sequence[Row], imprint: Imprint) -> str:
    cards = "".join(
        _card(row, place % COLUMNS_A_SHEET, place // COLUMNS_A_SHEET, imprint)
        for place, row in enumerate(rows)
    )
    return f'<div class="sheet">{_MARKS}{cards}</div>'


def _card(row: Row, column: int, line: int, imprint: Imprint) -> str:
    left, top = _LEFT + column * _WIDTH, _TOP + line * _HEIGHT
    worth = f"{row['value']} {row['currency']}"
    package = _plain(row["package"])
    until = f"Valid until {row['valid_until']}" if row["valid_until"] else ""
    helpline = f"Help: {imprint.helpline}" if imprint.helpline else ""
    return (
        f'<div class="card" style="left:{left}mm;top:{top}mm">'
        f'<div class="title">{escape(imprint.title)}</div>'
        f'<div class="value">{escape(package or worth)}</div>'
        f"<div>{escape(worth if package else '')}</div>"
        f'<div class="pin">{escape(row["pin"])}</div>'
        f"<div>Serial {escape(row['serial'])}</div>"
        f"<div>{escape(until)}</div><div>{escape(helpline)}</div></div>"
    )


def _plain(cell: str) -> str:
    """Take off the mark that keeps a spreadsheet from running a name."""
    return cell.removeprefix("'")


def _marks() -> str:
    """Draw where to cut, in the margins only: no line runs over a card."""
    bottom = _TOP + ROWS_A_SHEET * _HEIGHT
    right = _LEFT + COLUMNS_A_SHEET * _WIDTH
    upright = [
        (_LEFT + column * _WIDTH, top, 0.2, _MARK)
        for column in range(COLUMNS_A_SHEET + 1)
        for top in (_TOP - _MARK - 1, bottom + 1)
    ]
    level = [
        (left, _TOP + line * _HEIGHT, _MARK, 0.2)
        for line in range(ROWS_A_SHEET + 1)
        for left in (_LEFT - _MARK - 1, right + 1)
    ]
    return "".join(
        f'<div class="mark" style="left:{left}mm;top:{top}mm;width:{width}mm;'
        f'height:{height}mm"></div>'
        for left, top, width, height in (*upright, *level)
    )


_MARKS = _marks()


def _write(path: Path, content: bytes) -> None:
    """Write a part whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        part.replace(path)
    except OSError as error:
        raise SheetError(f"{path}: {error.strerror}.") from None
