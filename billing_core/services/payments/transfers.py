"""Take a customer's word that he sent money by hand; a person verifies it."""

import re
from datetime import datetime
from decimal import Decimal

from billing_core.db import attempt_events as events_db
from billing_core.db import gateway_transactions as transactions_db
from billing_core.db import payments as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.gateway_notices import find_notice
from billing_core.db.payments import TRANSFER, Attempt, NewAttempt
from billing_core.errors import BillingError
from billing_core.gateways.contract import Answer, PaidState, TransactionId
from billing_core.payments import AttemptState, ReviewReason
from billing_core.references import new_reference
from billing_core.services.payments.quoting import quote
from billing_core.services.payments.transfer_answers import hold_against
from billing_core.stored_answers import read_answer, write_answer
from billing_core.transfers import CUSTOMERS_WORD

_BANGLA_DIGITS = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")
# A mobile wallet's number (01712345678) or a bank account's.
_SENDER = re.compile("[0-9]{6,20}")
_TRANSACTION_ID = re.compile("[A-Z0-9]{6,40}")
_KIND = "transaction"


class TransferError(BillingError):
    """What was typed names no transfer."""


class DuplicateTransferError(TransferError):
    """One transfer is announced once."""

    def __init__(self, transaction_id: str) -> None:
        super().__init__(
            f"Transaction {transaction_id} was announced or paid before: check the"
            " number, or ask your provider."
        )


def announce_transfer(
    conn: Connection,
    *,
    customer_id: int,
    amount: Decimal,
    sender: str,
    transaction_id: str,
    purpose: str,
    bill_id: int | None = None,
    package_id: int | None = None,
    actor: str,
    now: datetime,
) -> Attempt:
    """Write down a transfer that a customer says he made; it waits for a person.

    An id that stands anywhere is refused, also one that a gateway reported: its money
    is in the books. Only where a person rejected the transfer before does the id go to
    who announces it next, for the first may have typed what is another's. What a
    gateway told of this transaction is held beside his word.
    """
    number, money_id = read_sender(sender), read_transaction_id(transaction_id)

    def work() -> Attempt:
        wanted = quote(
            conn,
            customer_id=customer_id,
            amount=amount,
            purpose=purpose,
            bill_id=bill_id,
            package_id=package_id,
        )
        reference, currency = new_reference(), db.read_currency(conn)
        word = _customers_word(reference, wanted.amount, currency, number, money_id)
        attempt_id = db.insert_attempt(
            conn,
            NewAttempt(
                customer_id=customer_id,
                reference=reference,
                gateway=TRANSFER,
                amount=wanted.amount,
                currency=currency,
                purpose=purpose,
                bill_id=bill_id,
                package_id=package_id,
                created_at=now,
                created_by=actor,
                state=AttemptState.REVIEW,
                reason=ReviewReason.TRANSFER,
                sender=number,
                answer=write_answer(word),
            ),
        )
        before = _claim(conn, attempt_id, money_id)
        note = f"{number} sent {wanted.amount}, {money_id}, for: {wanted.description}"
        if before is not None:
            note += f"; announced before and rejected: {before}"
        events_db.log_event(
            conn, attempt_id, at=now, actor=actor, what="created", note=note
        )
        _match(conn, attempt_id, money_id, now)
        return db.read_attempt(conn, attempt_id)

    return in_transaction(conn, work)


def read_sender(text: str) -> str:
    """Read the number that sent the money, as people type it."""
    number = re.sub(r"[\s()-]", "", text.translate(_BANGLA_DIGITS)).removeprefix("+")
    if number.startswith("8801"):
        number = number.removeprefix("88")
    if not _SENDER.fullmatch(number):
        raise TransferError("Type the number that sent the money, as 01712345678.")
    return number


def read_transaction_id(text: str) -> str:
    """Read a transaction id: one id, however it is spaced and in whatever letters."""
    money_id = re.sub(r"[\s-]", "", text.translate(_BANGLA_DIGITS)).upper()
    if not _TRANSACTION_ID.fullmatch(money_id):
        raise TransferError("Type the transaction id of the message, as 8N7A6B5C4D.")
    return money_id


def _claim(conn: Connection, attempt_id: int, money_id: str) -> str | None:
    """Claim an id for an attempt; returns the reference of one rejected with it."""
    attempt = db.read_attempt(conn, attempt_id)
    rejected = None
    for gateway, owner, state in transactions_db.find_announced(conn, money_id):
        if gateway != TRANSFER or state != AttemptState.REJECTED:
            raise DuplicateTransferError(money_id)
        # Of two who announce it now, the second finds it gone.
        db.lock_attempt(conn, owner)
        if not transactions_db.take_over_transaction(
            conn, money_id, of_attempt_id=owner, attempt_id=attempt_id
        ):
            raise DuplicateTransferError(money_id)
        rejected = db.read_attempt(conn, owner).reference
    if transactions_db.claim_transactions(
        conn, attempt, [TransactionId(_KIND, money_id)]
    ):
        raise DuplicateTransferError(money_id)
    return rejected


def _match(conn: Connection, attempt_id: int, money_id: str, now: datetime) -> None:
    """Hold a transfer against what a gateway told of its transaction, if one did."""
    notice = find_notice(conn, money_id)
    told = None if notice is None else read_answer(notice.found or notice.answer)
    if notice is None or told is None:
        return
    by = notice.gateway
    hold_against(conn, attempt_id, told, by=by, actor=f"gateway:{by}", now=now)


def _customers_word(
    reference: str, amount: Decimal, currency: str, sender: str, money_id: str
) -> Answer:
    """Write his word as an answer: the person who approves it vouches for it."""
    return Answer(
        state=PaidState.PAID,
        reference=reference,
        payment_id=None,
        merchant=None,
        merchant_expected=None,
        amount=amount,
        currency=currency,
        transactions=(TransactionId(_KIND, money_id),),
        fee=None,
        paid_at=None,
        payer=sender,
        flags=(),
        reason="",
        raw=CUSTOMERS_WORD,
    )
