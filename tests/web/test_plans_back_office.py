"""The lists of network, cards and logs, read by indexes (see test_plans)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing_core.db import packages, reports, web_cards, web_logs, web_network
from billing_core.db.connect import Connection
from billing_core.db.sessions import find_session_customer
from tests.web.plans import Explained, assert_nothing_walked, filled, watching

BIG = {
    "access_reject",
    "acct_session",
    "card",
    "card_try",
    "customer",
    "customer_event",
    "operator_event",
    "outbox",
}
LATE = datetime(2026, 11, 2, tzinfo=UTC)
SCOPES = {"everybody's": None, "a reseller's": [3]}


@pytest.fixture(scope="module")
def big(shared_database_url: str) -> Iterator[Connection]:
    """A database with enough in it."""
    with filled(shared_database_url, "big_back_office.sql") as conn:
        yield conn


@pytest.fixture
def watched(big: Connection) -> Iterator[Connection]:
    """The big database; each query's plan is kept, and looked at in the end."""
    with watching(big):
        yield big
        assert_nothing_walked(BIG)


ALL_ONLINE = web_network.OnlineFilter()
ONLINE = {
    "none": ALL_ONLINE,
    "search": replace(ALL_ONLINE, search="user1234"),
    "mac": replace(ALL_ONLINE, search="02:00:00:00:00:32"),
    "address": replace(ALL_ONLINE, search="10.1.4.7"),
    "nas": replace(ALL_ONLINE, nas_id=11),
    "silent": replace(ALL_ONLINE, silent=True),
}
ALL_REJECTS = web_network.RejectFilter()
REJECTS = {
    "none": ALL_REJECTS,
    "username": replace(ALL_REJECTS, username="user77"),
    "reason": replace(ALL_REJECTS, reason="BAD_CREDENTIALS"),
    "time": replace(ALL_REJECTS, since=LATE - timedelta(days=2), until=LATE),
}
ALL_LOGS = web_logs.LogFilter()
LOGS = {
    "none": ALL_LOGS,
    "actor": replace(ALL_LOGS, actor="operator:clerk-7"),
    "customer": replace(ALL_LOGS, customer_id=77),
    "time": replace(ALL_LOGS, since=LATE - timedelta(days=2), until=LATE),
    "operators": replace(ALL_LOGS, log="operators"),
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", ONLINE)
def test_who_is_online_is_read_by_indexes(
    watched: Connection, name: str, scope: str
) -> None:
    wanted, mine = ONLINE[name], SCOPES[scope]
    for after in (None, 9000):
        web_network.list_online(watched, wanted, mine, now=LATE, after=after, limit=51)
    web_network.total_online(watched, wanted, mine, now=LATE)


def test_who_is_online_and_one_session_are_found_by_indexes_on_the_command_line(
    watched: Connection,
) -> None:
    online = reports.list_sessions(watched, customer_id=None, running=True, limit=20)
    assert len(online) == 20
    found = find_session_customer(watched, online[0].session_id)
    assert found == online[0].customer_id


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", REJECTS)
def test_refused_logins_are_read_by_indexes(
    watched: Connection, name: str, scope: str
) -> None:
    wanted, mine = REJECTS[name], SCOPES[scope]
    for after in (None, (LATE - timedelta(days=1), 5)):
        web_network.list_rejects(watched, wanted, mine, after=after, limit=51)
    web_network.count_rejects(watched, mine, since=LATE)


@pytest.mark.parametrize("name", LOGS)
def test_a_page_of_the_log_is_read_by_indexes(watched: Connection, name: str) -> None:
    for after in (None, (LATE - timedelta(days=9), 5)):
        web_logs.list_events(watched, LOGS[name], after=after, limit=51)


def test_what_was_done_seldom_is_found_by_its_kind(watched: Connection) -> None:
    """Not by a walk through all that was done."""
    seldom = replace(ALL_LOGS, what="restored")
    for after in (None, (LATE - timedelta(days=9), 5)):
        assert web_logs.list_events(watched, seldom, after=after, limit=51) == []
    for plan in map(json.dumps, Explained.plans):
        for log in ("customer_event", "operator_event"):
            assert f'"Index Name": "{log}_by_what"' in plan
            assert f"{log}_by_time" not in plan


def test_nas_and_packages_are_read_by_indexes(watched: Connection) -> None:
    web_network.read_nas_health(watched, since=LATE, now=LATE)
    web_network.list_requests_to(watched, 3, since=LATE, limit=50)
    packages.read_package_uses(watched, 2, now=LATE)


@pytest.mark.parametrize("mine", [None, ["shop-3"]])
def test_cards_are_read_by_indexes(watched: Connection, mine: list[str] | None) -> None:
    web_cards.list_batches(watched, mine, now=LATE, limit=26)
    for wanted in (
        web_cards.CardFilter(),
        web_cards.CardFilter(serial=1000000700),
        web_cards.CardFilter(batch_id=7),
        web_cards.CardFilter(state="active", batch_id=7),
    ):
        web_cards.list_cards(watched, wanted, mine, now=LATE, after=None, limit=51)
    tries = web_cards.TryFilter(bad_only=True)
    web_cards.list_tries(watched, tries, None, after=None, limit=51)
    web_cards.read_sales(watched, "shop-3", now=LATE)
    web_cards.list_sold(watched, "shop-3", limit=50)
