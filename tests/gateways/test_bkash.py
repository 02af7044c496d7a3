"""Payments by bKash: what is sent, what is asked, and what is believed."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from billing_core.gateways.contract import (
    Asked,
    Gateway,
    GatewayRefusedError,
    GatewayUnknownError,
    PaidState,
    TransactionId,
)
from tests.gateways.bkash_shop import APP_KEY, REFERENCE, Shop, answering, returning


def test_it_is_a_gateway() -> None:
    gateway: Gateway = Shop().gateway
    assert gateway.name == "bkash"


def test_a_checkout_is_ordered_as_bkash_wants_it() -> None:
    shop = Shop()
    checkout = shop.open(amount="1234.5")
    sent = shop.wire.requests[-1]
    assert httpx.Response(200, content=sent.content).json() == {
        "mode": "0011",
        "payerReference": "01712345678",
        "callbackURL": "https://isp.example/pay/return/bkash",
        "amount": "1234.50",
        "currency": "BDT",
        "intent": "sale",
        "merchantInvoiceNumber": REFERENCE,
    }
    assert sent.headers["X-APP-Key"] == APP_KEY
    assert sent.headers["Authorization"] in shop.bkash.tokens
    assert sent.extensions["timeout"] == {
        "connect": 10.0,
        "read": 30.0,
        "write": 30.0,
        "pool": 30.0,
    }
    assert checkout.payment_id in shop.bkash.payments
    assert "SIMULATED" in shop.browser.get(checkout.url).text


def test_an_opaque_reference_stands_for_a_mobile_number_that_is_not_known() -> None:
    shop = Shop()
    shop.gateway.create(replace(shop.order(), mobile=""), now=shop.clock())
    payment = shop.bkash.payment_of(REFERENCE)
    assert payment.payer_reference == REFERENCE


def test_a_customer_who_pays_on_the_page_is_captured_when_he_comes_back() -> None:
    shop = Shop()
    checkout = shop.open()
    page = shop.browser.post(
        checkout.url, data={"button": "pay", "wallet": "01770618575"}
    )
    hint = shop.gateway.read_callback(returning(page.headers["Location"]))
    assert (hint.payment_id, hint.claims) == (checkout.payment_id, "success")
    answer = shop.ask(checkout, finished=True)
    assert answer.state is PaidState.PAID
    assert answer.reference == REFERENCE
    assert answer.payment_id == checkout.payment_id
    assert answer.amount == Decimal("500.00")
    assert answer.currency == "BDT"
    assert answer.transactions == (
        TransactionId("trx_id", shop.bkash.payment_of(REFERENCE).trx_id),
    )
    assert answer.paid_at == datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    assert answer.payer == "01770618575"
    assert answer.flags == ()


@pytest.mark.parametrize(
    ("fault", "field", "told"),
    [
        ("other_amount", "amount", Decimal("499.00")),
        ("other_currency", "currency", "USD"),
        ("other_invoice", "reference", "ANOTHERINVOICE000000"),
        ("other_payment", "payment_id", "TR0011OTHER0000000000"),
    ],
)
@pytest.mark.parametrize("way", ["execute", "query"])
def test_what_bkash_says_is_told_as_it_is_and_never_as_we_hoped(
    fault: str, field: str, told: object, way: str
) -> None:
    shop = Shop()
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE)
    if way == "query":
        shop.ask(checkout, finished=True)
    shop.bkash.faults.arm(fault)
    answer = shop.ask(checkout, finished=way == "execute")
    assert answer.state is PaidState.PAID
    assert getattr(answer, field) == told


def test_a_trx_id_of_another_payment_is_told_as_it_is() -> None:
    shop = Shop()
    _, first = shop.pay()
    shop.bkash.faults.arm("trx_id_reused", "SECOND")
    checkout = shop.open("SECOND")
    shop.bkash.customer_pays("SECOND")
    second = shop.ask(checkout, finished=True, reference="SECOND")
    assert second.transactions == first.transactions


def test_completed_without_a_trx_id_is_not_paid() -> None:
    shop = Shop()
    shop.bkash.faults.arm("trx_id_missing")
    _, answer = shop.pay()
    assert answer.state is PaidState.WAITING
    assert answer.transactions == ()


def test_money_that_is_only_authorized_is_not_paid() -> None:
    gateway, _ = answering(
        lambda _: httpx.Response(
            200,
            json={
                "statusCode": "0000",
                "transactionStatus": "Authorized",
                "trxID": "6H7801QFYM",
                "amount": "500",
            },
        )
    )
    asked = Asked(
        REFERENCE, "TR1", Decimal("500.00"), "BDT", datetime.now(UTC), None, True
    )
    answer = gateway.ask(asked, now=datetime.now(UTC))
    assert answer.state is PaidState.WAITING
    assert answer.reason == "Authorized"


def test_an_execute_that_says_authorized_is_asked_about() -> None:
    shop = Shop()
    shop.bkash.faults.arm("execute_authorized")
    _, answer = shop.pay()
    assert answer.state is PaidState.PAID  # the query said Completed
    assert shop.calls["query"] == 1


def test_a_payment_without_an_amount_waits_for_a_person() -> None:
    shop = Shop()
    shop.bkash.faults.arm("no_amount")
    _, answer = shop.pay()
    assert answer.state is PaidState.PAID
    assert answer.amount is None
    assert answer.flags


@pytest.mark.parametrize("amount", ["1000.00", "999.99", "5.10", "100000.00"])
def test_amounts_that_come_as_json_numbers_are_exact(amount: str) -> None:
    shop = Shop()
    shop.bkash.faults.arm("numbers_as_json")
    _, answer = shop.pay(amount)
    assert answer.amount == Decimal(amount)


def test_a_payment_id_that_is_not_known_is_refused() -> None:
    shop = Shop()
    asked = Asked(REFERENCE, "TR0011FOREIGN", Decimal("1"), "BDT", shop.clock())
    for finished in (False, True):
        with pytest.raises(GatewayRefusedError) as refused:
            shop.gateway.ask(
                replace(asked, customer_finished=finished), now=shop.clock()
            )
        assert (refused.value.code, refused.value.ours) == ("2002", False)


def test_an_attempt_that_bkash_gave_no_id_asks_nobody() -> None:
    shop = Shop()
    asked = Asked(REFERENCE, None, Decimal("500.00"), "BDT", shop.clock())
    with pytest.raises(GatewayRefusedError):
        shop.gateway.ask(asked, now=shop.clock())
    assert shop.wire.requests == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("create_times_out", GatewayUnknownError),
        ("create_503", GatewayUnknownError),
        ("create_says_other_amount", GatewayRefusedError),
    ],
)
def test_a_checkout_that_did_not_open_is_told(
    fault: str, error: type[Exception]
) -> None:
    shop = Shop()
    shop.bkash.faults.arm(fault)
    with pytest.raises(error):
        shop.open()
    assert shop.calls == {"create": 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": Decimal("0.99")}, "2006"),
        ({"amount": Decimal("-0.01")}, "2006"),
        ({"currency": "USD"}, "2007"),
        ({"return_url": "http://isp.example/back"}, "2049"),
    ],
)
def test_an_order_that_bkash_would_refuse_is_never_sent(
    change: dict[str, object], code: str
) -> None:
    shop = Shop()
    with pytest.raises(GatewayRefusedError) as refused:
        shop.gateway.create(replace(shop.order(), **change), now=shop.clock())  # type: ignore[arg-type] # one field of an order
    assert refused.value.code == code
    assert shop.wire.requests == []


@pytest.mark.parametrize(
    ("body", "ours"),
    [
        ({"statusCode": "2001", "statusMessage": "Invalid App Key"}, True),
        ({"errorCode": "2048", "errorMessage": "Invalid Payer Reference"}, True),
        ({"statusCode": "2058", "statusMessage": "Not a customer wallet"}, False),
    ],
)
def test_a_refusal_says_whose_fault_it_is(body: dict[str, str], ours: bool) -> None:
    gateway, _ = answering(lambda _: httpx.Response(200, json=body))
    with pytest.raises(GatewayRefusedError) as refused:
        gateway.create(Shop().order(), now=datetime.now(UTC))
    assert refused.value.ours is ours


@pytest.mark.parametrize(
    "page", ["javascript:alert(1)", "http://evil.example/", "", "/pay"]
)
def test_no_browser_is_sent_to_what_is_no_https_page(page: str) -> None:
    gateway, _ = answering(
        lambda _: httpx.Response(
            200, json={"statusCode": "0000", "paymentID": "TR1", "bkashURL": page}
        )
    )
    with pytest.raises(GatewayUnknownError):
        gateway.create(Shop().order(), now=datetime.now(UTC))


@pytest.mark.parametrize(
    "respond",
    [
        lambda _: httpx.Response(200, content=b""),
        lambda _: httpx.Response(200, text="<html>"),
        lambda _: httpx.Response(200, json=["0000"]),
        lambda _: httpx.Response(200, json={"message": "Endpoint request timed out"}),
        lambda _: httpx.Response(200, json={"msg": "Internal"}),
        lambda _: httpx.Response(200, json={"statusCode": 0}),
        lambda _: httpx.Response(200, text='{"statusCode": NaN}'),
        lambda _: httpx.Response(200, content=b"[" * 100_000),
        lambda _: httpx.Response(403, json={"message": "Forbidden"}),
        lambda _: httpx.Response(500, json={"statusCode": "2023"}),
        lambda _: httpx.Response(504, json={"message": "Endpoint request timed out"}),
        lambda _: httpx.Response(302, headers={"Location": "https://evil.example"}),
        lambda _: httpx.Response(
            200,
            json={
                "statusCode": "0000",
                "transactionStatus": "Completed",
                "trxID": "6H7801QFYM",
                "message": "Internal server error",
            },
        ),
    ],
)
def test_an_answer_that_says_nothing_is_neither_paid_nor_failed(
    respond: object,
) -> None:
    gateway, seen = answering(respond)  # type: ignore[arg-type] # a lambda each
    asked = Asked(
        REFERENCE, "TR1", Decimal("500.00"), "BDT", datetime.now(UTC), None, True
    )
    with pytest.raises(GatewayUnknownError):
        gateway.ask(asked, now=datetime.now(UTC))
    paths = [request.url.path.rpartition("/")[2] for request in seen]
    assert paths == ["execute", "status"]  # one capture, one question


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"paymentID": "", "status": "success"},
        {"paymentID": "a b", "status": "success"},
        {"paymentID": "TR\x00", "status": "success"},
        {"paymentID": "T" * 129, "status": "success"},
        {"paymentID": "' OR 1=1 --", "status": "success"},
    ],
)
def test_a_return_without_a_likely_id_names_no_attempt(query: dict[str, str]) -> None:
    shop = Shop()
    request = replace(returning("https://isp.example/"), query=query)
    assert shop.gateway.read_callback(request).payment_id is None
    assert shop.wire.requests == []


def test_a_return_with_an_order_or_an_amount_of_its_own_is_read_for_its_id_only() -> (
    None
):
    shop = Shop()
    hint = shop.gateway.read_callback(
        returning(
            "https://isp.example/?paymentID=TR1&status=success&amount=1"
            "&merchantInvoiceNumber=ANOTHER&orderId=7&trxID=6H7801QFYM"
        )
    )
    assert (hint.payment_id, hint.claims) == ("TR1", "success")
    assert hint.reference is None
    assert hint.transaction_id is None


def test_money_paid_to_the_wallet_is_found_by_its_trx_id() -> None:
    shop = Shop()
    trx_id = shop.bkash.pay_to_wallet(Decimal("750.00"), "01877722345")
    answer = shop.gateway.search(trx_id, now=shop.clock())
    assert answer.state is PaidState.PAID
    assert answer.amount == Decimal("750.00")
    assert answer.merchant == answer.merchant_expected == shop.bkash.short_code
    assert answer.transactions == (TransactionId("trx_id", trx_id),)
    assert answer.payer == "01877722345"
    assert answer.reference is None
    assert answer.payment_id is None
    assert answer.flags == ()


def test_money_paid_to_another_merchant_is_told_as_it_is() -> None:
    shop = Shop()
    trx_id = shop.bkash.pay_to_wallet(Decimal("750.00"))
    shop.bkash.short_code = "01999999999"
    answer = shop.gateway.search(trx_id, now=shop.clock())
    assert answer.merchant == "01999999999"
    assert answer.merchant_expected == shop.settings.short_code != answer.merchant


def test_a_trx_id_that_bkash_does_not_know_is_no_money() -> None:
    shop = Shop()
    answer = shop.gateway.search("6H7801QFYM", now=shop.clock())
    assert answer.state is PaidState.FAILED
    assert "2033" in answer.reason


def test_a_trx_id_of_a_refund_or_of_refunded_money_waits_for_a_person() -> None:
    shop = Shop()
    checkout, paid = shop.pay()
    back = shop.gateway.refund(shop.refund_order(checkout, paid), now=shop.clock())
    assert back.gateway_refund_id is not None
    of_refund = shop.gateway.search(back.gateway_refund_id, now=shop.clock())
    of_payment = shop.gateway.search(paid.transactions[0].value, now=shop.clock())
    assert [flag.partition(":")[0] for flag in of_refund.flags] == ["refund"]
    assert [flag.partition(":")[0] for flag in of_payment.flags] == ["refunded"]


def test_a_search_answered_about_another_trx_id_waits_for_a_person() -> None:
    gateway, _ = answering(
        lambda _: httpx.Response(
            200,
            json={
                "statusCode": "0000",
                "trxID": "6HOTHER000",
                "transactionStatus": "Completed",
                "amount": "750",
                "currency": "BDT",
            },
        )
    )
    answer = gateway.search("6H7801QFYM", now=datetime.now(UTC))
    assert [flag.partition(":")[0] for flag in answer.flags] == ["other trxID"]
