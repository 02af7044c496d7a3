"""`khata nas, package`: what people type, and what they are told."""

from pathlib import Path

import pytest

from tests.integration.cli_runner import Khata, khata_for


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    """One database for all of this: each test uses names of its own."""
    return shared_database_url


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


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
