"""`khata card` as a person runs it, from the batch to the wallet."""

import base64
from pathlib import Path

import pytest

from billing_core.cards import pin_of
from billing_core.db.connect import Connection
from billing_core.services.cards.sheets import read_print_file
from billing_core.settings import load_settings
from billing_core.stack.config_file import write_config
from billing_core.stack.identities import server_identity
from billing_core.stack.layout import Layout
from billing_core.stack.secret_files import card_key_file
from tests.builders import a_customer, a_hotspot_package, a_package, audited, rows
from tests.integration.cli_runner import Khata, khata_for

KEY = base64.b64encode(bytes(range(32, 64))).decode()


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    khata = khata_for(database_url, tmp_path)
    with khata.config.open("a", encoding="utf-8") as config:
        config.write(f'card_key = "{KEY}"\nprovider = "Example Net"\n')
    return khata


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "print"
    made.mkdir()
    return made


def printed(khata: Khata, folder: Path, *order: str) -> dict[int, str]:
    """Make cards and print them; returns each serial with its PIN."""
    made = khata.ok("card", "generate", *order, "--distributor", "Kiosk", "--json").json
    batch = str(made["batch_id"])
    (file,) = khata.ok("card", "print", batch, "--to", str(folder), "--json").json
    return {int(row["serial"]): row["pin"] for row in read_print_file(Path(file))}


def test_a_card_goes_all_its_way(conn: Connection, khata: Khata, folder: Path) -> None:
    a_customer(conn, a_package(conn), username="rahim")
    assert "No cards yet." in khata.ok("card", "batches").out
    told = khata.ok(
        *("card", "generate", "3", "--value", "1,000", "--distributor", "Kiosk"),
        *("--commission-percent", "2.5", "--expires", "2099-12-31"),
    )
    assert "1000.00 BDT each" in told.out
    (batch,) = khata.ok("card", "batches", "--json").json
    assert batch["commission"] == "25.00"
    assert batch["expires_at"] == "2100-01-01T00:00:00+06:00"
    number = str(batch["batch_id"])

    told = khata.ok(
        *("card", "print", number, "--to", str(folder), "--sheets"),
        *("--helpline", "01700-000000"),
    )
    names = sorted(path.name for path in folder.iterdir())
    assert [name.rsplit(".")[-1] for name in names] == ["csv", "pdf"]
    pins = {
        int(row["serial"]): row["pin"] for row in read_print_file(folder / names[0])
    }
    first, second, third = pins
    assert not any(pin in told.out for pin in pins.values())
    assert "3 card(s)" in khata.ok("card", "activate", str(first), str(third)).out

    told = khata.ok("card", "redeem", "rahim", stdin=pins[second] + "\n")
    assert "1000.00 BDT for rahim, who has 1000.00 BDT available" in told.out
    assert pins[second] not in told.out + told.err

    gone = khata.ok("card", "void", str(first), str(third), "--reason", "lost")
    assert "2 card(s) are void" in gone.out
    shown = khata.ok("card", "show", str(second), "--json").json
    assert (shown["card"]["state"], shown["card"]["used_by"]) == ("used", "rahim")
    assert [event["what"] for event in shown["events"]] == [
        *("generated", "printed", "activated", "voided"),
    ]
    assert "used by rahim" in khata.ok("card", "show", str(second)).out
    listed = khata.ok("card", "list", "--state", "void", "--json").json
    assert [card["serial"] for card in listed] == [third, first]
    assert "void" in khata.ok("card", "list", "--distributor", "Kiosk").out
    (tried,) = khata.ok("card", "tries", "--json").json
    assert (tried["username"], tried["outcome"]) == ("rahim", "credited")
    assert audited(conn) == []


def test_who_makes_cards_for_a_shop_of_a_reseller_is_told_that_he_sees_them(
    khata: Khata,
) -> None:
    add = ("operator", "add", "--password", "correct horse battery", "--role")
    khata.ok(*add, "operator", "mirpur")
    khata.ok(*add, "distributor", "--parent", "mirpur", "his-shop")
    make = ("card", "generate", "1", "--value", "100", "--distributor")

    assert "his-shop works for mirpur, who sees" in khata.ok(*make, "his-shop").out
    assert "works for" not in khata.ok(*make, "Kiosk").out


def test_a_package_card_tells_what_it_bought(
    conn: Connection, khata: Khata, folder: Path
) -> None:
    package = a_hotspot_package(conn, name="hour")
    a_customer(conn, package, username="rahim")
    a_customer(conn, a_package(conn), username="karim", kind="hotspot")
    pins = printed(khata, folder, "2", "--package", "hour")
    first, second = pins
    khata.ok("card", "activate", str(first), str(second))

    told = khata.ok("card", "redeem", "rahim", stdin=pins[first])
    assert "hour is bought." in told.out

    conn.execute("UPDATE package SET price = 50 WHERE name = 'hour'")
    told = khata.ok("card", "redeem", "karim", stdin=pins[second])
    assert "hour was not bought: Customer karim needs 50.00" in told.out
    assert len(khata.ok("card", "list", "--package", "hour", "--json").json) == 2


def test_a_refused_card_is_an_error_that_shows_no_pin(
    conn: Connection, khata: Khata, folder: Path
) -> None:
    a_customer(conn, a_package(conn), username="rahim")
    pins = printed(khata, folder, "1", "--value", "50")
    (serial,) = pins
    answers = []
    for pin in (pins[serial], pin_of(3)):
        told = khata("card", "redeem", "rahim", stdin=pin)
        assert told.code == 1
        assert pin not in told.out + told.err
        answers.append(told.err)
    assert answers[0] == answers[1]
    assert "not taken" in answers[0]

    told = khata("card", "redeem", "rahim", stdin="1234\n")
    assert (told.code, "17 digits" in told.err) == (1, True)
    khata.ok("card", "activate", str(serial), str(serial))
    khata.ok("card", "redeem", "rahim", stdin=pins[serial])
    told = khata("card", "redeem", "rahim", stdin=pins[serial])
    assert (told.code, f"before ({serial})" in told.err) == (1, True)
    for number in range(3):
        khata("card", "redeem", "rahim", stdin=pin_of(number))
    told = khata("card", "redeem", "rahim", stdin=pin_of(9))
    assert (told.code, "Too many wrong numbers" in told.err) == (1, True)
    assert "inactive" in khata.ok("card", "tries", "--bad").out
    assert rows(conn, "SELECT count(*) FROM payment") == [(1,)]


def test_a_pin_is_no_argument(khata: Khata) -> None:
    """Arguments of a process can be read by every user of the machine."""
    told = khata("card", "redeem", "rahim", "1234 5678 9012 3456 9")
    assert told.code == 2
    assert "unexpected extra argument" in told.err


def test_sheets_are_made_of_a_print_file_later(
    khata: Khata, folder: Path, conn: Connection
) -> None:
    printed(khata, folder, "2", "--value", "50")
    (file,) = folder.iterdir()
    told = khata.ok("card", "sheets", str(file), "--to", str(folder))
    assert Path(told.out.strip()).suffix == ".pdf"


OF_X = ("--distributor", "x")
MISTAKES: list[tuple[tuple[str, ...], str]] = [
    (("generate", "1", *OF_X), "Say what a card is worth"),
    (("generate", "0", *OF_X), "range"),
    (("generate", "1", "--value", "1", "--distributor", " "), "which distributor"),
    (
        (*("generate", "1", "--value", "1"), *OF_X, "--expires", "2001-01-01"),
        "expired already",
    ),
    (("activate", "5", "6"), "2 of them do not exist"),
    (("activate", "1", str(2**62)), "do not exist"),
    (("void", "6", "5", "--reason", "x"), "ends before it begins"),
    (("show", "7"), "no card 7"),
    (("print", "7"), "no batch 7"),
    (("list", "--package", "x"), "no package x"),
    (("redeem", "nobody"), "no customer nobody"),
    (("print", "1", "--to", "/nowhere"), "does not exist"),
]


def test_what_cannot_be_is_told_in_one_line(khata: Khata) -> None:
    for arguments, message in MISTAKES:
        told = khata("card", *arguments, stdin="")
        assert told.code != 0, arguments
        assert message in told.err


def test_without_a_key_there_is_a_line_that_says_what_to_set(
    database_url: str, tmp_path: Path, conn: Connection
) -> None:
    khata = khata_for(database_url, tmp_path)
    a_customer(conn, a_package(conn), username="rahim")
    khata.ok("card", "generate", "1", "--value", "5", "--distributor", "x")
    for arguments in (("print", "1", "--to", str(tmp_path)), ("redeem", "rahim")):
        told = khata("card", *arguments, stdin=pin_of(1))
        assert told.code == 1
        assert "KHATA_CARD_KEY" in told.err
    assert rows(conn, "SELECT count(*) FROM card_pin") == [(0,)]


def test_the_stack_makes_a_key_once_and_its_settings_name_it(
    tmp_path: Path, database_url: str
) -> None:
    layout = Layout(tmp_path)
    layout.secrets.mkdir()
    write_config(layout, currency="BDT", zone="Asia/Dhaka")
    (layout.secrets / "database_url").write_text(database_url)
    (layout.secrets / "secret_key").write_text(KEY)
    file = card_key_file(layout, server_identity())
    made = file.read_text()

    assert card_key_file(layout, server_identity()).read_text() == made
    assert file.stat().st_mode & 0o777 == 0o640
    settings = load_settings({"KHATA_CONFIG": str(layout.config)})
    assert settings.card_keys is not None
    assert settings.card_keys.current.key == base64.b64decode(made)
