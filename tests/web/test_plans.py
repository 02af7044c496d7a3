"""The pages' lists read by indexes: no plan walks through a big table."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from billing_core.db import (
    gateway_notices,
    web_bills,
    web_customers,
    web_dashboard,
    web_payments,
    web_records,
    web_summary,
    web_verify,
)
from billing_core.db.connect import Connection
from billing_core.services import suspensions_to_come
from tests.builders import NOON
from tests.web.plans import (
    Explained,
    assert_nothing_walked,
    filled,
    walked,
    watching,
)

BIG = {
    "customer",
    "bill",
    "wallet",
    "payment",
    "ledger_entry",
    "posting",
    "acct_session",
    "payment_attempt",
    "gateway_transaction",
}


@pytest.fixture(scope="module")
def big(shared_database_url: str) -> Iterator[Connection]:
    """A database with enough in it."""
    with filled(shared_database_url) as conn:
        yield conn


@pytest.fixture
def watched(big: Connection) -> Iterator[Connection]:
    """The big database; each query's plan is kept."""
    with watching(big):
        yield big


def check() -> None:
    assert_nothing_walked(BIG)


ALL_CUSTOMERS = web_customers.CustomerFilter()
CUSTOMER_FILTERS = {
    "none": ALL_CUSTOMERS,
    "search": replace(ALL_CUSTOMERS, search="user1234"),
    "mobile": replace(ALL_CUSTOMERS, search="01710001"),
    "suspended": replace(ALL_CUSTOMERS, status="suspended"),
    "zone": replace(ALL_CUSTOMERS, zone="zone 7"),
    "operator": replace(ALL_CUSTOMERS, operator_id=3),
    "online": replace(ALL_CUSTOMERS, online=True),
    "owing": replace(ALL_CUSTOMERS, owing=True),
    "parked": replace(ALL_CUSTOMERS, parked=True),
    "these": replace(ALL_CUSTOMERS, customer_ids=[7, 77, 777]),
}
ALL_BILLS = web_bills.BillFilter()
BILL_FILTERS = {
    "none": ALL_BILLS,
    "number": replace(ALL_BILLS, search="B-00000077"),
    "search": replace(ALL_BILLS, search="user1234"),
    "open": replace(ALL_BILLS, is_open=True),
    "overdue": replace(ALL_BILLS, is_open=True, overdue_at=NOON),
    "customer": replace(ALL_BILLS, customer_id=77),
    "issued": replace(
        ALL_BILLS, issued_from=NOON - timedelta(days=40), issued_until=NOON
    ),
    "period": replace(
        ALL_BILLS, period_from=NOON - timedelta(60), period_until=NOON - timedelta(50)
    ),
    "due": replace(
        ALL_BILLS, due_from=NOON - timedelta(days=60), due_until=NOON - timedelta(50)
    ),
    "zone": replace(ALL_BILLS, zone="zone 7"),
}
ALL_PAYMENTS = web_payments.PaymentFilter()
PAYMENT_FILTERS = {
    "none": ALL_PAYMENTS,
    "receipt": replace(ALL_PAYMENTS, search="R77"),
    "reference": replace(ALL_PAYMENTS, search="reference77x1"),
    "transaction": replace(ALL_PAYMENTS, search="trx77"),
    "search": replace(ALL_PAYMENTS, search="user1234"),
    "received": replace(
        ALL_PAYMENTS, received_from=NOON - timedelta(days=40), received_until=NOON
    ),
    "method": replace(ALL_PAYMENTS, methods=["cash"]),
    "operator": replace(ALL_PAYMENTS, operator_id=3),
    "stands": replace(ALL_PAYMENTS, standing="stands"),
    "customer": replace(ALL_PAYMENTS, customer_id=77),
}
ALL_ATTEMPTS = web_verify.AttemptFilter()
ATTEMPT_FILTERS = {
    "none": ALL_ATTEMPTS,
    "reference": replace(ALL_ATTEMPTS, search="reference77x1"),
    "transaction": replace(ALL_ATTEMPTS, search="trx77"),
    "search": replace(ALL_ATTEMPTS, search="user1234"),
    "review": replace(ALL_ATTEMPTS, state="review"),
    "rejected": replace(ALL_ATTEMPTS, state="rejected"),
    "gateway": replace(ALL_ATTEMPTS, gateway="nagad"),
}
DHAKA = ZoneInfo("Asia/Dhaka")
SCOPES = {"everybody's": None, "a reseller's": [3]}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", CUSTOMER_FILTERS)
def test_a_page_of_customers_is_read_by_indexes(
    watched: Connection, name: str, scope: str
) -> None:
    wanted = CUSTOMER_FILTERS[name]
    web_customers.list_customers(watched, wanted, SCOPES[scope], after=None, limit=51)
    web_customers.list_customers(watched, wanted, SCOPES[scope], after=9000, limit=51)
    check()


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", BILL_FILTERS)
def test_a_page_of_bills_is_read_by_indexes(
    watched: Connection, name: str, scope: str
) -> None:
    wanted, after = BILL_FILTERS[name], (NOON - timedelta(days=30), 1000)
    web_bills.list_bills(watched, wanted, SCOPES[scope], after=None, limit=51)
    web_bills.list_bills(watched, wanted, SCOPES[scope], after=after, limit=51)
    check()


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", PAYMENT_FILTERS)
def test_a_page_of_payments_is_read_by_indexes(
    watched: Connection, name: str, scope: str
) -> None:
    wanted, after = PAYMENT_FILTERS[name], (NOON - timedelta(days=30), 1000)
    for begins in (None, after):
        web_payments.list_payments(
            watched, wanted, SCOPES[scope], after=begins, limit=51
        )
    check()


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", ATTEMPT_FILTERS)
def test_a_page_of_attempts_to_pay_is_read_by_indexes(
    watched: Connection, name: str, scope: str
) -> None:
    wanted = ATTEMPT_FILTERS[name]
    for find in (web_verify.find_waiting, web_verify.find_attempts):
        for after in (None, 9000):
            find(watched, wanted, SCOPES[scope], after=after, limit=51)
    check()


def test_unmatched_money_and_whose_it_may_be_are_found_by_indexes(
    watched: Connection,
) -> None:
    watched.execute(
        "INSERT INTO gateway_notice (gateway, transaction_id, received_at, answer)"
        " SELECT 'bkash', 'TOLD' || n, now(), '{}' FROM generate_series(1, 20) n"
    )
    for after in (None, 10):
        gateway_notices.find_unmatched(watched, after=after, limit=51)
    gateway_notices.suggest_customers(
        watched, number="01712345678", reference="user1234"
    )
    check()


@pytest.mark.parametrize("scope", SCOPES)
def test_a_summary_reads_the_bills_and_payments_of_its_days_only(
    watched: Connection, scope: str
) -> None:
    web_summary.read_summary(
        watched,
        SCOPES[scope],
        operator_id=None,
        # The small table of bills has a month's within hours.
        since=datetime(2026, 11, 20, tzinfo=UTC),
        until=datetime(2026, 11, 20, 1, tzinfo=UTC),
        zone=DHAKA,
    )
    edges = [NOON - timedelta(days=60), NOON]
    web_summary.age_open_bills(watched, SCOPES[scope], operator_id=3, edges=edges)
    for plan in Explained.plans:
        assert not {"bill", "payment", "ledger_entry"} & set(walked(plan, BIG)), plan


@pytest.mark.parametrize("scope", SCOPES)
def test_the_dashboard_is_read_by_indexes(watched: Connection, scope: str) -> None:
    since = NOON - timedelta(days=3)
    web_dashboard.read_standing(watched, SCOPES[scope])
    web_dashboard.logins_by_hour(watched, SCOPES[scope], since=since)
    web_dashboard.rejects_by_hour(watched, SCOPES[scope], since=since)
    check()


@pytest.mark.parametrize("scope", SCOPES)
def test_who_will_be_suspended_is_told_by_indexes(
    watched: Connection, scope: str
) -> None:
    by = NOON + timedelta(days=30)
    walk = web_customers.walk_customers(
        watched, ALL_CUSTOMERS, SCOPES[scope], after=9000
    )
    # Few enough that the planner of this small table does not read it through.
    chunk = next(walk)[:200]
    suspensions_to_come.who_stops(watched, chunk, by, now=NOON, zone=DHAKA)
    check()


def test_how_many_will_be_suspended_is_told_from_a_sample_of_very_many(
    watched: Connection,
) -> None:
    by = NOON + timedelta(days=30)
    told = suspensions_to_come.count_to_come(watched, None, by, now=NOON, zone=DHAKA)
    plans = json.dumps(Explained.plans)
    assert '"Node Type": "Sample Scan"' in plans
    whole = suspensions_to_come.preview_suspensions(
        watched, by, now=NOON, zone=DHAKA, limit=20_000
    )
    assert told.is_estimate
    assert 0.8 < told.customers / len(whole) < 1.25
    few = suspensions_to_come.count_to_come(watched, [3], by, now=NOON, zone=DHAKA)
    assert not few.is_estimate


def test_one_customer_and_one_bill_are_read_by_indexes(watched: Connection) -> None:
    web_customers.is_customer_of(watched, 77, [3])
    for after in (None, 9000):
        web_records.list_wallet(watched, 77, after=after, limit=20)
        web_records.list_sessions_of(watched, 77, after=after, limit=20)
        web_records.list_events_of(watched, 77, after=after, limit=20)
    web_customers.list_payments_of(watched, 77, limit=20)
    web_customers.list_zones(watched, None)
    web_customers.list_zones(watched, [3])
    web_customers.is_bill_of(watched, 77, 77, [3])
    web_bills.list_bill_history(watched, 77, 77)
    check()


def test_a_walk_would_be_seen(watched: Connection) -> None:
    watched.execute("SELECT count(*) FROM bill WHERE net > 1")
    assert list(walked(Explained.plans, BIG)) == ["bill"]


def test_a_filter_never_opens_a_transaction_that_stays(big: Connection) -> None:
    stream = web_bills.stream_bills(big, ALL_BILLS, None)
    next(stream)
    stream.close()
    assert big.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
