"""Unmatched money above the queue, and whose a person says it is."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing_core.db.gateway_notices import find_notice
from billing_core.gateways.bkash.callbacks import hint_of_webhook
from billing_core.gateways.bkash.sns import SnsMessage
from billing_core.services.payments.unmatched import take_notice
from tests.builders import a_customer, a_package, audited, posted, rows, username_of
from tests.payment_shops import Bkash, Shop, a_shop
from tests.web.conftest import Site
from tests.web.test_verify import alerts

SENDER = "01770618575"


@pytest.fixture
def shop(database_url: str, site: Site) -> Shop:
    made = a_shop("bkash", database_url)
    site.app.extensions["khata_gateways"] = {"bkash": made.gateway}
    return made


def told(
    site: Site,
    shop: Shop,
    amount: str = "500",
    reference: str = "",
    odd: Mapping[str, str | None] | None = None,
) -> str:
    """Let bKash tell of money that was paid in its app; return its page's address."""
    assert isinstance(shop.simulator, Bkash)
    state = shop.simulator.state
    trx_id = state.pay_to_wallet(Decimal(amount), SENDER)
    notice = {
        "dateTime": "20261124120000",
        "debitMSISDN": f"88{SENDER}",
        "creditShortCode": state.short_code,
        "trxID": trx_id,
        "transactionStatus": "Completed",
        "amount": amount,
        "currency": "BDT",
        "transactionReference": reference,
        **(odd or {}),
    }
    said = {name: text for name, text in notice.items() if text is not None}
    hint = hint_of_webhook(SnsMessage("", said), state.short_code)
    assert hint.money is not None
    at = datetime.now(UTC)
    take_notice(site.conn, "bkash", hint.money, names_attempt_id=None, now=at)
    found = find_notice(site.conn, trx_id)
    assert found is not None
    return f"/verify/unmatched/{found.notice_id}"


def test_it_stands_above_the_queue_with_all_that_is_known(
    site: Site, shop: Shop
) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn), mobile=SENDER)
    page_of = told(site, shop, reference="bill november")
    admin = site.as_admin()

    queue = admin.get("/verify").text
    assert page_of in queue
    assert "bill november" in queue
    assert f"88{SENDER}" in queue
    assert page_of in admin.get("/verify/unmatched").text

    page = admin.get(page_of).text
    assert "bill november" in page
    assert username_of(site.conn, customer_id) in page
    # It is no payment of anybody: what is filtered for has none of it.
    assert page_of not in admin.get("/verify?state=paid").text


#: A notice of bKash with one field as it should not be; None = left out.
ODD = {
    "no amount": {"amount": None},
    "an amount in words": {"amount": "five hundred"},
    "nothing": {"amount": "0.00"},
    "less than nothing": {"amount": "-500"},
    "finer than poisha": {"amount": "500.005"},
    "more than anybody has": {"amount": "9999999999999999.9999999999"},
    "another currency": {"currency": "USD"},
    "no currency": {"currency": None},
    "no sender": {"debitMSISDN": None},
    "no number": {"debitMSISDN": "\U0001f600<b>\x00\ud800"},
    "no time": {"dateTime": None},
    "a time that never was": {"dateTime": "20269999999999"},
    "another wallet": {"creditShortCode": "01000000000"},
    "no wallet": {"creditShortCode": None},
    "a reference of no letters": {"transactionReference": "%_\\\x00'<i>"},
    "nothing but the number": dict.fromkeys(
        ("amount", "currency", "debitMSISDN", "dateTime", "creditShortCode")
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_notice_is_shown_and_breaks_no_page(
    site: Site, shop: Shop, name: str
) -> None:
    page_of = told(site, shop, odd=ODD[name])
    admin = site.as_admin()
    for path in ("/verify", "/verify/unmatched"):
        assert page_of in admin.get(path).text
    for path in (page_of, f"{page_of}/dismiss"):
        assert admin.get(path).status_code == 200
    assert admin.post(f"{page_of}/ask").status_code == 303
    assert admin.get(page_of).status_code == 200


def test_whose_it_is_is_credited_once_and_the_second_is_told(
    site: Site, shop: Shop
) -> None:
    first, second = (a_customer(site.conn, a_package(site.conn)) for _ in range(2))
    page_of = told(site, shop)
    admin = site.as_admin()
    names = [username_of(site.conn, each) for each in (first, second)]

    done = admin.post(page_of, {"username": names[0], "amount": "500"})
    late = admin.post(page_of, {"username": names[1], "amount": "500"})

    assert (done.status_code, done.location) == (303, "/verify")
    assert late.status_code == 303
    assert f"credited already to {names[0]}" in alerts(admin.get(page_of).text)
    assert posted(site.conn, first) == Decimal("500.00")
    assert posted(site.conn, second) == 0
    assert page_of not in admin.get("/verify").text
    ((attempt_id,),) = rows(site.conn, "SELECT attempt_id FROM payment_attempt")
    credited = admin.get(f"/verify/{first}/{attempt_id}").text
    assert "assigned by a person" in credited
    assert f"/verify/{first}/{attempt_id}/ask" not in credited
    assert names[0] in admin.get("/verify/unmatched?all=1").text
    assert names[0] in admin.get(page_of).text
    ((actor,),) = rows(site.conn, "SELECT operator FROM payment")
    assert actor.startswith("operator:")
    assert audited(site.conn) == []


def test_nobody_and_another_amount_than_was_seen_are_refused_at_the_form(
    site: Site, shop: Shop
) -> None:
    page_of = told(site, shop)
    admin = site.as_admin()
    name = username_of(site.conn, a_customer(site.conn, a_package(site.conn)))
    for form in (
        {"username": "", "amount": "500"},
        {"username": "nobody-such", "amount": "500"},
        {"username": name, "amount": "400"},
        {"username": name, "amount": "much"},
        {"username": name},
    ):
        assert admin.post(page_of, form).status_code == 422
    assert rows(site.conn, "SELECT count(*) FROM payment") == [(0,)]


def test_bkash_is_asked_and_what_it_says_otherwise_is_marked(
    site: Site, shop: Shop
) -> None:
    page_of = told(site, shop)
    admin = site.as_admin()
    admin.post(f"{page_of}/ask")
    assert "says the same" in alerts(admin.get(page_of).text)

    assert isinstance(shop.simulator, Bkash)
    (payment,) = shop.simulator.state.payments.values()
    payment.amount = Decimal(450)
    admin.post(f"{page_of}/ask")

    page = admin.get(page_of).text
    assert "says otherwise: amount" in alerts(page)
    assert re.search(r'name="amount" value="450.00"', page)
    assert 'class="status s-unpaid"' in page


def test_a_bkash_that_gives_no_answer_is_told(site: Site, shop: Shop) -> None:
    page_of = told(site, shop)
    shop.wire.telling, shop.wire.loses = ("/searchTransaction",), 1
    admin = site.as_admin()
    assert admin.post(f"{page_of}/ask").status_code == 303
    assert "did not answer" in alerts(admin.get(page_of).text)


def test_what_is_no_customers_is_put_aside_with_a_reason(
    site: Site, shop: Shop
) -> None:
    page_of = told(site, shop)
    admin = site.as_admin()
    assert admin.post(f"{page_of}/dismiss", {"reason": ""}).status_code == 422
    done = admin.post(f"{page_of}/dismiss", {"reason": "our own money"})
    assert done.status_code == 303
    assert page_of not in admin.get("/verify").text
    assert "our own money" in admin.get(page_of).text


def test_what_was_put_aside_is_taken_up_again(site: Site, shop: Shop) -> None:
    page_of = told(site, shop)
    admin = site.as_admin()
    assert "/reopen" not in admin.get(page_of).text
    early = admin.post(f"{page_of}/reopen")
    assert early.status_code == 303
    assert "only what was put aside" in alerts(admin.get(page_of).text)
    admin.post(f"{page_of}/dismiss", {"reason": "our own money"})
    assert f"{page_of}/reopen" in admin.get(page_of).text

    assert admin.post(f"{page_of}/reopen").location == page_of

    page = admin.get(page_of).text
    assert "waits for its owner again" in page
    assert 'name="username"' in page
    assert page_of in admin.get("/verify").text
    assert "our own money" in admin.get("/audit-log").text
    assert admin.get(f"{page_of}/reopen").status_code == 405
    assert site.anonymous().post(f"{page_of}/reopen").status_code == 303
    assert site.as_manager("view_bills").post(f"{page_of}/reopen").status_code == 403


def test_an_empty_list_says_what_will_come(site: Site) -> None:
    assert "app" in site.as_admin().get("/verify/unmatched").text


def test_nobodys_money_is_not_for_those_who_see_only_their_own_customers(
    site: Site, shop: Shop
) -> None:
    page_of = told(site, shop, reference="secret-word")
    site.operator_id("dhanmondi", permissions=("verify_payments",))
    dhanmondi = site.as_operator("dhanmondi")
    assert "secret-word" not in dhanmondi.get("/verify").text
    for path in ("/verify/unmatched", page_of, f"{page_of}/dismiss"):
        assert dhanmondi.get(path).status_code == 404
    assert dhanmondi.post(f"{page_of}/ask").status_code == 404
    assert dhanmondi.post(f"{page_of}/reopen").status_code == 404
    form = {"username": "x", "amount": "500"}
    assert dhanmondi.post(page_of, form).status_code == 404
    assert site.anonymous().get(page_of).status_code == 303
    assert site.as_admin().get("/verify/unmatched/999").status_code == 404
