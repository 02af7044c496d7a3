"""The page that suspended customers are led to, and what an address is worth."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing_core.services.redirected import find_redirected
from tests.builders import (
    Packets,
    a_customer,
    a_daily_package,
    a_nas,
    fold,
    rows,
    username_of,
)
from tests.web.portal.conftest import Portal
from tests.web.test_bills import a_billed_customer

LINE = "10.66.0.9"
URL = "/portal/suspended"


def now() -> datetime:
    return datetime.now(UTC)


def on_the_line(portal: Portal, customer_id: int, address: str = LINE) -> None:
    """Let a suspended customer's session into the walled garden."""
    name = username_of(portal.conn, customer_id)
    packets = Packets(name, a_nas(portal.conn), started_at=now())
    fold(portal.conn, packets.start(framed_ip=address), now=now())
    portal.conn.execute(
        "UPDATE acct_session SET is_restricted = true, last_received_at = now()"
        " WHERE customer_id = %s",
        [customer_id],
    )


def suspended(portal: Portal, reason: str = "PAYMENT_DUE", **changes: str) -> int:
    customer_id, _bill = a_billed_customer(
        portal.site, "500", name="Rahim Uddin", mobile="01712345678", **changes
    )
    set_reason(portal, customer_id, reason)
    return customer_id


def set_reason(portal: Portal, customer_id: int, reason: str) -> None:
    portal.conn.execute(
        "UPDATE customer SET status = 'suspended', suspend_reason = %s"
        " WHERE customer_id = %s",
        [reason, customer_id],
    )


def look(portal: Portal, address: str, **more: object) -> str:
    return portal.visitor().get(URL, environ_base={"REMOTE_ADDR": address}, **more).text


def test_after_the_login_it_says_why_how_much_and_pays_in_two_clicks(
    portal: Portal,
) -> None:
    browser = portal.of(suspended(portal))
    page = browser.get(URL).text
    assert "a bill is overdue" in page
    assert 'href="/portal/pay?amount=500.00"' in page
    assert (
        'name="gateway" value="bkash"' in browser.get("/portal/pay?amount=500.00").text
    )


def test_whose_line_is_known_reads_why_and_how_much_and_no_name(
    portal: Portal,
) -> None:
    customer_id = suspended(portal)
    on_the_line(portal, customer_id)

    page = look(portal, LINE)

    assert "a bill is overdue" in page
    assert "BDT 500.00" in page
    for personal in ("Rahim", "01712345678", username_of(portal.conn, customer_id)):
        assert personal not in page


def test_the_line_pays_by_a_link_that_opens_one_payment_and_no_session(
    portal: Portal,
) -> None:
    on_the_line(portal, suspended(portal))
    visitor = portal.visitor()
    visitor.client.environ_base["REMOTE_ADDR"] = LINE

    answer = visitor.post(URL)

    assert answer.location.startswith("/pay/link/")
    link = visitor.get(answer.location).text
    assert "BDT 500.00" in link
    assert "Rahim" not in link
    assert visitor.get("/portal").status_code == 303
    assert rows(portal.conn, "SELECT created_by FROM payment_link") == [
        ("suspended page",)
    ]


def test_links_are_not_made_without_end(portal: Portal) -> None:
    on_the_line(portal, suspended(portal))
    visitor = portal.visitor()
    visitor.client.environ_base["REMOTE_ADDR"] = LINE
    told = [visitor.post(URL).status_code for _ in range(6)]
    assert told == [303] * 5 + [422]
    assert rows(portal.conn, "SELECT count(*) FROM payment_link") == [(5,)]


@pytest.mark.parametrize("address", ["10.66.0.10", "127.0.0.1", "::1", "not-one", ""])
def test_another_address_reads_nothing_of_anybody(portal: Portal, address: str) -> None:
    on_the_line(portal, suspended(portal))
    page = look(portal, address)
    assert "Log in" in page
    assert "BDT" not in page
    assert "overdue" not in page


def test_a_header_is_no_address(portal: Portal) -> None:
    on_the_line(portal, suspended(portal))
    page = look(portal, "203.0.113.5", headers={"X-Forwarded-For": LINE})
    assert "BDT" not in page


def test_an_address_that_two_lines_have_is_nobodys(portal: Portal) -> None:
    on_the_line(portal, suspended(portal))
    on_the_line(portal, suspended(portal))
    assert "BDT" not in look(portal, LINE)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE acct_session SET is_restricted = false",
        "UPDATE acct_session SET last_received_at = now() - interval '1 hour'",
        "UPDATE acct_session SET ended_at = now(), state = 'ended'",
        "UPDATE customer SET status = 'active', suspend_reason = NULL",
    ],
)
def test_a_line_that_is_not_suspended_and_alive_is_nobodys(
    portal: Portal, change: str
) -> None:
    on_the_line(portal, suspended(portal))
    portal.conn.execute(change)
    assert find_redirected(portal.conn, LINE, now() + timedelta(seconds=1)) is None
    answer = portal.visitor().post(URL)
    assert answer.location == URL


def test_who_pays_by_the_day_is_asked_for_his_package(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_daily_package(portal.conn))
    set_reason(portal, customer_id, "BALANCE_EXHAUSTED")
    on_the_line(portal, customer_id)
    found = find_redirected(portal.conn, LINE, now())
    assert found is not None
    assert found.amount == Decimal("300.00")
    assert "BDT 300.00" in look(portal, LINE)


@pytest.mark.parametrize("reason", ["OPERATOR", "PAUSED"])
def test_what_paying_does_not_end_offers_no_payment(
    portal: Portal, reason: str
) -> None:
    customer_id = suspended(portal, reason)
    on_the_line(portal, customer_id)
    page = look(portal, LINE)
    assert "provider" in page
    assert "Pay BDT" not in page
    assert "Pay BDT" not in portal.of(customer_id).get(URL).text


def test_the_line_is_spoken_to_in_its_customers_language(portal: Portal) -> None:
    on_the_line(portal, suspended(portal, language="bn"))
    page = look(portal, LINE)
    assert '<html lang="bn">' in page
    assert "৫০০" in page


def test_who_is_not_suspended_is_led_home(portal: Portal) -> None:
    customer_id, _bill = a_billed_customer(portal.site, "500")
    assert portal.of(customer_id).get(URL).location == "/portal"
