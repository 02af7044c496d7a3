"""`khata pay cash, receipt, received, refund, refunds, link`: as people type them."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from billing_core.services.audit import audit
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
    """A monthly customer who owes 600.00."""
    n = f"t{next(_numbers)}"
    khata.ok("package", "add", f"home-{n}", "--billing", "monthly", "--price", "600")
    khata.ok("profile", "add", f"month-{n}", "--type", "monthly", "--no-proration")
    khata.ok(
        *("customer", "add", n, "--password", "x", "--package", f"home-{n}"),
        *("--profile", f"month-{n}", "--kind", "static"),
    )
    khata.ok("bill", "make", n)
    return n


def bill_of(khata: Khata, name: str) -> str:
    return str(khata.ok("bill", "list", name, "--json").json[-1]["number"])


def test_cash_prints_its_receipt(khata: Khata, name: str) -> None:
    bill = bill_of(khata, name)
    out = khata.ok(
        *("pay", "cash", name, "--amount", "1,000", "--bill", bill),
        *("--discount", "50", "--note", "old customer"),
    ).out
    assert f"bill      {bill}: 600.00 BDT (paid now)" in out
    assert "discount  50.00 BDT" in out
    assert "wallet    450.00 BDT" in out
    assert "note      old customer" in out


def test_a_receipt_is_shown_again_by_its_number(khata: Khata, name: str) -> None:
    paid = khata.ok("pay", "cash", name, "--amount", "100", "--json").json
    assert paid["bills"][0]["amount"] == "100.00"
    assert khata.ok("pay", "receipt", paid["receipt"], "--json").json == paid
    assert khata.ok("pay", "receipt", paid["receipt"].lower()).out.startswith(
        f"Receipt {paid['receipt']}\n"
    )


def test_the_same_key_gives_the_same_receipt(khata: Khata, name: str) -> None:
    cash = ("pay", "cash", name, "--amount", "100", "--key", f"k-{name}", "--json")
    assert khata.ok(*cash).json == khata.ok(*cash).json
    shown = khata.ok("customer", "show", name, "--json").json
    assert shown["due"] == "500.00"


def test_a_reversal_shows_on_the_receipt_and_in_the_list(
    khata: Khata, name: str
) -> None:
    paid = khata.ok("pay", "cash", name, "--amount", "100", "--json").json
    khata.ok("wallet", "reverse", name, str(paid["entry_id"]), "--reason", "wrong name")
    assert "REVERSED" in khata.ok("pay", "receipt", paid["receipt"]).out
    assert "wrong name" in khata.ok("pay", "receipt", paid["receipt"]).out
    (row,) = khata.ok("pay", "received", name, "--json").json
    assert (row["receipt"], row["is_reversed"]) == (paid["receipt"], True)


def test_cash_is_given_back_and_the_receipt_says_so(khata: Khata, name: str) -> None:
    paid = khata.ok("pay", "cash", name, "--amount", "600", "--json").json
    refund = ("pay", "refund", paid["receipt"], "--amount", "200", "--reason", "moved")
    done = khata.ok(*refund, "--json").json
    assert (done["state"], done["amount"], done["by_gateway"]) == (
        "done",
        "200.00",
        False,
    )
    out = khata.ok("pay", "receipt", paid["receipt"]).out
    assert "REFUND    200.00 BDT, done: moved" in out
    assert khata.ok("customer", "show", name, "--json").json["due"] == "200.00"
    listed = khata.ok("pay", "refunds", "--json").json
    assert done["reference"] in [row["reference"] for row in listed]
    assert khata.ok("pay", "refunds", "--open", "--json").json == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("cash", "NAME", "--amount", "0"), "more than 0"),
        (("cash", "nobody", "--amount", "1"), "no customer nobody"),
        (("cash", "NAME", "--amount", "1", "--date", "2099-01-01"), "today is"),
        (("cash", "NAME", "--amount", "1", "--bill", "B-99999999"), "no bill"),
        (("cash", "NAME", "--amount", "1", "--discount", "1"), "Say why"),
        (("receipt", "R99999999"), "There is no receipt R99999999"),
        (("received", "nobody"), "no customer nobody"),
        (("refund", "R99999999", "--reason", "x"), "There is no receipt"),
        (("refund-decide", "X", "--given", "--note", "n"), "There is no refund X"),
        (("link", "NAME"), "KHATA_PUBLIC_URL"),
        (("link-withdraw", "99999999"), "no payment link"),
    ],
)
def test_what_cannot_be_is_one_line_that_says_why(
    khata: Khata, name: str, words: tuple[str, ...], why: str
) -> None:
    told = khata("pay", *(name if word == "NAME" else word for word in words))
    assert told.code != 0
    assert why in told.err


def test_a_gateway_that_is_not_set_up_gives_nothing_back(
    khata: Khata, name: str
) -> None:
    paid = khata.ok("pay", "cash", name, "--amount", "600", "--json").json
    told = khata(
        *("pay", "refund", paid["receipt"], "--reason", "x", "--by", "gateway")
    )
    assert (told.code, "cash gives nothing back here" in told.err) == (2, True)


def test_a_link_is_printed_and_can_be_withdrawn(
    khata: Khata, name: str, tmp_path: Path
) -> None:
    config = tmp_path / "khata.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(f'{text}public_url = "https://isp.example/"\n', encoding="utf-8")
    told = khata.ok("pay", "link", name, "--days", "2", "--json").json
    assert told["url"].startswith("https://isp.example/pay/link/")
    assert told["amount"] == "600.00"
    assert khata.ok("pay", "link", name).out.startswith("https://isp.example/pay/link/")
    khata.ok("pay", "link-withdraw", str(told["link_id"]))
    assert khata("pay", "link-withdraw", str(told["link_id"])).code == 1
