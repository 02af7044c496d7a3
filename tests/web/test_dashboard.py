"""Each figure of the dashboard is that of the list to which it leads."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest

from billing_core.services import suspension
from billing_core.services.customers import give_to_operator, suspend
from billing_core.services.wallets import reverse_entry
from tests.builders import Packets, a_nas, fold, username_of
from tests.web.conftest import Browser, Site
from tests.web.test_bills_summary import NOW, bill_all, monthly, pay

#: By the list a figure leads to: what of its export adds up to it; None = the rows.
SUMS = {"/online": None, "/bills": "open", "/payments": "amount", "/customers": None}


@pytest.fixture
def town(site: Site) -> Site:
    """Two of a reseller's, three of the provider's: owing, paid, cut off and held."""
    who = [monthly(site, price="1000", joined_days_ago=5) for _ in range(5)]
    names = [username_of(site.conn, each) for each in who]
    site.operator_id("mirpur")
    for name in names[:2]:
        give_to_operator(site.conn, name, "mirpur", actor="test", now=NOW)
    bill_all(site.conn, days_ago=4)
    nas = a_nas(site.conn)
    for name in names[1:4]:
        fold(site.conn, Packets(name, nas, started_at=NOW).start(), now=NOW)
    pay(site, who[1], "1000")
    pay(site, who[2], "400")
    wrong = pay(site, who[3], "123")
    reverse_entry(
        site.conn, names[3], wrong, reason="typed twice", operator="boss", now=NOW
    )
    suspend(site.conn, names[4], note="", actor="test", now=NOW)
    later = NOW + timedelta(days=30)
    suspension.hold(site.conn, names[3], later, note="", actor="test", now=NOW)
    return site


def tiles(browser: Browser) -> dict[str, tuple[str, Decimal]]:
    """Return the figures by their labels, each with where it leads."""
    found = re.findall(
        r'<li><a href="([^"]+)"><strong>([^<]+)</strong><span>([^<]+)</span>',
        browser.get("/dashboard").text,
    )
    return {
        label: (unescape(address), Decimal(figure.replace(",", "")))
        for address, figure, label in found
    }


def of_the_list(browser: Browser, address: str) -> Decimal:
    """Add up what a list hands out."""
    path, _, filter_ = address.partition("?")
    export = browser.get(f"{path}/export.csv?{filter_}")
    rows = list(csv.DictReader(io.StringIO(export.text.removeprefix("\ufeff"))))
    column = SUMS[path]
    return sum(
        (Decimal(row[column]) if column else Decimal(1) for row in rows), Decimal()
    )


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_each_figure_is_that_of_the_list_behind_it(town: Site, role: str) -> None:
    browser = town.as_admin() if role == "admin" else town.as_operator("mirpur")
    shown = tiles(browser)
    assert len(shown) == 6
    for label, (address, figure) in shown.items():
        assert figure == of_the_list(browser, address), label
    assert {label: figure for label, (_, figure) in shown.items()} == (
        {
            "online now": 3,
            "outstanding": 3600,
            "collected today": 1400,
            "collected this month": 1400,
            "suspended": 1,
            "cut off within 3 days": 2,
        }
        if role == "admin"
        else {
            "online now": 1,
            "outstanding": 1000,
            "collected today": 1000,
            "collected this month": 1000,
            "suspended": 0,
            "cut off within 3 days": 1,
        }
    )
