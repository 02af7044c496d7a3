"""Every form that is sent about another's customer: not found, and nothing changed."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.permissions import can_be_given
from billing_core.services.cash import take_cash
from billing_core.services.charges import charge_customer
from billing_core.services.payments.transfers import announce_transfer
from tests.builders import (
    a_customer,
    a_package,
    rows,
    username_of,
)
from tests.integration.test_billing_run import DHAKA
from tests.web.conftest import Site
from tests.web.test_crawl import address, of_operators

D = Decimal
# What forms ask for, so that only whose it is can keep them from being done.
FORM = {
    "reason": "because",
    "note": "because",
    "amount": "10",
    "key": "k" * 32,
    "password": "another password",
    "due_on": "2027-01-01",
    "until": "2027-01-01",
    "by": "cash",
    "was_given": "yes",
    "mac": "AA:BB:CC:DD:EE:FF",
    "name": "somebody else",
    "language": "en",
    "step": "make",
    "what": "void",
}


@pytest.fixture
def ids(site: Site) -> tuple[dict[str, int], dict[str, int]]:
    """Ids of what two resellers' customers have: of the one who acts, and theirs."""
    package = a_package(site.conn)
    return tuple(_ids(site, package, who) for who in ("mirpur", "uttara"))  # type: ignore[return-value]  # two of them


def _ids(site: Site, package: str, owner: str) -> dict[str, int]:
    conn, now = site.conn, datetime.now(UTC)
    operator_id = site.operator_id(
        owner, permissions=tuple(p.value for p in can_be_given("operator"))
    )
    customer_id = a_customer(conn, package)
    conn.execute(
        "UPDATE customer SET operator_id = %s WHERE customer_id = %s",
        [operator_id, customer_id],
    )
    name = username_of(conn, customer_id)
    bill = charge_customer(
        conn,
        name,
        D(500),
        description="a cable",
        vat_profile=None,
        key="cable",
        actor="test",
        now=now,
        zone=DHAKA,
    )
    cash = take_cash(conn, name, D(100), key="cash", operator="test", note="", now=now)
    attempt = announce_transfer(
        conn,
        customer_id=customer_id,
        amount=D(50),
        sender="01712345678",
        transaction_id=f"TRX{customer_id:06d}",
        purpose="wallet",
        actor="test",
        now=now,
    )
    return {
        "customer_id": customer_id,
        "bill_id": bill.bill_id,
        "payment_id": cash.payment_id,
        "attempt_id": attempt.attempt_id,
        "operator_id": operator_id,
    }


def everything_of(conn: Connection, theirs: dict[str, int]) -> list[Any]:
    customer_id = theirs["customer_id"]
    return [
        rows(conn, f"SELECT * FROM {table} WHERE customer_id = %s", customer_id)  # noqa: S608
        for table in (
            "customer",
            "wallet",
            "bill",
            "ledger_entry",
            "payment",
            "payment_attempt",
            "customer_event",
            "payment_link",
        )
    ] + [
        rows(
            conn,
            "SELECT * FROM operator WHERE operator_id = %s",
            theirs["operator_id"],
        )
    ]


def test_no_form_changes_what_is_anothers(
    site: Site, ids: tuple[dict[str, int], dict[str, int]]
) -> None:
    mine, theirs = ids
    me = site.as_somebody("mirpur", "operator")
    before = everything_of(site.conn, theirs)
    tried = 0
    for rule in of_operators(site):
        named = [name for name in theirs if name in rule.arguments]
        if "POST" not in (rule.methods or ()) or not named:
            continue
        # All theirs, and each of theirs behind what is mine.
        for foreign in [set(named), *({name} for name in named)]:
            values = {n: theirs[n] if n in foreign else mine[n] for n in named}
            path = address(rule, dict(values))
            answer = me.post(path, FORM | dict.fromkeys(("package", "profile"), "x"))
            assert answer.status_code in (403, 404), f"{path} {answer.status_code}"
            tried += 1
    assert tried > 20
    keys = [f"{theirs['customer_id']}-{theirs['bill_id']}"]
    for path in ("/bills/many", "/bills/many/do", "/bills/links", "/bills/links/send"):
        for what in ("void", "paid"):
            answer = me.post(path, FORM | {"bill": keys, "what": what})
            assert answer.status_code in (403, 404, 422), path
    assert everything_of(site.conn, theirs) == before
