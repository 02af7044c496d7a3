"""The portal in a real browser: each page fits a phone and a desk, in both languages.

Pictures stay in var/screenshots/ when KHATA_SCREENSHOTS=1.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import make_server

from billing_core.db.customers import set_language
from billing_core.db.payments import list_attempts
from billing_core.services.cash import take_cash
from billing_core.services.payments.transfers import announce_transfer
from billing_core.services.purchases import buy_package
from tests.builders import (
    Packets,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_nas,
    fold,
    rows,
    username_of,
)
from tests.screens import DROPPED_REQUESTS
from tests.web.portal.conftest import Portal
from tests.web.portal.test_connect import HERE
from tests.web.test_bills import a_billed_customer
from tests.web.test_browser import SIZES, look_at
from web.access import COOKIE

pytestmark = [
    DROPPED_REQUESTS,
    pytest.mark.timeout(600),
]


@dataclass(frozen=True, slots=True)
class Town:
    """Who lives there, and where the portal is."""

    address: str
    portal: Portal
    #: The pages of each customer; None = of whoever is not logged in.
    pages: dict[int | None, list[str]]


@pytest.fixture
def town(portal: Portal) -> Iterator[Town]:
    """A customer of each kind, and what each has to look at."""
    now = datetime.now(UTC)
    monthly = monthly_customer(portal, now)
    hotspot = hotspot_customer(portal, now)
    daily = a_customer(
        portal.conn,
        a_daily_package(portal.conn, name="Home day 5 Mbps"),
        username="karim",
        name="Karim Miah",
        balance="45",
    )
    suspended, _bill = a_billed_customer(portal.site, "700", username="salma")
    portal.conn.execute(
        "UPDATE customer SET status = 'suspended', suspend_reason = 'PAYMENT_DUE'"
        " WHERE customer_id = %s",
        [suspended],
    )
    (attempt,) = list_attempts(portal.conn, limit=1)
    pages: dict[int | None, list[str]] = {
        None: [
            "/portal/login",
            "/hotspot/card",
            "/portal/suspended",
            "/pay/link/none",
            f"/pay/result/{attempt.reference}",
        ],
        monthly: [
            "/portal",
            "/portal/pay",
            "/portal/pay?bill=1",
            "/portal/pay/transfer",
            "/portal/packages",
            "/portal/recharge",
            "/portal/bills",
            "/portal/bills/1",
            "/portal/payments",
            "/portal/payments/1",
            "/portal/usage",
            "/portal/password",
            "/portal/no-such-page",
            f"/pay/result/{attempt.reference}",
        ],
        hotspot: ["/portal", "/portal/packages", *package_pages(portal)],
        daily: ["/portal", "/portal/packages", "/portal/bills", "/portal/usage"],
        suspended: ["/portal", "/portal/suspended", "/portal/packages"],
    }
    server = make_server("127.0.0.1", 0, portal.site.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Town(f"http://127.0.0.1:{server.port}", portal, pages)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def monthly_customer(portal: Portal, now: datetime) -> int:
    """Somebody who pays by the month: owes a part, was online, sent money by hand."""
    customer_id, _bill = a_billed_customer(
        portal.site, "1250.50", username="rahim", name="রহিম উদ্দিন চৌধুরী"
    )
    take_cash(
        portal.conn,
        "rahim",
        Decimal(250),
        key="first",
        operator="boss",
        note="",
        now=now - timedelta(days=1),
    )
    announce_transfer(
        portal.conn,
        customer_id=customer_id,
        amount=Decimal(500),
        sender="01712345678",
        transaction_id="8N7A6B5C4D",
        purpose="bills",
        bill_id=None,
        actor="customer:rahim",
        now=now,
    )
    been_online(portal, customer_id, now)
    return customer_id


def hotspot_customer(portal: Portal, now: datetime) -> int:
    """Somebody with a package that is nearly used up."""
    package = a_hotspot_package(
        portal.conn,
        name="Weekend 3 GB for two days and nights",
        price=60,
        quota_octets=3_000_000_000,
        quota_seconds=20 * 3600,
        rate_down_bps=5_000_000,
    )
    customer_id = a_customer(
        portal.conn, package, username="shumi", kind="hotspot", balance="75"
    )
    buy_package(portal.conn, "shumi", package, key="one", actor="test", now=now)
    portal.conn.execute(
        "UPDATE subscription SET octets_used = 2800000000, seconds_used = 9000"
        " WHERE customer_id = %s AND octets_allowed IS NOT NULL",
        [customer_id],
    )
    a_hotspot_package(portal.conn, name="Hour", price=10, quota_seconds=3600)
    return customer_id


def been_online(portal: Portal, customer_id: int, now: datetime) -> None:
    """Give somebody sessions of some days, and one that runs."""
    nas_id = a_nas(portal.conn)
    username = username_of(portal.conn, customer_id)
    for days in (3, 2, 1):
        session = Packets(username, nas_id, started_at=now - timedelta(days=days))
        fold(portal.conn, session.start(), now=now)
        octets = (10**8 * days, 7 * 10**8 * days)
        fold(portal.conn, session.packet("Stop", 7200, octets=octets), now=now)
    running = Packets(username, nas_id, started_at=now - timedelta(minutes=5))
    fold(portal.conn, running.start(), now=now)


def package_pages(portal: Portal) -> list[str]:
    """Return the pages of the hotspot's packages."""
    found = rows(
        portal.conn,
        "SELECT package_id FROM package WHERE billing = 'package' ORDER BY 1",
    )
    return [f"/portal/packages/{package_id}" for (package_id,) in found]


def log_in(context: BrowserContext, town: Town, customer_id: int) -> None:
    """Give a browser the cookie of a login."""
    kept = town.portal.of(customer_id).client.get_cookie(COOKIE)
    assert kept is not None
    context.add_cookies([{"name": COOKIE, "value": kept.value, "url": town.address}])


def choose_language(page: Page, address: str, language: str) -> None:
    page.goto(f"{address}/portal/login")
    page.get_by_role("button", name="বাংলা" if language == "bn" else "English").click()
    page.wait_for_load_state()


@pytest.mark.parametrize(
    ("size", "scheme", "language"),
    [
        ("phone", "light", "bn"),
        ("phone", "dark", "en"),
        ("wide", "light", "en"),
        ("wide", "dark", "bn"),
    ],
)
def test_each_page_fits_and_is_accessible(
    chromium: Browser,
    town: Town,
    size: str,
    scheme: str,
    language: str,
) -> None:
    width, height = SIZES[size]
    problems: list[str] = []
    for customer_id, paths in town.pages.items():
        with chromium.new_context(
            viewport={"width": width, "height": height},
            locale="en-GB",
            color_scheme=scheme,  # type: ignore[arg-type]
        ) as context:
            page = context.new_page()
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on(
                "console",
                lambda told: (
                    problems.append(told.text)
                    if told.type == "error" and "status of 4" not in told.text
                    else None
                ),
            )
            choose_language(page, town.address, language)
            who = "visitor"
            if customer_id is not None:
                set_language(town.portal.conn, customer_id, language)
                log_in(context, town, customer_id)
                who = username_of(town.portal.conn, customer_id)
            for path in paths:
                page.goto(town.address + path)
                look_at(page, picture_name(who, path, size, scheme, language), problems)
            if who == "visitor":
                page.goto(f"{town.address}/portal/login")
                page.locator("[name=username]").fill("rahim")
                page.locator("[formaction]").click()
                page.locator("[name=code]").wait_for()
                look_at(
                    page, picture_name(who, "code", size, scheme, language), problems
                )
            if who == "shumi":
                wait_at_hotspot(page, town)
                look_at(
                    page, picture_name(who, "connect", size, scheme, language), problems
                )
    assert problems == []


def picture_name(who: str, path: str, *how: str) -> str:
    place = path.strip("/").replace("/", "-").replace("?", "-")
    return "-".join(("portal", who, place[:40], *how))


def wait_at_hotspot(page: Page, town: Town) -> None:
    """Come from a hotspot, whose login page cannot be reached here, and go back."""
    query = "&".join(f"{name}={HERE[name]}" for name in ("link-login-only", "mac"))
    page.route("http://10.5.50.1/**", lambda route: route.fulfill(body="login page"))
    page.goto(f"{town.address}/hotspot/here?{query}&to=account")
    page.get_by_role("main").get_by_role("button").first.click()
    page.wait_for_url("http://10.5.50.1/login#khata=shumi&*")
    page.goto(f"{town.address}/portal/connect")
    page.get_by_role("main").get_by_role("button").wait_for()
