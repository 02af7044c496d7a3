"""`khata customer, bill, wallet`: terms, corrections, and what people are told."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from billing_core.services.audit import audit
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


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever was typed, the books are sound after it."""
    yield
    assert audit(conn) == []


@pytest.fixture
def name(khata: Khata) -> str:
    """A monthly customer, billed 600.00 from today on, with packages and profiles."""
    n = f"m{next(_numbers)}"
    for package, price in ((f"home-{n}", "600"), (f"fast-{n}", "1200")):
        khata.ok("package", "add", package, "--billing", "monthly", "--price", price)
    # Whatever the time of day is: the first cycle costs its whole price.
    khata.ok("profile", "add", f"month-{n}", "--type", "monthly", "--no-proration")
    khata.ok("profile", "add", f"free-{n}", "--type", "free")
    khata.ok(
        *("customer", "add", n, "--password", "x", "--package", f"home-{n}"),
        *("--profile", f"month-{n}", "--kind", "static", "--mail", "a@example.org"),
        *("--language", "bn"),
    )
    khata.ok("bill", "make", n)
    return n


def bill_of(khata: Khata, name: str) -> str:
    return str(khata.ok("bill", "list", name, "--json").json[-1]["number"])


def test_a_customer_shows_his_terms(khata: Khata, name: str) -> None:
    shown = khata.ok("customer", "show", name, "--json").json

    assert {key: shown[key] for key in ("kind", "profile", "language", "mail")} == {
        "kind": "static",
        "profile": f"month-{name}",
        "language": "bn",
        "mail": "a@example.org",
    }
    assert shown["due"] == "600.00"
    assert f"month-{name} (static)" in khata.ok("customer", "show", name).out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--kind", "hotspot"], "is monthly, but a customer of kind hotspot"),
        (["--profile", "nope"], "There is no billing profile nope"),
        (["--special-price", "-5"], "A special price is more than 0"),
        (["--discount", "101"], "A discount is 0 to 100 percent"),
        (["--language", "fr"], "'fr' is not one of"),
    ],
)
def test_terms_that_contradict_are_told_in_one_line(
    khata: Khata, conn: Connection, name: str, options: list[str], sentence: str
) -> None:
    told = khata(
        *("customer", "add", f"x-{name}", "--password", "x"),
        *("--package", f"home-{name}", *options),
    )

    assert told.code != 0
    assert sentence in told.err
    assert rows(conn, "SELECT FROM login WHERE username = %s", f"x-{name}") == []


def test_a_preview_of_a_package_change_is_what_is_then_posted(
    khata: Khata, name: str
) -> None:
    change = ("customer", "change-package", name, f"fast-{name}", "--json")

    preview = khata.ok(*change, "--preview").json
    assert len(khata.ok("bill", "list", name, "--json").json) == 1
    made = khata.ok(*change).json

    for key in ("credit", "charge", "payable"):
        assert preview[key] == made[key]
    assert (made["credit"], made["charge"]) == ("600.00", "1200.00")
    assert (len(made["bills"]), len(made["credit_notes"])) == (1, 1)
    told = khata("customer", "change-package", name, f"fast-{name}")
    assert "already" in told.err


def test_a_package_change_says_what_it_costs(khata: Khata, name: str) -> None:
    change = ("customer", "change-package", name, f"fast-{name}")
    assert "Nothing was changed." in khata.ok(*change, "--preview").out
    assert "credited" in khata.ok(*change).out


def test_becoming_free_says_what_is_not_owed_any_more(khata: Khata, name: str) -> None:
    bill = bill_of(khata, name)

    told = khata.ok("customer", "profile", name, f"free-{name}")

    assert f"600.00 BDT of bill {bill} are not owed any more." in told.out
    shown = khata.ok("bill", "show", bill, "--json").json
    assert (shown["status"], shown["open"]) == ("void", "600.00")


def test_a_price_and_a_discount_are_set_and_ended(
    khata: Khata, conn: Connection, name: str
) -> None:
    khata.ok("customer", "price", name, "450.50")
    khata.ok("customer", "discount", name, "12.5")
    terms = "SELECT special_price::text, discount_percent::text FROM customer"
    query = f"{terms} WHERE username = %s"
    assert rows(conn, query, name) == [("450.50", "12.50")]
    assert "what the package costs" in khata.ok("customer", "price", name, "none").out
    assert rows(conn, query, name) == [(None, "12.50")]
    assert khata("customer", "price", name, "free").code == 2


def test_a_bill_shows_what_became_of_it(khata: Khata, name: str) -> None:
    bill = bill_of(khata, name)
    khata.ok("wallet", "topup", name, "100")
    note = khata.ok("bill", "credit", bill, "50", "--reason", "slow").out.split()[2]

    shown = khata.ok("bill", "show", bill, "--json").json
    assert (shown["username"], shown["paid"], shown["open"]) == (
        name,
        "150.00",
        "450.00",
    )
    assert [line["gross"] for line in shown["lines"]] == ["600.00"]
    assert [a["amount"] for a in shown["allocations"]] == ["100.00", "50.00"]
    assert shown["credit_notes"][0]["reason"] == "slow"
    # By its id, and by its credit note's number.
    for other in (str(shown["bill_id"]), note.rstrip(":")):
        assert khata.ok("bill", "show", other, "--json").json == shown
    assert "450.00 open" in khata.ok("bill", "show", bill).out


def test_a_void_bill_is_billed_again_by_hand(khata: Khata, name: str) -> None:
    bill = bill_of(khata, name)

    told = khata.ok("bill", "void", bill, "--reason", "wrong price")
    assert f"khata bill again {bill}" in told.out
    assert "void: wrong price" in khata.ok("bill", "show", bill).out
    assert "void already" in khata("bill", "void", bill, "--reason", "x").err
    khata.ok("bill", "again", bill)

    found = khata.ok("bill", "list", name, "--json").json
    assert [row["status"] for row in found] == ["unpaid", "void"]
    assert khata("bill", "again", bill).code == 1


def test_the_same_key_charges_and_adjusts_once(khata: Khata, name: str) -> None:
    for _ in range(2):
        khata.ok(
            *("bill", "charge", name, "75", "--description", "router", "--key", "r1")
        )
        khata.ok("wallet", "adjust", name, "1000", "--reason", "outage", "--key", "o1")

    shown = khata.ok("customer", "show", name, "--json").json
    assert (shown["due"], shown["wallet"]["posted"]) == ("0.00", "325.00")
    told = khata.ok("wallet", "adjust", name, "-25", "--reason", "too much")
    assert "-25" in told.out
    assert "has 300.00" in khata("wallet", "adjust", name, "-301", "--reason", "x").err


@pytest.mark.parametrize(
    "command",
    [
        ["bill", "void", "B-99999999", "--reason", "x"],
        ["bill", "credit", "B-99999999", "5", "--reason", "x"],
        ["bill", "show", "B-99999999"],
        ["bill", "again", "99999999999999999999"],
        ["bill", "charge", "nobody", "5", "--description", "x"],
        ["wallet", "adjust", "nobody", "5", "--reason", "x"],
        ["customer", "profile", "nobody", "x"],
        ["customer", "change-package", "nobody", "x"],
        ["customer", "price", "nobody", "5"],
        ["customer", "pause", "nobody"],
    ],
)
def test_what_is_not_there_is_named(khata: Khata, command: list[str]) -> None:
    told = khata(*command)
    assert told.code == 1
    assert "There is no" in told.err


def test_an_entry_that_a_bill_stands_on_says_what_to_use(
    khata: Khata, conn: Connection, name: str
) -> None:
    ((entry_id,),) = rows(
        conn,
        "SELECT entry_id FROM ledger_entry JOIN login USING (customer_id)"
        " WHERE username = %s AND kind = 'bill'",
        name,
    )
    told = khata("wallet", "reverse", name, str(entry_id), "--reason", "x")
    assert "khata bill void" in told.err


def test_a_hold_a_pause_and_who_will_be_suspended(khata: Khata, name: str) -> None:
    listed = ("customer", "list", "--will-be-suspended-by", "2126-01-01", "--json")
    assert name in [row["username"] for row in khata.ok(*listed).json]

    khata.ok("customer", "hold", name, "--until", "2126-06-01", "--note", "promised")
    assert name not in [row["username"] for row in khata.ok(*listed).json]
    khata.ok("customer", "hold", name, "--end")
    assert name in [row["username"] for row in khata.ok(*listed).json]

    assert "is paused" in khata.ok("customer", "pause", name).out
    assert "suspended already" in khata("customer", "pause", name).err
    assert "goes on" in khata.ok("customer", "resume", name).out
    assert "is not paused" in khata("customer", "resume", name).err
    log = khata.ok("customer", "show", name, "--json").json["log"]
    assert [event["what"] for event in log[:4]] == [
        "resumed",
        "paused",
        "hold ended",
        "hold",
    ]


@pytest.mark.parametrize(
    "options", [[], ["--until", "2126-06-01", "--end"], ["--until", "June"]]
)
def test_a_hold_says_until_when_or_ends(
    khata: Khata, name: str, options: list[str]
) -> None:
    assert khata("customer", "hold", name, *options).code == 2


def test_a_hold_is_for_days_to_come(khata: Khata, name: str) -> None:
    told = khata("customer", "hold", name, "--until", "2020-01-01")
    assert "is over" in told.err
