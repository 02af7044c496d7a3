"""SSLCommerz, against its simulator: paid, not paid, unknown, and every known trap."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from billing_core.gateways.contract import (
    Answer,
    Gateway,
    GatewayRefusedError,
    GatewayUnknownError,
    PaidState,
    RefundState,
    TransactionId,
)
from billing_core.gateways.sslcommerz.answers import validated
from tests.gateways.sslcommerz_shop import (
    BASE,
    OTHER_PASSWORD,
    OTHER_STORE,
    PASSWORD,
    REFERENCE,
    STORE,
    Shop,
    a_callback,
    a_gateway,
    a_refund,
    an_order,
)

SECOND = "B" * 20


@pytest.fixture
def shop() -> Shop:
    return Shop()


def answering(*bodies: str | httpx.Response) -> httpx.Client:
    """A client that gets these answers, one after the other."""
    left = list(bodies)

    def answer(_request: httpx.Request) -> httpx.Response:
        body = left.pop(0)
        return (
            body if isinstance(body, httpx.Response) else httpx.Response(200, text=body)
        )

    return httpx.Client(transport=httpx.MockTransport(answer))


# --- opening a session


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


# --- asking


def test_a_payment_is_told_with_everything_that_has_to_be_compared(shop: Shop) -> None:
    answer = shop.paid()
    (session,) = shop.state.sessions.values()
    (paid,) = session.tries
    assert answer.state is PaidState.PAID
    assert (answer.reference, answer.amount) == (REFERENCE, Decimal("500.00"))
    assert (answer.currency, answer.merchant_expected) == ("BDT", STORE)
    assert answer.transactions == (
        TransactionId("val_id", paid.val_id),
        TransactionId("bank_tran_id", paid.bank_tran_id),
    )
    assert answer.fee == Decimal("12.50")
    assert answer.paid_at == datetime(2026, 11, 24, 6, tzinfo=UTC)
    assert answer.payer == "418117XXXXXX6675"
    assert answer.flags == ()


def test_valid_at_first_and_validated_later_are_both_paid(shop: Shop) -> None:
    first = shop.paid()
    second = shop.ask()
    assert (first.raw["status"], second.raw["status"]) == ("VALID", "VALIDATED")
    assert first.state is second.state is PaidState.PAID
    assert first.transactions == second.transactions


def test_a_lost_first_validation_costs_no_payment(shop: Shop) -> None:
    shop.walk(shop.open(), "pay")
    shop.state.faults.arm("validate_lost", times=1)
    with pytest.raises(GatewayUnknownError):
        shop.ask()
    assert shop.ask().state is PaidState.PAID


def test_what_was_not_attempted_is_waiting(shop: Shop) -> None:
    shop.open()
    answer = shop.ask()
    assert (answer.state, answer.reason) == (PaidState.WAITING, "not attempted")
    assert answer.reference is None


@pytest.mark.parametrize(
    ("button", "reason"),
    [("fail", "Card declined by issuer"), ("cancel", "Cancelled by User")],
)
def test_tries_that_all_ended_without_money_are_failed(
    shop: Shop, button: str, reason: str
) -> None:
    checkout = shop.open()
    shop.walk(checkout, button)
    answer = shop.ask()
    assert (answer.state, answer.reason) == (PaidState.FAILED, reason)
    assert answer.transactions == ()


def test_a_payment_after_failures_is_paid_however_late(shop: Shop) -> None:
    checkout = shop.open()
    shop.walk(checkout, "fail")
    shop.walk(checkout, "cancel")
    shop.clock.forward(hours=30)
    assert shop.ask().state is PaidState.FAILED
    shop.walk(checkout, "pay")
    assert shop.ask().state is PaidState.PAID


def test_pending_is_waiting_until_it_is_valid(shop: Shop) -> None:
    shop.walk(shop.open(), "pay")
    shop.state.faults.arm("pending")
    assert shop.ask().state is PaidState.WAITING
    shop.state.faults.disarm("pending")
    assert shop.ask().state is PaidState.PAID


def test_two_payments_of_one_order_are_flagged_with_the_other_ones_ids(
    shop: Shop,
) -> None:
    shop.state.faults.arm("pays_twice")
    checkout = shop.open()
    shop.walk(checkout, "pay")
    shop.clock.forward(minutes=1)
    shop.walk(checkout, "pay")
    first, second = shop.state.sessions[checkout.payment_id].tries
    answer = shop.ask()
    assert answer.transactions[0].value == first.val_id
    (flag,) = answer.flags
    assert flag.startswith("paid twice: also 500.00 BDT")
    assert second.val_id in flag
    assert second.bank_tran_id in flag


def test_a_failed_try_after_the_paid_one_changes_nothing(shop: Shop) -> None:
    checkout = shop.open()
    shop.walk(checkout, "pay")
    shop.state.fail(shop.state.sessions[checkout.payment_id])
    answer = shop.ask()
    assert (answer.state, answer.flags) == (PaidState.PAID, ())


@pytest.mark.parametrize(
    ("fault", "flag"),
    [
        ("risk", "risk: level 1 Highest"),
        ("discount", "amount: 500.00 was asked for, 475.00 was paid"),
        ("discount", "discount: discount_percentage 5.00 Campaign"),
        ("settled_usd", "currency: settled in USD"),
        ("no_store_amount", "fee: store_amount is absent"),
        ("no_bank_tran_id", "bank_tran_id: the answer does not tell it"),
    ],
)
def test_what_a_person_has_to_look_at_is_flagged(
    shop: Shop, fault: str, flag: str
) -> None:
    shop.state.faults.arm(fault)
    answer = shop.paid()
    assert answer.state is PaidState.PAID
    assert flag in answer.flags


def test_a_poisha_less_is_told_exactly(shop: Shop) -> None:
    shop.state.faults.arm("amount_less")
    assert shop.paid().amount == Decimal("499.99")


def test_dollars_are_told_as_dollars(shop: Shop) -> None:
    shop.state.faults.arm("currency_usd")
    answer = shop.paid()
    assert (answer.amount, answer.currency) == (Decimal("500.00"), "USD")


def test_what_a_campaign_leaves_is_what_was_paid(shop: Shop) -> None:
    shop.state.faults.arm("discount")
    answer = shop.paid()
    assert (answer.amount, answer.fee) == (Decimal("475.00"), Decimal("11.88"))


def test_another_currency_is_not_told_in_taka(shop: Shop) -> None:
    raw = {**shop.paid().raw, "currency_type": "USD", "amount": "61000.00"}
    answer = validated(raw, STORE)
    assert (answer.amount, answer.currency) == (Decimal("500.00"), "USD")


def test_numbers_in_the_json_are_as_exact_as_texts(shop: Shop) -> None:
    shop.state.faults.arm("numbers_as_json")
    answer = shop.paid("1234.56")
    assert answer.amount == Decimal("1234.56")
    assert answer.fee == Decimal("30.86")
    assert answer.flags == ()
    assert answer.raw["currency_amount"] == "1234.56"


@pytest.mark.parametrize(
    "fault",
    ["validate_lost", "validate_500", "validate_html", "validate_empty", "query_lost"],
)
def test_an_ask_without_a_usable_answer_is_unknown(shop: Shop, fault: str) -> None:
    shop.walk(shop.open(), "pay")
    shop.state.faults.arm(fault)
    with pytest.raises(GatewayUnknownError):
        shop.ask()


def test_a_listed_payment_that_is_not_validated_is_unknown(shop: Shop) -> None:
    shop.walk(shop.open(), "pay")
    shop.state.faults.arm("invalid_transaction")
    with pytest.raises(GatewayUnknownError):
        shop.ask()


def a_payment(**changes: str) -> dict[str, str]:
    facts = {
        "APIConnect": "DONE",
        "status": "VALID",
        "tran_id": REFERENCE,
        "val_id": "V1",
        "bank_tran_id": "B1",
        "currency_type": "BDT",
        "amount": "500.00",
        "currency_amount": "500.00",
        "store_amount": "490.00",
        "risk_level": "0",
        "tran_date": "2026-11-24 12:00:00",
    }
    return facts | changes


def listing(*payments: dict[str, str]) -> str:
    return json.dumps(
        {
            "APIConnect": "DONE",
            "no_of_trans_found": len(payments),
            "element": list(payments),
        }
    )


def ask_with(*bodies: str, hint_id: str | None = None) -> Answer:
    asked = Shop().asked(REFERENCE, "500.00", hint_id=hint_id)
    return a_gateway(answering(*bodies)).ask(asked, now=asked.created_at)


def test_a_listed_payment_of_another_order_is_passed_over() -> None:
    answer = ask_with(listing(a_payment(tran_id=SECOND)))
    assert answer.state is PaidState.WAITING


@pytest.mark.parametrize("turn", [1, -1])
def test_of_two_payments_the_one_that_fits_answers(turn: int) -> None:
    wrong = a_payment(val_id="V0", amount="1.00", currency_amount="1.00")
    fitting = a_payment(tran_date="2026-11-24 13:00:00")
    both = [wrong, fitting][::turn]
    answer = ask_with(listing(*both), json.dumps(fitting))
    assert (answer.amount, answer.transactions[0].value) == (Decimal("500.00"), "V1")
    assert "V0" in answer.flags[0]


def test_a_validation_of_another_payment_is_unknown() -> None:
    with pytest.raises(GatewayUnknownError, match="another payment"):
        ask_with(listing(a_payment()), json.dumps(a_payment(val_id="V2")))


@pytest.mark.parametrize("said", ["INVALID_REQUEST", "FAILED", "INACTIVE"])
def test_a_refused_hint_blames_nobody(said: str) -> None:
    refused = json.dumps({"APIConnect": said})
    assert ask_with(refused, listing(), hint_id="V9").state is PaidState.WAITING


@pytest.mark.parametrize("said", ['"SOON"', "null", "1", "{}"])
def test_an_answer_that_was_not_connected_is_unknown(said: str) -> None:
    with pytest.raises(GatewayUnknownError):
        ask_with(f'{{"APIConnect": {said}, "element": []}}')


@pytest.mark.parametrize("listed", ["null", '"x"', "[1, null]", "{}"])
def test_a_listing_of_nothing_readable_is_waiting(listed: str) -> None:
    answer = ask_with(f'{{"APIConnect": "DONE", "element": {listed}}}')
    assert answer.state is PaidState.WAITING


def test_an_inactive_store_is_our_own_fault(shop: Shop) -> None:
    shop.open()
    shop.state.faults.arm("store_inactive")
    with pytest.raises(GatewayRefusedError, match="not active") as caught:
        shop.ask()
    assert (caught.value.ours, caught.value.code) == (True, "INACTIVE")


@pytest.mark.parametrize(
    "changes",
    [
        {"currency_amount": None},
        {"currency_amount": "NaN"},
        {"amount": "five hundred"},
        {"risk_level": None},
        {"store_amount": "600.00"},
    ],
)
def test_a_paid_answer_that_lacks_what_is_compared_is_flagged(
    shop: Shop, changes: dict[str, object]
) -> None:
    answer = validated({**shop.paid().raw, **changes}, STORE)
    assert answer.state is PaidState.PAID
    assert len(answer.flags) == 1


def test_a_paid_answer_without_currency_or_order_equals_none_of_ours(
    shop: Shop,
) -> None:
    raw = {
        k: v
        for k, v in shop.paid().raw.items()
        if k not in ("tran_id", "currency_type")
    }
    answer = validated(raw, STORE)
    assert (answer.reference, answer.currency) == ("", "")


# --- hints


def test_a_hinted_val_id_of_ours_takes_one_call(shop: Shop) -> None:
    _, posted = shop.walk(shop.open(), "pay")
    shop.state.asked.clear()
    assert shop.ask(hint_id=posted["val_id"]).state is PaidState.PAID
    assert shop.calls() == ["validate"]


def test_a_val_id_of_another_order_of_ours_pays_nothing(shop: Shop) -> None:
    _, posted = shop.walk(shop.open(), "pay")
    shop.open(SECOND, "5000.00")
    answer = shop.ask(SECOND, "5000.00", hint_id=posted["val_id"])
    assert answer.state is PaidState.WAITING


def test_a_val_id_of_another_store_pays_nothing(shop: Shop) -> None:
    theirs = a_gateway(shop.http, OTHER_STORE, OTHER_PASSWORD)
    checkout = theirs.create(an_order(), now=shop.clock())
    _, posted = shop.walk(checkout, "pay")
    shop.open()
    assert shop.ask(hint_id=posted["val_id"]).state is PaidState.WAITING


def test_an_answer_that_names_another_order_is_not_taken_for_ours(shop: Shop) -> None:
    _, posted = shop.walk(shop.open(), "pay")
    shop.state.faults.arm("another_tran_id")
    answer = shop.ask(hint_id=posted["val_id"])
    assert answer.reference != REFERENCE


@pytest.mark.parametrize(
    "val_id", ["FORGED", "", "x&tran_id=1", "../..", "ক", "a" * 51]
)
def test_an_invented_val_id_falls_back_to_our_reference(
    shop: Shop, val_id: str
) -> None:
    shop.walk(shop.open(), "pay")
    assert shop.ask(hint_id=val_id).state is PaidState.PAID
    # What no gateway would give as an id is not even sent.
    assert (("validate", val_id) in shop.state.asked) is (val_id == "FORGED")


def test_an_invented_val_id_fails_no_attempt(shop: Shop) -> None:
    shop.open()
    shop.clock.forward(hours=30)
    assert shop.ask(hint_id="FORGED").state is PaidState.WAITING


# --- what comes back


def test_the_browser_brings_a_signed_form_that_names_our_order(shop: Shop) -> None:
    url, posted = shop.walk(shop.open(), "pay")
    hint = shop.gateway.read_callback(a_callback(posted))
    assert url == "https://isp.example.net/pay/return/sslcommerz"
    assert (hint.reference, hint.claims) == (REFERENCE, "success")
    assert hint.transaction_id == posted["val_id"]
    assert hint.signature_is_right is True
    assert "sessionkey" not in posted


@pytest.mark.parametrize(
    ("button", "claims"), [("fail", "failed"), ("cancel", "cancelled")]
)
def test_a_failure_claims_only_what_it_claims(
    shop: Shop, button: str, claims: str
) -> None:
    _, posted = shop.walk(shop.open(), button)
    hint = shop.gateway.read_callback(a_callback(posted))
    assert (hint.reference, hint.claims) == (REFERENCE, claims)
    assert hint.transaction_id is None
    assert hint.signature_is_right is True


@pytest.mark.parametrize("status", ["UNATTEMPTED", "EXPIRED", "CANCELLED", "", "NEW"])
def test_a_form_that_lacks_most_fields_is_read(shop: Shop, status: str) -> None:
    form = {"status": status, "tran_id": REFERENCE, "val_id": ""}
    hint = shop.gateway.read_callback(a_callback(form))
    assert hint.reference == REFERENCE
    assert hint.claims != "success"
    assert hint.signature_is_right is None


def test_a_get_with_our_order_in_the_query_is_read(shop: Shop) -> None:
    request = replace(
        a_callback({}), query={"tran_id": REFERENCE, "status": "VALID", "val_id": "V1"}
    )
    hint = shop.gateway.read_callback(request)
    assert (hint.reference, hint.transaction_id) == (REFERENCE, "V1")
    assert hint.signature_is_right is False


@pytest.mark.parametrize("tran_id", ["' OR 1=1", "a\0b", "x" * 31, "ক", "a\n"])
def test_a_form_that_names_no_possible_order_names_none(
    shop: Shop, tran_id: str
) -> None:
    hint = shop.gateway.read_callback(a_callback({"tran_id": tran_id}))
    assert (hint.reference, hint.payment_id) == (None, None)


def test_the_ipn_arrives_before_the_browser_and_is_the_same_form(shop: Shop) -> None:
    _, posted = shop.walk(shop.open(), "pay")
    (ipn,) = shop.state.ipns
    assert ipn.url == "https://isp.example.net/pay/notify/sslcommerz"
    assert ipn.form == posted


def test_an_ipn_that_never_comes_leaves_the_payment_to_be_asked_about(
    shop: Shop,
) -> None:
    shop.state.faults.arm("no_ipn")
    shop.state.faults.arm("no_return")
    assert shop.walk(shop.open(), "pay") == ("", {})
    assert shop.state.ipns == []
    assert shop.ask().state is PaidState.PAID


def test_two_ipns_and_a_failed_one_after_them_leave_it_paid(shop: Shop) -> None:
    shop.state.faults.arm("ipn_twice")
    shop.state.faults.arm("ipn_failed_after")
    shop.walk(shop.open(), "pay")
    hints = [shop.gateway.read_callback(a_callback(i.form)) for i in shop.state.ipns]
    assert [hint.claims for hint in hints] == ["success", "success", "failed"]
    assert all(hint.signature_is_right for hint in hints)
    assert {shop.ask(hint_id=hint.transaction_id).state for hint in hints} == {
        PaidState.PAID
    }


def test_an_ipn_with_wrong_hashes_is_said_to_be_so(shop: Shop) -> None:
    shop.state.faults.arm("ipn_bad_signature")
    shop.walk(shop.open(), "pay")
    (ipn,) = shop.state.ipns
    assert shop.gateway.read_callback(a_callback(ipn.form)).signature_is_right is False


# --- refunds


def test_a_refund_is_begun_and_done_when_its_status_says_so(shop: Shop) -> None:
    order = a_refund(shop.paid().transactions, "200.00")
    begun = shop.gateway.refund(order, now=shop.clock())
    assert begun.state is RefundState.PROCESSING
    (refund,) = shop.state.refunds.values()
    assert begun.gateway_refund_id == refund.ref_id
    assert (refund.amount, refund.refund_trans_id) == (Decimal("200.00"), "RF1")
    later = replace(order, gateway_refund_id=begun.gateway_refund_id)
    assert shop.gateway.ask_refund(later, now=shop.clock()).state is RefundState.DONE


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        ("refund_processing", RefundState.PROCESSING),
        ("refund_cancelled", RefundState.REFUSED),
    ],
)
def test_the_status_of_a_refund_is_told(
    shop: Shop, fault: str, state: RefundState
) -> None:
    order = a_refund(shop.paid().transactions)
    begun = shop.gateway.refund(order, now=shop.clock())
    shop.state.faults.arm(fault)
    later = replace(order, gateway_refund_id=begun.gateway_refund_id)
    assert shop.gateway.ask_refund(later, now=shop.clock()).state is state


@pytest.mark.parametrize("fault", ["refund_failed", None])
def test_a_refund_that_it_will_not_make_is_refused_with_its_words(
    shop: Shop, fault: str | None
) -> None:
    paid = shop.paid()
    if fault:
        shop.state.faults.arm(fault)
    order = a_refund(paid.transactions, "500.00" if fault else "500.01")
    answer = shop.gateway.refund(order, now=shop.clock())
    assert answer.state is RefundState.REFUSED
    assert answer.reason


def test_refunds_in_parts_end_with_the_payment(shop: Shop) -> None:
    ids = shop.paid().transactions
    parts = [
        shop.gateway.refund(
            a_refund(ids, "300.00", reference=f"RF{n}"), now=shop.clock()
        ).state
        for n in (1, 2)
    ]
    assert parts == [RefundState.PROCESSING, RefundState.REFUSED]


def test_the_same_refund_sent_again_gives_nothing_back_twice(shop: Shop) -> None:
    order = a_refund(shop.paid().transactions, "200.00")
    first, second = (shop.gateway.refund(order, now=shop.clock()) for _ in range(2))
    assert first.gateway_refund_id == second.gateway_refund_id
    assert len(shop.state.refunds) == 1


def test_a_refund_without_an_answer_is_unknown_and_so_is_asking_about_it(
    shop: Shop,
) -> None:
    order = a_refund(shop.paid().transactions)
    shop.state.faults.arm("refund_lost")
    with pytest.raises(GatewayUnknownError):
        shop.gateway.refund(order, now=shop.clock())
    with pytest.raises(GatewayUnknownError, match="RF1"):
        shop.gateway.ask_refund(order, now=shop.clock())


def test_money_without_a_bank_id_is_refunded_by_hand(shop: Shop) -> None:
    with pytest.raises(GatewayRefusedError, match="by hand"):
        shop.gateway.refund(a_refund(()), now=shop.clock())


def test_a_status_of_another_refund_is_not_taken_for_ours(shop: Shop) -> None:
    begun = shop.gateway.refund(a_refund(shop.paid().transactions), now=shop.clock())
    other = a_refund(
        (TransactionId("bank_tran_id", "B1"),), ref_id=begun.gateway_refund_id
    )
    with pytest.raises(GatewayUnknownError):
        shop.gateway.ask_refund(other, now=shop.clock())


def test_a_session_can_be_asked_about_by_its_key(shop: Shop) -> None:
    checkout = shop.open()
    shop.walk(checkout, "pay")
    told = shop.gateway.ask_by_session(checkout.payment_id)
    assert (told["status"], told["tran_id"]) == ("VALID", REFERENCE)
    assert PASSWORD not in str(told)
