"""`khata session, bill, audit`: what happened, for people and for scripts."""

import getpass
import os
from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from billing_core.services.audit import CHECKS
from tests.builders import (
    Packets,
    a_customer,
    a_nas,
    a_package,
    fold,
    record,
    rows,
    sessions_of,
    username_of,
)
from tests.integration.cli_runner import Khata, khata_for


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


@pytest.fixture
def online(conn: Connection) -> tuple[int, Packets]:
    """A customer with 100.00, two minutes into a session."""
    customer_id = a_customer(conn, a_package(conn), balance="100")
    p = Packets(username_of(conn, customer_id), a_nas(conn, name="gulshan"))
    fold(conn, p.start(), p.interim(120, octets=(1000, 5_000_000_000)))
    return customer_id, p


def test_running_sessions_are_listed(khata: Khata, online: tuple[int, Packets]) -> None:
    (session,) = khata.ok("session", "list", "--json").json
    assert (session["username"], session["nas"], session["state"]) == (
        online[1].username,
        "gulshan",
        "open",
    )
    assert (session["input_octets"], session["output_octets"]) == (1000, 5_000_000_000)
    assert (session["charged"], session["held"]) == ("2.00", "98.00")
    assert session["started_at"] == "2026-11-24T12:00:00+06:00"
    assert session["cut_reason"] == "BALANCE_EXHAUSTED"
    assert online[1].username in khata.ok("session", "list").out


def test_ended_sessions_are_listed_when_asked_for(
    khata: Khata, conn: Connection, online: tuple[int, Packets]
) -> None:
    fold(conn, online[1].stop(150))
    assert khata.ok("session", "list", "--json").json == []
    assert "Nobody is online" in khata.ok("session", "list").out
    (session,) = khata.ok(
        "session", "list", "--all", "--username", online[1].username, "--json"
    ).json
    assert session["terminate_cause"] == "User-Request"
    assert session["ended_at"] == "2026-11-24T12:02:30+06:00"


def test_a_session_is_put_off_and_shown_with_what_was_asked(
    khata: Khata, conn: Connection, online: tuple[int, Packets]
) -> None:
    number = str(sessions_of(conn, online[0])[0]["session_id"])
    khata.ok("session", "disconnect", number)
    shown = khata.ok("session", "show", number, "--json").json
    assert shown["session"]["disconnect_requested_at"] is not None
    (asked,) = shown["asked_of_nas"]
    assert (asked["kind"], asked["reason"], asked["state"]) == (
        "disconnect",
        "OPERATOR",
        "pending",
    )
    (listed,) = khata.ok("session", "coa", "--json").json
    assert listed["username"] == online[1].username
    assert "OPERATOR" in khata.ok("session", "coa").out


def test_a_second_disconnect_is_told_from_one_of_no_session(
    khata: Khata, conn: Connection, online: tuple[int, Packets]
) -> None:
    number = str(sessions_of(conn, online[0])[0]["session_id"])
    khata.ok("session", "disconnect", number)
    again = khata("session", "disconnect", number)
    assert again.code == 1
    assert f"was asked a moment ago to end session {number}" in again.err
    fold(conn, online[1].stop(150))
    ended = khata("session", "disconnect", number)
    assert f"Session {number} is not running" in ended.err


@pytest.mark.parametrize("command", ["show", "disconnect", "rebuild"])
@pytest.mark.parametrize("number", ["0", "777", "-1", "9" * 30, "x"])
def test_an_unknown_session_is_named(khata: Khata, command: str, number: str) -> None:
    told = khata("session", command, "--", number)
    assert told.code != 0
    assert number in told.err


def test_a_session_is_rebuilt_from_its_packets(
    khata: Khata, conn: Connection, online: tuple[int, Packets]
) -> None:
    number = str(sessions_of(conn, online[0])[0]["session_id"])
    conn.execute("UPDATE acct_session SET session_seconds = 0, output_octets = 0")
    told = khata.ok("session", "rebuild", number, "--json").json
    assert told["packets"] == 2
    assert (told["seconds_before"], told["seconds_after"]) == (0, 120)
    assert told["octets_after"] == 5_000_001_000
    assert (told["charged_before"], told["charged_after"]) == ("2.00", "2.00")
    assert khata.ok("audit", "--json").json["findings"] == []


def test_rejected_logins_and_strangers_are_listed(
    khata: Khata, conn: Connection
) -> None:
    nas_id = a_nas(conn, name="gulshan")
    conn.execute(
        "INSERT INTO access_reject (username, nas_id, calling_station_id, reason)"
        " VALUES ('rahim', %s, '02:00:00:00:00:01', 'BALANCE_EXHAUSTED'),"
        " ('karim', NULL, '', 'UNKNOWN_CUSTOMER')",
        [nas_id],
    )
    conn.execute("INSERT INTO unknown_nas (address, packets) VALUES ('127.8.8.8', 3)")
    told = khata.ok("session", "list", "--rejected", "--json").json
    assert [(r["username"], r["reason"]) for r in told] == [
        ("karim", "UNKNOWN_CUSTOMER"),
        ("rahim", "BALANCE_EXHAUSTED"),
        ("", "UNKNOWN_NAS"),
    ]
    one = khata.ok("session", "list", "--rejected", "--username", "rahim", "--json")
    assert [r["nas"] for r in one.json] == ["gulshan"]
    assert (
        "khata nas add NAME 127.8.8.8" in khata.ok("session", "list", "--rejected").out
    )


@pytest.mark.parametrize("name", ["[/b]", "[red]", ":smile:", "a\x1b[2J\x9b2J\x07b"])
def test_whatever_name_somebody_tried_is_listed_as_it_is(
    khata: Khata, conn: Connection, name: str
) -> None:
    conn.execute(
        "INSERT INTO access_reject (username, calling_station_id, reason)"
        " VALUES (%s, %s, 'UNKNOWN_CUSTOMER')",
        [name, name],
    )
    shown = khata.ok("session", "list", "--rejected").out
    safe = (
        name.replace("\x1b", r"\x1b").replace("\x9b", r"\x9b").replace("\x07", r"\x07")
    )
    assert shown.count(safe) == 2
    assert not {"\x1b", "\x9b", "\x07"} & set(shown)
    told = khata.ok("session", "list", "--rejected", "--json").json
    assert [row["username"] for row in told] == [name]


def test_a_session_is_shown_however_many_came_after_it(
    khata: Khata, conn: Connection, online: tuple[int, Packets]
) -> None:
    first = sessions_of(conn, online[0])[0]["session_id"]
    khata.ok("session", "disconnect", str(first))
    conn.execute(
        "INSERT INTO acct_session (customer_id, session_id, nas_id, package_id, state,"
        " username, started_at, last_event_at, ended_at, interim_interval_seconds)"
        " SELECT customer_id, session_id + n, nas_id, package_id, 'ended', username,"
        " now(), now(), now(), 300 FROM acct_session, generate_series(1, 10001) AS n"
        " WHERE session_id = %s",
        [first],
    )
    conn.execute(
        "INSERT INTO outbox (customer_id, session_id, nas_id, kind, reason)"
        " SELECT customer_id, session_id + 1, nas_id, kind, reason"
        " FROM outbox, generate_series(1, 1001)"
    )
    shown = khata.ok("session", "show", str(first), "--json").json
    assert shown["session"]["session_id"] == first
    assert len(shown["asked_of_nas"]) == 1


def test_the_bills_of_a_session_are_listed_with_their_lines(
    khata: Khata, conn: Connection, online: tuple[int, Packets]
) -> None:
    fold(conn, online[1].stop(150, octets=(1000, 5_000_000_000)))
    (bill,) = khata.ok("bill", "list", online[1].username, "--json").json
    assert (bill["kind"], bill["gross"], bill["paid"], bill["status"]) == (
        "session",
        "3.00",
        "3.00",
        "paid",
    )
    assert bill["period_start"] == "2026-11-24T12:00:00+06:00"
    (line,) = bill["lines"]
    assert "2 min 30 s, 5000.00 MB" in line["description"]
    assert (line["net"], line["vat"], line["gross"]) == ("3.00", "0.00", "3.00")


def test_sound_books_end_with_0_and_broken_ones_with_1(
    khata: Khata, conn: Connection, online: tuple[int, Packets]
) -> None:
    told = khata.ok("audit", "--json").json
    assert told == {"checks": list(CHECKS), "findings": []}
    assert "The books are right" in khata.ok("audit").out

    conn.execute("UPDATE wallet SET reserved = reserved + 5")
    broken = khata("audit", "--json")
    assert broken.code == 1
    (finding,) = [f for f in broken.json["findings"] if f["is_error"]]
    assert finding["check"] == "reserved_unlike_reservations"
    assert finding["customer_id"] == online[0]
    assert khata("audit").code == 1


def test_an_overdrawn_wallet_is_told_but_ends_with_0(
    khata: Khata, conn: Connection
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="1")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start(), p.interim(600))
    told = khata.ok("audit", "--json").json
    assert [f["check"] for f in told["findings"]] == ["overdrawn_wallets"]


def test_a_packet_that_waits_is_no_session_yet(
    khata: Khata, conn: Connection, online: tuple[int, Packets]
) -> None:
    record(conn, online[1].interim(240))
    (session,) = khata.ok("session", "list", "--json").json
    assert session["session_seconds"] == 120
    assert rows(conn, "SELECT count(*) FROM acct_intake") == [(1,)]


def test_a_database_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    khata = khata_for("postgresql://khata@127.0.0.1:1/khata", tmp_path)
    told = khata("customer", "list")
    assert told.code == 1
    assert "The database does not answer" in told.err
    assert "khata up" in told.err


def test_a_database_that_goes_away_in_the_middle_is_told_in_one_line(
    khata: Khata, conn: Connection
) -> None:
    conn.execute("ALTER TABLE nas RENAME TO all_nas")
    conn.execute(
        "CREATE VIEW nas AS SELECT * FROM all_nas"
        " WHERE pg_terminate_backend(pg_backend_pid())"
    )
    conn.execute(
        "INSERT INTO all_nas (name, address, secret, coa_identification)"
        " VALUES ('x', '127.3.3.3', 'x', '{User-Name}')"
    )
    told = khata("nas", "list")
    assert told.code == 1
    assert "The database gave up in the middle" in told.err


def test_a_database_of_another_version_is_told_with_the_command(
    khata: Khata, conn: Connection
) -> None:
    conn.execute("ALTER TABLE nas RENAME COLUMN vendor TO make")
    told = khata("nas", "list")
    assert told.code == 1
    assert "khata db migrate" in told.err
    conn.execute("ALTER TABLE installation RENAME TO nothing")
    assert "khata db migrate" in khata("customer", "list").err


def test_who_has_a_number_and_no_name_may_work(
    khata: Khata, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs as any user."""

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    khata.ok("nas", "add", "gulshan", "127.3.3.4", "--secret", "x")
    assert rows(conn, "SELECT actor FROM operator_event") == [(f"cli:{os.getuid()}",)]


def test_a_setting_that_is_missing_is_named(tmp_path: Path) -> None:
    khata = khata_for("postgresql://khata@127.0.0.1:1/khata", tmp_path)
    text = khata.config.read_text(encoding="utf-8").replace("currency", "curency")
    khata.config.write_text(text, encoding="utf-8")
    told = khata("customer", "list")
    assert told.code == 2
    assert "curency" in told.err


@pytest.mark.parametrize(
    "group", ["nas", "package", "customer", "wallet", "session", "bill", "db"]
)
def test_every_command_has_help(khata: Khata, group: str) -> None:
    listed = khata.ok(group, "--help").out
    names = listed.partition("Commands:")[2].split("\n")
    commands = [line.split()[0] for line in names if line.strip()]
    assert commands
    for command in commands:
        assert "Usage:" in khata.ok(group, command, "--help").out
