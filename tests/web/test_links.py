"""Nobody is shown a way to a page that is not for him."""

import re
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from billing_core.db.connect import Connection
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.permissions import MANAGER, can_be_given
from billing_core.services.billing_run import run_cycles
from billing_core.services.cash import take_cash
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_nas,
    a_package,
    fold,
    username_of,
)
from tests.cards import pins_of, try_pin
from tests.integration.gateway_attempts import announce
from tests.web.conftest import Browser, Site
from tests.web.test_crawl import address, of_operators

#: What a click leads to; where a form leads is tried by its own tests.
_WAY = re.compile(r'<a [^>]*href="(/[^"#]*)"')
#: The first of each kind, which a new database counts from 1.
_IDS: dict[str, object] = {"kind": "customer"}


def a_busy_provider(conn: Connection, folder: Path) -> None:
    """One customer of whom there is something on every page."""
    insert_profile(conn, NewProfile("monthly", "monthly"))
    package = a_package(conn, billing="monthly", price=Decimal(500))
    customer_id = a_customer(conn, package, profile="monthly")
    username = username_of(conn, customer_id)
    run_cycles(conn, as_of=NOON, now=NOON, zone=ZoneInfo("Asia/Dhaka"), actor="t")
    take_cash(conn, username, Decimal(200), key="k", operator="t", note="", now=NOON)
    announce(conn, customer_id)
    (pin,) = pins_of(conn, folder)
    try_pin(conn, customer_id, pin)
    fold(conn, Packets(username, a_nas(conn)).start())
    conn.execute(
        "INSERT INTO access_reject (username, customer_id, calling_station_id, reason)"
        " VALUES (%s, %s, '', 'SUSPENDED')",
        [username, customer_id],
    )
    conn.execute("UPDATE customer SET parked_reason = 'NO_PROFILE'")


def ways_shut(site: Site, browser: Browser) -> set[tuple[str, str]]:
    """Return the ways that this browser is shown and may not go, and where."""
    shown: dict[str, str] = {}
    for rule in of_operators(site):
        if "GET" in (rule.methods or ()) and "suffix" not in rule.arguments:
            page = browser.get(address(rule, _IDS))
            assert page.status_code != 500, rule.rule
            if page.status_code == 200 and page.mimetype == "text/html":
                for way in _WAY.findall(page.text):
                    shown.setdefault(way.partition("?")[0], rule.rule)
    return {
        (place, way)
        for way, place in shown.items()
        if browser.get(way).status_code == 403
    }


@pytest.mark.parametrize("is_new", [True, False])
def test_no_page_leads_to_one_that_its_reader_may_not_open(
    site: Site, tmp_path: Path, *, is_new: bool
) -> None:
    if not is_new:
        a_busy_provider(site.conn, tmp_path)
    shut = {
        (permission.value, place, way)
        for permission in can_be_given(MANAGER)
        for place, way in ways_shut(site, site.as_manager(permission.value))
    }
    assert shut == set()
