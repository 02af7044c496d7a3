"""Pay by a simulated bKash against a test's own database."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from billing_core.db.connect import Connection
from billing_core.db.payments import Attempt
from billing_core.services.payments.asking import ask_about
from billing_core.services.payments.starting import (
    Site,
    StartedPayment,
    start_payment,
)
from tests.builders import NOON, rows
from tests.gateways.bkash_shop import Shop

SITE = Site("https://isp.example")


def start(
    conn: Connection,
    shop: Shop,
    customer_id: int,
    amount: str | None = None,
    *,
    now: datetime = NOON,
    **what: Any,
) -> StartedPayment:
    """Open a checkout; by default for the wallet."""
    facts: dict[str, Any] = {"purpose": "wallet", "bill_id": None, "package_id": None}
    return start_payment(
        conn,
        shop.gateway,
        customer_id=customer_id,
        amount=None if amount is None else Decimal(amount),
        site=SITE,
        client_address="203.0.113.7",
        actor="customer",
        now=now,
        **(facts | what),
    )


def pay(
    conn: Connection, shop: Shop, started: StartedPayment, *, now: datetime = NOON
) -> Attempt:
    """Let the customer pay at the gateway, and ask it; posts by itself."""
    shop.bkash.customer_pays(started.reference)
    return ask_about(
        conn,
        shop.gateway,
        started.reference,
        finished=True,
        verification="automatic",
        actor="test",
        now=now,
    )


def paid(
    conn: Connection,
    shop: Shop,
    customer_id: int,
    amount: str | None = None,
    **what: Any,
) -> int:
    """Start and pay; returns the payment's id."""
    started = start(conn, shop, customer_id, amount, **what)
    assert pay(conn, shop, started).state == "paid"
    ((payment_id,),) = rows(
        conn,
        "SELECT payment_id FROM payment WHERE attempt_id = %s",
        started.attempt_id,
    )
    return int(payment_id)
