"""Hold an announced transfer against what a gateway says of its transaction."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from billing_core.db import attempt_events as events_db
from billing_core.db import gateway_transactions as transactions_db
from billing_core.db import payments as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.payments import TRANSFER, Attempt
from billing_core.errors import BillingError
from billing_core.gateways.contract import (
    Answer,
    Gateway,
    GatewayUnknownError,
    MoneyFinder,
    PaidState,
)
from billing_core.payments import TO_DECIDE, ReviewReason, say_reasons
from billing_core.stored_answers import write_answer
from billing_core.transfers import Claim, judge_money


class NobodyToAskError(BillingError):
    """No gateway here tells of money by its id."""

    def __init__(self) -> None:
        super().__init__(
            "No gateway here tells of money by its id: look into the wallet that got"
            " it."
        )


def finder_of(gateways: Mapping[str, Gateway]) -> MoneyFinder:
    """Return the gateway that tells of money by its id."""
    for gateway in gateways.values():
        if isinstance(gateway, MoneyFinder):
            return gateway
    raise NobodyToAskError


def ask_about_transfer(
    conn: Connection,
    finder: MoneyFinder,
    attempt_id: int,
    *,
    actor: str,
    now: datetime,
) -> Attempt:
    """Ask the gateway for the transaction that a customer announced.

    The answer is held beside his word and decides nothing: a person does.
    """
    attempt = db.read_attempt(conn, attempt_id)
    money_id = transaction_of(conn, attempt)
    if attempt.state not in TO_DECIDE or money_id is None:
        return attempt
    try:
        answer = search(finder, money_id, now=now)
    except GatewayUnknownError as error:
        events_db.log_event_once(
            conn, attempt_id, at=now, actor=actor, what="asked", note=str(error)
        )
        return attempt

    def work() -> Attempt:
        return hold_against(
            conn, attempt_id, answer, by=finder.name, actor=actor, now=now
        )

    return in_transaction(conn, work)


def search(finder: MoneyFinder, money_id: str, *, now: datetime) -> Answer:
    """Ask for money by its id; an answer about other money is none."""
    answer = finder.search(money_id, now=now)
    told = [each.value.upper() for each in answer.transactions]
    if answer.state == PaidState.PAID and told != [money_id]:
        raise GatewayUnknownError(f"{finder.name} answered about other money.")
    return answer


def hold_against(
    conn: Connection,
    attempt_id: int,
    answer: Answer,
    *,
    by: str,
    actor: str,
    now: datetime,
) -> Attempt:
    """Write a gateway's answer beside a transfer that waits, in a transaction.

    What the gateway does not know, the customer's word still stands for: he may have
    sent it to another wallet.
    """
    attempt = db.lock_attempt(conn, attempt_id)
    if attempt.state not in TO_DECIDE:
        return attempt
    claim = Claim(attempt.amount, attempt.currency, attempt.sender)
    judgement = judge_money(claim, answer, ReviewReason.TRANSFER)
    is_known = answer.state != PaidState.FAILED
    # The money has one name here: as it was announced.
    kept = tuple(transactions_db.list_transactions(conn, attempt_id))
    facts = write_answer(replace(answer, transactions=kept))
    db.set_outcome(
        conn,
        attempt_id,
        state=attempt.state,
        reason=say_reasons(judgement.reasons),
        next_ask_at=None,
        answer=facts if is_known else None,
        answered_at=now,
    )
    events_db.log_event(
        conn,
        attempt_id,
        at=now,
        actor=actor,
        what="asked",
        note=f"{by}: {answer.reason or answer.state.value}",
        answer=facts,
    )
    return db.read_attempt(conn, attempt_id)


def transaction_of(conn: Connection, attempt: Attempt) -> str | None:
    """Return the id that a transfer was announced with."""
    if attempt.gateway != TRANSFER:
        return None
    found = transactions_db.list_transactions(conn, attempt.attempt_id)
    return found[0].value if found else None
