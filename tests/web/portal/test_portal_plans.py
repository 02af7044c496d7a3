"""What customers look at in the portal is read by indexes (see tests/web/plans.py)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from billing_core.db import customers, web_bills, web_portal
from billing_core.db.connect import Connection
from billing_core.db.reports import list_sessions
from billing_core.services.portal_names import find_named
from tests.web.plans import Explained, assert_nothing_walked, filled, walked, watching

BIG = {
    "acct_session",
    "bill",
    "customer",
    "ledger_entry",
    "login",
    "payment",
    "payment_attempt",
    "wallet",
}
#: Who has bills, payments, sessions; is suspended and online to pay.
SOMEBODY = 1200


@pytest.fixture(scope="module")
def big(shared_database_url: str) -> Iterator[Connection]:
    """A database with enough in it."""
    with filled(shared_database_url, "big_portal.sql") as conn:
        yield conn


@pytest.fixture
def watched(big: Connection) -> Iterator[Connection]:
    """The big database; each query's plan is kept, and looked at in the end."""
    with watching(big):
        yield big
        assert_nothing_walked(BIG)


def test_whose_line_it_is_is_read_by_indexes(watched: Connection) -> None:
    now = datetime.now(UTC)
    found = web_portal.find_restricted(watched, "100.64.4.176", now)
    assert [one.customer_id for one in found] == [SOMEBODY]
    assert web_portal.find_restricted(watched, "203.0.113.9", now) == []


@pytest.mark.parametrize("after", [None, 60_000])
def test_a_page_of_payments_is_read_by_indexes(
    watched: Connection, after: int | None
) -> None:
    found = web_portal.list_payments(watched, SOMEBODY, after=after, limit=26)
    assert len(found) in (3, 6)


def test_payments_under_way_are_read_by_indexes(watched: Connection) -> None:
    since = datetime.now(UTC) - timedelta(days=2)
    found = web_portal.list_unsettled_attempts(watched, SOMEBODY, since=since, limit=5)
    assert [attempt.state for attempt in found] == ["pending", "review"]


@pytest.mark.parametrize("days", [20, 400])
def test_usage_is_read_by_indexes(watched: Connection, days: int) -> None:
    since = datetime(2026, 11, 20, tzinfo=UTC) - timedelta(days=days)
    up, _down = web_portal.read_usage(watched, SOMEBODY, since)
    assert up == (0 if days == 20 else 12_000)


def test_who_logs_in_by_a_name_or_number_is_read_by_indexes(
    watched: Connection,
) -> None:
    assert find_named(watched, "user1200") == [SOMEBODY]
    assert find_named(watched, "+880 171 0001200") == [SOMEBODY]
    assert find_named(watched, "01999999999") == []


def test_the_rest_of_a_customers_home_is_read_by_indexes(watched: Connection) -> None:
    customers.read_customer(watched, SOMEBODY)
    customers.read_subscription(watched, SOMEBODY)
    customers.read_hotspot_key(watched, SOMEBODY)
    for running in (True, False):
        list_sessions(watched, customer_id=SOMEBODY, running=running, limit=30)
    for wanted in (
        web_bills.BillFilter(customer_id=SOMEBODY),
        web_bills.BillFilter(customer_id=SOMEBODY, is_open=True),
    ):
        web_bills.list_bills(watched, wanted, None, after=None, limit=26)


def test_a_walk_would_be_seen(big: Connection) -> None:
    with watching(big):
        big.execute("SELECT count(*) FROM acct_session WHERE input_octets > 1")
        assert list(walked(Explained.plans, BIG)) == ["acct_session"]
