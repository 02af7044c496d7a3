"""Who waits at a hotspot and pays is on the network, and has typed nothing there.

A real browser, a real FreeRADIUS, our pages on a *simulated* hotspot and a *simulated*
bKash. Pictures stay in var/screenshots/ when KHATA_SCREENSHOTS=1.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import Browser, Page

from billing_core.db.payments import list_attempts
from billing_core.services.payments.deciding import approve
from simulators.demo.shop import Shop, open_shop
from simulators.nas import Flavour, SimulatedNas
from tests.radius.hotspot_login import HotspotLogin, hotspot_login
from tests.radius.isp import PASSWORD, Isp
from tests.screens import DROPPED_REQUESTS, fill, new_page, picture, press

PHONE = "02:00:5E:20:00:01"
ONLINE = "You are online · আপনি অনলাইন"

pytestmark = [
    DROPPED_REQUESTS,
    pytest.mark.timeout(300),
]


@pytest.fixture
def nas(isp: Isp, nas_of: Callable[..., SimulatedNas]) -> SimulatedNas:
    """A hotspot's router."""
    return nas_of(isp.stack, flavour=Flavour.HOTSPOT)


@pytest.fixture
def shop(isp: Isp) -> Iterator[Shop]:
    """Our pages and a simulated bKash."""
    with open_shop(isp.stack.settings) as opened:
        yield opened


@pytest.fixture
def phone_without_scripts(chromium: Browser) -> Iterator[Page]:
    """A phone whose browser runs no scripts."""
    with chromium.new_context(
        viewport={"width": 390, "height": 800},
        locale="en-GB",
        java_script_enabled=False,
    ) as context:
        yield new_page(context)


def sees(phone: Page, heading: str) -> None:
    """Wait for a heading, as long as a busy machine takes."""
    phone.get_by_role("heading", name=heading).wait_for(timeout=60_000)


def somebody(isp: Isp) -> tuple[str, str]:
    """Take somebody on who has bought nothing yet; (username, package)."""
    package = isp.package(
        billing="package", price=20, validity_seconds=86400, validity_from="purchase"
    )
    return isp.customer(package, kind="hotspot"), package


def buy(phone: Page, hotspot: HotspotLogin, username: str, package: str) -> None:
    """Come from the hotspot's login page, log in to the portal and pay there."""
    phone.goto(f"{hotspot.address}/login")
    picture(phone, "hotspot-1-login")
    phone.get_by_role("button", name="Buy a package").click()
    fill(phone, username=username, password=PASSWORD)
    press(phone, "Log in")
    phone.get_by_role("main").get_by_role("link", name=package).click()
    picture(phone, "hotspot-2-package")
    phone.get_by_role("button", name="bKash").click()
    phone.get_by_role("button", name="Confirm with PIN").click()


def a_phone_looks_for_the_internet(hotspot: HotspotLogin) -> None:
    """Have the hotspot show its login page again: it forgets the challenge before."""
    httpx.get(f"{hotspot.address}/login").raise_for_status()


def assert_online_by_key(isp: Isp, hotspot: HotspotLogin, username: str) -> None:
    assert hotspot.is_online
    assert PASSWORD not in hotspot.sent
    login = hotspot.logins[-1]
    assert login.username == username, "the router knows him by his own name"
    session = hotspot.nas.start_session(login, up=10_000, down=100_000)
    isp.folded()
    assert isp.session(username)["calling_station_id"] == PHONE
    session.stop("User-Request")
    isp.folded()


def test_a_payment_brings_whoever_waits_on_the_network(
    isp: Isp, nas: SimulatedNas, shop: Shop, phone: Page
) -> None:
    username, package = somebody(isp)
    with hotspot_login(nas, shop.pages["automatic"], PHONE) as hotspot:
        buy(phone, hotspot, username, package)
        a_phone_looks_for_the_internet(hotspot)
        sees(phone, "Paid")
        picture(phone, "hotspot-3-paid")
        sees(phone, ONLINE)
        picture(phone, "hotspot-4-online")
        assert phone.url == f"{hotspot.address}/login", "no key stays in the address"
        assert len(hotspot.logins) == 1, "with the challenge of that moment"
        assert_online_by_key(isp, hotspot, username)
        phone.go_back()
        assert "/portal/connect" not in phone.url


def test_an_approved_payment_brings_whoever_still_waits_on_the_network(
    isp: Isp, nas: SimulatedNas, shop: Shop, phone: Page
) -> None:
    username, package = somebody(isp)
    with hotspot_login(nas, shop.pages["operator"], PHONE) as hotspot:
        buy(phone, hotspot, username, package)
        sees(phone, "Being checked")
        assert hotspot.logins == []
        (attempt,) = list_attempts(isp.conn, limit=1)
        now = datetime.now(UTC)
        approve(isp.conn, attempt.attempt_id, operator="boss", now=now)
        sees(phone, ONLINE)
        assert_online_by_key(isp, hotspot, username)


def test_a_hotspot_that_asks_no_challenge_is_given_the_key_and_no_password(
    isp: Isp, nas: SimulatedNas, shop: Shop, phone: Page
) -> None:
    username, package = somebody(isp)
    with hotspot_login(nas, shop.pages["automatic"], PHONE) as hotspot:
        hotspot.asks_challenge = False
        buy(phone, hotspot, username, package)
        sees(phone, ONLINE)
        assert_online_by_key(isp, hotspot, username)


@pytest.mark.parametrize("asks_challenge", [True, False])
def test_without_scripts_there_is_a_button(
    isp: Isp,
    nas: SimulatedNas,
    shop: Shop,
    phone_without_scripts: Page,
    asks_challenge: bool,
) -> None:
    phone = phone_without_scripts
    username, package = somebody(isp)
    with hotspot_login(nas, shop.pages["automatic"], PHONE) as hotspot:
        hotspot.asks_challenge = asks_challenge
        buy(phone, hotspot, username, package)
        sees(phone, "Connect this device")
        picture(phone, "hotspot-5-connect")
        assert hotspot.logins == []
        phone.get_by_role("main").get_by_role("button", name="Connect").click()
        sees(phone, ONLINE)
        assert_online_by_key(isp, hotspot, username)


def test_a_key_is_worth_nothing_on_another_device_or_after_another_password(
    isp: Isp, nas: SimulatedNas, shop: Shop, phone: Page
) -> None:
    username, package = somebody(isp)
    with hotspot_login(nas, shop.pages["automatic"], PHONE) as hotspot:
        hotspot.asks_challenge = False
        buy(phone, hotspot, username, package)
        sees(phone, ONLINE)
        (secret,) = hotspot.sent
    for method in ("pap", "chap"):
        assert nas.login(username, secret, method=method, mac=PHONE).accepted
        other = nas.login(username, secret, method=method, mac="02:00:5E:20:00:02")
        assert not other.accepted
        assert nas.login(username, PASSWORD, method=method, mac=PHONE).accepted
    isp.conn.execute(
        "UPDATE customer SET hotspot_key_sealed = NULL WHERE username = %s", [username]
    )
    assert not nas.login(username, secret, mac=PHONE).accepted
    assert set(isp.rejects(username)) == {"BAD_CREDENTIALS"}
