"""Money in the portal: pay by bKash (simulated), by transfer, by card, buy packages."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from billing_core.cards import pin_of
from billing_core.db.customers import read_customer, read_subscription
from billing_core.db.payments import list_attempts
from billing_core.services.audit import audit
from billing_core.services.purchases import buy_package
from tests.builders import (
    NOON,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_package,
    posted,
    rows,
)
from tests.cards import pins_of
from tests.web.conftest import Browser
from tests.web.portal.conftest import NUMBERS, Portal
from tests.web.test_bills import a_billed_customer

D = Decimal
UNKNOWN_PIN = pin_of(1111111111111111)
TRANSFER = {"amount": "500", "sender": "01712345678", "transaction_id": "8N7A6B5C4D"}


@pytest.fixture(autouse=True)
def sound_books(portal: Portal) -> Iterator[None]:
    """Whatever was sent, the books are sound after it."""
    yield
    assert audit(portal.conn) == []


def come_back(portal: Portal, answer: TestResponse) -> str:
    """Pay on the simulated bKash's page and come back; returns where one lands."""
    assert answer.status_code == 303
    (attempt,) = list_attempts(portal.conn, limit=1)
    portal.shop.bkash.customer_pays(attempt.reference)
    back = portal.visitor().get(
        f"/pay/return/bkash?paymentID={attempt.gateway_payment_id}&status=success"
    )
    assert back.location == f"/pay/result/{attempt.reference}"
    return str(back.location)


def key_of(browser: Browser, path: str) -> dict[str, str]:
    page = browser.get(path).text
    return {
        name: re.findall(f'name="{name}"[^>]*value="([^"]*)"', page)[0]
        for name in ("key", "price")
    }


def test_what_is_due_is_paid_by_bkash_and_service_is_back(portal: Portal) -> None:
    customer_id, bill_id = a_billed_customer(portal.site, "500")
    portal.conn.execute(
        "UPDATE customer SET status = 'suspended', suspend_reason = 'PAYMENT_DUE'"
    )
    browser = portal.of(customer_id)
    form = browser.get("/portal/pay")
    assert 'value="500.00"' in form.text
    assert " https:" in form.headers["Content-Security-Policy"]

    answer = browser.post("/portal/pay", {"amount": "500.00", "gateway": "bkash"})
    assert "not finished" in browser.get("/portal").text
    result = come_back(portal, answer)

    assert "Paid" in browser.get(result).text
    assert read_customer(portal.conn, customer_id).status == "active"
    page = browser.get("/portal").text
    assert "Your Internet is on." in page
    assert "not finished" not in page
    assert "bKash" in browser.get("/portal/payments").text
    assert "paid" in browser.get(f"/portal/bills/{bill_id}").text


def test_one_bill_is_paid_by_itself(portal: Portal) -> None:
    customer_id, bill_id = a_billed_customer(portal.site, "500")
    answer = portal.of(customer_id).post(
        f"/portal/pay?bill={bill_id}", {"amount": "200", "gateway": "bkash"}
    )
    come_back(portal, answer)
    assert rows(portal.conn, "SELECT status, paid FROM bill") == [
        ("partial", D("200.00"))
    ]


def test_who_owes_nothing_tops_up(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    browser = portal.of(customer_id)
    assert "Nothing is due" in browser.get("/portal/pay").text
    answer = browser.post("/portal/pay", {"amount": "১০০", "gateway": "bkash"})
    come_back(portal, answer)
    assert posted(portal.conn, customer_id) == D("100.00")


@pytest.mark.parametrize("amount", ["", "0", "-5", "abc", "10.005", "1e9", "NaN"])
def test_an_amount_that_cannot_be_paid_says_so_and_stays(
    portal: Portal, amount: str
) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    page = portal.of(customer_id).post(
        "/portal/pay", {"amount": amount, "gateway": "bkash"}
    )
    assert page.status_code == 422
    assert list_attempts(portal.conn, limit=1) == []


def test_a_gateway_that_is_not_set_up_cannot_be_chosen(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    browser = portal.of(customer_id)
    for gateway in ("nagad", "transfer", ""):
        sent = {"amount": "5", "gateway": gateway}
        assert browser.post("/portal/pay", sent).status_code == 400


def test_a_gateway_that_is_silent_is_told_in_the_customers_words(
    portal: Portal,
) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    portal.shop.bkash.faults.arm("create_times_out", times=1)
    page = portal.of(customer_id).post(
        "/portal/pay", {"amount": "5", "gateway": "bkash"}
    )
    assert page.status_code == 422
    assert "does not answer now" in page.text


def test_a_transfer_is_announced_and_waits_for_a_person(portal: Portal) -> None:
    customer_id, _bill = a_billed_customer(portal.site, "500")
    browser = portal.of(customer_id)
    form = browser.get("/portal/pay/transfer").text
    assert NUMBERS in form
    assert 'value="500.00"' in form

    answer = browser.post("/portal/pay/transfer", TRANSFER)

    assert answer.location.startswith("/pay/result/")
    assert "Being checked" in browser.get(answer.location).text
    assert "being checked" in browser.get("/portal/payments").text
    again = browser.post(
        "/portal/pay/transfer", TRANSFER | {"transaction_id": "9N7A6B5C4E"}
    )
    assert again.status_code == 422
    assert "being checked" in again.text


@pytest.mark.parametrize(
    "wrong",
    [{"sender": "me"}, {"transaction_id": "??"}, {"sender": ""}, {"amount": "-1"}],
)
def test_a_transfer_that_names_nothing_is_refused(
    portal: Portal, wrong: dict[str, str]
) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    page = portal.of(customer_id).post("/portal/pay/transfer", TRANSFER | wrong)
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text
    assert list_attempts(portal.conn, limit=1) == []


def test_a_transfer_of_somebody_else_cannot_be_claimed(portal: Portal) -> None:
    first = a_customer(portal.conn, a_package(portal.conn))
    second = a_customer(portal.conn, a_package(portal.conn))
    assert portal.of(first).post("/portal/pay/transfer", TRANSFER).status_code == 303
    page = portal.of(second).post("/portal/pay/transfer", TRANSFER)
    assert page.status_code == 422
    assert "announced or paid before" in page.text


def test_a_package_is_bought_from_the_wallet_once(portal: Portal) -> None:
    package = a_hotspot_package(portal.conn, vat_percent=D(15), vat_inclusive=False)
    customer_id = a_customer(portal.conn, package, balance="50", kind="hotspot")
    ((package_id,),) = rows(portal.conn, "SELECT package_id FROM package")
    browser, path = portal.of(customer_id), f"/portal/packages/{package_id}"
    assert "BDT 11.50" in browser.get("/portal/packages").text
    sent = {"way": "wallet", **key_of(browser, path)}

    first, second = browser.post(path, sent), browser.post(path, sent)

    assert (first.status_code, second.status_code) == (303, 303)
    assert posted(portal.conn, customer_id) == D("38.50")
    assert read_subscription(portal.conn, customer_id) is not None


def test_a_package_is_paid_at_the_gateway_and_is_there_at_once(
    portal: Portal,
) -> None:
    package = a_hotspot_package(portal.conn)
    customer_id = a_customer(portal.conn, package, kind="hotspot")
    ((package_id,),) = rows(portal.conn, "SELECT package_id FROM package")
    browser, path = portal.of(customer_id), f"/portal/packages/{package_id}"
    assert 'value="wallet"' not in browser.get(path).text

    come_back(portal, browser.post(path, {"way": "bkash", **key_of(browser, path)}))

    found = read_subscription(portal.conn, customer_id)
    assert found is not None
    assert found.package == package
    assert posted(portal.conn, customer_id) == D("0.00")


def test_a_price_that_has_changed_is_shown_before_it_is_paid(portal: Portal) -> None:
    package = a_hotspot_package(portal.conn)
    customer_id = a_customer(portal.conn, package, balance="50", kind="hotspot")
    ((package_id,),) = rows(portal.conn, "SELECT package_id FROM package")
    browser, path = portal.of(customer_id), f"/portal/packages/{package_id}"
    sent = {"way": "wallet", **key_of(browser, path)}
    portal.conn.execute("UPDATE package SET price = 20")

    page = browser.post(path, sent)

    assert page.status_code == 422
    assert "The price has changed" in page.text
    assert posted(portal.conn, customer_id) == D("50.00")
    assert browser.post(path, sent | {"price": "20.00"}).status_code == 303


def test_what_the_wallet_does_not_cover_is_not_bought_from_it(portal: Portal) -> None:
    package = a_hotspot_package(portal.conn)
    customer_id = a_customer(portal.conn, package, balance="5", kind="hotspot")
    ((package_id,),) = rows(portal.conn, "SELECT package_id FROM package")
    browser, path = portal.of(customer_id), f"/portal/packages/{package_id}"
    page = browser.post(path, {"way": "wallet", **key_of(browser, path)})
    assert page.status_code == 422
    assert "top up first" in page.text


def test_a_daily_customer_changes_his_package_himself(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_daily_package(portal.conn), balance="900")
    faster = a_daily_package(portal.conn, price=D(600))
    browser = portal.of(customer_id)
    ((package_id,),) = rows(
        portal.conn, "SELECT package_id FROM package WHERE name = %s", faster
    )
    path = f"/portal/packages/{package_id}"
    answer = browser.post(path, {"way": "wallet", **key_of(browser, path)})
    assert answer.status_code == 303
    assert read_customer(portal.conn, customer_id).package == faster


def test_who_is_billed_by_the_month_sees_packages_and_buys_none(
    portal: Portal,
) -> None:
    customer_id, _bill = a_billed_customer(portal.site, "500")
    ((package_id,),) = rows(portal.conn, "SELECT package_id FROM package")
    browser, path = portal.of(customer_id), f"/portal/packages/{package_id}"
    assert "ask your provider" in browser.get("/portal/packages").text
    assert "<button name" not in browser.get(path).text
    assert browser.post(path, {"way": "wallet"}).status_code == 403


def withdraw(portal: Portal, package: str) -> str:
    """Sell a package no more; returns the address of its page."""
    ((package_id,),) = rows(
        portal.conn,
        "UPDATE package SET is_withdrawn = true WHERE name = %s RETURNING package_id",
        package,
    )
    return f"/portal/packages/{package_id}"


def test_a_hotspot_package_that_is_sold_no_more_runs_to_its_end(
    portal: Portal,
) -> None:
    old, other = a_hotspot_package(portal.conn), a_hotspot_package(portal.conn)
    facts = {"balance": "50", "kind": "hotspot", "username": "rahim"}
    customer_id = a_customer(portal.conn, old, **facts)  # type: ignore[arg-type]
    now = datetime.now(UTC)
    buy_package(portal.conn, "rahim", old, key="one", actor="test", now=now)
    path, browser = withdraw(portal, old), portal.of(customer_id)

    page = browser.get(path).text
    assert "stays yours until it is used up or over" in page
    assert 'name="way"' not in page
    assert "not sold any more" in browser.get("/portal/packages").text
    assert "Renew" not in browser.get("/portal").text, "a button that leads nowhere"
    sent = browser.post(path, {"way": "wallet"})
    assert sent.location == "/portal/packages"
    assert f"{old} is not sold any more." in browser.get(sent.location).text
    assert rows(portal.conn, "SELECT count(*) FROM subscription") == [(1,)]

    portal.conn.execute("UPDATE subscription SET valid_until = now() - interval '1 s'")
    assert old not in browser.get("/portal/packages").text
    assert "Buy a package" in browser.get("/portal").text
    (other_id,) = rows(
        portal.conn, "SELECT package_id FROM package WHERE name = %s", other
    )[0]
    page = browser.get(f"/portal/packages/{other_id}").text
    assert "is lost" not in page, "nothing is left of what is over"


def test_a_package_that_is_sold_no_more_is_not_offered_to_others(
    portal: Portal,
) -> None:
    old, other = a_hotspot_package(portal.conn), a_hotspot_package(portal.conn)
    has_not = a_customer(portal.conn, other, balance="50", kind="hotspot")
    browser, path = portal.of(has_not), withdraw(portal, old)
    assert old not in browser.get("/portal/packages").text
    for answer in (browser.get(path), browser.post(path, {"way": "wallet"})):
        assert answer.location == "/portal/packages"
    assert rows(portal.conn, "SELECT count(*) FROM subscription") == [(0,)]


def test_a_daily_customer_keeps_a_package_that_is_sold_no_more(
    portal: Portal,
) -> None:
    old, other = a_daily_package(portal.conn), a_daily_package(portal.conn, price=D(60))
    customer_id = a_customer(portal.conn, old, balance="900")
    path, browser = withdraw(portal, old), portal.of(customer_id)
    page = browser.get(path).text
    assert "You keep it as long as you stay on it." in page
    assert "/portal/pay?amount=" in page
    (other_id,) = rows(
        portal.conn, "SELECT package_id FROM package WHERE name = %s", other
    )[0]
    page = browser.get(f"/portal/packages/{other_id}").text
    assert "you cannot change back to it" in page


def test_a_card_puts_its_money_into_the_wallet_once(
    portal: Portal, tmp_path: Path
) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    (pin,) = pins_of(portal.conn, tmp_path)
    browser = portal.of(customer_id)

    answer = browser.post("/portal/recharge", {"pin": pin})

    assert answer.location == "/portal"
    assert "BDT 100.00 is in your balance now" in browser.get("/portal").text
    assert posted(portal.conn, customer_id) == D("100.00")
    again = browser.post("/portal/recharge", {"pin": pin})
    assert again.status_code == 422
    assert "used this card already" in again.text
    assert rows(portal.conn, "SELECT DISTINCT host(client_address) FROM card_try") == [
        ("127.0.0.1",)
    ]


def test_all_cards_that_are_refused_get_one_answer(
    portal: Portal, tmp_path: Path
) -> None:
    first = a_customer(portal.conn, a_package(portal.conn))
    second = a_customer(portal.conn, a_package(portal.conn))
    used, void = pins_of(portal.conn, tmp_path, 2)
    portal.of(first).post("/portal/recharge", {"pin": used})
    portal.conn.execute("UPDATE card SET state = 'void' WHERE state = 'active'")
    told = set()
    for pin in (used, void, UNKNOWN_PIN):
        page = portal.of(second).post("/portal/recharge", {"pin": pin})
        assert page.status_code == 422
        told.add(re.findall("<strong>(.*?)</strong>", page.text)[0])
    assert told == {"This card is not accepted: ask where you bought it."}


def test_who_guesses_is_locked_and_told_until_when(portal: Portal) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    browser = portal.of(customer_id)
    statuses = [
        browser.post("/portal/recharge", {"pin": UNKNOWN_PIN}).status_code
        for _ in range(6)
    ]
    assert statuses == [422] * 5 + [429]
    page = browser.post("/portal/recharge", {"pin": UNKNOWN_PIN}).text
    assert "Too many wrong PINs: try again after" in page


def test_a_form_of_another_site_pays_and_buys_nothing(
    portal: Portal, tmp_path: Path
) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    (pin,) = pins_of(portal.conn, tmp_path)
    browser = portal.of(customer_id)
    for path, sent in (
        ("/portal/pay", {"amount": "5", "gateway": "bkash"}),
        ("/portal/pay/transfer", TRANSFER),
        ("/portal/recharge", {"pin": pin}),
        ("/portal/password", {"old": "secret", "new": "rickshaw-bell-7"}),
        ("/portal/logout", {}),
    ):
        assert browser.post_without_token(path, sent).status_code == 400, path
    assert posted(portal.conn, customer_id) == D("0.00")


def test_a_checkout_that_nobody_finished_is_no_news_after_two_days(
    portal: Portal,
) -> None:
    customer_id = a_customer(portal.conn, a_package(portal.conn))
    browser = portal.of(customer_id)
    browser.post("/portal/pay", {"amount": "5", "gateway": "bkash"})
    long_ago = datetime.now(UTC) - timedelta(days=3)
    portal.conn.execute("UPDATE payment_attempt SET created_at = %s", [long_ago])
    assert "not finished" not in browser.get("/portal").text
    assert long_ago > NOON - timedelta(days=9)
