"""In a real browser: pages hold together, and axe finds nothing serious on them.

Debian's chromium, driven by Playwright; `make test` installs it (bin/bootstrap --test).
Screenshots stay in var/screenshots/ when KHATA_SCREENSHOTS=1.
"""

import gc
import os
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from billing_core.db.connect import Connection
from billing_core.db.corrections import read_bill
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.gateways.bkash.callbacks import hint_of_webhook
from billing_core.gateways.bkash.sns import SnsMessage
from billing_core.services.billing_run import run_cycles
from billing_core.services.payments.unmatched import take_notice
from tests.builders import NOON, Packets, a_customer, a_nas, a_package, fold
from tests.screens import DROPPED_REQUESTS
from tests.web.conftest import PASSWORD, Site, settings_for

AXE = Path(__file__).parent / "vendor" / "axe" / "axe.min.js"
SIZES = {"wide": (1280, 800), "phone": (390, 800)}
PAGES = {
    "money": (
        "/dashboard",
        "/bills",
        "/bills/1/1",
        "/bills/1/1/void",
        "/bills-summary",
        "/profiles",
        "/profiles/add",
        "/profiles/1/replace",
        "/payments",
        "/payments/cash?q=rahim",
        "/verify",
        "/verify/unmatched",
        "/verify/unmatched/1",
        "/verify/unmatched/1/dismiss",
    ),
    "customers": (
        "/customers",
        "/customers/new",
        "/customers/1",
        "/customers/1/cash",
        "/customers/1/suspend",
        "/customers/1/pause",
        "/customers/1/package",
        "/customers/1/price",
        "/customers/1/credit",
        "/customers/1/address",
        "/customers/1/operator",
        "/customers/1/contact",
        "/customers/1/wallet",
        "/customers/1/sessions",
        "/customers/1/log",
        "/imports",
        "/packages",
        "/packages/new/monthly",
        "/packages/1",
    ),
    "network": (
        "/online",
        "/rejects",
        "/nas",
        "/nas/new",
        "/nas/1",
        "/cards",
        "/cards/all",
        "/cards/tries",
    ),
    "house": (
        "/runs",
        "/audit-log",
        "/settings",
        "/settings/messages",
        "/operators",
        "/operators/new",
        "/account",
        "/account/second-factor",
        "/no-such-page",
    ),
}


pytestmark = DROPPED_REQUESTS


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    """The site on a port, with a customer who owes and is online."""
    site.operator_id("boss", "admin")
    insert_profile(site.conn, NewProfile("monthly", "monthly"))
    package = a_package(
        site.conn, name="Home 10", billing="monthly", price=Decimal(500)
    )
    a_customer(
        site.conn, package, username="rahim", name="রহিম উদ্দিন", profile="monthly"
    )
    zone = settings_for("").zone
    run_cycles(site.conn, as_of=NOON, now=NOON, zone=zone, actor="scheduler")
    fold(site.conn, Packets("rahim", a_nas(site.conn)).start())
    tell_of_money(site.conn)
    server = make_server("127.0.0.1", 0, site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        # Here, and not in the middle of another module's test.
        gc.collect()


def tell_of_money(conn: Connection) -> None:
    """Let bKash tell of money that was paid in its app."""
    notice = {
        "dateTime": "20261124120000",
        "debitMSISDN": "8801770618575",
        "creditShortCode": "01929918378",
        "trxID": "8N7A6B5C4D",
        "transactionStatus": "Completed",
        "amount": "500",
        "currency": "BDT",
        "transactionReference": "rahim",
    }
    money = hint_of_webhook(SnsMessage("", notice), "01929918378").money
    assert money is not None
    take_notice(conn, "bkash", money, names_attempt_id=None, now=NOON)


def open_page(chromium: Browser, size: str, **more: Any) -> Page:
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height}, locale="en-GB", **more
    )
    page = context.new_page()
    page.set_default_timeout(20_000)
    return page


def log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    page.get_by_label("Username").fill("boss")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/dashboard")


def serious_findings(page: Page) -> list[str]:
    # Given to the page by the debugger, which the page's own policy does not bind.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


def outside(page: Page) -> list[str]:
    """Return the fields that are wider than the form has room for."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('form.card, form.filter')].flatMap(form =>"
        " [...form.querySelectorAll('input:not([type=hidden]), select, textarea')]"
        " .filter(one => one.getBoundingClientRect().right >"
        " form.getBoundingClientRect().right).map(one => one.name))"
    )
    return found


def look_at(page: Page, name: str, problems: list[str]) -> None:
    """Look for what is wrong with a page as it stands."""
    problems += [f"{name}: {finding}" for finding in serious_findings(page)]
    wider = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    if wider > 0:
        problems.append(f"{name}: {wider} px wider than the screen")
    problems += [f"{name}: {field} stands out of its form" for field in outside(page)]
    if os.environ.get("KHATA_SCREENSHOTS"):
        folder = Path("var/screenshots")
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"{name}.png", full_page=True)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("area", PAGES)
def test_pages_are_accessible_and_fit_the_screen(
    chromium: Browser, address: str, area: str, size: str, scheme: str
) -> None:
    page = open_page(chromium, size, color_scheme=scheme)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on(
        "console",
        lambda told: (
            broken.append(told.text)
            if told.type == "error" and "404" not in told.text
            else None
        ),
    )
    problems: list[str] = []
    page.goto(f"{address}/login")
    look_at(page, f"login-{size}-{scheme}", problems)
    log_in(page, address)
    for path in PAGES[area]:
        page.goto(address + path)
        look_at(page, f"{path.strip('/').replace('/', '-')}-{size}-{scheme}", problems)
    page.context.close()
    assert problems == []
    assert broken == []


@pytest.mark.timeout(300)
def test_the_menu_of_a_phone_opens_without_a_script(
    chromium: Browser, address: str
) -> None:
    page = open_page(chromium, "phone", java_script_enabled=False)
    log_in(page, address)
    menu = page.get_by_role("navigation", name="Pages")
    assert not menu.is_visible()
    page.get_by_text("Menu", exact=True).click()
    assert menu.is_visible()
    menu.get_by_role("link", name="Customer Bills").click()
    page.wait_for_url("**/bills")
    page.context.close()


@pytest.mark.timeout(300)
def test_an_operator_takes_cash_for_a_bill_with_the_keyboard(
    chromium: Browser, address: str, site: Site
) -> None:
    page = open_page(chromium, "wide")
    log_in(page, address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.goto(f"{address}/bills")
    page.get_by_role("link", name="mark paid").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/cash?**")
    page.get_by_label("Amount").press("Enter")
    page.wait_for_url("**/payments/1/1")
    assert "the receipt is R1" in page.get_by_role("status").inner_text()
    assert read_bill(site.conn, 1, 1).status == "paid"
    page.go_back()
    page.go_back()
    assert page.url.startswith(f"{address}/bills")
    page.context.close()


@pytest.mark.timeout(300)
def test_charts_are_drawn(chromium: Browser, address: str) -> None:
    page = open_page(chromium, "wide")
    log_in(page, address)
    page.wait_for_selector(".chart canvas")
    assert page.locator(".chart canvas").count() == 2
    page.context.close()


@pytest.mark.timeout(300)
def test_the_list_follows_what_is_typed_and_so_does_the_address(
    chromium: Browser, address: str, site: Site
) -> None:
    page = open_page(chromium, "wide")
    log_in(page, address)
    page.goto(f"{address}/customers")
    search = page.get_by_label("Username, name or mobile")
    search.press_sequentially("nobody")
    page.get_by_text("Nobody matches this filter.").wait_for()
    assert "q=nobody" in page.url
    search.fill("rah")
    page.get_by_role("link", name="rahim").wait_for()
    # What is handed out is what is shown.
    csv = page.get_by_role("button", name="CSV").get_attribute("href")
    assert csv == "/customers/export.csv?q=rah"
    page.get_by_role("button", name="Clear").wait_for()
    page.reload()
    assert page.get_by_role("link", name="rahim").is_visible()
    # Back is what was asked before, as it is now; no page of customers is kept here.
    site.conn.execute("UPDATE customer SET name = 'nobody at all'")
    page.go_back()
    page.get_by_role("link", name="rahim").wait_for()
    assert "q=nobody" in page.url
    assert search.input_value() == "nobody"
    assert "<" not in page.evaluate("JSON.stringify({...sessionStorage})")
    page.context.close()


@pytest.mark.timeout(300)
def test_one_box_ticks_all_bills_of_a_page(chromium: Browser, address: str) -> None:
    page = open_page(chromium, "phone")
    log_in(page, address)
    page.goto(f"{address}/bills")
    bill = page.get_by_label("Choose bill")
    page.get_by_label("All on this page").check()
    assert bill.is_checked()
    bill.uncheck()
    assert not page.get_by_label("All on this page").is_checked()
    bill.check()
    assert page.get_by_label("All on this page").is_checked()
    page.context.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("size", SIZES)
def test_what_is_asked_before_it_is_done_to_many_fits_the_screen(
    chromium: Browser, address: str, size: str
) -> None:
    page = open_page(chromium, size)
    log_in(page, address)
    problems: list[str] = []
    for button in ("Mark paid in cash", "Void"):
        page.goto(f"{address}/bills")
        page.get_by_label("All on this page").check()
        page.get_by_role("button", name=button, exact=True).click()
        page.get_by_role("button", name="Cancel").wait_for()
        look_at(page, f"many-{button.replace(' ', '-').lower()}-{size}", problems)
    page.context.close()
    assert problems == []
