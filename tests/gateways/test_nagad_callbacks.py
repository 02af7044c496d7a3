"""What the browser brings back from Nagad is a hint, and nothing more."""

import pytest

from billing_core.gateways.contract import (
    CallbackRequest,
    Hint,
    PaidState,
)
from tests.gateways.nagad_lab import REFERENCE, RETURN_URL, Lab, came_back


@pytest.mark.parametrize("fault", ["shuffled_callback", "bare_callback"])
def test_a_callback_is_read_by_its_names(lab: Lab, fault: str) -> None:
    """Clients that cut the query by position or at each = lose the reference."""
    checkout = lab.create()
    lab.state.faults.arm(fault)
    hint = lab.hint(lab.press(checkout, "pay"))
    assert (hint.reference, hint.payment_id) == (REFERENCE, checkout.payment_id)
    assert hint.claims == "success"


def test_a_plus_that_nobody_encoded_is_still_a_plus(lab: Lab) -> None:
    hint = lab.gateway.read_callback(
        came_back(f"{RETURN_URL}?payment_ref_id=YWJj+Zm9v==&order_id=A1")
    )
    assert hint.payment_id == "YWJj+Zm9v=="


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ({}, Hint(None, None, "")),
        ({"status": "Success"}, Hint(None, None, "success")),
        ({"order_id": "A1", "status": "PAID!"}, Hint("A1", None, "")),
        ({"order_id": "../1", "payment_ref_id": "a b\0"}, Hint(None, None, "")),
        ({"order_id": "A" * 41}, Hint(None, None, "")),
        ({"order_id": "১২"}, Hint(None, None, "")),
        ({"order_id": "A1\n"}, Hint("A1", None, "")),
        ({"payment_ref_id": "x" * 256}, Hint(None, None, "")),
    ],
)
def test_a_callback_that_names_nothing_is_a_hint_at_nothing(
    lab: Lab, query: dict[str, str], hint: Hint
) -> None:
    request = CallbackRequest(query=query, form={}, body=b"\xff", headers={})
    assert lab.gateway.read_callback(request) == hint
    assert lab.state.requests == []


def test_a_browser_that_says_success_does_not_make_it_paid(lab: Lab) -> None:
    checkout = lab.create()
    lab.state.faults.arm("success_unpaid")
    assert lab.hint(lab.press(checkout, "pay")).claims == "success"
    assert lab.ask(checkout).state is PaidState.WAITING


def test_a_browser_that_says_failed_does_not_undo_a_payment(lab: Lab) -> None:
    checkout = lab.create()
    lab.state.faults.arm("failure_after_success")
    assert lab.hint(lab.press(checkout, "pay")).claims == "failed"
    assert lab.ask(checkout).state is PaidState.PAID


def test_a_browser_that_never_comes_back_has_paid_all_the_same(lab: Lab) -> None:
    checkout = lab.create()
    lab.state.faults.arm("no_callback")
    assert lab.press(checkout, "pay").status_code == 200
    assert lab.ask(checkout).state is PaidState.PAID


def test_a_paid_order_cannot_be_paid_or_given_up_again(lab: Lab) -> None:
    checkout = lab.create()
    lab.press(checkout, "pay")
    first = lab.ask(checkout)
    lab.press(checkout, "abort")
    lab.press(checkout, "pay")
    assert lab.ask(checkout) == first
