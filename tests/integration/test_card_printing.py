"""The print file: made once, for its owner only, harmless in a spreadsheet."""

import csv
import itertools
import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pypdf import PdfReader

from billing_core.cards import CardKey, CardKeys, pin_of, read_pin
from billing_core.db import cards as db
from billing_core.db.connect import Connection, connect
from billing_core.services.cards.printing import (
    PrintedAlreadyError,
    PrintFileError,
    PrintingNowError,
    draw_number,
    print_batch,
)
from billing_core.services.cards.sheets import (
    CARDS_A_SHEET,
    Imprint,
    SheetError,
    make_sheets,
)
from tests.builders import (
    NOON,
    a_customer,
    a_hotspot_package,
    a_package,
    at_once,
    rows,
)
from tests.cards import CARD_KEYS, DHAKA, a_batch, print_cards, try_pin

IMPRINT = Imprint("Example Net", "01700-000000")


def file_of(batch: db.Batch, folder: Path) -> Path:
    return folder / f"cards-{batch.serial_first}-{batch.serial_last}.csv"


def test_each_card_gets_a_pin_that_nothing_tells(
    conn: Connection, tmp_path: Path
) -> None:
    batch = a_batch(conn, 1500)
    pins = print_cards(conn, batch, tmp_path)

    assert list(pins) == list(range(batch.serial_first, batch.serial_last + 1))
    read = [read_pin(pin) for pin in pins.values()]
    assert len(set(read)) == 1500
    assert None not in read
    assert rows(conn, "SELECT count(*) FROM card_pin") == [(1500,)]


def test_draws_are_below_ten_to_the_sixteenth_and_use_all_of_it() -> None:
    drawn = [draw_number() for _ in range(2000)]
    assert 0 <= min(drawn) < 10**14
    assert 10**16 - 10**14 < max(drawn) < 10**16


def test_the_print_file_is_for_its_owner_only_whatever_the_umask(
    conn: Connection, tmp_path: Path
) -> None:
    batch = a_batch(conn)
    before = os.umask(0)
    try:
        print_cards(conn, batch, tmp_path)
        (sheet,) = make_sheets(file_of(batch, tmp_path), tmp_path, IMPRINT)
    finally:
        os.umask(before)
    for path in (file_of(batch, tmp_path), sheet):
        assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        file_of(batch, tmp_path).name,
        sheet.name,
    ]


def test_the_print_file_says_what_a_card_says(conn: Connection, tmp_path: Path) -> None:
    """A name that a spreadsheet would run as a formula stays a name."""
    package = a_hotspot_package(conn, name='=HYPERLINK("http://x","দিন")')
    midnight = datetime(2027, 1, 1, tzinfo=DHAKA)
    batch = a_batch(conn, package=package, distributor="+Kiosk", expires_at=midnight)
    print_cards(conn, batch, tmp_path)

    with file_of(batch, tmp_path).open(encoding="utf-8-sig", newline="") as lines:
        head, row = csv.reader(lines)

    assert head[:2] == ["serial", "pin"]
    assert row[0] == str(batch.serial_first)
    assert re.fullmatch(r"(\d{4} ){4}\d", row[1])
    assert row[2:] == [
        *("10.00", "BDT", '\'=HYPERLINK("http://x","দিন")', "2026-12-31", "'+Kiosk"),
    ]


def test_a_batch_is_printed_once(conn: Connection, tmp_path: Path) -> None:
    batch = a_batch(conn, 3)
    print_cards(conn, batch, tmp_path, actor="ann")
    other = tmp_path / "other"
    other.mkdir()

    with pytest.raises(PrintedAlreadyError, match="printed by ann on 2026-11-24"):
        print_cards(conn, batch, other)

    assert list(other.iterdir()) == []
    assert rows(conn, "SELECT count(*) FROM card_pin") == [(3,)]
    assert [event.what for event in db.list_events(conn, batch.serial_first)] == [
        "generated",
        "printed",
    ]


def test_of_two_who_print_at_once_one_has_the_pins(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    batch = a_batch(conn, 500)
    folders = [tmp_path / str(number) for number in range(4)]
    for folder in folders:
        folder.mkdir()

    def printer(folder: Path) -> Callable[[Connection], dict[int, str]]:
        return lambda own: print_cards(own, batch, folder)

    done = at_once(database_url, [printer(folder) for folder in folders])

    printed = [pins for pins in done if isinstance(pins, dict)]
    assert len(printed) == 1, done
    assert sum(isinstance(told, PrintedAlreadyError) for told in done) == 3
    assert len([file for folder in folders for file in folder.iterdir()]) == 1
    assert rows(conn, "SELECT count(*) FROM card_pin") == [(500,)]


def test_who_comes_while_another_prints_is_told(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    batch = a_batch(conn)
    with (
        connect(database_url, application="tests") as other,
        other.transaction(),
        connect(database_url, application="tests", lock_timeout_ms=50) as own,
    ):
        db.take_print(other, batch.batch_id, actor="other", now=NOON)
        with pytest.raises(PrintingNowError, match="by somebody else"):
            print_cards(own, batch, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_pin_that_exists_is_drawn_again(conn: Connection, tmp_path: Path) -> None:
    """In its own batch, in another one, and under a key of before."""
    same = itertools.chain([7, 7, 7, 8], itertools.count(100))
    first = print_cards(conn, a_batch(conn, 2), tmp_path, draw=lambda: next(same))
    assert {read_pin(pin) for pin in first.values()} == {pin_of(7), pin_of(8)}

    new = CardKeys(CardKey(bytes(32)), (CARD_KEYS.current,))
    again = iter([8, 7, 7, 9, 10])
    second = print_cards(
        conn, a_batch(conn, 2), tmp_path, keys=new, draw=lambda: next(again)
    )
    assert {read_pin(pin) for pin in second.values()} == {pin_of(9), pin_of(10)}


def test_who_is_interrupted_prints_again(conn: Connection, tmp_path: Path) -> None:
    """Nothing half: no PIN is valid, no file is left, the batch is not printed."""
    batch = a_batch(conn, 3)
    numbers = iter([1, 2])

    def draw() -> int:
        for number in numbers:
            return number
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        print_cards(conn, batch, tmp_path, draw=draw)
    assert list(tmp_path.iterdir()) == []
    assert rows(conn, "SELECT count(*) FROM card_pin") == [(0,)]
    assert len(print_cards(conn, batch, tmp_path)) == 3


KILLED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo
from billing_core.db.connect import connect
from billing_core.services.cards.printing import print_batch
from tests.cards import CARD_KEYS
left = int(sys.argv[4])
def draw():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
    return 5000 + left
conn = connect(sys.argv[1], application="tests")
print_batch(
    conn, CARD_KEYS, int(sys.argv[2]), Path(sys.argv[3]), currency="BDT",
    zone=ZoneInfo("Asia/Dhaka"), actor="killed", now=datetime.now(UTC), draw=draw,
)
"""


def test_killed_in_the_middle_no_pin_is_valid_and_the_rest_is_told(
    conn: Connection, database_url: str, tmp_path: Path
) -> None:
    batch = a_batch(conn, 2500)
    killed = subprocess.run(
        [
            *(sys.executable, "-c", KILLED),
            *(database_url, str(batch.batch_id), str(tmp_path), "1500"),
        ],
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert killed.returncode == -9
    part = file_of(batch, tmp_path).with_suffix(".csv.part")
    assert part.exists()
    assert rows(conn, "SELECT count(*) FROM card_pin") == [(0,)]

    with pytest.raises(PrintFileError, match="Remove it and print again"):
        print_cards(conn, batch, tmp_path)
    part.unlink()
    assert len(print_cards(conn, batch, tmp_path)) == 2500


def test_nothing_is_ever_overwritten_and_a_folder_that_is_none_is_told(
    conn: Connection, tmp_path: Path
) -> None:
    batch = a_batch(conn)
    file_of(batch, tmp_path).write_text("mine")
    with pytest.raises(PrintFileError, match="never overwritten"):
        print_cards(conn, batch, tmp_path)
    assert file_of(batch, tmp_path).read_text() == "mine"
    with pytest.raises(PrintFileError, match="No such file or directory"):
        print_cards(conn, batch, tmp_path / "nowhere")
    assert db.read_batch(conn, batch.batch_id, now=NOON).printed_at is None


def test_void_cards_are_not_printed(conn: Connection, tmp_path: Path) -> None:
    batch = a_batch(conn, 3)
    db.void_cards(conn, batch.serial_first + 1, batch.serial_first + 1)
    pins = print_cards(conn, batch, tmp_path)
    assert list(pins) == [batch.serial_first, batch.serial_last]


def memory_to_print(conn: Connection, quantity: int, folder: Path) -> int:
    """Print so many cards; returns the most octets that Python held meanwhile."""
    batch = a_batch(conn, quantity)
    tracemalloc.start()
    try:
        print_batch(
            conn,
            CARD_KEYS,
            batch.batch_id,
            folder,
            currency="BDT",
            zone=DHAKA,
            actor="test",
            now=NOON,
        )
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_printing_more_cards_takes_no_more_memory(
    conn: Connection, tmp_path: Path
) -> None:
    """Each thousand is forgotten before the next, so a hundred thousand is no more."""
    memory_to_print(conn, 1000, tmp_path)  # imports, statements
    few = memory_to_print(conn, 2000, tmp_path)
    many = memory_to_print(conn, 10_000, tmp_path)
    assert many < few * 1.2
    assert rows(conn, "SELECT count(*) FROM card_pin") == [(13_000,)]


def test_sheets_show_every_card_and_come_in_parts(
    conn: Connection, tmp_path: Path
) -> None:
    batch = a_batch(
        conn,
        2 * CARDS_A_SHEET + 1,
        face_value=Decimal(250),
        expires_at=NOON + timedelta(days=30),
    )
    pins = print_cards(conn, batch, tmp_path)

    parts = make_sheets(file_of(batch, tmp_path), tmp_path, IMPRINT, sheets_a_part=1)

    assert [len(PdfReader(part).pages) for part in parts] == [1, 1, 1]
    text = "\n".join(page.extract_text() for p in parts for page in PdfReader(p).pages)
    for serial, pin in pins.items():
        assert f"Serial {serial}" in text
        assert pin in text
    assert text.count("250.00 BDT") == text.count("Example Net") == len(pins)
    assert text.count("Valid until 2026-12-24") == len(pins)
    assert text.count("Help: 01700-000000") == len(pins)


def test_sheets_go_on_where_they_were_interrupted(
    conn: Connection, tmp_path: Path
) -> None:
    batch = a_batch(conn, 2 * CARDS_A_SHEET)
    print_cards(conn, batch, tmp_path)
    file = file_of(batch, tmp_path)
    first, second = make_sheets(file, tmp_path, IMPRINT, sheets_a_part=1)
    kept = first.stat().st_mtime_ns
    second.unlink()
    second.with_suffix(".pdf.part").write_text("half")

    assert make_sheets(file, tmp_path, IMPRINT, sheets_a_part=1) == [first, second]

    assert first.stat().st_mtime_ns == kept
    assert PdfReader(second).get_num_pages() == 1


def test_what_people_named_is_text_on_a_card_and_fetches_nothing(
    conn: Connection, tmp_path: Path
) -> None:
    name = '<img src="file:///etc/passwd"><b>&amp;'
    batch = a_batch(conn, package=a_hotspot_package(conn, name=name))
    print_cards(conn, batch, tmp_path)
    (sheet,) = make_sheets(file_of(batch, tmp_path), tmp_path, IMPRINT)

    reader = PdfReader(sheet)
    assert "<b>&amp;" in reader.pages[0].extract_text()
    assert list(reader.pages[0].images) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"serial,pin\n1,2\n",
        b"\xff\xfe",
        None,
        b"serial,pin,value,currency,package,valid_until,distributor\n1,2,3,4,5,6,7\n",
    ],
)
def test_what_is_no_print_file_is_refused(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "cards.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SheetError):
        make_sheets(file, tmp_path, IMPRINT)


def test_a_printed_card_that_is_not_active_is_refused(
    conn: Connection, tmp_path: Path
) -> None:
    (pin,) = print_cards(conn, a_batch(conn), tmp_path).values()
    assert not try_pin(conn, a_customer(conn, a_package(conn)), pin).is_credited
