"""Attempts to pay, and what comes of them, for the tests of payments."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from billing_core.db.connect import Connection, connect
from billing_core.db.payments import Attempt
from billing_core.services.payments.asking import ask_about
from billing_core.services.payments.hints import take_hint
from billing_core.services.payments.reconciling import reconcile
from billing_core.services.payments.starting import Site, StartedPayment, start_payment
from billing_core.services.payments.transfers import announce_transfer
from tests.builders import NOON, a_customer, a_package, rows
from tests.payment_shops import PUBLIC_URL, Shop, attempt_of

SITE = Site(PUBLIC_URL, "Example ISP")
SOON = NOON + timedelta(minutes=2)
FULL = Decimal("500.00")


def begin(
    conn: Connection, shop: Shop, customer_id: int, amount: str = "500.00"
) -> Attempt:
    started = start_payment(
        conn,
        shop.gateway,
        customer_id=customer_id,
        amount=Decimal(amount),
        purpose="wallet",
        bill_id=None,
        package_id=None,
        site=SITE,
        client_address="203.0.113.7",
        actor="customer",
        now=NOON,
    )
    assert isinstance(started, StartedPayment)
    return attempt_of(conn, started.reference)


def ask(
    conn: Connection,
    shop: Shop,
    attempt: Attempt,
    *,
    verification: str = "automatic",
    now: datetime = NOON,
    **how: Any,
) -> Attempt:
    return ask_about(
        conn,
        shop.gateway,
        attempt.reference,
        verification=verification,
        actor="tester",
        now=now,
        **how,
    )


def come_back(
    conn: Connection,
    shop: Shop,
    attempt: Attempt,
    claims: str = "success",
    *,
    verification: str = "automatic",
) -> Attempt:
    after = take_hint(
        conn,
        shop.gateway,
        shop.hint(attempt, claims),
        verification=verification,
        actor="web",
        now=NOON,
    )
    assert after is not None
    return after


def run_reconciler(
    database_url: str,
    shop: Shop,
    *,
    verification: str = "automatic",
    now: datetime = SOON,
) -> dict[str, Any]:
    return reconcile(
        lambda: connect(database_url, application="reconciler"),
        [shop.gateway],
        verification={shop.gateway.name: verification},
        now=now,
    )


def entries(conn: Connection) -> list[tuple[Any, ...]]:
    """Return what was credited by gateways: (customer_id, amount)."""
    return rows(
        conn,
        "SELECT customer_id, -sum(amount) FROM posting JOIN ledger_entry e"
        " USING (customer_id, entry_id) WHERE ledger_account = 'wallet'"
        " AND idempotency_key LIKE 'payment:%%' GROUP BY customer_id, entry_id",
    )


def someone(conn: Connection) -> int:
    return a_customer(conn, a_package(conn))


def tell(name: str, value: str) -> Callable[[dict[str, Any]], None]:
    """Change one field of every answer that has it, on the wire."""

    def change(answer: dict[str, Any]) -> None:
        if name in answer:
            answer[name] = value
        for each in answer.get("element", ()):
            each[name] = value

    return change


def replaced(hint: Any, changes: dict[str, Any]) -> Any:
    return replace(hint, **changes)


def announce(conn: Connection, customer_id: int, **changes: Any) -> Attempt:
    facts: dict[str, Any] = {
        "amount": Decimal("500.00"),
        "sender": "01712345678",
        "transaction_id": "8N7A6B5C4D",
        "purpose": "wallet",
    }
    return announce_transfer(
        conn, customer_id=customer_id, actor="customer", now=NOON, **(facts | changes)
    )
