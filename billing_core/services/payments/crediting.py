"""Credit what a gateway says was paid, once, with all that follows."""

from datetime import datetime
from decimal import Decimal

from billing_core import ledger
from billing_core.db import attempt_events as events_db
from billing_core.db import gateway_notices as notices_db
from billing_core.db import gateway_transactions as transactions_db
from billing_core.db import payments as db
from billing_core.db.connect import Connection
from billing_core.db.ledger import insert_payment, post
from billing_core.db.payments import Attempt
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.gateways.contract import Answer
from billing_core.payments import AttemptState, credited_fee, is_creditable
from billing_core.services.arrival import money_came
from billing_core.services.fulfilment import fulfil


class NotCreditableError(BillingError):
    """This answer is no money that can be credited to this attempt."""

    def __init__(self, reference: str, why: str) -> None:
        super().__init__(f"Payment {reference} cannot be credited: {why}.")


def credit(
    conn: Connection, attempt: Attempt, answer: Answer, *, actor: str, now: datetime
) -> int:
    """Credit a locked attempt in the caller's transaction; returns the payment's id.

    The amount is what the gateway says was paid, never what we had hoped for.

    1. claim the money's ids; what stands on another attempt is refused
    2. lock the wallet
    3. post the entry, with what the gateway keeps
    4. record the payment, and the attempt as paid; what the gateway told of this money
       waits no longer
    5. do what it was paid for
    6. let the rest settle bills, restore service and extend running sessions
    """
    amount, fee = answer.amount, credited_fee(answer)
    if amount is None or not is_creditable(amount):
        raise NotCreditableError(attempt.reference, "no usable amount was paid")
    if answer.currency not in (None, attempt.currency):
        raise NotCreditableError(attempt.reference, f"{answer.currency} was paid")
    if transactions_db.claim_transactions(conn, attempt, answer.transactions):
        raise NotCreditableError(attempt.reference, "its money stands on another")
    lock_wallets(conn, [attempt.customer_id])
    entry_id = post(
        conn,
        ledger.LedgerEntry(
            attempt.customer_id,
            "top_up",
            now,
            f"payment:{attempt.reference}",
            actor,
            ledger.money_in_by_gateway(attempt.gateway, amount, fee),
            attempt.reference,
        ),
    )
    if entry_id is None:
        raise NotCreditableError(attempt.reference, "it was credited before")
    payment_id = _record(
        conn, attempt, answer, amount, fee, entry_id, actor=actor, now=now
    )
    paid = db.read_attempt(conn, attempt.attempt_id)
    fulfil(conn, paid, amount, now=now, actor=actor)
    money_came(conn, attempt.customer_id, now=now, actor=actor)
    return payment_id


def _record(
    conn: Connection,
    attempt: Attempt,
    answer: Answer,
    amount: Decimal,
    fee: Decimal,
    entry_id: int,
    *,
    actor: str,
    now: datetime,
) -> int:
    """Write the payment down, and the attempt as paid; returns the payment's id."""
    payment_id = insert_payment(
        conn,
        customer_id=attempt.customer_id,
        method=attempt.gateway,
        amount=amount,
        received_at=now,
        operator=actor,
        note=attempt.reference,
        entry_id=entry_id,
        fee=fee,
        attempt_id=attempt.attempt_id,
    )
    db.set_decision(
        conn,
        attempt.attempt_id,
        state=AttemptState.PAID,
        reason="",
        decided_by=actor,
        decided_at=now,
    )
    notices_db.set_credited(
        conn,
        [each.value for each in answer.transactions],
        attempt.gateway,
        attempt_id=attempt.attempt_id,
        actor=actor,
        now=now,
    )
    note = f"{amount} {attempt.currency}, receipt R{payment_id}"
    events_db.log_event(
        conn, attempt.attempt_id, at=now, actor=actor, what="paid", note=note
    )
    return payment_id
