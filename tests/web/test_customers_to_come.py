"""Who will be suspended by a day: the pages know whom the command line does."""

import csv
import io
import re
from datetime import date, timedelta
from html import unescape

import pytest

from billing_core.db import web_customers
from billing_core.services import suspension, suspensions_to_come
from billing_core.services.customers import give_to_operator, suspend
from billing_core.services.suspensions_to_come import end_of, preview_suspensions
from tests.builders import a_customer, a_daily_package, a_package, rows, username_of
from tests.integration.test_billing_run import DHAKA
from tests.web.conftest import Browser, Site
from tests.web.test_bills_summary import NOW, bill_all, monthly, pay
from web import customers_to_come

TODAY = NOW.astimezone(DHAKA).date()
#: The profile of `monthly` has neither days to pay nor days of grace.
BY = TODAY + timedelta(days=3)


@pytest.fixture
def town(site: Site) -> dict[str, int]:
    """Monthly ones who owe, over a threshold or not; daily ones, poor and rich."""
    daily = a_daily_package(site.conn)
    who = {
        "owes": monthly(site, price="1000", joined_days_ago=5),
        "paid": monthly(site, price="1000", joined_days_ago=5),
        "held": monthly(site, price="1000", joined_days_ago=5),
        "suspended": monthly(site, price="1000", joined_days_ago=5),
        "over his threshold": monthly(site, price="1000", joined_days_ago=5),
        "never by himself": monthly(site, price="1000", joined_days_ago=5),
        "poor": a_customer(site.conn, daily, balance="25"),
        "rich": a_customer(site.conn, daily, balance="300"),
        "poor, and held": a_customer(site.conn, daily, balance="25"),
        "by the minute": a_customer(site.conn, a_package(site.conn)),
    }
    site.conn.execute("UPDATE billing_profile SET auto_suspend = true")
    bill_all(site.conn, days_ago=4)
    pay(site, who["paid"], "1000")
    names = {name: username_of(site.conn, each) for name, each in who.items()}
    later = NOW + timedelta(days=30)
    for name in ("held", "poor, and held"):
        suspension.hold(site.conn, names[name], later, note="", actor="test", now=NOW)
    suspend(site.conn, names["suspended"], note="", actor="test", now=NOW)
    give_profile(site, who["over his threshold"], threshold=500, auto_suspend=True)
    give_profile(site, who["never by himself"], threshold=1, auto_suspend=False)
    site.conn.execute(
        "UPDATE bill SET suspend_at = NULL WHERE customer_id = %s",
        [who["over his threshold"]],
    )
    return who


def give_profile(
    site: Site, customer_id: int, *, threshold: int, auto_suspend: bool
) -> None:
    """Give somebody a profile of his own."""
    (profile_id,) = rows(
        site.conn,
        "INSERT INTO billing_profile (name, billing_type, due_threshold, auto_suspend)"
        " VALUES (%s, 'monthly', %s, %s) RETURNING profile_id",
        f"of {customer_id}",
        threshold,
        auto_suspend,
    )[0]
    site.conn.execute(
        "UPDATE customer SET profile_id = %s WHERE customer_id = %s",
        [profile_id, customer_id],
    )


def known_to_the_command_line(site: Site, by: date) -> set[int]:
    end = end_of(by, DHAKA)
    found = preview_suspensions(site.conn, end, now=NOW, zone=DHAKA, limit=99)
    return {each.customer_id for each in found}


def handed_out(browser: Browser, query: str) -> set[int]:
    text = browser.get(f"/customers/export.csv?{query}").text.removeprefix("\ufeff")
    return {int(row["customer"]) for row in csv.DictReader(io.StringIO(text))}


def listed(browser: Browser, query: str) -> list[int]:
    """Return who is on the list, page after page."""
    address, seen = f"/customers?{query}", []
    while address:
        page = browser.get(address).text
        seen += map(
            int, re.findall(r'<th scope="row"><a href="/customers/(\d+)"', page)
        )
        older = re.search(r'href="([^"]+)" rel="next"', page)
        address = unescape(older[1]) if older else ""
    return seen


@pytest.mark.parametrize("days", [0, 1, 2, 3, 10, 40])
def test_the_list_and_its_export_have_whom_the_command_line_has(
    site: Site, town: dict[str, int], days: int
) -> None:
    by = TODAY + timedelta(days=days)
    wanted = known_to_the_command_line(site, by)
    admin, query = site.as_admin(), f"suspended_by={by}"
    assert set(listed(admin, query)) == wanted
    assert handed_out(admin, query) == wanted


def test_daily_customers_and_thresholds_are_on_it(
    site: Site, town: dict[str, int]
) -> None:
    found = set(listed(site.as_admin(), f"suspended_by={BY}"))
    names = {name for name, customer_id in town.items() if customer_id in found}
    assert names == {"owes", "over his threshold", "poor"}


def test_it_is_narrowed_like_any_list_of_customers(
    site: Site, town: dict[str, int]
) -> None:
    site.operator_id("mirpur")
    owes = username_of(site.conn, town["owes"])
    give_to_operator(site.conn, owes, "mirpur", actor="test", now=NOW)
    by, admin = f"suspended_by={BY}", site.as_admin()
    assert listed(admin, f"{by}&q={owes}") == [town["owes"]]
    assert listed(admin, f"{by}&status=suspended") == []
    assert listed(admin, f"{by}&status=active&owing=y") == [
        town["over his threshold"],
        town["owes"],
    ]
    mirpur = site.as_operator("mirpur")
    assert listed(mirpur, by) == [town["owes"]]
    assert handed_out(mirpur, by) == {town["owes"]}
    totals = admin.get(f"/customers?{by}").text
    assert re.search(r"3 customers · due [^·]*2,000\.00", totals), totals


def test_of_very_many_a_page_looks_at_some_and_leads_on(
    site: Site, town: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_customers, "_WALKED_AT_ONCE", 2)
    monkeypatch.setattr(customers_to_come, "_LOOKED_MAX", 2)
    admin, query = site.as_admin(), f"suspended_by={BY}"
    found = listed(admin, query)
    assert found == sorted(known_to_the_command_line(site, BY), reverse=True)
    assert handed_out(admin, query) == set(found)
    first = admin.get(f"/customers?{query}").text
    assert "At least 0 customers" in first
    assert "Nobody among those looked at so far" in first


def test_the_dashboard_counts_them_and_says_when_it_is_from_a_sample(
    site: Site, town: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = site.as_admin()
    assert cut_off_soon(admin) == "3"
    site.conn.execute("ANALYZE customer")
    monkeypatch.setattr(suspensions_to_come, "_LOOKED_MAX", len(town) - 3)
    assert re.fullmatch(r"≈ \d+", cut_off_soon(admin))


def cut_off_soon(browser: Browser) -> str:
    page = browser.get("/dashboard").text
    (figure,) = re.findall(r"<strong>([^<]+)</strong><span>cut off within", page)
    return str(figure)
