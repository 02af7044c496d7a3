"""`khata nas, package, customer, wallet`: what people type, and what they are told."""

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


@pytest.fixture(scope="module")
def names() -> "list[int]":
    return [0]


@pytest.fixture
def name(names: "list[int]") -> str:
    """A name that no other test uses."""
    names[0] += 1
    return f"n{names[0]}"


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


def test_a_nas_is_registered_and_listed_without_its_secrets(
    khata: Khata, name: str
) -> None:
    khata.ok("nas", "add", name, "127.3.0.1", "--secret-file", "-", stdin="xyzzy-1\n")
    told = khata.ok("nas", "list", "--json")
    (nas,) = [n for n in told.json if n["name"] == name]
    assert (nas["address"], nas["vendor"], nas["coa_port"]) == (
        "127.3.0.1",
        "mikrotik",
        3799,
    )
    assert nas["accepts_coa"] is True
    assert "xyzzy" not in told.out
    assert "secret" not in nas
    assert name in khata.ok("nas", "list").out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["nowhere"], "nowhere is no IP address"),
        (["10.0.0.0/24"], "10.0.0.0/24 is no IP address"),
        (["127.3.0.9", "--coa-port", "0"], "--coa-port"),
        (["127.3.0.9", "--vendor", "acme"], "acme"),
        (["127.3.0.9", "--interim-interval", "30s"], "60 seconds"),
        (["127.3.0.9", "--interim-interval", "soon"], "soon"),
        (["127.3.0.9", "--identify-by", "Class"], "identified"),
        (["127.3.0.9", "--coa-address", "x"], "x is no IP address"),
        (["127.3.0.9", "--secret", ""], "secret"),
        (["127.3.0.9", "--secret", "one\ntwo"], "one line"),
        (["127.3.0.9", "--secret", "৯" * 67], "200 octets"),
        (["127.3.0.9", "--coa-secret", "one\ntwo"], "CoA secret"),
        (["0.0.0.0"], "no machine"),
        (["224.0.0.9"], "no machine"),
        (["::ffff:127.3.0.9"], "no machine"),
    ],
)
def test_a_nas_that_cannot_be_is_refused_and_named(
    khata: Khata, name: str, arguments: list[str], why: str
) -> None:
    secret = [] if "--secret" in arguments else ["--secret", "x"]
    told = khata("nas", "add", name, *arguments, *secret)
    assert told.code != 0
    assert why in told.err
    assert name not in khata.ok("nas", "list").out


@pytest.mark.parametrize("kind", ["nas", "package"])
@pytest.mark.parametrize("name", ["", " ", " x", "x\ny", "x" * 201])
def test_a_name_is_one_line_that_can_be_typed(
    khata: Khata, kind: str, name: str
) -> None:
    facts = {
        "nas": ("127.3.0.8", "--secret", "x"),
        "package": ("--billing", "free"),
    }
    told = khata(kind, "add", name, *facts[kind])
    assert told.code == 1
    assert "one line" in told.err


def test_the_name_or_address_of_another_nas_is_refused(khata: Khata, name: str) -> None:
    khata.ok("nas", "add", name, "127.3.0.2", "--secret", "x")
    told = khata("nas", "add", f"{name}-b", "127.3.0.2", "--secret", "x")
    assert told.code == 1
    assert "with address 127.3.0.2" in told.err
    told = khata("nas", "add", name, "127.3.0.3", "--secret", "x")
    assert told.code == 1
    assert f"named {name}" in told.err


def test_attributes_that_identify_may_have_spaces_after_their_commas(
    khata: Khata, name: str
) -> None:
    how = ("--identify-by", "User-Name, Acct-Session-Id")
    khata.ok("nas", "add", name, "127.3.0.4", "--secret", "x", *how)
    (nas,) = [n for n in khata.ok("nas", "list", "--json").json if n["name"] == name]
    assert nas["coa_identification"] == ["User-Name", "Acct-Session-Id"]


@pytest.mark.parametrize("from_standard_input", [False, True])
def test_a_secret_that_is_not_utf_8_is_told_in_one_line(
    khata: Khata, name: str, tmp_path: Path, from_standard_input: bool
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"caf\xe9\n")
    where = "-" if from_standard_input else str(file)
    told = khata(
        *("nas", "add", name, "127.3.0.9", "--secret-file", where),
        stdin=b"caf\xe9\n",
    )
    assert told.code == 2
    assert "not text in UTF-8" in told.err


def test_a_package_of_each_kind_is_put_on_sale(khata: Khata, name: str) -> None:
    khata.ok(
        *("package", "add", f"{name}-daily", "--billing", "daily", "--price", "1,500"),
        *("--validity", "30d", "--vat", "5", "--rate", "5M/10M", "--pool", "pppoe"),
    )
    khata.ok(
        *("package", "add", f"{name}-hour", "--billing", "package", "--price", "১০"),
        *("--validity", "24h", "--validity-from", "first-use", "--quota-time", "1h"),
        *("--quota-data", "5GB", "--sessions", "2"),
    )
    khata.ok(
        *("package", "add", f"{name}-call", "--billing", "per-session"),
        *("--per-minute", "0.125", "--per-mb", "0.000001", "--setup-fee", "2"),
        *("--increment", "30s", "--data-increment", "1MB", "--minimum", "3"),
        *("--free-time", "1m", "--vat-exclusive"),
    )
    khata.ok("package", "add", f"{name}-free", "--billing", "free")

    daily = khata.ok("package", "show", f"{name}-daily", "--json").json
    assert (daily["price"], daily["vat_percent"]) == ("1500.00", "5.00")
    assert daily["validity_seconds"] == 30 * 86400
    assert (daily["rate_up_bps"], daily["rate_down_bps"]) == (5_000_000, 10_000_000)
    hour = khata.ok("package", "show", f"{name}-hour", "--json").json
    assert (hour["price"], hour["validity_from"]) == ("10.00", "first_use")
    assert (hour["quota_seconds"], hour["quota_octets"]) == (3600, 5 * 10**9)
    call = khata.ok("package", "show", f"{name}-call", "--json").json
    assert (call["price_per_minute"], call["price_per_mb"]) == ("0.125000", "0.000001")
    assert (call["increment_seconds"], call["free_seconds"]) == (30, 60)
    assert call["vat_inclusive"] is False
    listed = {p["name"] for p in khata.ok("package", "list", "--json").json}
    assert {f"{name}-{k}" for k in ("daily", "hour", "call", "free")} <= listed
    assert f"{name}-call" in khata.ok("package", "list").out


_DAILY = ["--billing", "daily", "--price", "300", "--validity", "30d"]
_HOTSPOT = [
    *("--billing", "package", "--validity", "1d"),
    *("--validity-from", "purchase"),
]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "--billing"),
        (["--billing", "weekly"], "weekly"),
        (["--billing", "daily", "--price", "10"], "whole days"),
        (["--billing", "daily", "--validity", "30d"], "price"),
        (["--billing", "daily", "--price", "10", "--validity", "36h"], "whole days"),
        (["--billing", "package", "--price", "10", "--validity", "1d"], "purchase"),
        (["--billing", "per-session"], "price per minute"),
        (["--billing", "free", "--price", "1.005"], "1.005"),
        (["--billing", "free", "--price", "12,50"], "12,50"),
        ([*_HOTSPOT, "--price", "-1"], "negative"),
        (["--billing", "free", "--price", "ten"], "ten"),
        (["--billing", "free", "--price", "99999999999"], "too large"),
        (["--billing", "free", "--vat", "101"], "0 to 100"),
        (["--billing", "free", "--vat", "7.125"], "decimals"),
        (["--billing", "per-session", "--per-minute", "0.1234567"], "six decimals"),
        (["--billing", "free", "--rate", "5M/ten"], "5M/ten"),
        (["--billing", "free", "--rate", "0"], "rates"),
        (["--billing", "free", "--quota-data", "5 bags"], "5 bags"),
        (["--billing", "free", "--quota-data", "0"], "quotas"),
        (["--billing", "free", "--sessions", "0"], "--sessions"),
        (["--billing", "free", "--increment", "0s"], "increments"),
        (["--billing", "free", "--increment", "99999999999"], "99999999999"),
        (["--billing", "free", "--interim-interval", "59s"], "60 seconds"),
        (["--billing", "free", "--idle-timeout", "0"], "idle"),
        (["--billing", "free", "--idle-timeout", "99999d"], "too large"),
        (["--billing", "free", "--price", "5"], "no price"),
        (["--billing", "per-session", "--setup-fee", "1", "--price", "5"], "no price"),
        (["--billing", "free", "--validity", "30d"], "daily and package only"),
        (["--billing", "free", "--per-minute", "1"], "per_session only"),
        ([*_DAILY, "--quota-data", "5GB"], "package only"),
        ([*_DAILY, "--validity-from", "purchase"], "package only"),
        ([*_DAILY, "--minimum", "5"], "per_session only"),
        (["--billing", "daily", "--price", "5", "--validity", "36526d"], "100 years"),
        (["--billing", "free", "--pool", ""], "pool"),
        (["--billing", "free", "--pool", "x" * 254], "253 octets"),
        (["--billing", "free", "--pool", "one\ntwo"], "one line"),
    ],
)
def test_a_package_that_cannot_be_is_refused_and_named(
    khata: Khata, name: str, arguments: list[str], why: str
) -> None:
    told = khata("package", "add", name, *arguments)
    assert told.code != 0
    assert why in told.err
    assert khata("package", "show", name).code == 1


def test_an_unknown_package_is_named(khata: Khata) -> None:
    told = khata("package", "show", "nothing")
    assert (told.code, told.out) == (1, "")
    assert "There is no package nothing" in told.err


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
