"""Forms that browsers bring and SSLCommerz's server sends."""

from dataclasses import replace

import pytest

from billing_core.gateways.contract import (
    PaidState,
)
from tests.gateways.sslcommerz_shop import (
    REFERENCE,
    Shop,
    a_callback,
)


@pytest.fixture
def shop() -> Shop:
    return Shop()


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
