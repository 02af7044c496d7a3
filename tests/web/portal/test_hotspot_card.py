"""A card's PIN on the hotspot's login page: redeemed, then back, logged in."""

import hashlib
from ipaddress import ip_network
from pathlib import Path

import pytest

from billing_core.cards import pin_of
from billing_core.hotspot import (
    NO_HOSTS,
    HotspotHosts,
    HotspotSettingError,
    log_in_link,
    login_address,
    read_hotspot_hosts,
)
from tests.builders import a_customer, a_hotspot_package, a_nas, posted, rows
from tests.cards import pins_of
from tests.web.portal.conftest import Portal
from web.access import COOKIE

URL = "/hotspot/card"
CHAP = {
    "chap-id": "\\371",
    "chap-challenge": "\\357\\015\\330\\013\\021\\234\\145\\245\\303\\253\\142\\246"
    "\\133\\175\\375\\316",
}
QUESTION = bytes.fromhex("ef0dd80b119c65a5c3ab62a65b7dfdce")
LOGIN = "http://10.5.50.1/login"
HOSTS = HotspotHosts(
    frozenset({"login.hotspot.example"}), (ip_network("10.5.50.0/24"),)
)


def a_rahim(portal: Portal) -> int:
    package = a_hotspot_package(portal.conn, price=100)
    return a_customer(portal.conn, package, username="rahim", kind="hotspot")


def form(pin: str, **changes: str) -> dict[str, str]:
    facts = {"username": "rahim", "password": "secret", "pin": pin}
    return {**facts, "link-login-only": LOGIN, **CHAP, **changes}


def test_a_pin_is_redeemed_and_the_browser_led_back_logged_in(
    portal: Portal, tmp_path: Path
) -> None:
    customer_id = a_rahim(portal)
    (pin,) = pins_of(portal.conn, tmp_path)
    visitor = portal.visitor()

    page = visitor.post_without_token(URL, form(pin))

    assert page.status_code == 200
    assert posted(portal.conn, customer_id) == 100
    answer = hashlib.md5(b"\xf9secret" + QUESTION).hexdigest()  # noqa: S324 - RouterOS'
    link = f"{LOGIN}?username=rahim&amp;password={answer}"
    assert f'href="{link}"' in page.text
    assert 'rel="noreferrer"' in page.text
    assert "secret" not in page.text.replace(answer, "")
    assert visitor.client.get_cookie(COOKIE) is None, "it opens no session"


def test_a_card_for_a_package_buys_it(portal: Portal, tmp_path: Path) -> None:
    package = a_hotspot_package(portal.conn)
    a_customer(portal.conn, package, username="rahim", kind="hotspot")
    (pin,) = pins_of(portal.conn, tmp_path, package=package)
    page = portal.visitor().post_without_token(URL, form(pin))
    assert f"{package} is yours now." in page.text
    assert rows(portal.conn, "SELECT count(*) FROM subscription") == [(1,)]


def test_the_pin_is_not_looked_at_before_the_password_is_right(
    portal: Portal, tmp_path: Path
) -> None:
    a_rahim(portal)
    (pin,) = pins_of(portal.conn, tmp_path)
    visitor = portal.visitor()
    for _ in range(5):
        page = visitor.post_without_token(URL, form(pin, password="guess"))
        assert page.status_code == 422
        assert "Username or password is wrong." in page.text
        assert "guess" not in page.text
    assert visitor.post_without_token(URL, form(pin)).status_code == 429
    assert rows(portal.conn, "SELECT count(*) FROM card_try") == [(0,)]


def test_a_refused_card_keeps_the_way_back(portal: Portal) -> None:
    a_rahim(portal)
    page = portal.visitor().post_without_token(URL, form(pin_of(1111111111111111)))
    assert page.status_code == 422
    assert "not accepted" in page.text
    assert f'value="{LOGIN}"' in page.text
    assert 'value="\\371"' in page.text


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://evil.example/login",
        "https://10.5.50.1.evil.example/login",
        "http://10.5.50.1@evil.example/login",
        "http://10.5.50.1/login?dst=http://evil.example",
        "http://10.5.50.1/elsewhere",
        "javascript:alert(1)//10.5.50.1/login",
        "//10.5.50.1/login",
        "http://10.5.50.1\\@evil.example/login",
        "http://10.5.50.1:x/login",
        "http://[::1/login",
        "http://10.5.51.1/login",
        "http://10.5.50.1/login#x",
        " http://10.5.50.1/login",
        "",
    ],
)
def test_the_browser_is_led_to_no_page_but_our_hotspots(
    portal: Portal, tmp_path: Path, elsewhere: str
) -> None:
    a_rahim(portal)
    (pin,) = pins_of(portal.conn, tmp_path)
    sent = form(pin, **{"link-login-only": elsewhere})
    page = portal.visitor().post_without_token(URL, sent)
    assert page.status_code == 200
    assert "evil" not in page.text
    assert "Go back to the login page" in page.text
    assert login_address(elsewhere, HOSTS, {"10.5.50.1"}) is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("http://10.5.50.1/login", "http://10.5.50.1/login"),
        ("https://login.hotspot.example/login", "https://login.hotspot.example/login"),
        ("https://LOGIN.hotspot.example/login", "https://login.hotspot.example/login"),
        ("http://10.5.50.9:8080/login", "http://10.5.50.9:8080/login"),
        ("http://192.0.2.7/login", "http://192.0.2.7/login"),
    ],
)
def test_our_hotspots_are_those_of_the_setting_and_our_nas(
    told: str, expected: str
) -> None:
    assert login_address(told, HOSTS, {"192.0.2.7"}) == expected


def test_a_nas_of_ours_needs_no_setting(portal: Portal, tmp_path: Path) -> None:
    a_nas(portal.conn, address="192.0.2.7")
    a_rahim(portal)
    (pin,) = pins_of(portal.conn, tmp_path)
    sent = form(pin, **{"link-login-only": "http://192.0.2.7/login"})
    page = portal.visitor().post_without_token(URL, sent).text
    assert "http://192.0.2.7/login?username=rahim" in page


def test_without_a_challenge_no_password_goes_into_an_address(
    portal: Portal, tmp_path: Path
) -> None:
    a_rahim(portal)
    (pin,) = pins_of(portal.conn, tmp_path)
    sent = form(pin, **{"chap-id": "", "chap-challenge": ""})
    page = portal.visitor().post_without_token(URL, sent).text
    assert f'href="{LOGIN}"' in page
    assert "password=" not in page
    for challenge in ("\\400", "\\3", "x" * 300):
        assert log_in_link(LOGIN, "rahim", "secret", "\\371", challenge) is None


@pytest.mark.parametrize("missing", ["username", "password", "pin"])
def test_a_form_that_lacks_something_says_so(portal: Portal, missing: str) -> None:
    a_rahim(portal)
    page = portal.visitor().post_without_token(URL, form("1") | {missing: ""})
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text


def test_the_form_stands_by_itself_too(portal: Portal) -> None:
    page = portal.visitor().get(URL)
    assert page.status_code == 200
    assert "Recharge and connect" in page.text


def test_hosts_are_read_and_a_wrong_one_names_its_setting() -> None:
    def find(text: str):  # type: ignore[no-untyped-def]
        return lambda name: (text, "KHATA_HOTSPOT_HOSTS")

    assert read_hotspot_hosts(lambda name: None) == NO_HOSTS
    assert read_hotspot_hosts(find("Login.Hotspot.example, 10.5.50.0/24,")) == HOSTS
    for wrong in ("http://x/login", "10.5.50.1/16", "1.2.3", "a b"):
        with pytest.raises(HotspotSettingError, match="KHATA_HOTSPOT_HOSTS"):
            read_hotspot_hosts(find(wrong))


def test_a_card_of_who_types_his_mobile_leads_back_by_his_username(
    portal: Portal, tmp_path: Path
) -> None:
    package = a_hotspot_package(portal.conn, price=100)
    a_customer(
        portal.conn, package, username="rahim", kind="hotspot", mobile="01712345678"
    )
    (pin,) = pins_of(portal.conn, tmp_path)
    sent = form(pin, username="01712345678")
    page = portal.visitor().post_without_token(URL, sent)
    assert f"{LOGIN}?username=rahim&amp;password=" in page.text
