"""Attacks and accidents, the same against every gateway: credited exactly once.

The gateways are simulated; the wire, the database and all between are real.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from billing_core.db.attempt_events import list_attempt_events
from billing_core.db.connect import Connection, connect
from billing_core.db.payments import (
    Attempt,
    list_attempts,
)
from billing_core.services.payments.asking import ask_about
from billing_core.services.payments.deciding import (
    AlreadyDecidedError,
    ChangedSinceError,
    NotApprovableError,
    NothingToDecideError,
    approve,
    reject,
)
from billing_core.services.payments.hints import take_hint
from billing_core.services.payments.reconciling import reconcile
from billing_core.services.payments.starting import (
    Site,
    StartedPayment,
    TryAgainError,
    start_payment,
)
from tests.builders import (
    NOON,
    a_customer,
    a_package,
    at_once,
    audited,
    posted,
    rows,
)
from tests.payment_shops import (
    NAMES,
    PUBLIC_URL,
    Shop,
    a_shop,
    a_simulator,
    attempt_of,
    gateway_of,
    served,
)

SITE = Site(PUBLIC_URL, "Example ISP")
SOON = NOON + timedelta(minutes=2)


@pytest.fixture(params=NAMES)
def shop(request: pytest.FixtureRequest, database_url: str) -> Shop:
    return a_shop(request.param, database_url)


def begin(
    conn: Connection, shop: Shop, customer_id: int, amount: str = "500.00"
) -> Attempt:
    started = start_payment(
        conn,
        shop.gateway,
        customer_id=customer_id,
        amount=Decimal(amount),
        purpose="wallet",
        bill_id=None,
        package_id=None,
        site=SITE,
        client_address="203.0.113.7",
        actor="customer",
        now=NOON,
    )
    assert isinstance(started, StartedPayment)
    return attempt_of(conn, started.reference)


def ask(
    conn: Connection,
    shop: Shop,
    attempt: Attempt,
    *,
    verification: str = "automatic",
    now: datetime = NOON,
    **how: Any,
) -> Attempt:
    return ask_about(
        conn,
        shop.gateway,
        attempt.reference,
        verification=verification,
        actor="tester",
        now=now,
        **how,
    )


def come_back(
    conn: Connection,
    shop: Shop,
    attempt: Attempt,
    claims: str = "success",
    *,
    verification: str = "automatic",
) -> Attempt:
    after = take_hint(
        conn,
        shop.gateway,
        shop.hint(attempt, claims),
        verification=verification,
        actor="web",
        now=NOON,
    )
    assert after is not None
    return after


def run_reconciler(
    database_url: str,
    shop: Shop,
    *,
    verification: str = "automatic",
    now: datetime = SOON,
) -> dict[str, Any]:
    return reconcile(
        lambda: connect(database_url, application="reconciler"),
        [shop.gateway],
        verification={shop.gateway.name: verification},
        now=now,
    )


def entries(conn: Connection) -> list[tuple[Any, ...]]:
    """Return what was credited by gateways: (customer_id, amount)."""
    return rows(
        conn,
        "SELECT customer_id, -sum(amount) FROM posting JOIN ledger_entry e"
        " USING (customer_id, entry_id) WHERE ledger_account = 'wallet'"
        " AND idempotency_key LIKE 'payment:%%' GROUP BY customer_id, entry_id",
    )


def someone(conn: Connection) -> int:
    return a_customer(conn, a_package(conn))


FULL = Decimal("500.00")


def test_what_was_paid_is_credited_once_however_often_it_is_told(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    for _ in range(3):
        assert come_back(conn, shop, attempt).state == "paid"
        assert ask(conn, shop, attempt).state == "paid"
    assert entries(conn) == [(customer_id, FULL)]
    assert posted(conn, customer_id) == FULL
    assert rows(conn, "SELECT method, amount, attempt_id FROM payment") == [
        (shop.gateway.name, FULL, attempt.attempt_id)
    ]
    assert audited(conn) == []


def test_by_default_a_person_approves_what_matches(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    after = come_back(conn, shop, attempt, verification="operator")
    assert after.state == "confirmed"
    assert posted(conn, customer_id) == 0
    approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == FULL
    told = [event.what for event in list_attempt_events(conn, attempt.attempt_id)]
    assert told[-3:] == ["confirmed", "approved", "paid"]
    assert audited(conn) == []


def test_a_payment_replayed_on_a_second_invoice_pays_only_the_first(
    conn: Connection, shop: Shop
) -> None:
    """The callback names the second order and brings the first one's money."""
    customer_id = someone(conn)
    first = begin(conn, shop, customer_id)
    second = begin(conn, shop, customer_id)
    shop.pay(first)
    come_back(conn, shop, first)
    hint = shop.hint(first)
    for swapped in (
        {"reference": second.reference},
        {"reference": second.reference, "payment_id": None},
        {"reference": first.reference, "payment_id": second.gateway_payment_id},
    ):
        take_hint(
            conn,
            shop.gateway,
            _replaced(hint, swapped),
            verification="automatic",
            actor="web",
            now=NOON,
        )
    assert attempt_of(conn, second.reference).state != "paid"
    assert entries(conn) == [(customer_id, FULL)]


def test_money_that_a_gateway_tells_of_twice_is_not_credited_twice(
    conn: Connection, shop: Shop
) -> None:
    """Its answer about the second order carries the first one's transaction id."""
    customer_id = someone(conn)
    first, second = (begin(conn, shop, customer_id) for _ in range(2))
    shop.pay(first)
    paid = come_back(conn, shop, first)
    assert paid.answer is not None
    ids = {each["kind"]: each["id"] for each in paid.answer["transactions"]}
    shop.pay(second)

    def reuse(answer: dict[str, Any]) -> None:
        for name, kind in (
            ("trxID", "trx_id"),
            ("issuerPaymentRefNo", "issuer_ref"),
            ("bank_tran_id", "bank_tran_id"),
        ):
            if answer.get(name):
                answer[name] = ids[kind]

    shop.wire.change = reuse
    after = come_back(conn, shop, second)
    assert (after.state, after.reason) == ("review", "DUPLICATE")
    with pytest.raises(NotApprovableError, match="DUPLICATE"):
        approve(conn, second.attempt_id, operator="nila", now=NOON)
    assert entries(conn) == [(customer_id, FULL)]


def test_another_customers_payment_is_his_whoever_brings_it(
    conn: Connection, shop: Shop
) -> None:
    victim, thief = someone(conn), someone(conn)
    his, mine = begin(conn, shop, victim), begin(conn, shop, thief)
    shop.pay(his)
    hint = shop.hint(his)
    for claimed in (hint, _replaced(hint, {"reference": mine.reference})):
        take_hint(
            conn,
            shop.gateway,
            claimed,
            verification="automatic",
            actor="web",
            now=NOON,
        )
    ask(conn, shop, mine, hint_id=hint.transaction_id)
    assert posted(conn, thief) == 0
    assert entries(conn) in ([(victim, FULL)], [])
    come_back(conn, shop, his)
    assert entries(conn) == [(victim, FULL)]


def test_an_answer_about_another_order_is_nobodys_money(
    conn: Connection, shop: Shop
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)

    def rename(answer: dict[str, Any]) -> None:
        for name in ("merchantInvoiceNumber", "merchantInvoice", "orderId"):
            if name in answer:
                answer[name] = "Z" * 20
        if "val_id" in answer:
            answer["tran_id"] = "Z" * 20

    shop.wire.change = rename
    after = come_back(conn, shop, attempt)
    assert after.state in ("review", "pending")
    if after.state == "review":
        with pytest.raises(NotApprovableError):
            approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert entries(conn) == []


@pytest.mark.parametrize("verification", ["operator", "automatic"])
def test_a_poisha_less_waits_and_approved_credits_what_was_paid(
    conn: Connection, shop: Shop, verification: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.change = _tell(shop.simulator.amount, "499.99")
    after = come_back(conn, shop, attempt, verification=verification)
    assert after.state == "review"
    assert "AMOUNT_DIFFERS" in after.reason
    assert entries(conn) == []
    # He must have seen it: 500.00 is what he expects otherwise.
    with pytest.raises(ChangedSinceError, match=r"499\.99"):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    less = Decimal("499.99")
    approve(conn, attempt.attempt_id, amount=less, operator="nila", now=NOON)
    assert entries(conn) == [(customer_id, less)]
    assert audited(conn) == []


def test_a_negative_amount_is_never_credited(conn: Connection, shop: Shop) -> None:
    attempt = begin(conn, shop, someone(conn))
    shop.pay(attempt)
    shop.wire.change = _tell(shop.simulator.amount, "-0.01")
    after = come_back(conn, shop, attempt)
    assert after.state == "review"
    with pytest.raises(NotApprovableError):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    assert entries(conn) == []


# Nagad's verify tells no currency: the order was signed in BDT (050).
@pytest.mark.parametrize("name", ["bkash", "sslcommerz"])
def test_dollars_are_no_taka(conn: Connection, database_url: str, name: str) -> None:
    shop = a_shop(name, database_url)
    assert shop.simulator.currency is not None
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.change = _tell(shop.simulator.currency, "USD")
    after = come_back(conn, shop, attempt)
    assert after.state == "review"
    assert "CURRENCY_DIFFERS" in after.reason
    with pytest.raises(NotApprovableError):
        approve(conn, attempt.attempt_id, operator="nila", now=NOON)
    reject(
        conn,
        attempt.attempt_id,
        reason="given back at the gateway",
        operator="nila",
        now=NOON,
    )
    kept = attempt_of(conn, attempt.reference)
    assert (kept.state, kept.reason) == ("rejected", "given back at the gateway")
    # Told of the same money again, the decision stands.
    assert come_back(conn, shop, attempt).state == "rejected"
    assert ask(conn, shop, attempt, finished=True).state == "rejected"
    assert entries(conn) == []
    assert posted(conn, customer_id) == 0


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


@pytest.mark.parametrize("verification", ["operator", "automatic"])
def test_fifty_callbacks_a_reconciler_and_an_operator_at_once_credit_once(
    conn: Connection, shop: Shop, database_url: str, verification: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    hint = shop.hint(attempt)

    def callback(own: Connection) -> str:
        after = take_hint(
            own,
            shop.gateway,
            hint,
            verification=verification,
            actor="web",
            now=SOON,
        )
        return "" if after is None else after.state

    def reconciler(_own: Connection) -> str:
        run_reconciler(database_url, shop, verification=verification)
        return "reconciled"

    def operator(own: Connection) -> str:
        while True:
            try:
                approve(own, attempt.attempt_id, operator="nila", now=SOON)
            except NothingToDecideError:
                continue
            except AlreadyDecidedError:
                return "late"
            return "approved"

    calls = len(shop.wire.told)
    results = at_once(database_url, [callback] * 50 + [reconciler, operator])
    assert not [each for each in results if isinstance(each, BaseException)]
    assert set(results[:50]) <= {"confirmed", "paid", "pending"}
    # Those who waited for the first one's answer had no need to ask for it again.
    assert len(shop.wire.told) - calls < 20
    assert entries(conn) == [(customer_id, FULL)]
    assert rows(conn, "SELECT count(*) FROM payment") == [(1,)]
    assert posted(conn, customer_id) == FULL
    assert attempt_of(conn, attempt.reference).state == "paid"
    assert audited(conn) == []
    if shop.gateway.name == "bkash":
        assert shop.simulator.state.calls["execute"] == 1  # type: ignore[attr-defined]  # bKash's only


def test_of_two_operators_one_decides_and_the_other_is_told_who(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt, verification="operator")

    def deciding(name: str, approves: bool) -> Callable[[Connection], str]:
        def work(own: Connection) -> str:
            if approves:
                approve(own, attempt.attempt_id, operator=name, now=NOON)
            else:
                reject(own, attempt.attempt_id, reason="no", operator=name, now=NOON)
            return name

        return work

    results = at_once(database_url, [deciding("nila", True), deciding("rafi", False)])
    winners = [each for each in results if isinstance(each, str)]
    losers = [each for each in results if isinstance(each, AlreadyDecidedError)]
    assert len(winners) == len(losers) == 1
    assert losers[0].decided_by == winners[0]
    assert winners[0] in str(losers[0])
    after = attempt_of(conn, attempt.reference)
    assert after.decided_by == winners[0]
    assert entries(conn) == ([(customer_id, FULL)] if winners == ["nila"] else [])


@pytest.mark.parametrize("name", NAMES)
def test_a_process_killed_between_the_answer_and_the_commit_is_made_up_for(
    conn: Connection, database_url: str, name: str, tmp_path: Path
) -> None:
    simulator = a_simulator(name)
    with served(simulator.app) as address:
        values = simulator.settings(address)
        client = httpx.Client()
        shop = Shop(
            gateway_of(name, values, database_url, client),
            simulator,
            None,  # type: ignore[arg-type]  # a real wire: loopback
        )
        customer_id = someone(conn)
        attempt = begin(conn, shop, customer_id)
        shop.pay(attempt)
        told = subprocess.run(
            [
                sys.executable,
                "-m",
                "tests.integration.killed_asker",
                database_url,
                name,
                attempt.reference,
            ],
            input=json.dumps(values),
            text=True,
            capture_output=True,
            timeout=60,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            check=False,
        )
        assert told.returncode == -signal.SIGKILL, told.stderr
        # The gateway has taken the money; nothing of it is in the books.
        assert entries(conn) == []
        assert rows(conn, "SELECT count(*) FROM gateway_transaction") == [(0,)]
        assert attempt_of(conn, attempt.reference).state == "pending"
        run_reconciler(database_url, shop)
        assert attempt_of(conn, attempt.reference).state == "paid"
        assert entries(conn) == [(customer_id, FULL)]
        assert audited(conn) == []
        client.close()


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


def test_no_secret_is_in_any_log_or_row(
    conn: Connection,
    shop: Shop,
    database_url: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    shop.wire.loses = 2
    come_back(conn, shop, attempt)
    shop.wire.loses = 0
    run_reconciler(database_url, shop)
    assert entries(conn) == [(customer_id, FULL)]
    text = caplog.text + str([vars(record) for record in caplog.records])
    for table in ("payment_attempt", "payment_attempt_event", "gateway_token"):
        text += str(rows(conn, f"SELECT t::text FROM {table} t"))  # noqa: S608 - ours
    assert shop.gateway.name in text
    secrets = [*shop.simulator.secrets]
    if shop.gateway.name == "bkash":
        secrets += shop.simulator.state.tokens  # type: ignore[attr-defined]  # bKash's only
        secrets += shop.simulator.state.refresh_tokens  # type: ignore[attr-defined]  # too
        assert len(secrets) > len(shop.simulator.secrets)
    assert not [secret for secret in secrets if secret in text]


def test_an_unknown_hint_calls_nobody(conn: Connection, shop: Shop) -> None:
    attempt = begin(conn, shop, someone(conn))
    calls = len(shop.wire.told)
    hint = shop.hint(attempt)
    for changes in (
        {"reference": "Z" * 20, "payment_id": None},
        {"reference": None, "payment_id": "unknown"},
        {"reference": "' OR 1=1 --", "payment_id": "\x00"},
        {"reference": None, "payment_id": None},
    ):
        assert (
            take_hint(
                conn,
                shop.gateway,
                _replaced(hint, changes),
                verification="automatic",
                actor="web",
                now=NOON,
            )
            is None
        )
    assert len(shop.wire.told) == calls


def test_hints_cannot_wear_a_gateway_out(conn: Connection, shop: Shop) -> None:
    attempt = begin(conn, shop, someone(conn))
    conn.execute("UPDATE payment_attempt SET asks = 100")
    calls = len(shop.wire.told)
    assert come_back(conn, shop, attempt).state == "pending"
    assert len(shop.wire.told) == calls


def test_more_money_for_what_was_paid_before_waits_for_a_person(
    conn: Connection, database_url: str
) -> None:
    """SSLCommerz takes several tries under one order: two tabs, two cards."""
    shop = a_shop("sslcommerz", database_url)
    customer_id = someone(conn)
    attempt = begin(conn, shop, customer_id)
    shop.pay(attempt)
    come_back(conn, shop, attempt)
    shop.pay(attempt)
    for _ in range(3):
        assert come_back(conn, shop, attempt).state == "paid"
    assert entries(conn) == [(customer_id, FULL)]
    (more,) = list_attempts(conn, states=["review"], limit=9)
    assert more.reason == "PAID_AGAIN"
    assert more.again_of_attempt_id == attempt.attempt_id
    approve(conn, more.attempt_id, operator="nila", now=NOON)
    assert posted(conn, customer_id) == 2 * FULL
    assert audited(conn) == []


def test_several_reconcilers_share_the_work(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    customer_id = someone(conn)
    attempts = [begin(conn, shop, customer_id, f"{n}.00") for n in range(20, 32)]
    for attempt in attempts:
        shop.pay(attempt)
    total = 0
    lock = threading.Lock()

    def work(_own: Connection) -> int:
        done = run_reconciler(database_url, shop)[shop.gateway.name]
        nonlocal total
        with lock:
            total += done.paid
        return int(done.asked)

    asked = at_once(database_url, [work] * 3)
    assert sum(each for each in asked if isinstance(each, int)) == len(attempts)
    assert total == len(attempts)
    assert posted(conn, customer_id) == sum(range(20, 32))
    assert audited(conn) == []


def _tell(name: str, value: str) -> Callable[[dict[str, Any]], None]:
    """Change one field of every answer that has it, on the wire."""

    def change(answer: dict[str, Any]) -> None:
        if name in answer:
            answer[name] = value
        for each in answer.get("element", ()):
            each[name] = value

    return change


def _replaced(hint: Any, changes: dict[str, Any]) -> Any:
    return replace(hint, **changes)
