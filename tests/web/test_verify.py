"""Verify Payments: the queue, and what a person decides, with a simulated bKash."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.db.payments import Attempt, read_attempt
from billing_core.services.customers import give_to_operator
from billing_core.services.payments.asking import ask_about
from billing_core.services.payments.deciding import approve, reject
from billing_core.services.payments.starting import Site as PublicSite
from billing_core.services.payments.starting import start_payment
from billing_core.services.payments.transfers import announce_transfer
from tests.builders import a_customer, a_package, audited, posted, rows, username_of
from tests.payment_shops import PUBLIC_URL, Bkash, Shop, a_shop, attempt_of
from tests.web.conftest import Site

D = Decimal


@pytest.fixture
def shop(database_url: str, site: Site) -> Shop:
    made = a_shop("bkash", database_url)
    site.app.extensions["khata_gateways"] = {"bkash": made.gateway}
    return made


def someone(site: Site, **facts: Any) -> int:
    return a_customer(site.conn, a_package(site.conn), **facts)


def begun(conn: Connection, shop: Shop, customer_id: int, amount: str) -> Attempt:
    started = start_payment(
        conn,
        shop.gateway,
        customer_id=customer_id,
        amount=D(amount),
        purpose="wallet",
        bill_id=None,
        package_id=None,
        site=PublicSite(PUBLIC_URL, "Example ISP"),
        client_address="203.0.113.7",
        actor="customer",
        now=datetime.now(UTC),
    )
    return attempt_of(conn, started.reference)


def asked(conn: Connection, shop: Shop, attempt: Attempt) -> Attempt:
    return ask_about(
        conn,
        shop.gateway,
        attempt.reference,
        finished=True,
        verification="operator",
        actor="test",
        now=datetime.now(UTC),
    )


def waiting(
    site: Site, shop: Shop, customer_id: int | None = None, *, said: str | None = None
) -> Attempt:
    """Return an attempt over 500.00 that waits; the gateway says that, or another."""
    if customer_id is None:
        customer_id = someone(site)
    attempt = begun(site.conn, shop, customer_id, "500.00")
    shop.pay(attempt)
    if said is not None:
        shop.wire.change = lambda answer: answer.update(amount=said)
    after = asked(site.conn, shop, attempt)
    shop.wire.change = None
    return after


def address(attempt: Attempt, what: str = "") -> str:
    return f"/verify/{attempt.customer_id}/{attempt.attempt_id}{what}"


def seen(site: Site, attempt: Attempt) -> dict[str, str]:
    """Return what the button of a page sends, that is looked at now."""
    page = site.as_admin().get(address(attempt)).text
    return {
        name: re.findall(f'name="{name}" value="([^"]*)"', page)[0]
        for name in ("amount", "reason")
        if f'name="{name}"' in page
    }


def state(site: Site, attempt: Attempt) -> str:
    return read_attempt(site.conn, attempt.attempt_id).state


def alerts(page: str) -> str:
    return " ".join(re.findall(r'<p class="notice[^>]*>(.*?)</p>', page))


def test_the_queue_shows_our_row_beside_the_gateways_answer(
    site: Site, shop: Shop
) -> None:
    customer_id = someone(site, name="Rahim Uddin", mobile="01712345678")
    less = waiting(site, shop, customer_id, said="450.00")
    assert less.state == "review"

    page = site.as_admin().get("/verify").text

    assert less.reference in page
    assert "Rahim Uddin" in page
    assert re.search(r'class="figure"[^>]*>500\.00', page)
    assert re.search(r'class="figure owes"[^>]*><span>450\.00', page)
    assert "Another amount was paid than was asked for." in page


def test_what_waits_longest_comes_first_and_pages_go_on(site: Site, shop: Shop) -> None:
    attempts = [waiting(site, shop) for _ in range(3)]
    admin = site.as_admin()

    page = admin.get("/verify").text
    places = [page.index(each.reference) for each in attempts]
    assert places == sorted(places)

    later = admin.get(f"/verify?after={attempts[0].attempt_id}").text
    assert attempts[0].reference not in later
    assert attempts[1].reference in later


def test_an_empty_queue_says_what_will_come(site: Site) -> None:
    page = site.as_admin().get("/verify").text
    assert "Nothing waits to be verified." in page


def test_what_is_not_waiting_is_found_by_state_reference_and_transaction(
    site: Site, shop: Shop
) -> None:
    done = waiting(site, shop)
    approve(site.conn, done.attempt_id, operator="nila", now=datetime.now(UTC))
    other = waiting(site, shop)
    ((money,),) = rows(
        site.conn,
        "SELECT transaction_id FROM gateway_transaction WHERE attempt_id = %s",
        done.attempt_id,
    )
    admin = site.as_admin()

    for query in (
        "state=paid",
        f"state=all&q={done.reference.lower()}",
        f"state=all&q={money}",
        f"state=all&q={done.username}",
        "state=paid&gateway=bkash",
    ):
        page = admin.get(f"/verify?{query}").text
        assert done.reference in page, query
        assert other.reference not in page, query
    assert done.reference not in admin.get("/verify").text
    assert done.reference not in admin.get("/verify?state=all&gateway=nagad").text


def test_one_that_matches_is_approved_by_one_click(site: Site, shop: Shop) -> None:
    attempt = waiting(site, shop)

    answer = site.as_admin().post(address(attempt, "/approve"), seen(site, attempt))

    assert (answer.status_code, answer.location) == (303, "/verify")
    assert state(site, attempt) == "paid"
    assert posted(site.conn, attempt.customer_id) == D("500.00")
    assert audited(site.conn) == []


def test_what_differs_is_marked_and_credits_what_was_paid(
    site: Site, shop: Shop
) -> None:
    attempt = waiting(site, shop, said="450.00")
    admin = site.as_admin()

    page = admin.get(address(attempt)).text
    assert "differs" in page
    assert re.search(r"Approve: credit [^<]*450\.00", page)
    admin.post(address(attempt, "/approve"), seen(site, attempt))

    assert posted(site.conn, attempt.customer_id) == D("450.00")


def test_an_answer_that_came_after_the_page_was_shown_is_not_approved_with_it(
    site: Site, shop: Shop
) -> None:
    attempt = waiting(site, shop, said="450.00")
    admin = site.as_admin()
    shown = seen(site, attempt)
    assert shown == {"amount": "450.00", "reason": "AMOUNT_DIFFERS"}
    shop.wire.change = lambda answer: answer.update(amount="4.50")
    asked(site.conn, shop, attempt)

    for sent in (shown, shown | {"amount": ""}, {}):
        answer = admin.post(address(attempt, "/approve"), sent)
        assert answer.location == address(attempt)
        assert "4.50" in admin.get(answer.location).text

    assert state(site, attempt) == "review"
    assert posted(site.conn, attempt.customer_id) == 0
    admin.post(address(attempt, "/approve"), seen(site, attempt))
    assert posted(site.conn, attempt.customer_id) == D("4.50")


def test_what_cannot_be_approved_offers_no_button_and_stays(
    site: Site, shop: Shop
) -> None:
    attempt = waiting(site, shop, said="-1.00")
    admin = site.as_admin()

    page = admin.get(address(attempt)).text
    assert "It cannot be approved as it stands" in page
    assert "/approve" not in page
    answer = admin.post(address(attempt, "/approve"), seen(site, attempt))

    assert answer.location == address(attempt)
    assert "cannot be approved" in alerts(admin.get(address(attempt)).text)
    assert state(site, attempt) == "review"


def test_of_two_operators_the_second_is_told_who_was_first(
    site: Site, shop: Shop
) -> None:
    attempt = waiting(site, shop)
    first = site.as_somebody("nila", "admin")
    second = site.as_somebody("karim", "admin")
    for browser in (first, second):
        assert attempt.reference in browser.get("/verify").text

    first.post(address(attempt, "/approve"), seen(site, attempt))
    answers = [
        second.post(address(attempt, "/approve"), seen(site, attempt)),
        second.post(address(attempt, "/reject"), {"reason": "not seen"}),
    ]

    for answer in answers:
        assert answer.location == address(attempt)
    told = alerts(second.get(address(attempt)).text)
    assert "nila was faster" in told
    assert posted(site.conn, attempt.customer_id) == D("500.00")
    assert state(site, attempt) == "paid"


def test_a_rejection_says_why_and_the_row_stays(site: Site, shop: Shop) -> None:
    attempt = waiting(site, shop, said="450.00")
    admin = site.as_admin()
    assert "Why" in admin.get(address(attempt, "/reject")).text

    without = admin.post(address(attempt, "/reject"), {"reason": "  "})
    assert without.status_code == 422
    admin.post(address(attempt, "/reject"), {"reason": "given back at the gateway"})

    assert state(site, attempt) == "rejected"
    page = admin.get(address(attempt)).text
    assert "given back at the gateway" in page
    assert posted(site.conn, attempt.customer_id) == 0
    assert attempt.reference in admin.get("/verify?state=rejected").text


def test_the_gateway_is_asked_again_and_its_answer_shown(
    site: Site, shop: Shop
) -> None:
    attempt = waiting(site, shop, said="450.00")
    admin = site.as_admin()

    answer = admin.post(address(attempt, "/ask"))

    assert answer.location == address(attempt)
    page = admin.get(address(attempt)).text
    assert "was asked" in alerts(page)
    assert state(site, attempt) == "confirmed"
    assert "everything it says agrees with our row" in page


def test_a_gateway_that_gives_no_answer_changes_nothing(site: Site, shop: Shop) -> None:
    attempt = waiting(site, shop, said="450.00")
    shop.wire.loses = 9
    admin = site.as_admin()

    admin.post(address(attempt, "/ask"))

    assert "gave no new answer" in alerts(admin.get(address(attempt)).text)
    assert state(site, attempt) == "review"


def announced(site: Site, customer_id: int, trx_id: str = "TRX123456") -> Attempt:
    return announce_transfer(
        site.conn,
        customer_id=customer_id,
        amount=D(300),
        sender="01812345678",
        transaction_id=trx_id,
        purpose="wallet",
        bill_id=None,
        package_id=None,
        actor="customer",
        now=datetime.now(UTC),
    )


def test_where_no_gateway_tells_of_money_a_transfer_is_looked_up_by_hand(
    site: Site,
) -> None:
    site.app.extensions["khata_gateways"] = {}
    customer_id = someone(site)
    attempt = announced(site, customer_id)
    admin = site.as_admin()

    queue = admin.get("/verify").text
    assert "TRX123456" in queue
    assert "01812345678" in queue
    page = admin.get(address(attempt)).text
    assert "/ask" not in page
    assert admin.post(address(attempt, "/ask")).status_code == 303
    assert "look into the wallet" in alerts(admin.get(address(attempt)).text)
    admin.post(address(attempt, "/approve"), seen(site, attempt))
    assert posted(site.conn, customer_id) == D("300.00")


def test_bkash_is_asked_for_a_transfer_and_what_differs_is_marked(
    site: Site, shop: Shop
) -> None:
    assert isinstance(shop.simulator, Bkash)
    trx_id = shop.simulator.state.pay_to_wallet(D(250), "01877722345")
    customer_id = someone(site)
    attempt = announced(site, customer_id, trx_id)
    admin = site.as_admin()
    assert "Ask bKash for it" in admin.get(address(attempt)).text

    admin.post(address(attempt, "/ask"))

    page = admin.get(address(attempt)).text
    assert "Another number sent it than he says." in page
    assert "Another amount was paid than was asked for." in page
    assert page.count('class="status s-unpaid"') == 2
    assert shop.simulator.state.short_code in page
    queue = admin.get("/verify").text
    assert re.search(r'class="figure owes"[^>]*><span>250\.00', queue)
    admin.post(address(attempt, "/approve"), seen(site, attempt))
    assert posted(site.conn, customer_id) == D("250.00")


def test_all_that_match_are_approved_together_after_a_look(
    site: Site, shop: Shop
) -> None:
    matching = [waiting(site, shop) for _ in range(2)]
    differs = waiting(site, shop, said="450.00")
    admin = site.as_admin()

    page = admin.get("/verify/matching").text
    keys = re.findall(r'name="attempt" value="([^"]+)"', page)
    assert keys == [f"{a.customer_id}-{a.attempt_id}" for a in matching]
    assert "1,000.00" in page
    # What is decided before the button is pressed stays as it was decided.
    reject(
        site.conn,
        matching[1].attempt_id,
        reason="no",
        operator="nila",
        now=datetime.now(UTC),
    )
    answer = admin.post("/verify/matching", {"attempt": keys})

    assert answer.location == "/verify"
    assert [state(site, each) for each in (*matching, differs)] == [
        "paid",
        "rejected",
        "review",
    ]
    told = alerts(admin.get("/verify").text)
    assert "1 payment(s) approved" in told
    assert f"{matching[1].reference} was left as it is" in told
    assert audited(site.conn) == []


def test_what_no_longer_matches_is_not_approved_with_the_others(
    site: Site, shop: Shop
) -> None:
    attempt = waiting(site, shop)
    admin = site.as_admin()
    key = f"{attempt.customer_id}-{attempt.attempt_id}"
    # A new answer came after the page was shown.
    shop.wire.change = lambda answer: answer.update(amount="450.00")
    assert asked(site.conn, shop, attempt).state == "review"

    admin.post("/verify/matching", {"attempt": [key]})

    assert state(site, attempt) == "review"


def test_bad_input_is_refused(site: Site, shop: Shop) -> None:
    attempt = waiting(site, shop)
    admin = site.as_admin()
    assert admin.get("/verify?state=nonsense").status_code == 400
    assert admin.get("/verify?gateway=paypal").status_code == 400
    assert admin.get("/verify?after=x").status_code == 400
    assert admin.get("/verify/matching?gateway=paypal").status_code == 400
    assert admin.post("/verify/matching").status_code == 422
    assert admin.post("/verify/matching", {"attempt": ["x-1"]}).status_code == 400
    assert admin.get(f"/verify/999/{attempt.attempt_id}").status_code == 404
    assert admin.get(address(attempt, "/approve")).status_code == 405
    assert admin.get(address(attempt, "/ask")).status_code == 405


def test_who_is_not_logged_in_or_may_not_verify_sees_nothing(
    site: Site, shop: Shop
) -> None:
    attempt = waiting(site, shop)
    stranger, manager = site.anonymous(), site.as_manager("view_bills")
    verifier = site.as_manager("verify_payments")
    for path in ("/verify", "/verify/matching", address(attempt)):
        assert stranger.get(path).status_code == 303
        assert manager.get(path).status_code == 403
        assert verifier.get(path).status_code == 200
    for path in ("/approve", "/reject", "/ask"):
        assert manager.post(address(attempt, path)).status_code == 403
    assert state(site, attempt) == "confirmed"


def test_a_reseller_decides_only_on_his_own_customers(site: Site, shop: Shop) -> None:
    site.operator_id("mirpur", permissions=("verify_payments",))
    mirpur = site.as_operator("mirpur")
    own, other = someone(site), someone(site)
    give_to_operator(
        site.conn,
        username_of(site.conn, own),
        "mirpur",
        actor="test",
        now=datetime.now(UTC),
    )
    mine, his = waiting(site, shop, own), waiting(site, shop, other)

    page = mirpur.get("/verify").text
    assert mine.reference in page
    assert his.reference not in page
    found = mirpur.get(f"/verify?state=all&q={his.reference}").text
    assert "No payment matches this filter." in found
    assert mirpur.get(address(his)).status_code == 404
    for what in ("/approve", "/reject", "/ask"):
        assert mirpur.post(address(his, what), {"reason": "x"}).status_code == 404
    key = f"{his.customer_id}-{his.attempt_id}"
    assert mirpur.post("/verify/matching", {"attempt": [key]}).status_code == 404
    assert state(site, his) == "confirmed"
    assert mirpur.post(address(mine, "/approve"), seen(site, mine)).status_code == 303
    assert state(site, mine) == "paid"
