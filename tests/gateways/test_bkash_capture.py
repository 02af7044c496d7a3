"""Capturing a bKash payment: when it is sent, and when bKash is asked instead."""

import threading

import pytest

from billing_core.gateways.contract import (
    GatewayUnknownError,
    PaidState,
)
from simulators.gateways.bkash import WALLET_WITH_DEBIT_BLOCK, WALLET_WITHOUT_MONEY
from tests.gateways.bkash_shop import REFERENCE, Shop, returning

CAPTURED_AND_LOST = (
    "execute_times_out",
    "execute_504",
    "execute_empty",
    "execute_html",
    "execute_9999_captured",
    "execute_error_shape",
)


def test_nothing_is_asked_after_an_execute_that_was_answered() -> None:
    shop = Shop()
    shop.pay()
    assert shop.calls == {"create": 1, "execute": 1}


@pytest.mark.parametrize("fault", CAPTURED_AND_LOST)
def test_a_capture_whose_answer_is_lost_is_asked_about_and_never_repeated(
    fault: str,
) -> None:
    shop = Shop()
    shop.bkash.faults.arm(fault)
    _, answer = shop.pay()
    assert answer.state is PaidState.PAID
    assert answer.reference == REFERENCE
    assert shop.calls == {"create": 1, "execute": 1, "query": 1}


@pytest.mark.parametrize("fault", ["query_times_out", "query_9999"])
def test_nobody_knows_when_neither_the_capture_nor_the_question_is_answered(
    fault: str,
) -> None:
    shop = Shop()
    shop.bkash.faults.arm("execute_times_out")
    shop.bkash.faults.arm(fault, times=1)
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE)
    with pytest.raises(GatewayUnknownError):
        shop.ask(checkout, finished=True)
    assert shop.ask(checkout).state is PaidState.PAID
    assert shop.calls["execute"] == 1


@pytest.mark.parametrize("fault", ["execute_never_arrives", "execute_9999"])
def test_a_capture_that_never_happened_happens_at_a_later_question(fault: str) -> None:
    shop = Shop()
    shop.bkash.faults.arm(fault, times=1)
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE)
    assert shop.ask(checkout, finished=True).state is PaidState.WAITING
    assert shop.bkash.payment_of(REFERENCE).trx_id == ""
    assert shop.ask(checkout).state is PaidState.PAID


def test_after_a_capture_was_tried_bkash_is_asked_before_it_captures_again() -> None:
    shop = Shop()
    shop.bkash.faults.arm("execute_times_out")
    shop.bkash.faults.arm("query_times_out", times=1)
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE)
    with pytest.raises(GatewayUnknownError):
        shop.ask(checkout, finished=True)
    answer = shop.ask(checkout, finished=True, tried=True)
    assert answer.state is PaidState.PAID
    assert shop.calls["execute"] == 1


def test_a_capture_that_never_arrived_is_sent_again_when_bkash_says_so() -> None:
    shop = Shop()
    shop.bkash.faults.arm("execute_never_arrives", times=1)
    shop.bkash.faults.arm("query_without_verification")
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE)
    assert shop.ask(checkout, finished=True).state is PaidState.WAITING
    assert shop.ask(checkout).state is PaidState.WAITING  # nobody says he is through
    answer = shop.ask(checkout, finished=True, tried=True)
    assert answer.state is PaidState.PAID
    assert shop.calls["execute"] == 2


def test_a_customer_who_never_confirmed_is_not_captured_over_and_over() -> None:
    shop = Shop()
    checkout = shop.open()
    assert shop.ask(checkout, finished=True).state is PaidState.WAITING  # forged
    for _ in range(5):
        answer = shop.ask(checkout, finished=True, tried=True)
        assert answer.state is PaidState.WAITING
    assert shop.calls["execute"] == 1


@pytest.mark.parametrize("spelling", ["", "query_user_spelling"])
def test_a_customer_who_confirmed_and_closed_his_browser_is_captured_by_the_reconciler(
    spelling: str,
) -> None:
    shop = Shop()
    if spelling:
        shop.bkash.faults.arm(spelling)
    shop.bkash.faults.arm("callback_never")
    checkout = shop.open()
    assert shop.bkash.customer_pays(REFERENCE) == []
    assert shop.ask(checkout).state is PaidState.PAID
    assert shop.calls == {"create": 1, "query": 1, "execute": 1}


def test_nobody_is_captured_who_confirmed_hours_ago() -> None:
    shop = Shop()
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE)
    shop.clock.forward(hours=1, seconds=1)
    assert shop.ask(checkout).state is PaidState.WAITING
    assert "execute" not in shop.calls


def test_nobody_is_captured_who_has_not_confirmed() -> None:
    shop = Shop()
    checkout = shop.open()
    answer = shop.ask(checkout)
    assert answer.state is PaidState.WAITING
    assert answer.reason == "Initiated"
    assert shop.calls == {"create": 1, "query": 1}


def test_a_return_that_claims_success_with_nothing_paid_pays_nothing() -> None:
    shop = Shop()
    checkout = shop.open()
    answer = shop.ask(checkout, finished=True)  # 2060: he is still on the page
    assert answer.state is PaidState.WAITING
    assert answer.transactions == ()


def test_a_second_return_finds_what_the_first_one_paid() -> None:
    shop = Shop()
    checkout, first = shop.pay()
    second = shop.ask(checkout, finished=True)
    assert second.state is PaidState.PAID
    assert second.transactions == first.transactions


@pytest.mark.parametrize("code", ["2117", "2056"])
def test_a_capture_that_was_done_before_is_no_failure(code: str) -> None:
    shop = Shop()
    checkout, first = shop.pay()
    shop.bkash.faults.arm(f"second_execute_{code}")
    second = shop.ask(checkout, finished=True)
    assert second.state is PaidState.PAID
    assert second.transactions == first.transactions


def test_fifty_returns_at_once_move_the_money_once() -> None:
    shop = Shop()
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE)
    start, answers = threading.Barrier(50), []

    def come_back() -> None:
        start.wait()
        answers.append(shop.ask(checkout, finished=True))

    threads = [threading.Thread(target=come_back) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.state for a in answers] == [PaidState.PAID] * 50
    assert len({a.transactions for a in answers}) == 1
    assert shop.bkash.calls["grant"] == 1


def test_who_cancelled_and_who_failed_have_paid_nothing() -> None:
    shop = Shop()
    checkout = shop.open()
    (address,) = shop.bkash.customer_cancels(REFERENCE)
    hint = shop.gateway.read_callback(returning(address))
    assert (hint.payment_id, hint.claims) == (checkout.payment_id, "cancelled")
    assert shop.ask(checkout).state is PaidState.WAITING
    answer = shop.ask(checkout, finished=True)  # somebody claims success after all
    assert answer.state is PaidState.FAILED
    assert "2069" in answer.reason


def test_a_forged_failure_after_success_changes_nothing() -> None:
    shop = Shop()
    shop.bkash.faults.arm("failure_callback_after_success")
    checkout = shop.open()
    addresses = shop.bkash.customer_pays(REFERENCE)
    claims = [shop.gateway.read_callback(returning(a)).claims for a in addresses]
    assert claims == ["success", "failed"]
    assert shop.ask(checkout, finished=True).state is PaidState.PAID
    assert shop.ask(checkout).state is PaidState.PAID


def test_a_wallet_without_money_ends_the_attempt() -> None:
    shop = Shop()
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE, WALLET_WITHOUT_MONEY)
    answer = shop.ask(checkout, finished=True)
    assert answer.state is PaidState.FAILED
    assert answer.reason == "2023 Insufficient Balance"
    assert shop.calls == {"create": 1, "execute": 1}


def test_a_code_that_nobody_explains_leaves_the_attempt_open() -> None:
    shop = Shop()
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE, WALLET_WITH_DEBIT_BLOCK)
    assert shop.ask(checkout, finished=True).state is PaidState.WAITING
