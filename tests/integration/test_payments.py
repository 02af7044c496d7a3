"""Payments by gateway: what they are for, and what the audit sees of them."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.db.customers import read_customer
from billing_core.db.payments import list_attempts
from billing_core.db.queries import load_queries
from billing_core.services.calendar import charge_the_day
from billing_core.services.payments.asking import OtherGatewayError, ask_about
from billing_core.services.payments.deciding import (
    NothingToDecideError,
    approve,
    reject,
)
from billing_core.services.payments.starting import (
    NotStartedError,
    TooManyAttemptsError,
    start_payment,
)
from tests.builders import (
    NOON,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    audited,
    posted,
    rows,
)
from tests.integration.gateway_attempts import (
    SITE,
    announce,
    ask,
    begin,
    come_back,
    someone,
)
from tests.payment_shops import a_shop


def test_what_waits_for_the_customer_is_not_decided_by_an_operator(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("nagad", database_url)
    attempt = begin(conn, shop, someone(conn))
    with pytest.raises(NothingToDecideError):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    with pytest.raises(NothingToDecideError):
        reject(conn, attempt.attempt_id, reason="no", operator="nila", now=NOON)


def test_a_package_is_bought_with_the_payment_for_it(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("nagad", database_url)
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package)
    ((package_id,),) = rows(
        conn, "SELECT package_id FROM package WHERE name = %s", package
    )
    started = start_payment(
        conn,
        shop.gateway,
        customer_id=customer_id,
        amount=None,
        purpose="package",
        bill_id=None,
        package_id=package_id,
        site=SITE,
        client_address="",
        actor="customer",
        now=NOON,
    )
    (attempt,) = list_attempts(conn, limit=1)
    assert attempt.reference == started.reference
    assert attempt.amount == Decimal("10.00")
    shop.pay(attempt)
    come_back(conn, shop, attempt)
    assert rows(conn, "SELECT package_id FROM subscription WHERE state = 'active'") == [
        (package_id,)
    ]
    assert posted(conn, customer_id) == 0
    assert audited(conn) == []


def test_the_row_is_there_before_the_gateway_hears_of_it(
    conn: Connection, database_url: str
) -> None:
    """A gateway that refuses leaves a failed attempt behind, with its words."""
    shop = a_shop("sslcommerz", database_url)
    with pytest.raises(NotStartedError):
        begin(conn, shop, someone(conn), "5.00")
    (attempt,) = list_attempts(conn, limit=9)
    assert (attempt.state, attempt.next_ask_at) == ("failed", None)
    assert attempt.reason


def test_nobody_begins_to_pay_without_end(conn: Connection, database_url: str) -> None:
    shop = a_shop("nagad", database_url)
    customer_id = someone(conn)
    for _ in range(20):
        begin(conn, shop, customer_id)
    with pytest.raises(TooManyAttemptsError):
        begin(conn, shop, customer_id)


def test_a_gateway_is_asked_only_about_its_own(
    conn: Connection, database_url: str
) -> None:
    shop, other = a_shop("nagad", database_url), a_shop("sslcommerz", database_url)
    attempt = begin(conn, shop, someone(conn))
    with pytest.raises(OtherGatewayError):
        ask(conn, other, attempt)
    transfer = announce(conn, someone(conn))
    with pytest.raises(OtherGatewayError):
        ask_about(
            conn,
            shop.gateway,
            transfer.reference,
            verification="automatic",
            actor="x",
            now=NOON,
        )


def test_paying_restores_service_in_the_same_transaction(
    conn: Connection, database_url: str
) -> None:
    """Verified by a person, a top-up charges today and lets the customer in again."""
    shop = a_shop("bkash", database_url)
    customer_id = a_customer(conn, a_daily_package(conn))
    conn.execute("UPDATE customer SET activated_at = %s", [NOON - timedelta(days=1)])
    charge_the_day(conn, NOON)
    assert read_customer(conn, customer_id).suspend_reason == "BALANCE_EXHAUSTED"
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt, verification="operator")
    assert read_customer(conn, customer_id).status == "suspended"
    approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    customer = read_customer(conn, customer_id)
    assert (customer.status, customer.posted) == ("active", Decimal("490.00"))
    assert audited(conn) == []


DAMAGES = {
    "attempts_without_payment": (
        "UPDATE payment SET attempt_id = NULL",
        "UPDATE payment_attempt SET state = 'pending'",
        "UPDATE payment SET method = 'nagad'",
    ),
    "money_of_another_attempt": (
        "DELETE FROM gateway_transaction",
        "UPDATE gateway_transaction SET attempt_id ="
        " (SELECT max(attempt_id) FROM payment_attempt)",
    ),
    "payments_unlike_postings": (
        "UPDATE payment SET amount = amount + 1",
        "UPDATE payment SET fee = fee + 1",
    ),
}


def test_the_audit_finds_each_damage_to_payments(
    conn: Connection, database_url: str
) -> None:
    shop = a_shop("sslcommerz", database_url)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt)
    begin(conn, shop, customer_id)
    assert audited(conn) == []
    for check, damages in DAMAGES.items():
        for damage in damages:
            with conn.transaction(force_rollback=True):
                conn.execute(damage.encode())
                query = load_queries("audit")[check]
                assert conn.execute(query, {"limit": 9}).fetchall(), damage
    assert audited(conn) == []
