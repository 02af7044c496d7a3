"""The main job as people see it: in a real browser, with real packets in between.

An operator takes a customer on; he logs in, is billed, is suspended, pays in the portal
by a *simulated* bKash; the operator verifies it; he is back on the network.
Pictures stay in var/screenshots/ when KHATA_SCREENSHOTS=1.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page

from billing_core.services.billing_run import run_cycles
from billing_core.services.operators import add_operator
from billing_core.services.suspension import sweep_suspensions
from simulators.demo.shop import open_shop
from simulators.nas import SimulatedNas
from tests.radius.isp import Isp, until
from tests.screens import DROPPED_REQUESTS, fill, log_in, new_page, picture, press

OPERATOR, OPERATOR_PASSWORD = "walk-boss", "correct horse battery"
USERNAME, PASSWORD = "walker", "a walkers password"
PROFILE, PACKAGE = "Walkers pay at once", "Walkers 10 Mbps"


pytestmark = DROPPED_REQUESTS


@pytest.fixture
def desk(chromium: Browser) -> Iterator[Page]:
    """The operator's screen."""
    with chromium.new_context(
        viewport={"width": 1280, "height": 800}, locale="en-GB"
    ) as context:
        yield new_page(context)


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
