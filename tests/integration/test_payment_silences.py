"""What is told late, wrongly or never, the same by every gateway: nothing is lost."""

from datetime import timedelta

import pytest

from billing_core.db.attempt_events import list_attempt_events
from billing_core.db.connect import Connection
from billing_core.db.payments import list_attempts
from billing_core.services.payments.deciding import NotApprovableError, approve
from billing_core.services.payments.hints import take_hint
from billing_core.services.payments.starting import TryAgainError
from tests.builders import NOON
from tests.integration.gateway_attempts import (
    FULL,
    ask,
    begin,
    come_back,
    entries,
    run_reconciler,
    someone,
)
from tests.payment_shops import NAMES, Shop, a_shop, attempt_of


@pytest.fixture(params=NAMES)
def shop(request: pytest.FixtureRequest, database_url: str) -> Shop:
    return a_shop(request.param, database_url)


def test_success_with_nothing_paid_credits_nothing(
    conn: Connection, shop: Shop
) -> None:
    attempt = begin(conn, shop, someone(conn))
    for _ in range(3):
        assert come_back(conn, shop, attempt).state == "pending"
    assert entries(conn) == []
    events = list_attempt_events(conn, attempt.attempt_id)
    (hint,) = [each.note for each in events if each.what == "hint"]
    assert hint.startswith("says success")


@pytest.mark.parametrize("claims", ["failed", "cancelled"])
def test_a_forged_failure_changes_nothing_before_or_after_the_money(
    conn: Connection, shop: Shop, claims: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    assert come_back(conn, shop, attempt, claims).state == "pending"
    shop.pay(attempt)
    assert come_back(conn, shop, attempt).state == "paid"
    after = come_back(conn, shop, attempt, claims)
    assert after.state == "paid"
    assert (after.customer_cancelled_at is not None) == (claims == "cancelled")
    assert entries(conn) == [(customer_id, FULL)]


def test_a_tab_that_was_closed_loses_nothing(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    assert run_reconciler(database_url, shop, now=NOON)[shop.gateway.name].asked == 0
    assert run_reconciler(database_url, shop)[shop.gateway.name].paid == 1
    assert attempt_of(conn, attempt.reference).state == "paid"
    assert entries(conn) == [(customer_id, FULL)]
    assert run_reconciler(database_url, shop)[shop.gateway.name].asked == 0


def test_an_answer_that_was_lost_after_the_money_moved_is_asked_for_again(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.loses = 9
    after = come_back(conn, shop, attempt)
    assert after.state == "pending"
    assert after.next_ask_at is not None
    assert entries(conn) == []
    shop.wire.loses = 0
    assert run_reconciler(database_url, shop)[shop.gateway.name].paid == 1
    assert entries(conn) == [(customer_id, FULL)]


def test_a_gateway_silent_for_two_days_brings_a_person(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.loses = 10**6
    now = NOON
    while (at := attempt_of(conn, attempt.reference).next_ask_at) is not None:
        assert at > now
        now = at
        run_reconciler(database_url, shop, now=now)
    after = attempt_of(conn, attempt.reference)
    assert (after.state, after.reason) == ("review", "NO_ANSWER")
    with pytest.raises(NotApprovableError):
        approve(conn, attempt.attempt_id, operator="nila", now=now)
    shop.wire.loses = 0
    # The customer confirmed long ago; his browser says so now (bKash captures then).
    assert ask(conn, shop, attempt, now=now, finished=True).state == "paid"
    assert entries(conn) == [(customer_id, FULL)]


def test_an_expired_payment_is_still_credited_when_it_comes_late(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    late = NOON + timedelta(hours=48)
    run_reconciler(database_url, shop, now=late)
    expired = attempt_of(conn, attempt.reference)
    assert (expired.state, expired.next_ask_at) == ("expired", None)
    shop.pay(attempt)
    assert come_back(conn, shop, attempt).state == "paid"
    assert entries(conn) == [(customer_id, FULL)]


def test_a_failure_told_by_the_gateway_ends_it_and_may_still_be_overtaken(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.simulator.fail(attempt)
    # SSLCommerz lets him try again for an hour; bKash says it when it is to capture.
    later = NOON + timedelta(hours=2)
    after = ask(conn, shop, attempt, now=later, finished=True)
    assert after.state == "failed"
    assert after.next_ask_at is not None
    assert entries(conn) == []
    if shop.gateway.name == "sslcommerz":
        shop.pay(attempt)
        assert ask(conn, shop, attempt, now=later).state == "paid"
        assert entries(conn) == [(customer_id, FULL)]


def test_two_calls_in_any_order_are_one_payment(conn: Connection, shop: Shop) -> None:
    """The server's notification comes before the browser, or the other way round."""
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    hint = shop.hint(attempt)
    seen = [
        take_hint(
            conn,
            shop.gateway,
            hint,
            verification="automatic",
            actor=actor,
            now=NOON,
        )
        for actor in ("notification", "browser", "notification")
    ]
    assert [each.state for each in seen if each] == ["paid"] * 3
    assert entries(conn) == [(customer_id, FULL)]


def test_a_create_that_nobody_answered_is_tried_anew_and_nothing_is_lost(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    fault = {
        "bkash": "create_times_out",
        "nagad": "silent_complete",
        "sslcommerz": "create_lost",
    }[shop.gateway.name]
    faults = shop.simulator.state.faults  # type: ignore[attr-defined]  # all have it
    faults.arm(fault, times=1)
    customer_id = someone(conn)
    with pytest.raises(TryAgainError, match="Nothing was paid"):
        begin(conn, shop, customer_id)
    (lost,) = list_attempts(conn, limit=9)
    assert lost.state in ("created", "pending")
    assert lost.next_ask_at is not None
    again = begin(conn, shop, customer_id)
    assert again.reference != lost.reference
    shop.pay(again)
    assert come_back(conn, shop, again).state == "paid"
    run_reconciler(database_url, shop, now=NOON + timedelta(hours=48))
    assert attempt_of(conn, lost.reference).state in ("failed", "expired")
    assert entries(conn) == [(customer_id, FULL)]
