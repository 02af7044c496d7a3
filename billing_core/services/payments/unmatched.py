"""Money that a gateway told of and no attempt has: kept, asked about, and given to
whose it is by a person."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing_core.db import attempt_events as events_db
from billing_core.db import customers as customers_db
from billing_core.db import gateway_notices as db
from billing_core.db import gateway_transactions as transactions_db
from billing_core.db import payments as payments_db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.gateway_notices import Notice, Suggestion
from billing_core.db.operators import log_operator_event
from billing_core.db.payments import TRANSFER, Attempt, NewAttempt
from billing_core.errors import BillingError
from billing_core.gateways.contract import Answer, MoneyFinder
from billing_core.payments import (
    TO_DECIDE,
    AttemptState,
    Comparison,
    ReviewReason,
    approval_refused,
    say_reasons,
)
from billing_core.references import new_reference
from billing_core.services.payments.crediting import credit
from billing_core.services.payments.deciding import ChangedSinceError
from billing_core.services.payments.transfer_answers import hold_against, search
from billing_core.stored_answers import read_answer, write_answer
from billing_core.transfers import Claim, compare_money, judge_money

_UNMATCHED, _DISMISSED = "unmatched", "dismissed"
_WORD_LENGTH_MIN = 4


class NoticeError(BillingError):
    """This money cannot be given to anybody like that."""


@dataclass(frozen=True, slots=True)
class ShownNotice:
    """Money that a gateway told of, and all that a person needs to say whose it is."""

    notice: Notice
    #: What the gateway says of it: when asked for it, else by its notice.
    answer: Answer
    #: Its notice beside what it said when it was asked; empty = it was not.
    comparisons: tuple[Comparison, ...]
    #: Why a person has to be careful, beside that it names nobody.
    reasons: tuple[ReviewReason, ...]
    #: Why it cannot be given to anybody now; None = it can.
    not_assignable: str | None

    @property
    def differences(self) -> tuple[str, ...]:
        """Name the fields in which the gateway contradicts its notice."""
        return tuple(each.field for each in self.comparisons if not each.agrees)


def take_notice(
    conn: Connection,
    gateway: str,
    money: Answer,
    *,
    names_attempt_id: int | None,
    now: datetime,
) -> None:
    """Write down money that a gateway tells of, once; match it with its transfer.

    Told again it is not news. What an attempt was paid with waits for nobody. Whoever
    announced it as a transfer has it held beside his word, and a person decides on
    that.
    """
    actor = f"gateway:{gateway}"
    money_id = money.transactions[0].value.upper()

    def work() -> None:
        transactions_db.lock_transactions(conn, money.transactions)
        is_new = db.insert_notice(
            conn,
            gateway=gateway,
            transaction_id=money_id,
            received_at=now,
            answer=write_answer(money),
            names_attempt_id=names_attempt_id,
        )
        if is_new is None:
            return
        for owner, attempt_id, state in transactions_db.find_announced(conn, money_id):
            if state == AttemptState.PAID:
                db.set_credited(
                    conn,
                    [money_id],
                    gateway,
                    attempt_id=attempt_id,
                    actor=actor,
                    now=now,
                )
            elif owner == TRANSFER:
                hold_against(conn, attempt_id, money, by=gateway, actor=actor, now=now)

    in_transaction(conn, work)


def show_notice(conn: Connection, notice: Notice) -> ShownNotice:
    """Hold what was told of money beside what was said when asked for it."""
    told, found = read_answer(notice.answer), read_answer(notice.found)
    assert told is not None  # noqa: S101 - the column is never NULL
    answer = told if found is None else found
    currency = payments_db.read_currency(conn)
    claim = Claim(told.amount, currency, told.payer)
    reasons = judge_money(claim, answer, ReviewReason.UNMATCHED).reasons
    refused = approval_refused(say_reasons(reasons), answer, currency)
    return ShownNotice(
        notice=notice,
        answer=answer,
        comparisons=() if found is None else compare_money(claim, found),
        reasons=reasons[1:],
        not_assignable=refused
        if notice.state == _UNMATCHED
        else f"it is {notice.state}",
    )


def suggest(conn: Connection, shown: ShownNotice) -> list[Suggestion]:
    """Return whose this money may be: by the sender's number, or by its reference."""
    number = shown.answer.payer.removeprefix("+").removeprefix("88")
    return db.suggest_customers(
        conn, number=_telling(number), reference=_telling(payers_reference(shown))
    )


def payers_reference(shown: ShownNotice) -> str:
    """Return what the payer typed as his reference, for people to read."""
    raw = shown.notice.answer.get("raw")
    told = raw.get("transactionReference") if isinstance(raw, dict) else None
    return str(told or "")


def ask_about_notice(
    conn: Connection, finder: MoneyFinder, notice_id: int, *, now: datetime
) -> ShownNotice:
    """Ask the gateway for this money by its id, and keep what it says."""
    notice = db.read_notice(conn, notice_id)
    if notice.gateway != finder.name:
        raise NoticeError(f"{finder.name} did not tell of {notice.transaction_id}.")
    answer = search(finder, notice.transaction_id, now=now)
    in_transaction(
        conn, lambda: db.set_found(conn, notice_id, write_answer(answer), now)
    )
    return show_notice(conn, db.read_notice(conn, notice_id))


def assign(
    conn: Connection,
    notice_id: int,
    username: str,
    *,
    amount: Decimal,
    operator: str,
    now: datetime,
) -> Attempt:
    """Credit a customer with this money, once; ``amount`` is what the person saw.

    1. lock the notice: of two who decide at once one wins
    2. refuse what a transfer waits with, or what the gateway's answers do not bear out
    3. write an attempt of the customer's, with the person's name, and credit it: bills
       are settled and service restored as by any other payment
    """

    def work() -> Attempt:
        shown = show_notice(conn, _lock_waiting(conn, notice_id))
        notice, answer = shown.notice, shown.answer
        if shown.not_assignable is not None:
            raise NoticeError(
                f"{notice.transaction_id} cannot be assigned: {shown.not_assignable}."
            )
        if answer.amount != amount:
            raise ChangedSinceError(notice.transaction_id, str(answer.amount))
        customer_id = customers_db.find_customer_id(conn, username)
        attempt = _write_attempt(
            conn, customer_id, shown, amount, operator=operator, now=now
        )
        credit(conn, attempt, answer, actor=operator, now=now)
        customers_db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=operator,
            what="unmatched money assigned",
            note=f"{notice.gateway} {notice.transaction_id}: {attempt.reference}",
        )
        return payments_db.read_attempt(conn, attempt.attempt_id)

    return in_transaction(conn, work)


def dismiss(
    conn: Connection, notice_id: int, *, reason: str, operator: str, now: datetime
) -> Notice:
    """Say that this is no customer's money, and why; the row stays."""
    if not reason.strip():
        raise NoticeError("Say why it is no customer's money.")

    def work() -> Notice:
        notice = _lock_waiting(conn, notice_id)
        db.set_dismissed(
            conn, notice_id, reason=reason.strip(), actor=operator, now=now
        )
        log_operator_event(
            conn,
            at=now,
            actor=operator,
            what="unmatched money dismissed",
            note=f"{notice.gateway} {notice.transaction_id}: {reason.strip()}",
        )
        return db.read_notice(conn, notice_id)

    return in_transaction(conn, work)


def reopen(conn: Connection, notice_id: int, *, operator: str, now: datetime) -> Notice:
    """Let money that was put aside wait for its owner again; the log keeps why."""

    def work() -> Notice:
        notice = db.lock_notice(conn, notice_id)
        if notice.state != _DISMISSED:
            raise NoticeError(
                f"{notice.transaction_id} is {notice.state}: only what was put aside"
                " is taken up again."
            )
        db.set_reopened(conn, notice_id)
        log_operator_event(
            conn,
            at=now,
            actor=operator,
            what="unmatched money reopened",
            note=f"{notice.gateway} {notice.transaction_id}; {notice.decided_by} had"
            f" put it aside: {notice.reason}",
        )
        return db.read_notice(conn, notice_id)

    return in_transaction(conn, work)


def _telling(word: str) -> str | None:
    """Return a word that is long enough to name anybody."""
    return word if len(word.strip()) >= _WORD_LENGTH_MIN else None


def _lock_waiting(conn: Connection, notice_id: int) -> Notice:
    """Lock a notice that nobody decided on, and that no transfer waits with."""
    notice = db.lock_notice(conn, notice_id)
    if notice.state != _UNMATCHED:
        by = f" by {notice.decided_by}" if notice.decided_by else ""
        to = f" to {notice.username}" if notice.username else ""
        raise NoticeError(f"{notice.transaction_id} is {notice.state} already{to}{by}.")
    for owner, attempt_id, state in transactions_db.find_announced(
        conn, notice.transaction_id
    ):
        if owner != TRANSFER or state in TO_DECIDE:
            attempt = payments_db.read_attempt(conn, attempt_id)
            raise NoticeError(
                f"{notice.transaction_id} stands on payment {attempt.reference} of"
                f" {attempt.username}: decide on that."
            )
    return notice


def _write_attempt(
    conn: Connection,
    customer_id: int,
    shown: ShownNotice,
    amount: Decimal,
    *,
    operator: str,
    now: datetime,
) -> Attempt:
    notice = shown.notice
    attempt_id = payments_db.insert_attempt(
        conn,
        NewAttempt(
            customer_id=customer_id,
            reference=new_reference(),
            gateway=notice.gateway,
            amount=amount,
            currency=payments_db.read_currency(conn),
            purpose="bills",
            bill_id=None,
            package_id=None,
            created_at=now,
            created_by=operator,
            state=AttemptState.REVIEW,
            reason=ReviewReason.UNMATCHED,
            sender=shown.answer.payer,
            answer=write_answer(shown.answer),
        ),
    )
    events_db.log_event(
        conn,
        attempt_id,
        at=now,
        actor=operator,
        what="assigned",
        note=f"{shown.answer.payer} sent {amount}, {notice.transaction_id}, which"
        f" {notice.gateway} told of at {notice.received_at:%F %T} UTC",
        answer=notice.answer,
    )
    return payments_db.read_attempt(conn, attempt_id)
