"""Opening a session at SSLCommerz, against its simulator."""

from datetime import UTC, datetime

import pytest

from billing_core.gateways.contract import (
    Gateway,
    GatewayRefusedError,
    GatewayUnknownError,
    PaidState,
)
from tests.gateways.sslcommerz_shop import (
    BASE,
    PASSWORD,
    REFERENCE,
    Shop,
    a_gateway,
    an_order,
    answering,
)


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_it_fulfils_the_contract_of_a_gateway(shop: Shop) -> None:
    gateway: Gateway = shop.gateway
    assert gateway.name == "sslcommerz"


def test_an_order_opens_a_session_that_is_known_by_its_key(shop: Shop) -> None:
    checkout = shop.open()
    session = shop.state.sessions[checkout.payment_id]
    assert checkout.url == f"{BASE}/checkout/{session.key}"
    assert session.form["total_amount"] == "500.00"
    assert session.form["tran_id"] == REFERENCE
    assert session.form["ipn_url"] == "https://isp.example.net/pay/notify/sslcommerz"
    assert checkout.answer.keys() == {"status", "sessionkey", "GatewayPageURL"}


def test_a_thousand_taka_and_more_are_written_without_commas(shop: Shop) -> None:
    checkout = shop.open(amount="34567.00")
    assert shop.state.sessions[checkout.payment_id].form["total_amount"] == "34567.00"


@pytest.mark.parametrize("amount", ["10.00", "500000.00"])
def test_the_smallest_and_the_largest_amount_are_taken(shop: Shop, amount: str) -> None:
    assert shop.open(amount=amount).payment_id


@pytest.mark.parametrize("amount", ["9.99", "500000.01"])
def test_an_amount_beyond_the_limits_is_refused_before_it_is_sent(
    shop: Shop, amount: str
) -> None:
    with pytest.raises(GatewayRefusedError, match=f"not {amount}") as caught:
        shop.open(amount=amount)
    assert not caught.value.ours
    assert shop.state.asked == []


@pytest.mark.parametrize("reference", ["", "A" * 31, "a-b", "ক" * 5, "A B"])
def test_a_reference_that_does_not_fit_is_refused_before_it_is_sent(
    shop: Shop, reference: str
) -> None:
    with pytest.raises(GatewayRefusedError) as caught:
        shop.open(reference)
    assert caught.value.ours
    assert shop.state.asked == []


def test_a_currency_that_it_does_not_settle_is_refused(shop: Shop) -> None:
    with pytest.raises(GatewayRefusedError, match="BDT"):
        shop.gateway.create(an_order(currency="USD"), now=shop.clock())


def test_an_address_that_is_too_long_is_refused(shop: Shop) -> None:
    long = an_order(return_url="https://isp.example.net/" + "x" * 240)
    with pytest.raises(GatewayRefusedError, match="255"):
        shop.gateway.create(long, now=shop.clock())


def test_labels_are_cut_to_their_length_and_the_simulator_takes_them(
    shop: Shop,
) -> None:
    order = an_order(
        customer_name="র" * 90, description="x" * 400, mail="x" * 60 + "@example.org"
    )
    checkout = shop.gateway.create(order, now=shop.clock())
    form = shop.state.sessions[checkout.payment_id].form
    assert form["cus_email"] == f"{REFERENCE}@customer.invalid"
    assert len(form["cus_name"]) == 50


def test_a_customer_without_mobile_and_mail_can_pay(shop: Shop) -> None:
    order = an_order(mobile="", mail="", customer_name="", description="")
    assert shop.gateway.create(order, now=shop.clock()).payment_id


def test_failed_at_http_200_is_a_refusal_that_names_the_reason(shop: Shop) -> None:
    stranger = a_gateway(shop.http, password="wrong-password")
    with pytest.raises(GatewayRefusedError, match="De-active") as caught:
        stranger.create(an_order(), now=shop.clock())
    assert caught.value.ours


@pytest.mark.parametrize("fault", ["create_lost", "create_500", "create_html"])
def test_a_create_without_a_usable_answer_is_unknown(shop: Shop, fault: str) -> None:
    shop.state.faults.arm(fault)
    with pytest.raises(GatewayUnknownError):
        shop.open()


def test_a_session_whose_answer_was_lost_is_found_by_our_reference(shop: Shop) -> None:
    shop.state.faults.arm("create_lost")
    with pytest.raises(GatewayUnknownError):
        shop.open()
    (session,) = shop.state.sessions.values()
    shop.state.pay(session)
    assert shop.ask().state is PaidState.PAID


@pytest.mark.parametrize(
    "body",
    [
        "{}",
        '{"status": "SUCCESS"}',
        '{"status": "SUCCESS", "sessionkey": "S1", "GatewayPageURL": ""}',
        '{"status": "SUCCESS", "sessionkey": "S1", "GatewayPageURL": "javascript:x"}',
        '{"status": "SUCCESS", "sessionkey": "S1", "GatewayPageURL": "http://x.test/"}',
        "[]",
        "null",
        "",
    ],
)
def test_an_answer_that_opens_no_safe_page_is_unknown(body: str) -> None:
    with pytest.raises(GatewayUnknownError):
        a_gateway(answering(body)).create(
            an_order(), now=datetime(2026, 11, 24, tzinfo=UTC)
        )


def test_a_session_can_be_asked_about_by_its_key(shop: Shop) -> None:
    checkout = shop.open()
    shop.walk(checkout, "pay")
    told = shop.gateway.ask_by_session(checkout.payment_id)
    assert (told["status"], told["tran_id"]) == ("VALID", REFERENCE)
    assert PASSWORD not in str(told)
