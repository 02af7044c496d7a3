"""The main job as people see it: in a real browser, with real packets in between.

An operator takes a customer on; he logs in, is billed, is suspended, pays in the portal
by a *simulated* bKash; the operator verifies it; he is back on the network.
Pictures stay in var/screenshots/ when KHATA_SCREENSHOTS=1.
"""

import gc
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from billing_core.services.billing_run import run_cycles
from billing_core.services.operators import add_operator
from billing_core.services.suspension import sweep_suspensions
from simulators.demo.shop import open_shop
from simulators.nas import SimulatedNas
from tests.radius.isp import Isp, until

CHROMIUM = Path("/usr/bin/chromium")
OPERATOR, OPERATOR_PASSWORD = "walk-boss", "correct horse battery"
USERNAME, PASSWORD = "walker", "a walkers password"
PROFILE, PACKAGE = "Walkers pay at once", "Walkers 10 Mbps"


# As in tests/web/test_browser.py: dropped requests leave files to the collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:unclosed file:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser."""
    if not CHROMIUM.exists():
        pytest.fail("there is no chromium: bin/bootstrap --test installs it")
    # No sandbox: it cannot be had as root, and the pages are our own.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox"]
        )
        yield browser
        browser.close()
    # Here, and not in the middle of another module's test.
    gc.collect()


@pytest.fixture
def desk(chromium: Browser) -> Iterator[Page]:
    """The operator's screen."""
    with chromium.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-GB"
    ) as context:
        yield new_page(context)


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """The customer's phone."""
    with chromium.new_context(
        viewport={"width": 390, "height": 800}, locale="en-GB"
    ) as context:
        yield new_page(context)


def new_page(context: BrowserContext) -> Page:
    page = context.new_page()
    page.set_default_timeout(20_000)
    return page


def fill(page: Page, **values: str) -> None:
    """Fill a form's fields, by their names."""
    for name, value in values.items():
        field = page.locator(f"main [name={name}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()
    page.wait_for_load_state()


def log_in(page: Page, address: str, username: str, password: str) -> None:
    page.goto(address)
    fill(page, username=username, password=password)
    press(page, "Log in")


def picture(page: Page, name: str) -> None:
    if os.environ.get("KHATA_SCREENSHOTS"):
        folder = Path("var/screenshots")
        folder.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=folder / f"walk-{name}.png")


def take_him_on(desk: Page, pages: str) -> None:
    """Make a profile, a package and a customer, as an operator does it."""
    desk.goto(f"{pages}/profiles/add")
    fill(desk, name=PROFILE, due_threshold="0.01", proration="none")
    picture(desk, "1-profile")
    press(desk, "Make it")
    desk.goto(f"{pages}/packages/new")
    desk.get_by_role("main").get_by_role("button", name="monthly").click()
    fill(desk, name=PACKAGE, price="600", rate_down="10M", rate_up="5M")
    picture(desk, "2-package")
    press(desk, "Put it on sale")
    desk.goto(f"{pages}/customers/new")
    fill(
        desk,
        username=USERNAME,
        password=PASSWORD,
        name="Rahim Uddin",
        package=PACKAGE,
        profile=PROFILE,
    )
    picture(desk, "3-customer")
    press(desk, "Add him")
    desk.wait_for_url("**/customers/*")


@pytest.mark.timeout(300)
def test_from_the_first_login_over_a_suspension_and_a_payment_to_the_next_login(
    isp: Isp, nas_of: Callable[..., SimulatedNas], desk: Page, phone: Page
) -> None:
    now = datetime.now(UTC)
    add_operator(isp.conn, OPERATOR, OPERATOR_PASSWORD, "admin", actor="test", now=now)
    nas = nas_of(isp.stack)
    with open_shop(isp.stack.settings) as shop:
        pages = shop.pages["operator"]
        log_in(desk, f"{pages}/login", OPERATOR, OPERATOR_PASSWORD)
        take_him_on(desk, pages)
        customer = desk.url

        login = nas.login(USERNAME, PASSWORD, method="chap")
        assert login.outcome.name == "ACCEPT"
        session = nas.start_session(login, up=10_000, down=100_000)
        isp.folded()
        desk.goto(f"{pages}/online?q={USERNAME}")
        desk.get_by_role("main").get_by_role("link", name=USERNAME).wait_for()
        picture(desk, "4-online")

        now = datetime.now(UTC)
        zone = isp.stack.settings.zone
        run_cycles(isp.conn, as_of=now, now=now, zone=zone, actor="scheduler")
        sweep_suspensions(isp.conn, datetime.now(UTC))
        assert until(lambda: not session.is_live), "he is suspended and still online"
        assert nas.login(USERNAME, PASSWORD).outcome.name == "REJECT"
        desk.goto(customer)
        picture(desk, "5-suspended")
        assert "suspended" in desk.get_by_role("main").inner_text()

        log_in(phone, f"{pages}/portal/login", USERNAME, PASSWORD)
        picture(phone, "6-portal")
        phone.get_by_role("button", name="Pay").first.click()
        picture(phone, "7-pay")
        phone.get_by_role("button", name="bKash").click()
        picture(phone, "8-bkash")
        phone.get_by_role("button", name="Confirm with PIN").click()
        phone.get_by_role("heading", name="Being checked").wait_for()
        picture(phone, "9-checked")
        assert nas.login(USERNAME, PASSWORD).outcome.name == "REJECT"

        desk.goto(f"{pages}/verify")
        picture(desk, "10-verify")
        desk.get_by_role("main").get_by_role("link", name="look").click()
        picture(desk, "11-beside")
        press(desk, "Approve: credit BDT 600.00")

        phone.goto(f"{pages}/portal")
        picture(phone, "12-back")
        assert phone.locator(".hero.is-on").count() == 1
        assert nas.login(USERNAME, PASSWORD).outcome.name == "ACCEPT"
    ((status, paid),) = isp.rows(
        "SELECT status, paid FROM bill WHERE customer_id = %s",
        isp.customer_id(USERNAME),
    )
    assert (status, str(paid)) == ("paid", "600.00")
    assert isp.errors() == []
