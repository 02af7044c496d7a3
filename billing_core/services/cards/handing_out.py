"""Hand the one print file of a batch out as a download, and keep nothing of it."""

import io
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from billing_core.cards import CardKeys
from billing_core.db import cards as db
from billing_core.db.connect import Connection
from billing_core.errors import BillingError
from billing_core.services.cards.printing import print_batch

#: As many as are laid out while somebody waits: 20 sheets take some ten seconds.
SHEET_CARDS_MAX = 420
#: As many as are written while somebody waits.
CARDS_MAX = 20_000

Form = Literal["csv", "pdf"]


class BatchTooLargeError(BillingError):
    """So many cards are printed from the command line."""

    def __init__(self, cards: int, most: int, batch_id: int) -> None:
        super().__init__(
            f"{cards} cards are too many to print here (at most {most}):"
            f" khata card print {batch_id} --sheets"
        )


@dataclass(frozen=True, slots=True)
class Download:
    """A file for one person's eyes."""

    name: str
    mimetype: str
    content: bytes


def hand_out(
    conn: Connection,
    keys: CardKeys,
    batch_id: int,
    form: Form,
    *,
    title: str,
    currency: str,
    zone: ZoneInfo,
    actor: str,
    now: datetime,
) -> Download:
    """Print a batch and return its file: the CSV, or a ZIP of it with its PDF sheets.

    The files stand in a folder of this user's alone while they are made, and nowhere
    afterwards: who loses the download voids the cards.
    """
    batch = db.read_batch(conn, batch_id, now=now)
    cards = batch.serial_last - batch.serial_first + 1
    most = SHEET_CARDS_MAX if form == "pdf" else CARDS_MAX
    if cards > most:
        raise BatchTooLargeError(cards, most, batch_id)
    with tempfile.TemporaryDirectory(prefix="khata-cards-") as name:
        folder = Path(name)
        file = print_batch(
            conn,
            keys,
            batch_id,
            folder,
            currency=currency,
            zone=zone,
            actor=actor,
            now=now,
        )
        if form == "csv":
            return Download(file.name, "text/csv", file.read_bytes())
        # WeasyPrint takes half a second to import: only who wants PDF waits for it.
        from billing_core.services.cards.sheets import (
            Imprint,
            SheetError,
            make_sheets,
        )

        try:
            sheets = make_sheets(file, folder, Imprint(title, ""))
        except SheetError:
            # The PINs are valid now and nowhere else: they must not be lost for it.
            sheets = []
        return Download(f"{file.stem}.zip", "application/zip", _zip(file, *sheets))


def _zip(*files: Path) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return packed.getvalue()
