"""`khata customer, wallet`: what people type, and what they are told."""

import os
import re
from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from billing_core.db.customers import CustomerError
from billing_core.services.registration import Registration, add_customer
from tests.builders import NOON, rows
from tests.integration.cli_runner import Khata, khata_for


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    """One database for all of this: each test uses names of its own."""
    return shared_database_url


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


def a_customer(khata: Khata, name: str, *options: str, balance: str = "") -> None:
    khata.ok(
        "package", "add", f"p-{name}", "--billing", "per-session", "--per-minute", "1"
    )
    khata.ok(
        "customer",
        "add",
        name,
        "--package",
        f"p-{name}",
        "--password-file",
        "-",
        *options,
        stdin="s3cret\n",
    )
    if balance:
        khata.ok("wallet", "topup", name, balance)


def test_a_customer_is_taken_on_and_shown(khata: Khata, name: str) -> None:
    a_customer(
        khata,
        name,
        *("--name", "নীলা", "--mobile", "01711", "--static-ip", "10.9.0.7"),
        *("--mac", "02-00-00-00-00-0a", "--sessions", "3", "--credit-limit", "50"),
        balance="1,250.50",
    )
    shown = khata.ok("customer", "show", name, "--json").json

    # Design §9: at least these.
    assert shown.keys() >= {
        *("customer_id", "username", "status", "suspend_reason", "wallet", "due"),
        *("package", "profile", "sessions", "bills"),
    }
    assert (shown["username"], shown["name"]) == (name, "নীলা")
    assert (shown["status"], shown["suspend_reason"]) == ("active", None)
    wallet = shown["wallet"]
    assert (wallet["posted"], wallet["reserved"], wallet["available"]) == (
        "1250.50",
        "0.00",
        "1300.50",
    )
    assert re.fullmatch(r"0(\.00)?", shown["due"])
    assert (shown["static_ip"], shown["mac_binding"]) == (
        "10.9.0.7",
        "02:00:00:00:00:0A",
    )
    assert shown["sessions_allowed"] == 3
    assert (shown["sessions"], shown["bills"]) == ([], [])
    assert [event["what"] for event in shown["log"]] == ["added"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+06:00", shown["log"][0]["at"])
    text = khata.ok("customer", "show", name).out
    assert "1300.50 BDT available" in text


def test_passwords_are_neither_shown_nor_stored_in_clear(
    khata: Khata, conn: Connection, name: str
) -> None:
    a_customer(khata, name)
    assert "s3cret" not in khata.ok("customer", "show", name, "--json").out
    ((sealed,),) = rows(
        conn, "SELECT password_sealed FROM customer WHERE username = %s", name
    )
    assert b"s3cret" not in bytes(sealed)
    khata.ok("customer", "password", name, "--password-file", "-", stdin="other\n")
    assert rows(
        conn,
        "SELECT password_sealed <> %s FROM customer WHERE username = %s",
        sealed,
        name,
    ) == [(True,)]


def test_only_a_device_of_kind_static_needs_no_password(
    khata: Khata, conn: Connection, name: str
) -> None:
    package = f"p-{name}"
    khata.ok("package", "add", package, "--billing", "free")
    mac = "02:00:" + ":".join(f"{octet:02X}" for octet in os.urandom(4))
    written = mac.lower().replace(":", "-")

    khata.ok("customer", "add", written, "--package", package, "--kind", "static")

    assert khata.ok("customer", "show", mac, "--json").json["kind"] == "static"
    for username, kind in (
        (name, "static"),
        (mac[:-1] + "x", "static"),
        (mac, "pppoe"),
    ):
        options = ("--package", package, "--kind", kind)
        told = khata("customer", "add", username, *options, stdin="\n")
        assert told.code != 0, (username, kind)
        facts = Registration(username, None, package, kind=kind)
        with pytest.raises(CustomerError, match="needs a password"):
            add_customer(conn, facts, secret_key=bytes(32), actor="test", now=NOON)


@pytest.mark.parametrize(
    ("username", "options", "why"),
    [
        ("{name} ", [], "space"),
        ("", [], "not empty"),
        ("a\tb", [], "printable"),
        ("{name}", ["--mac", "zz"], "AA:BB:CC:DD:EE:FF"),
        ("{name}", ["--static-ip", "10.0.0"], "IP address"),
        ("{name}", ["--static-ip", "10.0.0.0/8"], "IP"),
        ("{name}", ["--static-ip", "2001:db8::1"], "IPv4"),
        ("{name}", ["--static-ip", "255.255.255.254"], "IPv4"),
        ("{name}", ["--static-ip", "127.0.0.1"], "IPv4"),
        ("{name}", ["--sessions", "0"], "--sessions"),
        ("{name}", ["--sessions", "99999999999"], "large"),
        ("{name}", ["--credit-limit", "-1"], "credit limit"),
        ("{name}", ["--credit-limit", "1.001"], "1.001"),
        ("{name}", ["--package", "nothing"], "no package nothing"),
    ],
)
def test_a_customer_who_cannot_be_is_refused_and_named(
    khata: Khata, name: str, username: str, options: list[str], why: str
) -> None:
    khata.ok("package", "add", f"p-{name}", "--billing", "free")
    package = [] if "--package" in options else ["--package", f"p-{name}"]
    username = username.format(name=name)
    told = khata("customer", "add", username, *package, "--password", "x", *options)
    assert told.code != 0
    assert why in told.err
    assert khata("customer", "show", name).code == 1


def test_a_username_is_taken_once(khata: Khata, name: str) -> None:
    a_customer(khata, name)
    told = khata("customer", "add", name, "--package", f"p-{name}", "--password", "x")
    assert told.code == 1
    assert f"Customer {name}: the username is taken" in told.err


@pytest.mark.parametrize(
    "command",
    [
        ("customer", "show", "ghost"),
        ("customer", "suspend", "ghost"),
        ("customer", "activate", "ghost"),
        ("customer", "password", "ghost", "--password", "x"),
        ("customer", "bind-mac", "ghost"),
        ("customer", "static-ip", "ghost", "10.9.0.9"),
        ("wallet", "show", "ghost"),
        ("wallet", "topup", "ghost", "5"),
        ("wallet", "reverse", "ghost", "1", "--reason", "x"),
        ("bill", "list", "ghost"),
        ("session", "list", "--username", "ghost"),
        ("session", "coa", "--username", "ghost"),
    ],
    ids=" ".join,
)
def test_an_unknown_customer_is_named(khata: Khata, command: tuple[str, ...]) -> None:
    told = khata(*command)
    assert told.code == 1
    assert "There is no customer ghost" in told.err


def test_customers_are_listed_a_page_at_a_time(khata: Khata, name: str) -> None:
    for suffix in "abc":
        a_customer(khata, f"{name}{suffix}")
    first = khata.ok("customer", "list", "--limit", "2", "--json").json
    assert len(first) == 2
    after = str(first[-1]["customer_id"])
    rest = khata.ok("customer", "list", "--after", after, "--json").json
    seen = [c["username"] for c in first + rest]
    assert len(seen) == len(set(seen))
    assert f"{name}c" in seen
    assert "--after" in khata.ok("customer", "list", "--limit", "2").out


@pytest.mark.parametrize("limit", ["0", "-1", "x"])
@pytest.mark.parametrize(
    "command",
    [
        ("customer", "list"),
        ("wallet", "show", "ghost"),
        ("bill", "list", "ghost"),
        ("session", "list"),
        ("session", "coa"),
    ],
    ids=" ".join,
)
def test_a_limit_is_a_number_of_rows(
    khata: Khata, command: tuple[str, ...], limit: str
) -> None:
    told = khata(*command, "--limit", limit)
    assert told.code == 2
    assert "--limit" in told.err


def test_suspending_and_restoring_are_told_and_logged(khata: Khata, name: str) -> None:
    a_customer(khata, name)
    assert "0 running" in khata.ok("customer", "suspend", name, "--note", "why").out
    shown = khata.ok("customer", "show", name, "--json").json
    assert (shown["status"], shown["suspend_reason"]) == ("suspended", "OPERATOR")
    assert shown["log"][0]["note"] == "why"
    told = khata("customer", "suspend", name)
    assert (told.code, "suspended already" in told.err) == (1, True)
    khata.ok("customer", "activate", name)
    assert khata.ok("customer", "show", name, "--json").json["status"] == "active"


def test_a_device_is_bound_in_any_spelling_and_released(
    khata: Khata, name: str
) -> None:
    a_customer(khata, name)
    for written in (
        *("02-00-5e-10-00-0a", "02:00:5E:10:00:0A", "0200.5e10.000a"),
        "02005e10000a",
    ):
        khata.ok("customer", "bind-mac", name, written)
        shown = khata.ok("customer", "show", name, "--json").json
        assert shown["mac_binding"] == "02:00:5E:10:00:0A"
    khata.ok("customer", "bind-mac", name)
    assert khata.ok("customer", "show", name, "--json").json["mac_binding"] is None


def test_a_static_address_is_one_customers_alone_until_he_lets_it_go(
    khata: Khata, name: str
) -> None:
    a_customer(khata, name, "--static-ip", "10.9.1.1")
    other = ("customer", "add", f"{name}-b", "--package", f"p-{name}", "--password")
    told = khata(*other, "x", "--static-ip", "10.9.1.1")
    assert told.code == 1
    assert "10.9.1.1: it is another customer's static address" in told.err
    khata.ok(*other, "x")
    assert khata("customer", "static-ip", f"{name}-b", "10.9.1.1").code == 1

    khata.ok("customer", "static-ip", name, "10.9.1.2")
    khata.ok("customer", "static-ip", name, "10.9.1.2")
    khata.ok("customer", "static-ip", f"{name}-b", "10.9.1.1")
    one, two = (
        khata.ok("customer", "show", each, "--json").json
        for each in (name, f"{name}-b")
    )
    assert (one["static_ip"], two["static_ip"]) == ("10.9.1.2", "10.9.1.1")
    assert (one["log"][0]["what"], one["log"][0]["note"]) == (
        "static address given",
        "10.9.1.2",
    )
    for wrong in ("10.9.1", "10.9.1.0/24", "2001:db8::1", "239.1.1.1"):
        told = khata("customer", "static-ip", name, wrong)
        assert told.code == 1
        assert wrong in told.err
    khata.ok("customer", "static-ip", name)
    khata.ok("customer", "static-ip", f"{name}-b", "10.9.1.2")
    assert khata.ok("customer", "show", name, "--json").json["static_ip"] is None


def test_a_credit_limit_is_set(khata: Khata, name: str) -> None:
    a_customer(khata, name, balance="5")
    assert f"{name} may owe 100.00 BDT" in khata.ok("wallet", "credit", name, "100").out
    shown = khata.ok("wallet", "show", name, "--json").json
    assert (shown["credit_limit"], shown["available"]) == ("100.00", "105.00")
    told = khata("wallet", "credit", name, "--", "-1")
    assert told.code != 0
    assert khata("wallet", "credit", "nobody", "1").code == 1


def test_a_customer_is_given_to_an_operator(khata: Khata, name: str) -> None:
    a_customer(khata, name)
    for who, role in ((f"{name}.seller", "operator"), (f"{name}.clerk", "manager")):
        how = ("--role", role, "--password-file", "-")
        khata.ok("operator", "add", who, *how, stdin="long-enough-1\n")
    out = khata.ok("customer", "give", name, f"{name}.seller").out
    assert out == f"{name} is {name}.seller's customer.\n"
    told = khata("customer", "give", name, f"{name}.clerk")
    assert told.code == 1
    assert "only operators and sub-operators have customers" in told.err
    assert "provider's own" in khata.ok("customer", "give", name).out
    log = khata.ok("customer", "show", name, "--json").json["log"]
    assert [e["note"] for e in log if e["what"] == "operator changed"] == [
        "the provider's own",
        f"{name}.seller",
    ]


def test_what_is_no_device_is_not_bound(khata: Khata, name: str) -> None:
    a_customer(khata, name)
    told = khata("customer", "bind-mac", name, "zz")
    assert told.code == 1
    assert "AA:BB:CC:DD:EE:FF" in told.err


def test_cash_is_put_in_once_a_key(khata: Khata, name: str) -> None:
    a_customer(khata, name)
    first = khata.ok(
        *("wallet", "topup", name, "500", "--key", "r7", "--note", "shop", "--json")
    ).json
    again = khata.ok("wallet", "topup", name, "500", "--key", "r7", "--json").json
    assert (
        first
        == again
        == {
            "entry_id": first["entry_id"],
            "receipt": first["receipt"],
            "posted": "500.00",
            "available": "500.00",
        }
    )
    shown = khata.ok("wallet", "show", name, "--json").json
    assert shown["currency"] == "BDT"
    (entry,) = shown["entries"]
    assert (entry["kind"], entry["wallet_change"], entry["note"]) == (
        "top_up",
        "500.00",
        "shop",
    )
    assert "500.00 BDT available" in khata.ok("wallet", "show", name).out


@pytest.mark.parametrize(
    "amount",
    ["0", "-5", "1.005", "five", "1e3", "12,50", "NaN", "", "1" * 20],
)
def test_what_is_no_top_up_is_refused_and_named(
    khata: Khata, name: str, amount: str
) -> None:
    a_customer(khata, name)
    told = khata("wallet", "topup", name, "--", amount)
    assert told.code != 0
    assert amount in told.err
    assert khata.ok("wallet", "show", name, "--json").json["entries"] == []


def test_more_money_than_a_wallet_holds_is_refused(khata: Khata, name: str) -> None:
    a_customer(khata, name, balance="0.01")
    told = khata("wallet", "topup", name, "99999999999999.99")
    assert told.code == 1
    assert "A wallet holds 99999999999999.99 at most" in told.err
    assert khata.ok("wallet", "show", name, "--json").json["posted"] == "0.01"


def test_an_entry_is_taken_back_with_a_reason(khata: Khata, name: str) -> None:
    a_customer(khata, name)
    entry = khata.ok("wallet", "topup", name, "5", "--json").json["entry_id"]
    no_reason = khata("wallet", "reverse", name, str(entry))
    assert (no_reason.code, "--reason" in no_reason.err) == (2, True)
    khata.ok("wallet", "reverse", name, str(entry), "--reason", "typed twice")
    assert khata.ok("wallet", "show", name, "--json").json["posted"] == "0.00"
    again = khata("wallet", "reverse", name, str(entry), "--reason", "typed twice")
    assert (again.code, "reversed already" in again.err) == (1, True)
    for number in ("0", "999999", "-1", "9" * 30, "x"):
        told = khata("wallet", "reverse", name, "--reason", "x", "--", number)
        assert told.code != 0
        assert number in told.err


def test_a_package_is_bought_once_a_key(khata: Khata, name: str) -> None:
    a_customer(khata, name, balance="25")
    khata.ok(
        *("package", "add", f"{name}-hour", "--billing", "package", "--price", "10"),
        *("--validity", "1d", "--validity-from", "purchase", "--quota-time", "1h"),
    )
    bought = khata.ok("customer", "buy", name, f"{name}-hour", "--key", "k1")
    assert "10.00 BDT" in bought.out
    again = khata.ok("customer", "buy", name, f"{name}-hour", "--key", "k1")
    assert "nothing changed" in again.out
    khata.ok("customer", "buy", name, f"{name}-hour", "--key", "k2")
    poor = khata("customer", "buy", name, f"{name}-hour", "--key", "k3")
    assert poor.code == 1
    assert "needs 10.00 and has 5.00" in poor.err
    shown = khata.ok("customer", "show", name, "--json").json
    assert shown["subscription"]["seconds_allowed"] == 7200
    bills = khata.ok("bill", "list", name, "--json").json
    assert [(b["kind"], b["gross"], b["status"]) for b in bills] == [
        ("package", "10.00", "paid")
    ] * 2
    assert bills[0]["lines"][0]["description"] == f"{name}-hour"
    assert "package" in khata.ok("bill", "list", name).out
    wrong = khata("customer", "buy", name, f"p-{name}")
    assert (wrong.code, "per_session" in wrong.err) == (1, True)
