"""`khata profile`: made, changed, tried, replaced and deleted; VAT that changes."""

import itertools
from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from tests.builders import rows
from tests.integration.cli_runner import Khata, khata_for

_numbers = itertools.count(1)


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    """One database for all of this: each test uses names of its own."""
    return shared_database_url


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


@pytest.fixture
def name(khata: Khata) -> str:
    """A monthly profile that has everything said, with a package for it."""
    n = f"p{next(_numbers)}"
    khata.ok("package", "add", f"home-{n}", "--billing", "monthly", "--price", "600")
    khata.ok(
        *("profile", "add", n, "--type", "monthly", "--trigger", "day"),
        *("--bill-day", "10", "--due-days", "5", "--suspended-state", "pool"),
        *("--suspended-pool", "pay-here", "--no-auto-activate", "--no-proration"),
    )
    return n


def a_customer(khata: Khata, name: str, *options: str) -> str:
    username = f"c{next(_numbers)}"
    khata.ok(
        *("customer", "add", username, "--password", "x", "--package", f"home-{name}"),
        *("--profile", name, *options),
    )
    return username


def logged(conn: Connection, what: str) -> list[tuple[str, str]]:
    """Who did that, and what is noted of it."""
    return rows(
        conn,
        "SELECT left(actor, 4), note FROM operator_event WHERE what = %s ORDER BY at",
        what,
    )


def test_what_is_not_said_of_a_profile_stays(
    khata: Khata, conn: Connection, name: str
) -> None:
    before = khata.ok("profile", "show", name, "--json").json

    khata.ok(
        *("profile", "change", name, "--grace-days", "3", "--auto-activate"),
        *("--suspended-state", "address-list", "--suspended-address-list", "owing"),
        "--proration",
    )

    changed = {
        "grace_days": 3,
        "auto_activate": True,
        "suspended_state": "address_list",
        "suspended_address_list": "owing",
        "proration": "by_minute",
    }
    after = khata.ok("profile", "show", name, "--json").json
    assert after == before | changed
    assert ("cli:", name) in logged(conn, "billing profile made")
    assert any(
        actor == "cli:" and "grace_days 0 -> 3" in note
        for actor, note in logged(conn, "billing profile")
    )


def test_another_trigger_needs_no_word_about_the_day_of_the_old(
    khata: Khata, name: str
) -> None:
    khata.ok("profile", "change", name, "--trigger", "first", "--rename", f"{name}-1st")

    found = khata.ok("profile", "show", f"{name}-1st", "--json").json
    assert (found["bill_trigger"], found["bill_day"]) == ("first", None)


def test_while_somebody_is_on_a_profile_its_cycles_and_itself_stay(
    khata: Khata, name: str
) -> None:
    a_customer(khata, name)

    moved = khata("profile", "change", name, "--bill-day", "11")
    assert (moved.code, "to which they move" in moved.err) == (1, True)
    gone = khata("profile", "delete", name)
    assert (gone.code, "move them to another first" in gone.err) == (1, True)
    assert khata.ok("profile", "show", name, "--json").json["bill_day"] == 10


def test_a_profile_that_nobody_is_on_is_deleted(khata: Khata, name: str) -> None:
    khata.ok("profile", "delete", name)

    told = khata("profile", "show", name)
    assert (told.code, f"no billing profile {name}" in told.err) == (1, True)


def test_a_profile_is_replaced_as_its_preview_showed(khata: Khata, name: str) -> None:
    usernames = [a_customer(khata, name) for _ in range(2)]
    for username in usernames:
        khata.ok("bill", "make", username)
    free = f"free-{name}"
    khata.ok("profile", "add", free, "--type", "free")
    replace = ("profile", "replace", name, free, "--json")

    would = khata.ok(*replace, "--preview").json
    assert khata.ok("profile", "show", name, "--json").json["customers"] == 2
    made = khata.ok(*replace).json

    assert [row["username"] for row in made["moved"]] == usernames
    assert (would["moved"], would["refused"]) == (made["moved"], made["refused"])
    assert khata.ok("profile", "show", name, "--json").json["customers"] == 0
    assert "0 customer(s) moved" in khata.ok("profile", "replace", name, free).out
    same = khata("profile", "replace", name, name)
    assert (same.code, "choose another profile" in same.err) == (1, True)


def test_who_cannot_be_moved_stays_and_the_command_says_so(
    khata: Khata, name: str
) -> None:
    username = a_customer(khata, name)
    daily = f"daily-{name}"
    khata.ok("profile", "add", daily, "--type", "daily")

    told = khata("profile", "replace", name, daily)

    assert told.code == 1
    assert f"{username}" in told.out
    assert "is monthly" in told.out


def test_a_preview_shows_the_first_bills_of_who_joins(khata: Khata, name: str) -> None:
    khata.ok("profile", "change", name, "--trigger", "renewal", "--proration")

    told = khata.ok(
        *("profile", "preview", name, f"home-{name}", "--joins", "2026-01-31", "--json")
    ).json

    # Noon of the 31st is half a day of 28 behind the cycle's begin.
    assert [bill["gross"] for bill in told] == ["589.29", "600.00", "600.00"]
    assert [bill["billed_at"][:10] for bill in told[1:]] == ["2026-02-28", "2026-03-31"]
    wrong = khata("profile", "preview", name, f"home-{name}", "--joins", "31.1.")
    assert (wrong.code, "2026-12-01" in wrong.err) == (2, True)
    unknown = khata("profile", "preview", name, "nothing")
    assert (unknown.code, "nothing" in unknown.err) == (1, True)


def test_vat_gets_another_rate_from_a_day_on(
    khata: Khata, conn: Connection, name: str
) -> None:
    vat = f"vat-{name}"
    khata.ok("profile", "vat", vat, "--rate", "2020-01-01:5", "--exclusive")
    khata.ok("profile", "vat-rate", vat, "2026-03-01:7.5")
    khata.ok("profile", "change", name, "--vat", vat)

    (found,) = [
        v for v in khata.ok("profile", "vats", "--json").json if v["name"] == vat
    ]
    assert found["rates"] == {"2026-03-01": "7.50", "2020-01-01": "5.00"}
    assert (found["inclusive"], found["profiles"]) == (False, 1)
    assert "2026-03-01: 7.50" in khata.ok("profile", "vats").out
    assert khata.ok("profile", "show", name, "--json").json["vat"] == vat
    assert ("cli:", vat) in logged(conn, "VAT profile made")
    assert ("cli:", f"{vat}: 7.5 % from 2026-03-01") in logged(conn, "VAT rate")

    khata.ok("profile", "change", name, "--vat", "none")
    assert khata.ok("profile", "show", name, "--json").json["vat"] is None


@pytest.mark.parametrize(
    ("rate", "code", "why"),
    [
        ("2020-01-01:6", 1, "two rates"),
        ("2027-01-01:101", 1, "101"),
        ("1.1.2027:5", 2, "2024-07-01:5"),
        ("2027-01-01:five", 2, "five"),
    ],
)
def test_a_rate_that_cannot_be_is_refused_in_a_line(
    khata: Khata, name: str, rate: str, code: int, why: str
) -> None:
    vat = f"vat-{name}"
    khata.ok("profile", "vat", vat, "--rate", "2020-01-01:5")

    told = khata("profile", "vat-rate", vat, rate)

    assert (told.code, why in told.err) == (code, True)
