"""Do what is known of a refund at a gateway: done, refused, or asked about again."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from billing_core import ledger
from billing_core.db import attempt_events as events_db
from billing_core.db import gateway_transactions as transactions_db
from billing_core.db import ledger as ledger_db
from billing_core.db import payments as payments_db
from billing_core.db import refunds as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.customers import log_customer_event
from billing_core.db.receipts import read_receipt
from billing_core.db.refunds import Refund
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.gateways.contract import (
    Gateway,
    GatewayRefusedError,
    GatewayUnknownError,
    RefundAnswer,
    RefundOrder,
    RefundState,
)
from billing_core.refunds import OPEN, RefundStanding, next_refund_ask
from billing_core.services.arrival import money_came
from billing_core.services.payments.reconciling import PASS_SECONDS
from billing_core.stored_answers import read_answer

log = logging.getLogger(__name__)

Connect = Callable[[], AbstractContextManager[Connection]]

_ACTOR = "reconciler"
_AT_ONCE = 100
_LEASE = timedelta(minutes=5)


class RefundError(BillingError):
    """This cannot be given back like that."""


def ask_about_refund(
    conn: Connection, gateway: Gateway, refund_id: int, *, actor: str, now: datetime
) -> Refund:
    """Ask the gateway what became of a refund, and do what it says."""
    refund = db.read_refund(conn, refund_id)
    if refund.state not in OPEN:
        return refund
    if not refund.by_gateway or refund.method != gateway.name:
        raise RefundError(f"{gateway.name} was not asked for {refund.reference}.")
    try:
        answer = gateway.ask_refund(order_of(conn, refund), now=now)
    except (GatewayUnknownError, GatewayRefusedError) as error:
        # Also where it refuses to be asked: that says nothing of the refund.
        return note_unknown(conn, refund, str(error), actor=actor, now=now)
    return take_answer(conn, refund, answer, actor=actor, now=now)


def decide_refund(
    conn: Connection,
    reference: str,
    *,
    was_given: bool,
    note: str,
    operator: str,
    now: datetime,
) -> Refund:
    """Let a person say what became of a refund, from what the gateway's panel shows."""
    if not note.strip():
        raise RefundError("Say how you know: the note stays in the books.")
    refund = db.find_refund(conn, reference)
    if refund.state not in OPEN:
        raise RefundError(f"Refund {reference} is {refund.state} already.")
    state = RefundState.DONE if was_given else RefundState.REFUSED
    answer = RefundAnswer(state, None, None, f"{operator}: {note.strip()}", {})
    return take_answer(conn, refund, answer, actor=operator, now=now)


def reconcile_refunds(
    connect: Connect,
    gateways: Mapping[str, Gateway],
    *,
    now: datetime,
    limit: int = _AT_ONCE,
) -> int:
    """Ask about all refunds whose time has come; returns about how many.

    Any number of processes may do so at once: each refund is leased to one.
    """
    asked, began = 0, time.monotonic()
    with connect() as conn:
        for name, gateway in gateways.items():
            while asked < limit and time.monotonic() - began < PASS_SECONDS:
                refund_id = db.claim_refund_to_ask(
                    conn, name, now, lease_until=now + _LEASE
                )
                if refund_id is None:
                    break
                asked += 1
                try:
                    ask_about_refund(conn, gateway, refund_id, actor=_ACTOR, now=now)
                except BillingError as error:
                    log.warning("refund.ask_failed id=%s error=%s", refund_id, error)
    return asked


def take_answer(
    conn: Connection, refund: Refund, answer: RefundAnswer, *, actor: str, now: datetime
) -> Refund:
    """Do what is known of a refund now, once."""

    def work() -> Refund:
        lock_wallets(conn, [refund.customer_id])
        current = db.lock_refund(conn, refund.refund_id)
        if current.state not in OPEN:
            return current
        standing, outcome = _judge(current, answer)
        is_over = standing not in OPEN
        db.set_refund(
            conn,
            current.refund_id,
            state=standing,
            outcome=outcome,
            gateway_refund_id=answer.gateway_refund_id,
            answer=answer.raw,
            finished_at=now if is_over else None,
            next_ask_at=None if is_over else next_refund_ask(current.requested_at, now),
        )
        if standing == RefundStanding.REFUSED:
            _put_back(conn, current, outcome, actor=actor, now=now)
        if (standing, outcome) != (current.state, current.outcome):
            told = f"refund {standing}"
            tell(conn, current, told, outcome, actor=actor, now=now)
        return db.read_refund(conn, current.refund_id)

    return in_transaction(conn, work)


def note_unknown(
    conn: Connection, refund: Refund, text: str, *, actor: str, now: datetime
) -> Refund:
    """Note that nobody knows: that is not a no, the gateway is asked again."""

    def work() -> Refund:
        current = db.lock_refund(conn, refund.refund_id)
        if current.state not in OPEN:
            return current
        db.set_refund(
            conn,
            current.refund_id,
            state=RefundStanding.UNKNOWN,
            outcome=text,
            finished_at=None,
            next_ask_at=next_refund_ask(current.requested_at, now),
        )
        if text != current.outcome:
            tell(conn, current, "refund unknown", text, actor=actor, now=now)
        return db.read_refund(conn, current.refund_id)

    return in_transaction(conn, work)


def order_of(conn: Connection, refund: Refund) -> RefundOrder:
    """Return a refund as its gateway needs it to be named."""
    if refund.attempt_id is None:
        raise RefundError(f"{refund.method} did not take this payment.")
    attempt = payments_db.read_attempt(conn, refund.attempt_id)
    # More money of one checkout is an attempt of its own, that the gateway never saw.
    first_id = attempt.again_of_attempt_id
    first = attempt if first_id is None else payments_db.read_attempt(conn, first_id)
    receipt = read_receipt(conn, refund.customer_id, refund.payment_id)
    paid = read_answer(attempt.answer)
    others = db.list_refunds_of_payment(conn, refund.customer_id, refund.payment_id)
    return RefundOrder(
        refund_reference=refund.reference,
        reference=first.reference,
        payment_id=first.gateway_payment_id or "",
        transactions=tuple(transactions_db.list_transactions(conn, attempt.attempt_id)),
        paid_amount=receipt.amount,
        # Nagad finds a payment by its day; ours is that of the person who approved.
        paid_at=(paid and paid.paid_at) or first.created_at,
        amount=refund.amount,
        currency=attempt.currency,
        reason=refund.reason,
        gateway_refund_id=refund.gateway_refund_id,
        other_refund_ids=frozenset(
            other.gateway_refund_id
            for other in others
            if other.gateway_refund_id and other.refund_id != refund.refund_id
        ),
    )


def refusal(text: str) -> RefundAnswer:
    """Say as an answer that the gateway would not even take it."""
    return RefundAnswer(RefundState.REFUSED, None, None, text, {"refused": text})


def tell(
    conn: Connection, refund: Refund, what: str, note: str, *, actor: str, now: datetime
) -> None:
    """Log it where the customer's log and the payment's are read."""
    text = f"{refund.amount} of R{refund.payment_id}, {refund.reference}: {note}"
    log_customer_event(
        conn, refund.customer_id, at=now, actor=actor, what=what, note=text
    )
    if refund.attempt_id is not None:
        events_db.log_event(
            conn, refund.attempt_id, at=now, actor=actor, what=what, note=text
        )


def _judge(refund: Refund, answer: RefundAnswer) -> tuple[RefundStanding, str]:
    """Say how a refund stands; another amount than ours is for a person to settle."""
    if answer.state == RefundState.REFUSED:
        return RefundStanding.REFUSED, answer.reason or "refused"
    if answer.amount not in (None, refund.amount):
        said = f"the gateway speaks of {answer.amount}"
        return RefundStanding.UNKNOWN, f"{said}, not of {refund.amount}"
    if answer.state == RefundState.DONE:
        return RefundStanding.DONE, answer.reason
    return RefundStanding.REQUESTED, answer.reason


def _put_back(
    conn: Connection, refund: Refund, why: str, *, actor: str, now: datetime
) -> None:
    """Put the money of a refused refund back into the wallet, which pays its bills."""
    legs = ledger_db.read_postings(conn, refund.customer_id, refund.entry_id)
    entry = ledger.LedgerEntry(
        refund.customer_id,
        "reversal",
        now,
        f"reversal:{refund.entry_id}",
        actor,
        ledger.reverse(legs),
        f"refund refused: {why}",
        reverses_entry_id=refund.entry_id,
    )
    ledger_db.post(conn, entry)
    money_came(conn, refund.customer_id, now=now, actor=actor)
