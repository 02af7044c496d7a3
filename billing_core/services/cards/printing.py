"""Draw the PINs of a batch and write its print file: once, and nowhere else."""

import csv
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

from psycopg import errors

from billing_core.cards import RANDOM_DIGITS, CardKeys, grouped, pin_mac, pin_of
from billing_core.db import cards as db
from billing_core.db.connect import Connection
from billing_core.errors import BillingError
from billing_core.spreadsheets import safe_cell

COLUMNS = (
    "serial",
    "pin",
    "value",
    "currency",
    "package",
    "valid_until",
    "distributor",
)
_CHUNK = 1000


class PrintedAlreadyError(BillingError):
    """A batch is printed once: nobody has its PINs but who has the file."""

    def __init__(self, batch: db.Batch, part: Path) -> None:
        super().__init__(
            f"Batch {batch.batch_id} was printed by {batch.printed_by} on"
            f" {batch.printed_at:%Y-%m-%d %H:%M} UTC, and PINs are kept nowhere else."
            f" If the file is lost, void the cards and make new ones. (A {part.name}"
            " that was left behind by a crash after that is whole: rename it.)"
        )


class PrintingNowError(BillingError):
    """Somebody else is printing the batch."""

    def __init__(self, batch_id: int) -> None:
        super().__init__(f"Batch {batch_id} is being printed by somebody else.")


class PrintFileError(BillingError):
    """The print file cannot be written there."""


def draw_number() -> int:
    """Draw what a PIN is made of: from the system's source of randomness, always."""
    return secrets.randbelow(10**RANDOM_DIGITS)


def print_batch(
    conn: Connection,
    keys: CardKeys,
    batch_id: int,
    folder: Path,
    *,
    currency: str,
    zone: ZoneInfo,
    actor: str,
    now: datetime,
    draw: Callable[[], int] = draw_number,
    progress: Callable[[int], None] = lambda _: None,
) -> Path:
    """Give each card of a batch its PIN and write them to the one print file.

    1. take the batch; who comes second is told
    2. draw PINs and keep their hashes, a thousand at a time; write serial and PIN to
       FILE.part, for this user's eyes only
    3. have the file on the disk, then commit
    4. name it FILE

    Killed before the commit, no PIN is valid and the batch is not printed; killed after
    it, FILE.part is whole. So a file without .part always belongs to a printed batch.
    """
    batch = db.read_batch(conn, batch_id, now=now)
    file = folder / f"cards-{batch.serial_first}-{batch.serial_last}.csv"
    part = file.with_name(file.name + ".part")
    if file.exists():
        raise PrintFileError(f"{file} is there already: it is never overwritten.")
    try:
        with conn.transaction():
            if not db.take_print(conn, batch_id, actor=actor, now=now):
                batch = db.read_batch(conn, batch_id, now=now)
                raise PrintedAlreadyError(batch, part)
            with _new_file(part) as output:
                facts = _facts(batch, currency, zone)
                cards = _draw_pins(conn, keys, batch_id, draw, progress)
                count = _write_rows(output, cards, facts)
            db.insert_event(
                conn,
                db.CardEvent(
                    *(now, actor, "printed", batch.serial_first, batch.serial_last),
                    cards=count,
                    note=file.name,
                ),
            )
    except errors.LockNotAvailable:
        raise PrintingNowError(batch_id) from None
    part.replace(file)
    return file


def _draw_pins(
    conn: Connection,
    keys: CardKeys,
    batch_id: int,
    draw: Callable[[], int],
    progress: Callable[[int], None],
) -> Iterator[tuple[int, str]]:
    """Give the cards of a batch their PINs; yields each serial with its PIN."""
    after = 0
    while serials := db.list_unprinted(conn, batch_id, after=after, limit=_CHUNK):
        after = serials[-1]
        pins: dict[int, str] = {}
        # A PIN that some card has, under whichever key, is drawn again: two cards would
        # answer to it.
        while missing := [serial for serial in serials if serial not in pins]:
            drawn = {serial: pin_of(draw()) for serial in missing}
            kept = _keep(conn, keys, drawn)
            pins |= {serial: drawn[serial] for serial in kept}
        yield from ((serial, pins[serial]) for serial in serials)
        progress(len(serials))


def _keep(conn: Connection, keys: CardKeys, drawn: Mapping[int, str]) -> set[int]:
    """Keep the hashes of new PINs; returns the serials whose PIN was new."""
    elsewhere = db.list_known_macs(
        conn, [pin_mac(key, pin) for key in keys.old for pin in drawn.values()]
    )
    fresh = {
        serial: pin
        for serial, pin in drawn.items()
        if not any(pin_mac(key, pin) in elsewhere for key in keys.old)
    }
    macs = [pin_mac(keys.current, pin) for pin in fresh.values()]
    return db.insert_pins(conn, keys.current.key_id, macs, list(fresh))


def _facts(batch: db.Batch, currency: str, zone: ZoneInfo) -> tuple[str, ...]:
    """Return what is printed on every card of the batch, in the order of COLUMNS."""
    return (
        _amount(batch.face_value),
        currency,
        safe_cell(batch.package or ""),
        last_day(batch.expires_at, zone),
        safe_cell(batch.distributor),
    )


def _write_rows(
    output: TextIO, cards: Iterable[tuple[int, str]], facts: tuple[str, ...]
) -> int:
    writer = csv.writer(output)
    writer.writerow(COLUMNS)
    count = 0
    for serial, pin in cards:
        # In groups: a spreadsheet would take 17 digits for a number and round it.
        writer.writerow((serial, grouped(pin), *facts))
        count += 1
    return count


def last_day(expires_at: datetime | None, zone: ZoneInfo) -> str:
    """Write the last civil day on which a card is taken."""
    if expires_at is None:
        return ""
    return (expires_at - timedelta(microseconds=1)).astimezone(zone).date().isoformat()


def _amount(amount: Decimal) -> str:
    return f"{amount:.2f}"


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Make a file for this user's eyes only, on the disk at the end or not at all."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise PrintFileError(
            f"{path} is there: somebody prints at this moment, or was interrupted"
            " before any of its PINs became valid. Remove it and print again."
        ) from None
    except OSError as error:
        raise PrintFileError(f"{path}: {error.strerror}.") from None
    try:
        # With the mark by which spreadsheets know UTF-8: packages have Bangla names.
        with os.fdopen(handle, "w", encoding="utf-8-sig", newline="") as output:
            yield output
            output.flush()
            os.fsync(output.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
