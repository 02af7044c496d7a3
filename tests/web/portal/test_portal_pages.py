"""The portal's pages: what a customer sees of himself, and nobody else's."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask import g

from billing_core.services.cash import take_cash
from billing_core.services.customers import suspend
from billing_core.services.purchases import buy_package
from billing_core.services.web_logins import open_session
from tests.builders import (
    KEY,
    NOON,
    Packets,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_nas,
    a_package,
    fold,
    rows,
    username_of,
)
from tests.web.portal.conftest import Portal
from tests.web.test_bills import a_billed_customer
from web.access import COOKIE
from web.durations import lasted, span
from web.portal_words import clock

PAGES = (
    "/portal",
    "/portal/pay",
    "/portal/pay/transfer",
    "/portal/packages",
    "/portal/recharge",
    "/portal/bills",
    "/portal/payments",
    "/portal/usage",
    "/portal/password",
)


def now() -> datetime:
    return datetime.now(UTC)


def a_hotspot_customer(portal: Portal, **changes: object) -> int:
    facts: dict[str, object] = {"kind": "hotspot", **changes}
    return a_customer(portal.conn, a_hotspot_package(portal.conn), **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["en", "bn"])
@pytest.mark.parametrize("path", PAGES)
def test_each_page_is_there_for_every_kind_of_customer(
    portal: Portal, path: str, language: str
) -> None:
    customers = [
        a_billed_customer(portal.site, language=language)[0],
        a_hotspot_customer(portal, language=language),
        a_customer(portal.conn, a_daily_package(portal.conn), language=language),
        a_customer(portal.conn, a_package(portal.conn), language=language),
    ]
    for customer_id in customers:
        page = portal.of(customer_id).get(path)
        assert page.status_code == 200, page.text
        assert f'<html lang="{language}">' in page.text


@pytest.mark.parametrize("path", [*PAGES, "/portal/bills/1", "/portal/packages/1"])
def test_nobody_who_is_not_logged_in_sees_a_page(portal: Portal, path: str) -> None:
    assert portal.visitor().get(path).location.startswith("/portal/login")
    # An operator's login is none of the portal's.
    assert portal.site.as_admin().get(path).location.startswith("/portal/login")


def test_home_says_what_is_due_and_leads_to_pay_it(portal: Portal) -> None:
    customer_id, _bill = a_billed_customer(portal.site, "500", name="Rahim Uddin")
    page = portal.of(customer_id).get("/portal").text
    assert "Rahim Uddin" in page
    assert "Your Internet is on." in page
    assert "BDT 500.00" in page
    assert 'href="/portal/pay?amount=500.00">Pay BDT 500.00' in page


def test_home_tells_of_the_next_bill_only_while_it_lies_ahead(portal: Portal) -> None:
    customer_id, _bill_id = a_billed_customer(portal.site)[:2]
    for until, is_told in ((now() + timedelta(days=9), True), (now(), False)):
        portal.conn.execute(
            "UPDATE customer SET billed_until = %s WHERE customer_id = %s",
            [until, customer_id],
        )
        page = portal.of(customer_id).get("/portal").text
        assert ("Next bill" in page) is is_told


def test_home_says_why_it_is_stopped_and_what_ends_it(portal: Portal) -> None:
    customer_id, _bill = a_billed_customer(portal.site, "500")
    portal.conn.execute(
        "UPDATE customer SET status = 'suspended', suspend_reason = 'PAYMENT_DUE'"
    )
    page = portal.of(customer_id).get("/portal").text
    assert "a bill is overdue" in page
    assert "next urgent" in page
    portal.conn.execute("UPDATE customer SET suspend_reason = 'PAUSED'")
    assert "paused, as you asked" in portal.of(customer_id).get("/portal").text


def test_who_was_put_off_by_his_provider_is_told_to_call_him(portal: Portal) -> None:
    customer_id = a_hotspot_customer(portal)
    name = username_of(portal.conn, customer_id)
    suspend(portal.conn, name, note="rude to staff", actor="operator:boss", now=NOON)
    page = portal.of(customer_id).get("/portal").text
    assert "stopped by your provider" in page
    assert "rude" not in page, "an operator's notes are not for him"
    assert 'class="next' not in page


def test_home_shows_what_is_left_of_a_package_and_who_is_online(
    portal: Portal,
) -> None:
    package = a_hotspot_package(portal.conn, quota_octets=10**9)
    customer_id = a_customer(portal.conn, package, balance="50", kind="hotspot")
    name = username_of(portal.conn, customer_id)
    before = portal.of(customer_id).get("/portal").text
    assert "Buy a package" in before
    buy_package(portal.conn, name, package, key="k", actor="t", now=now())
    packets = Packets(name, a_nas(portal.conn), started_at=now())
    fold(portal.conn, packets.start(), now=now())

    page = portal.of(customer_id).get("/portal").text

    assert "<progress" in page
    assert "1.00 GB" in page
    assert "online now" in page
    assert "Renew" in page, "it ends within three days"


def test_a_daily_customer_sees_how_long_his_balance_lasts(portal: Portal) -> None:
    package = a_daily_package(portal.conn)
    rich = a_customer(portal.conn, package, balance="300")
    poor = a_customer(portal.conn, package, balance="5")
    assert "Lasts until" in portal.of(rich).get("/portal").text
    assert "Top up" not in portal.of(rich).get("/portal").text
    page = portal.of(poor).get("/portal").text
    assert "not for today" in page
    assert "Top up" in page


def test_a_bill_shows_what_it_is_for_and_leads_to_pay_it(portal: Portal) -> None:
    customer_id, bill_id = a_billed_customer(portal.site, "500")
    browser = portal.of(customer_id)
    page = browser.get(f"/portal/bills/{bill_id}").text
    assert "BDT 500.00" in page
    assert f"/portal/pay?bill={bill_id}" in page
    assert f"/portal/bills/{bill_id}" in browser.get("/portal/bills").text


def test_nobody_sees_anothers_bill_payment_or_package(portal: Portal) -> None:
    customer_id, bill_id = a_billed_customer(portal.site, "500", balance="100")
    ((payment_id,),) = rows(portal.conn, "SELECT payment_id FROM payment")
    ((package_id,),) = rows(portal.conn, "SELECT package_id FROM package")
    his, anothers = portal.of(customer_id), portal.of(a_hotspot_customer(portal))
    for path in (
        f"/portal/bills/{bill_id}",
        f"/portal/pay?bill={bill_id}",
        f"/portal/bills/{bill_id}/bill.pdf",
        f"/portal/payments/{payment_id}",
        f"/portal/payments/{payment_id}/receipt.pdf",
        f"/portal/packages/{package_id}",
    ):
        assert his.get(path).status_code == 200, path
        assert anothers.get(path).status_code == 404, path
    for path in ("/portal/bills/0", "/portal/pay?bill=x", "/portal/payments/99999"):
        assert his.get(path).status_code == 404, path


def test_a_bill_and_a_receipt_are_papers_too(portal: Portal) -> None:
    customer_id, bill_id = a_billed_customer(portal.site, "500", balance="100")
    ((payment_id,),) = rows(portal.conn, "SELECT payment_id FROM payment")
    browser = portal.of(customer_id)
    for page, paper in (
        (f"/portal/bills/{bill_id}", "bill.pdf"),
        (f"/portal/payments/{payment_id}", "receipt.pdf"),
    ):
        assert f'href="{page}/{paper}"' in browser.get(page).text
        answer = browser.get(f"{page}/{paper}")
        assert answer.mimetype == "application/pdf"
        assert answer.data.startswith(b"%PDF-")


@pytest.mark.parametrize(
    ("language", "long", "brief", "exact"),
    [
        ("en", "12 days", "11 hr 6 min", "24 Nov 2026, 12:11"),
        ("bn", "১২ দিন", "১১ ঘণ্টা ৬ মিনিট", "২৪ নভে ২০২৬, ১২:১১"),
    ],
)
def test_lengths_and_times_are_written_as_people_say_them(
    portal: Portal, language: str, long: str, brief: str, exact: str
) -> None:
    with portal.site.app.test_request_context():
        g.language = language
        assert span(12 * 86400) == long
        assert lasted(11 * 3600 + 6 * 60) == brief
        assert clock(NOON + timedelta(minutes=11)) == exact
        assert "duration" not in span(3600) + span(60) + span(90) + lasted(5)


def test_lists_are_cut_into_pages(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn), username="rahim")
    for number in range(30):
        take_cash(
            portal.conn,
            "rahim",
            Decimal(100 + number),
            key=f"k{number}",
            operator="operator:boss",
            note="a note of the staff",
            now=NOON,
        )
    browser = portal.of(customer_id)
    page = browser.get("/portal/payments?rows=25").text
    assert "BDT 129.00" in page
    assert "BDT 104.00" not in page
    ((last,),) = rows(portal.conn, "SELECT payment_id FROM payment WHERE amount = 105")
    older = browser.get(f"/portal/payments?rows=25&after={last}").text
    assert "BDT 104.00" in older
    assert "BDT 105.00" not in older
    assert browser.get("/portal/payments?after=x").status_code == 400
    receipt = browser.get(f"/portal/payments/{last}").text
    assert f"R{last}" in receipt
    assert "boss" not in receipt + page
    assert "a note of the staff" not in receipt + page


def test_usage_is_drawn_and_stands_in_a_table(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn), balance="50")
    began = now() - timedelta(hours=2)
    packets = Packets(
        username_of(portal.conn, customer_id), a_nas(portal.conn), started_at=began
    )
    fold(
        portal.conn,
        packets.start(),
        packets.stop(600, octets=(10**6, 5 * 10**9)),
        now=now(),
    )
    page = portal.of(customer_id).get("/portal/usage").text
    assert "data-chart" in page
    assert "5.00 GB" in page
    assert "02:00:00:00:00:01" in page


def test_a_password_is_changed_by_who_knows_it(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn), username="rahim")
    browser, other = portal.of(customer_id), portal.of(customer_id)

    answer = browser.post(
        "/portal/password", {"old": "secret", "new": "rickshaw-bell-7"}
    )

    assert answer.location == "/portal"
    assert browser.get("/portal").status_code == 200
    assert other.get("/portal").status_code == 303, "his other logins end"
    login = {"username": "rahim", "password": "rickshaw-bell-7"}
    assert portal.visitor().post("/portal/login", login).status_code == 303


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("wrong", "rickshaw-bell-7", "That is not your password."),
        ("secret", "short", "at least 8 characters"),
        ("secret", "Rahim-the-user", "not your username"),
        ("secret", "tab\tin-the-middle", "routers refuse"),
        ("secret", "", "required"),
        ("", "rickshaw-bell-7", "required"),
    ],
)
def test_a_password_that_will_not_do_says_why(
    portal: Portal, old: str, new: str, told: str
) -> None:
    customer_id = a_customer(
        portal.conn, a_package(portal.conn), username="rahim-the-user"
    )
    before = rows(portal.conn, "SELECT password_sealed FROM customer")
    page = portal.of(customer_id).post("/portal/password", {"old": old, "new": new})
    assert page.status_code == 422
    assert told in page.text
    assert rows(portal.conn, "SELECT password_sealed FROM customer") == before


def test_an_open_portal_is_no_way_to_guess_the_password(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    browser = portal.of(customer_id)
    guess = {"old": "guess", "new": "rickshaw-bell-7"}
    for _ in range(5):
        assert browser.post("/portal/password", guess).status_code == 422
    right = browser.post("/portal/password", guess | {"old": "secret"})
    assert right.status_code == 429
    assert KEY.hex() not in right.text


def test_a_session_of_the_portal_ends_by_itself(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    opened = open_session(
        portal.conn,
        customer_id=customer_id,
        idle=timedelta(days=7),
        longest=timedelta(days=30),
        address="127.0.0.1",
        now=now() - timedelta(days=8),
    )
    visitor = portal.visitor()
    visitor.client.set_cookie(COOKIE, opened.token)
    assert visitor.get("/portal").status_code == 303


def test_a_period_is_told_by_its_last_day(portal: Portal) -> None:
    customer_id, bill_id = a_billed_customer(portal.site)
    browser = portal.of(customer_id)
    for path in ("/portal/bills", f"/portal/bills/{bill_id}"):
        page = re.sub("<[^>]+>", "", browser.get(path).text)
        assert "24 Nov 2026 \u2013 23 Dec 2026" in " ".join(page.split())


def test_home_shows_fair_use_and_until_when_it_is_slower(portal: Portal) -> None:
    package = a_package(
        portal.conn,
        billing="free",
        fair_use_octets=10**9,
        fair_use_rate_down_bps=1_000_000,
    )
    customer_id = a_customer(portal.conn, package)
    assert "0 B / 1.00 GB" in portal.of(customer_id).get("/portal").text
    name = username_of(portal.conn, customer_id)
    packets = Packets(name, a_nas(portal.conn), started_at=now())
    over = packets.interim(60, octets=(0, 10**9))
    fold(portal.conn, packets.start(), over, now=now())

    page = portal.of(customer_id).get("/portal").text

    assert "1.00 GB / 1.00 GB" in page
    assert "slower until" in page
