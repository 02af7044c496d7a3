"""Who waits at a hotspot and pays is led back there, and need not type anything."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from billing_core.db.customers import read_customer, read_hotspot_key
from billing_core.db.payments import list_attempts
from billing_core.hotspot_keys import open_key
from billing_core.services.cash import take_cash
from billing_core.services.customers import set_password
from billing_core.services.payments.deciding import approve
from tests.builders import KEY, a_customer, a_hotspot_package, a_nas, rows
from tests.cards import pins_of
from tests.web.conftest import Browser
from tests.web.portal.conftest import Portal
from tests.web.portal.test_hotspot_card import CHAP, LOGIN
from tests.web.portal.test_portal_money import come_back, key_of
from web.access import COOKIE

PHONE = "02:00:5E:10:00:01"
HERE = {"link-login-only": LOGIN, "mac": PHONE, **CHAP}


def a_rahim(portal: Portal, **changes: object) -> int:
    package = a_hotspot_package(portal.conn, name="Day", price=20)
    facts = {"username": "rahim", "kind": "hotspot", **changes}
    return a_customer(portal.conn, package, **facts)  # type: ignore[arg-type]


def at_hotspot(browser: Browser, **changes: str) -> Browser:
    browser.get("/hotspot/here", query_string={**HERE, **changes})
    return browser


def path_of_package(portal: Portal) -> str:
    ((package_id,),) = rows(portal.conn, "SELECT package_id FROM package")
    return f"/portal/packages/{package_id}"


def buy(portal: Portal, browser: Browser) -> str:
    """Buy the package by bKash (simulated) and come back from it."""
    path = path_of_package(portal)
    sent = browser.post(path, key_of(browser, path) | {"way": "bkash"})
    return come_back(portal, sent)


def key_in(portal: Portal, customer_id: int) -> str:
    sealed = read_hotspot_key(portal.conn, customer_id)
    assert sealed is not None
    return open_key(KEY, sealed).secret


def led_on(browser: Browser, result: str) -> str:
    """Look at what became of a payment, and at the page that this leads to."""
    assert "/portal/connect" in browser.get(result).text
    return browser.get("/portal/connect").text


def lead_of(page: str) -> str | None:
    found = re.search(r'data-lead="([^"]*)"', page)
    return unescape(found[1]) if found else None


def link_of(page: str) -> str:
    found = re.search(r'class="next"[^>]* href="([^"]*)"', page)
    assert found is not None
    return unescape(found[1])


def test_who_paid_at_a_hotspot_is_led_there_with_a_key(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    browser = at_hotspot(portal.of(customer_id))

    result = browser.get(buy(portal, browser)).text

    assert 'content="2; url=/portal/connect"' in result
    assert 'href="/portal/connect"' in result
    page = browser.get("/portal/connect")
    secret = key_in(portal, customer_id)
    assert lead_of(page.text) == f"{LOGIN}#khata=rahim&{secret}"
    link = urlsplit(link_of(page.text))
    assert f"{link.scheme}://{link.netloc}{link.path}" == LOGIN
    assert parse_qs(link.query)["password"] != [secret], "only its digest is sent"
    assert 'rel="noreferrer"' in page.text
    assert "secret" not in page.text, "the password stands nowhere"
    assert "/static/portal/connect.js" in page.text
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]


def test_the_page_waits_for_the_operator_and_leads_on_when_he_approves(
    verifying_portal: Portal,
) -> None:
    portal = verifying_portal
    browser = at_hotspot(portal.of(a_rahim(portal)))
    where = buy(portal, browser)
    waiting = browser.get(where).text
    assert "Being checked" in waiting
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in waiting
    assert 'data-again="5"' in waiting
    assert browser.post("/portal/connect").location == "/portal", "it is not his yet"

    (attempt,) = list_attempts(portal.conn, limit=1)
    now = datetime.now(UTC)
    approve(portal.conn, attempt.attempt_id, operator="boss", now=now)

    assert lead_of(led_on(browser, where))


def test_who_goes_back_from_the_hotspot_is_not_led_there_again(portal: Portal) -> None:
    browser = at_hotspot(portal.of(a_rahim(portal)))
    assert lead_of(led_on(browser, buy(portal, browser)))
    again = browser.get("/portal/connect").text
    assert lead_of(again) is None
    assert LOGIN not in again
    assert lead_of(browser.post("/portal/connect").text), "but when he presses it"


def test_no_key_leaves_without_a_payment_or_a_press_of_his(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    browser = portal.of(customer_id)
    where = buy(portal, browser)
    at_hotspot(browser)
    assert "/portal/connect" not in browser.get(where).text, "he paid it before"
    assert LOGIN not in browser.get("/portal/connect").text
    assert browser.post_without_token("/portal/connect", {}).status_code == 400
    assert read_hotspot_key(portal.conn, customer_id) is None
    assert lead_of(browser.post("/portal/connect").text)


def test_the_login_to_the_portal_keeps_where_he_waits(portal: Portal) -> None:
    a_rahim(portal)
    visitor = at_hotspot(portal.visitor(), to="packages")
    led = visitor.get("/portal/packages").location
    assert led == "/portal/login?next=/portal/packages"
    visitor.post("/portal/login", {"username": "rahim", "password": "secret"})
    assert lead_of(led_on(visitor, buy(portal, visitor)))


def test_a_hotspots_buttons_lead_to_packages_or_the_account(portal: Portal) -> None:
    visitor = portal.visitor()
    for wanted, page in (
        ("packages", "/portal/packages"),
        ("account", "/portal"),
        ("https://evil.example", "/portal"),
        ("", "/portal"),
    ):
        answer = visitor.get("/hotspot/here", query_string=HERE | {"to": wanted})
        assert (answer.status_code, answer.location) == (303, page)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "http://evil.example/login",
        "http://10.5.50.1@evil.example/login",
        "http://10.5.51.1/login",
        "http://10.5.50.1/elsewhere",
        "javascript:alert(1)//10.5.50.1/login",
        "",
    ],
)
def test_nobody_is_led_to_a_page_that_is_no_hotspot_of_ours(
    portal: Portal, elsewhere: str
) -> None:
    customer_id = a_rahim(portal)
    browser = at_hotspot(portal.of(customer_id), **{"link-login-only": elsewhere})
    result = browser.get(buy(portal, browser)).text
    assert "connect" not in result.lower()
    assert browser.post("/portal/connect").location == "/portal"
    assert read_hotspot_key(portal.conn, customer_id) is None


def test_a_nas_that_is_ours_no_more_is_led_to_no_more(portal: Portal) -> None:
    a_nas(portal.conn, address="192.0.2.7")
    browser = portal.of(a_rahim(portal))
    at_hotspot(browser, **{"link-login-only": "http://192.0.2.7/login"})
    buy(portal, browser)
    assert browser.get("/portal/connect").status_code == 200
    portal.conn.execute("DELETE FROM nas")
    assert browser.post("/portal/connect").location == "/portal"


def test_a_cookie_that_was_made_up_leads_nowhere(portal: Portal) -> None:
    browser = at_hotspot(portal.of(a_rahim(portal)))
    buy(portal, browser)
    kept = browser.client.get_cookie("khata_page")
    assert kept is not None
    browser.client.set_cookie("khata_page", "x" + kept.value[1:])
    assert browser.post("/portal/connect").location == "/portal"


def test_another_who_sees_the_payment_is_given_no_key(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    where = buy(portal, at_hotspot(portal.of(customer_id)))
    other = a_customer(portal.conn, "Day", username="karim", kind="hotspot")
    for somebody in (portal.of(other), portal.visitor()):
        page = at_hotspot(somebody).get(where).text
        assert "/portal/connect" not in page
        assert f'href="{LOGIN}"' in page, "but the way back to the login"
        assert somebody.get("/portal/connect").status_code == 303
    assert read_hotspot_key(portal.conn, customer_id) is None


def test_without_a_device_no_key_is_made(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    browser = at_hotspot(portal.of(customer_id), mac="---")
    page = led_on(browser, buy(portal, browser))
    assert link_of(page) == LOGIN
    assert lead_of(page) is None
    assert read_hotspot_key(portal.conn, customer_id) is None


def test_what_is_bought_from_the_balance_or_by_a_card_leads_on_too(
    portal: Portal, tmp_path: Path
) -> None:
    customer_id = a_rahim(portal)
    (pin,) = pins_of(portal.conn, tmp_path, package="Day")
    browser = at_hotspot(portal.of(customer_id))
    assert browser.post("/portal/recharge", {"pin": pin}).location == "/portal/connect"
    now = datetime.now(UTC)
    take_cash(
        portal.conn,
        "rahim",
        Decimal(40),
        key="one",
        operator="test",
        note="",
        now=now,
    )
    path = path_of_package(portal)
    sent = browser.post(path, key_of(browser, path) | {"way": "wallet"})
    assert sent.location == "/portal/connect"
    away = portal.of(customer_id)
    sent = away.post(path, key_of(away, path) | {"way": "wallet"})
    assert sent.location == "/portal"


def test_home_offers_to_connect_whoever_has_a_package_and_waits(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    browser = at_hotspot(portal.of(customer_id))
    assert "Connect this device" not in browser.get("/portal").text
    buy(portal, browser)
    assert "Connect this device" in browser.get("/portal").text
    assert "Connect this device" not in portal.of(customer_id).get("/portal").text


@pytest.mark.parametrize(
    ("device", "began", "offered"),
    [
        (PHONE, timedelta(minutes=1), False),
        (PHONE, timedelta(hours=-1), True),
        ("02:00:5E:10:00:09", timedelta(minutes=1), True),
    ],
)
def test_who_is_online_with_this_device_is_not_sent_to_connect_it(
    portal: Portal, device: str, began: timedelta, offered: bool
) -> None:
    customer_id = a_rahim(portal)
    browser = at_hotspot(portal.of(customer_id))
    buy(portal, browser)
    nas_id = a_nas(portal.conn)
    customer = read_customer(portal.conn, customer_id)
    a_running_session(portal, customer_id, nas_id, customer.package_id, device, began)
    assert ("Connect this device" in browser.get("/portal").text) is offered


def a_running_session(
    portal: Portal,
    customer_id: int,
    nas_id: int,
    package_id: int,
    device: str,
    began: timedelta,
) -> None:
    at = datetime.now(UTC) + began
    portal.conn.execute(
        "INSERT INTO acct_session (customer_id, session_id, nas_id, package_id, state,"
        " username, class_value, calling_station_id, accepted_at, started_at,"
        " last_event_at, interim_interval_seconds)"
        " VALUES (%s, 1, %s, %s, 'open', 'rahim', 'k1.1', %s, %s, %s, %s, 60)",
        [customer_id, nas_id, package_id, device, at, at, at],
    )


def test_who_may_not_be_online_is_given_no_key(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    browser = at_hotspot(portal.of(customer_id))
    buy(portal, browser)
    portal.conn.execute(
        "UPDATE customer SET status = 'suspended', suspend_reason = 'OPERATOR'"
    )
    assert browser.post("/portal/connect").location == "/portal"
    portal.conn.execute("UPDATE customer SET status = 'active', suspend_reason = NULL")
    portal.conn.execute("UPDATE subscription SET valid_until = now() - interval '1 s'")
    assert browser.post("/portal/connect").location == "/portal"
    assert read_hotspot_key(portal.conn, customer_id) is None


def test_another_password_ends_the_key_and_its_log_tells_of_it(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    browser = at_hotspot(portal.of(customer_id))
    buy(portal, browser)
    browser.post("/portal/connect")
    browser.post("/portal/connect")
    query = "SELECT note FROM customer_event WHERE what = 'hotspot key given'"
    assert rows(portal.conn, query) == [(PHONE,)]
    now = datetime.now(UTC)
    set_password(
        portal.conn, "rahim", "another one", secret_key=KEY, actor="test", now=now
    )
    assert read_hotspot_key(portal.conn, customer_id) is None


def test_the_log_out_forgets_where_he_waited(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    browser = at_hotspot(portal.of(customer_id))
    buy(portal, browser)
    browser.post("/portal/logout")
    assert browser.client.get_cookie(COOKIE) is None
    assert place_kept(browser) is False


def place_kept(browser: Browser) -> bool:
    with browser.client.session_transaction() as kept:
        return "hotspot" in kept
