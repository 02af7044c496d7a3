"""Opening a checkout at the simulated Nagad, with everything that goes wrong."""

import json
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest

from billing_core.gateways.contract import (
    GatewayRefusedError,
    GatewayUnknownError,
    PaidState,
    TransactionId,
)
from billing_core.gateways.nagad import NagadGateway
from billing_core.gateways.nagad.answers import names_order
from billing_core.gateways.nagad.client import public_ipv4
from billing_core.gateways.nagad.settings import NO_IPV4
from tests.gateways.nagad_lab import (
    KEYS,
    REFERENCE,
    RETURN_URL,
    Lab,
    a_refund,
    an_order,
    asked_about,
)


def test_a_customer_pays_and_verify_tells_everything_about_it(lab: Lab) -> None:
    checkout = lab.create()
    assert checkout.url.startswith("http://127.0.0.1/check-out/")
    assert lab.ask(checkout).state is PaidState.WAITING
    lab.clock.forward(minutes=2)

    hint = lab.hint(lab.press(checkout, "pay"))

    assert (hint.reference, hint.payment_id) == (REFERENCE, checkout.payment_id)
    assert hint.claims == "success"
    answer = lab.ask(checkout)
    assert answer.state is PaidState.PAID
    assert (answer.reference, answer.payment_id) == (REFERENCE, checkout.payment_id)
    assert answer.merchant == answer.merchant_expected == lab.state.merchant_id
    assert answer.amount == Decimal("525.00")
    assert answer.currency is None
    issuer_ref = lab.state.order(checkout.payment_id).issuer_ref
    assert answer.transactions == (TransactionId("issuer_ref", issuer_ref),)
    assert answer.paid_at == lab.clock()
    assert answer.payer == "017****5678"
    assert answer.flags == ()
    assert lab.ask(checkout) == answer


def test_the_reference_has_the_real_form_and_is_encoded_in_addresses(
    lab: Lab,
) -> None:
    checkout = lab.paid()
    assert checkout.payment_id.endswith("=")
    assert names_order(checkout.payment_id, lab.state.merchant_id, REFERENCE)
    sent: list[bytes] = []
    lab.http.event_hooks = {"request": [lambda r: sent.append(r.url.raw_path)]}
    lab.ask(checkout)
    lab.gateway.refund(a_refund(checkout), now=lab.clock())
    assert len(sent) == 2
    for path in sent:
        assert checkout.payment_id.replace("=", "%3D").encode() in path
        assert not path.endswith(b"=")


def test_an_account_that_signs_with_sha1_works_when_it_is_set_so() -> None:
    lab = Lab(nagad_signature_hash="SHA1")
    assert lab.ask(lab.paid()).state is PaidState.PAID


def test_the_datetime_is_of_dhaka_not_of_utc(lab: Lab) -> None:
    """24 November 20:30 UTC is the 25th at Nagad; six hours off would be refused."""
    lab.clock.forward(hours=14, minutes=30)
    kept = lab.create().answer
    assert kept["acceptDateTime"] == "20261125023000"


def test_what_is_sent_is_what_the_api_takes(lab: Lab) -> None:
    bodies: list[dict[str, object]] = []

    def keep(request: httpx.Request) -> None:
        bodies.append(json.loads(request.content))

    lab.http.event_hooks = {"request": [keep]}
    lab.create()
    first, second = bodies
    assert set(first) == {"dateTime", "sensitiveData", "signature"}
    assert set(second) == {
        "sensitiveData",
        "signature",
        "merchantCallbackURL",
        "additionalMerchantInfo",
    }
    assert second["merchantCallbackURL"] == RETURN_URL
    assert second["additionalMerchantInfo"] == {"serviceName": "Internet bill 1042"}
    for _method, _path, headers in lab.state.requests:
        assert headers["X-Km-Api-Version"] == "v-0.2.0"
        assert headers["X-Km-Ip-V4"] == "103.4.145.10"
        assert headers["X-Km-Client-Type"] == "PC_WEB"
        assert headers["X-Km-Mc-Id"] == lab.state.merchant_id


def test_the_account_number_is_sent_where_it_is_set() -> None:
    lab = Lab(nagad_account_number="01900000000")
    bodies: list[dict[str, object]] = []
    lab.http.event_hooks = {"request": [lambda r: bodies.append(json.loads(r.content))]}
    lab.create()
    assert [body.get("accountNumber") for body in bodies] == ["01900000000", None]


def test_each_challenge_is_new(lab: Lab) -> None:
    lab.create()
    lab.create(reference="K7Q2M9X4T1B8W5Z3R6NB")
    assert [len(challenge) for challenge in lab.state.challenges] == [40, 40]
    assert len(set(lab.state.challenges)) == 2


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("103.4.145.10", "103.4.145.10"),
        ("::ffff:103.4.145.10", "103.4.145.10"),
        ("127.0.0.1", "8.8.4.4"),
        ("10.20.30.40", "8.8.4.4"),
        ("100.64.0.9", "8.8.4.4"),
        ("2400:3240::1", "8.8.4.4"),
        ("::1", "8.8.4.4"),
        ("", "8.8.4.4"),
        ("1.2.3.4, 103.4.145.10", "8.8.4.4"),
    ],
)
def test_nagad_is_told_a_public_ipv4_address(address: str, told: str) -> None:
    assert public_ipv4(address, "8.8.4.4") == told


def test_a_customer_on_loopback_can_pay_without_any_setting(lab: Lab) -> None:
    lab.create(client_address="127.0.0.1")
    assert lab.state.requests[0][2]["X-Km-Ip-V4"] == NO_IPV4


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"currency": "USD"}, "BDT only"),
        ({"amount": Decimal("-0.01")}, "above zero"),
        ({"amount": Decimal("0.00")}, "above zero"),
        ({"amount": Decimal("1.005")}, "two decimals"),
        ({"reference": "K7Q2M9X4T1B8W5Z3R6NAX"}, "1 to 20"),
        ({"reference": "bill/1042"}, "1 to 20"),
        ({"reference": ""}, "1 to 20"),
    ],
)
def test_what_nagad_cannot_take_is_never_sent(
    lab: Lab, changed: dict[str, object], says: str
) -> None:
    with pytest.raises(GatewayRefusedError, match=says):
        lab.create(**changed)
    assert lab.state.requests == []


def test_an_order_number_is_taken_once(lab: Lab) -> None:
    lab.create()
    with pytest.raises(GatewayRefusedError, match="DuplicateOrderId") as caught:
        lab.create()
    assert caught.value.code == "DuplicateOrderId"
    assert caught.value.ours


def test_a_wrong_merchant_is_our_fault_and_says_so(lab: Lab) -> None:
    settings = lab.settings(nagad_merchant_id="683000000000777")
    with pytest.raises(GatewayRefusedError, match="InvalidMerchant") as caught:
        NagadGateway(settings, lab.http).create(an_order(), now=lab.clock())
    assert caught.value.ours


def test_a_clock_that_is_off_is_told_in_nagads_words(lab: Lab) -> None:
    lab.state.faults.arm("skewed_clock")
    with pytest.raises(GatewayRefusedError, match="Please verify provided data"):
        lab.create()


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_keys_that_do_not_fit_open_nothing(lab: Lab, side: str) -> None:
    changed = (
        {"private_key": KEYS.other}
        if side == "ours"
        else {"gateway_key": KEYS.other.public_key()}
    )
    gateway = NagadGateway(replace(lab.settings(), **changed), lab.http)
    with pytest.raises(GatewayRefusedError, match=r"Signature|Decryption"):
        gateway.create(an_order(), now=lab.clock())


@pytest.mark.parametrize("fault", ["bad_signature", "other_key", "sha1", "garbage"])
def test_an_answer_that_nagad_did_not_sign_opens_nothing(lab: Lab, fault: str) -> None:
    lab.state.faults.arm(fault)
    with pytest.raises(GatewayUnknownError, match="proves nothing") as caught:
        lab.create()
    assert "KHATA_NAGAD_GATEWAY_PUBLIC_KEY" in str(caught.value)
    assert not any("complete" in path for _, path, _ in lab.state.requests)


def test_a_signed_answer_about_another_order_opens_nothing(lab: Lab) -> None:
    lab.state.faults.arm("other_order")
    with pytest.raises(GatewayUnknownError, match="another order"):
        lab.create()
    assert not any("complete" in path for _, path, _ in lab.state.requests)


def test_a_reference_of_an_unknown_form_is_left_to_verify() -> None:
    assert names_order("bm90IHRoZSBmb3Jt", "683", "A1")
    assert names_order("no base64 at all", "683", "A1")


def test_nobody_is_sent_to_a_page_without_tls(lab: Lab) -> None:
    lab.state.faults.arm("plain_page")
    with pytest.raises(GatewayUnknownError, match="no page to pay at"):
        lab.create()


def test_a_lost_answer_to_complete_leaves_the_reference_to_ask_by(lab: Lab) -> None:
    """Most plugins drop it, and can never ask what became of the order."""
    lab.state.faults.arm("silent_complete")
    with pytest.raises(GatewayUnknownError) as caught:
        lab.create()
    payment_id = caught.value.payment_id
    assert payment_id is not None
    lab.state.pay(payment_id)
    answer = lab.gateway.ask(asked_about(payment_id), now=lab.clock())
    assert answer.state is PaidState.PAID


def test_a_lost_answer_to_initialize_leaves_nothing_to_ask_by(lab: Lab) -> None:
    lab.state.faults.arm("silent_initialize")
    with pytest.raises(GatewayUnknownError, match="ReadTimeout") as caught:
        lab.create()
    assert caught.value.payment_id is None
    with pytest.raises(GatewayUnknownError, match="no payment reference"):
        lab.gateway.ask(asked_about(None), now=lab.clock())
