"""Hints that anybody may send, what they may cost, and what nobody may read."""

import logging

import pytest

from billing_core.db.connect import Connection
from billing_core.db.payments import list_attempts
from billing_core.services.payments.deciding import approve
from billing_core.services.payments.hints import take_hint
from tests.builders import NOON, audited, posted, rows
from tests.integration.gateway_attempts import (
    FULL,
    begin,
    come_back,
    entries,
    replaced,
    run_reconciler,
    someone,
)
from tests.payment_shops import NAMES, Shop, a_shop


@pytest.fixture(params=NAMES)
def shop(request: pytest.FixtureRequest, database_url: str) -> Shop:
    return a_shop(request.param, database_url)


def test_no_secret_is_in_any_log_or_row(
    conn: Connection,
    shop: Shop,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.loses = 2
    come_back(conn, shop, attempt)
    shop.wire.loses = 0
    run_reconciler(database_url, shop)
    assert entries(conn) == [(customer_id, FULL)]
    text = caplog.text + str([vars(record) for record in caplog.records])
    for table in ("payment_attempt", "payment_attempt_event", "gateway_token"):
        text += str(rows(conn, f"SELECT t::text FROM {table} t"))  # noqa: S608 - ours
    assert shop.gateway.name in text
    secrets = [*shop.simulator.secrets]
    if shop.gateway.name == "bkash":
        secrets += shop.simulator.state.tokens  # type: ignore[attr-defined]  # bKash's only
        secrets += shop.simulator.state.refresh_tokens  # type: ignore[attr-defined]  # too
        assert len(secrets) > len(shop.simulator.secrets)
    assert not [secret for secret in secrets if secret in text]


def test_an_unknown_hint_calls_nobody(conn: Connection, shop: Shop) -> None:
    attempt = begin(conn, shop, someone(conn))
    calls = len(shop.wire.told)
    hint = shop.hint(attempt)
    for changes in (
        {"reference": "Z" * 20, "payment_id": None},
        {"reference": None, "payment_id": "unknown"},
        {"reference": "' OR 1=1 --", "payment_id": "\x00"},
        {"reference": None, "payment_id": None},
    ):
        assert (
            take_hint(
                conn,
                shop.gateway,
                replaced(hint, changes),
                verification="automatic",
                actor="web",
                now=NOON,
            )
            is None
        )
    assert len(shop.wire.told) == calls


def test_hints_cannot_wear_a_gateway_out(conn: Connection, shop: Shop) -> None:
    attempt = begin(conn, shop, someone(conn))
    conn.execute("UPDATE payment_attempt SET asks = 100")
    calls = len(shop.wire.told)
    assert come_back(conn, shop, attempt).state == "pending"
    assert len(shop.wire.told) == calls


def test_more_money_for_what_was_paid_before_waits_for_a_person(
    conn: Connection, database_url: str
) -> None:
    """SSLCommerz takes several tries under one order: two tabs, two cards."""
    shop = a_shop("sslcommerz", database_url)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt)
    shop.pay(attempt)
    for _ in range(3):
        assert come_back(conn, shop, attempt).state == "paid"
    assert entries(conn) == [(customer_id, FULL)]
    (more,) = list_attempts(conn, states=["review"], limit=9)
    assert more.reason == "PAID_AGAIN"
    assert more.again_of_attempt_id == attempt.attempt_id
    approve(conn, more.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == 2 * FULL
    assert audited(conn) == []
