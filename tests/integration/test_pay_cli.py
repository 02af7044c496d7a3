"""`khata pay`: begin, ask, verify, approve and reject."""

from decimal import Decimal
from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from billing_core.db.payments import list_attempts
from tests.builders import posted, username_of
from tests.integration.cli_runner import Khata, khata_for
from tests.integration.gateway_attempts import begin, come_back, someone
from tests.payment_shops import PUBLIC_URL, a_shop, a_simulator, served


@pytest.fixture
def khata(database_url: str, tmp_path: Path) -> Khata:
    return khata_for(database_url, tmp_path)


def test_a_payment_from_the_command_line_to_the_books(
    khata: Khata, conn: Connection
) -> None:
    customer_id = someone(conn)
    name = username_of(conn, customer_id)
    simulator = a_simulator("sslcommerz")
    with served(simulator.app) as address:
        with khata.config.open("a") as config:
            config.write(f'public_url = "{PUBLIC_URL}"\n')
            for key, value in simulator.settings(address).items():
                config.write(f'{key} = "{value}"\n')
        started = khata.ok(
            "pay", "start", name, "--method", "sslcommerz", "--amount", "500", "--json"
        ).json
        assert started["checkout_url"].startswith(address)
        reference = started["reference"]
        (attempt,) = list_attempts(conn, limit=9)
        assert khata.ok("pay", "verify", "--json").json == []
        assert "pending" in khata.ok("pay", "ask", reference).out
        simulator.pay(attempt)
        assert "confirmed" in khata.ok("pay", "ask", reference).out
    (waiting,) = khata.ok("pay", "verify", "--json").json
    assert waiting["reference"] == reference
    assert waiting["matches"] is True
    assert waiting["differences"] == []
    shown = khata.ok("pay", "show", reference)
    assert "confirmed" in shown.out
    assert "DIFFERS" not in shown.out
    assert reference in khata.ok("pay", "approve", "--all-matching").out
    assert posted(conn, customer_id) == Decimal("500.00")
    told = khata("pay", "reject", reference, "--reason", "no")
    assert told.code == 1
    assert "already: decided by cli:" in told.err
    (listed,) = khata.ok("pay", "list", "--state", "paid", "--json").json
    assert (listed["reference"], listed["amount"]) == (reference, "500.00")
    history = khata.ok("pay", "show", reference, "--json").json["events"]
    assert [each["what"] for each in history][-3:] == ["confirmed", "approved", "paid"]


def test_a_difference_is_marked_for_the_person_who_decides(
    khata: Khata, conn: Connection, database_url: str
) -> None:
    shop = a_shop("bkash", database_url)
    attempt = begin(conn, shop, someone(conn))
    shop.pay(attempt)
    shop.wire.change = lambda answer: answer.update(
        {"amount": "450"} if "amount" in answer else {}
    )
    come_back(conn, shop, attempt)
    (waiting,) = khata.ok("pay", "verify", "--json").json
    assert waiting["differences"] == ["amount"]
    assert "DIFFERS" in khata.ok("pay", "show", attempt.reference.lower()).out
    assert "amount" in khata.ok("pay", "verify").out
    assert "Nothing matching" in khata.ok("pay", "approve", "--all-matching").out
    khata.ok("pay", "reject", attempt.reference, "--reason", "short")
    assert khata.ok("pay", "verify").out == "Nothing waits.\n"


def test_a_transfer_from_the_command_line(khata: Khata, conn: Connection) -> None:
    customer_id = someone(conn)
    words = ["--amount", "500", "--sender", "+880 1712-345678"]
    reference = khata.ok(
        "pay",
        "transfer",
        username_of(conn, customer_id),
        *words,
        "--transaction",
        "8N7A6B5C4D",
        "--json",
    ).json["reference"]
    (waiting,) = khata.ok("pay", "verify", "--json").json
    assert waiting["sender"] == "01712345678"
    assert "8N7A6B5C4D" in khata.ok("pay", "verify").out
    assert khata("pay", "ask", reference).code == 1
    khata.ok("pay", "approve", reference)
    assert posted(conn, customer_id) == Decimal("500.00")


@pytest.mark.parametrize(
    "command",
    [
        ("show", "NOSUCH"),
        ("approve", "NOSUCH"),
        ("reject", "NOSUCH", "--reason", "x"),
        ("ask", "NOSUCH"),
        ("approve",),
        ("approve", "NOSUCH", "--all-matching"),
        ("list", "--username", "nobody"),
    ],
)
def test_a_wrong_command_is_told_in_a_line(
    khata: Khata, command: tuple[str, ...]
) -> None:
    told = khata("pay", *command)
    assert told.code in (1, 2)
    assert "Error" in told.err


def test_a_method_that_is_not_set_up_says_so(khata: Khata, conn: Connection) -> None:
    name = username_of(conn, someone(conn))
    told = khata("pay", "start", name, "--method", "bkash", "--amount", "5")
    assert told.code == 1
    assert "KHATA_BKASH" in told.err
    assert list_attempts(conn, limit=1) == []
