"""`khata pay unmatched` and `khata pay ask` of a transfer, with a served bKash."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from billing_core.db.connect import Connection
from billing_core.gateways.bkash.callbacks import hint_of_webhook
from billing_core.gateways.bkash.sns import SnsMessage
from billing_core.services.payments.unmatched import take_notice
from simulators.gateways.bkash_sns import SimulatedSns
from tests.builders import NOON, a_customer, a_package, audited, posted, username_of
from tests.integration.cli_runner import Khata, khata_for
from tests.payment_shops import PUBLIC_URL, Bkash, served

SENDER = "01770618575"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider's command line, and the bKash that it speaks with."""

    khata: Khata
    bkash: Bkash

    def told(self, conn: Connection, **changes: str) -> str:
        """Let bKash tell of money that was paid in its app; return the trxID."""
        state = self.bkash.state
        trx_id = state.pay_to_wallet(Decimal(500), SENDER)
        notice = SimulatedSns.notice(
            SimulatedSns(NOON), state, state.payment_of(trx_id)
        )
        hint = hint_of_webhook(SnsMessage("", notice | changes), state.short_code)
        assert hint.money is not None
        take_notice(conn, "bkash", hint.money, names_attempt_id=None, now=NOON)
        return trx_id


@pytest.fixture
def provider(database_url: str, tmp_path: Path) -> Iterator[Provider]:
    khata, bkash = khata_for(database_url, tmp_path), Bkash()
    with served(bkash.app) as address:
        with khata.config.open("a") as config:
            config.write(f'public_url = "{PUBLIC_URL}"\n')
            for key, value in bkash.settings(address).items():
                config.write(f'{key} = "{value}"\n')
        yield Provider(khata, bkash)


def test_money_from_bkashs_app_from_the_command_line_to_the_books(
    provider: Provider, conn: Connection
) -> None:
    khata = provider.khata
    customer_id = a_customer(conn, a_package(conn), mobile=SENDER)
    name = username_of(conn, customer_id)
    trx_id = provider.told(conn, transactionReference="november")
    assert "khata pay unmatched list" in khata.ok("pay", "verify").out
    (waiting,) = khata.ok("pay", "unmatched", "list", "--json").json
    assert waiting["transaction_id"] == trx_id
    assert (waiting["amount"], waiting["sender"]) == ("500", f"88{SENDER}")
    assert waiting["payers_reference"] == "november"
    shown = khata.ok("pay", "unmatched", "show", trx_id.lower(), "--json").json
    assert [each["username"] for each in shown["suggestions"]] == [name]
    assert "november" in khata.ok("pay", "unmatched", "show", trx_id).out
    assert "500" in khata.ok("pay", "unmatched", "ask", trx_id).out
    told = khata("pay", "unmatched", "assign", trx_id, name, "--amount", "5")
    assert told.code == 1
    assert "500" in told.err
    khata.ok("pay", "unmatched", "assign", trx_id, name, "--amount", "500")
    assert posted(conn, customer_id) == Decimal("500.00")
    assert khata("pay", "unmatched", "assign", trx_id, name, "--amount", "500").code
    assert khata.ok("pay", "unmatched", "list", "--json").json == []
    (credited,) = khata.ok("pay", "unmatched", "list", "--all", "--json").json
    assert (credited["state"], credited["username"]) == ("credited", name)
    assert audited(conn) == []


def test_money_that_is_no_customers_is_dismissed_by_the_command_line(
    provider: Provider, conn: Connection
) -> None:
    trx_id = provider.told(conn)
    provider.khata.ok("pay", "unmatched", "dismiss", trx_id, "--reason", "our own")
    out = provider.khata.ok("pay", "unmatched", "list").out
    assert out == "No money waits for its owner.\n"
    assert "our own" in provider.khata.ok("pay", "unmatched", "list", "--all").out
    out = provider.khata.ok("pay", "unmatched", "reopen", trx_id.lower()).out
    assert out == f"{trx_id} waits for its owner again.\n"
    (waiting,) = provider.khata.ok("pay", "unmatched", "list", "--json").json
    assert waiting["transaction_id"] == trx_id
    assert (
        "only what was put aside"
        in provider.khata("pay", "unmatched", "reopen", trx_id).err
    )


def test_bkash_is_asked_for_a_transfer_by_the_command_line(
    provider: Provider, conn: Connection
) -> None:
    khata, name = provider.khata, username_of(conn, a_customer(conn, a_package(conn)))
    trx_id = provider.bkash.state.pay_to_wallet(Decimal(400), SENDER)
    words = ("--amount", "500", "--sender", SENDER, "--transaction", trx_id, "--json")
    reference = khata.ok("pay", "transfer", name, *words).json["reference"]
    (before,) = khata.ok("pay", "verify", "--json").json
    assert before["comparisons"] == []
    assert "AMOUNT_DIFFERS" in khata.ok("pay", "ask", reference).out
    (waiting,) = khata.ok("pay", "verify", "--json").json
    assert waiting["differences"] == ["amount"]
    shown = khata.ok("pay", "show", reference).out
    assert "DIFFERS" in shown
    assert provider.bkash.state.short_code in shown


def test_a_transaction_that_nobody_told_of_is_named(provider: Provider) -> None:
    for words in (("show",), ("ask",), ("reopen",), ("dismiss", "--reason", "x")):
        told = provider.khata("pay", "unmatched", words[0], "6HNOSUCH", *words[1:])
        assert told.code == 1
        assert "6HNOSUCH" in told.err
