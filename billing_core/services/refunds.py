"""Give payments back, whole or in part: by the gateway that took them, or by hand."""

import logging
from datetime import datetime
from decimal import Decimal

from billing_core import ledger
from billing_core.db import ledger as ledger_db
from billing_core.db import refunds as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.payments import TRANSFER
from billing_core.db.receipts import Receipt, find_receipt, read_receipt
from billing_core.db.refunds import Refund
from billing_core.db.sessions import lock_wallets
from billing_core.gateways.contract import (
    Gateway,
    GatewayRefusedError,
    GatewayUnknownError,
)
from billing_core.references import new_reference
from billing_core.refunds import RefundStanding, next_refund_ask
from billing_core.services.arrival import money_came
from billing_core.services.corrections import take_back_settlements
from billing_core.services.refund_answers import (
    RefundError,
    note_unknown,
    order_of,
    refusal,
    take_answer,
    tell,
)

log = logging.getLogger(__name__)

#: How money is given back when no gateway does it, by the account that it leaves.
BY_HAND = (ledger.CASH, TRANSFER)


def refund_payment(
    conn: Connection,
    receipt: str,
    amount: Decimal | None,
    *,
    reason: str,
    key: str,
    by: Gateway | str,
    operator: str,
    now: datetime,
) -> Refund:
    """Give back a payment or part of it (amount None = what is left of it).

    ``by`` is the gateway that took it, or the account that a person pays from: cash or
    transfer. The same key again gives back nothing more.

    1. take the money out of the wallet and write the refund, in one transaction that
       commits before the gateway hears of it; bills that the money had paid are open
       again, and service follows
    2. ask the gateway, once. No answer is not a no: the reconciler asks what became of
       it, and it is never sent again
    3. done, or refused: then the money is back in the wallet by a reversal
    """
    if not reason.strip():
        raise RefundError("Say why money is given back: the reason stays in the books.")
    if isinstance(by, str) and by not in BY_HAND:
        raise RefundError(f"Money is given back by {' or '.join(BY_HAND)}, not {by}.")
    refund, is_new = _take_out(
        conn,
        receipt,
        amount,
        reason=reason.strip(),
        key=key,
        by=by,
        operator=operator,
        now=now,
    )
    if isinstance(by, str) or not is_new:
        return refund
    order = order_of(conn, refund)
    try:
        answer = by.refund(order, now=now)
    except GatewayRefusedError as error:
        if error.ours:
            log.error("refund.gateway_refuses_us gateway=%s", by.name)
        answer = refusal(str(error))
    except GatewayUnknownError as error:
        return note_unknown(conn, refund, str(error), actor=operator, now=now)
    return take_answer(conn, refund, answer, actor=operator, now=now)


def _take_out(
    conn: Connection,
    number: str,
    amount: Decimal | None,
    *,
    reason: str,
    key: str,
    by: Gateway | str,
    operator: str,
    now: datetime,
) -> tuple[Refund, bool]:
    """Take the money out of the wallet; returns the refund, and whether it is new."""

    def work() -> tuple[Refund, bool]:
        customer_id, payment_id = find_receipt(conn, number)
        # Two refunds of one payment at once: the second sees what the first took.
        lock_wallets(conn, [customer_id])
        receipt = read_receipt(conn, customer_id, payment_id)
        account = by if isinstance(by, str) else by.name
        wanted = receipt.refundable if amount is None else amount
        entry = ledger.LedgerEntry(
            customer_id,
            "refund",
            now,
            f"refund:{key}",
            operator,
            ledger.money_out(account, wanted),
            f"{receipt.number}: {reason}",
        )
        before = db.find_refund_by_key(conn, customer_id, entry.idempotency_key)
        if before is not None:
            _check_same(before, receipt, amount, key)
            return before, False
        _check(receipt, wanted, by)
        entry_id = ledger_db.post(conn, entry)
        assert entry_id is not None  # noqa: S101 - the key was not used, under the lock
        _take_from_wallet(conn, receipt, reason, actor=operator, now=now)
        by_gateway = not isinstance(by, str)
        refund_id = db.insert_refund(
            conn,
            customer_id=customer_id,
            payment_id=payment_id,
            amount=wanted,
            reason=reason,
            reference=new_reference(),
            by_gateway=by_gateway,
            state=RefundStanding.REQUESTED if by_gateway else RefundStanding.DONE,
            requested_at=now,
            requested_by=operator,
            finished_at=None if by_gateway else now,
            next_ask_at=next_refund_ask(now, now) if by_gateway else None,
            entry_id=entry_id,
        )
        refund = db.read_refund(conn, refund_id)
        told = f"by {account}: {reason}"
        tell(conn, refund, "refund", told, actor=operator, now=now)
        money_came(conn, customer_id, now=now, actor=operator)
        return refund, True

    return in_transaction(conn, work)


def _check(receipt: Receipt, wanted: Decimal, by: Gateway | str) -> None:
    number = receipt.number
    if receipt.reversal_entry_id is not None:
        raise RefundError(f"Receipt {number} was taken back: nothing came in by it.")
    if not 0 < wanted <= receipt.refundable:
        raise RefundError(
            f"Of receipt {number} up to {receipt.refundable} can be given back, not"
            f" {wanted}."
        )
    if not isinstance(by, str) and by.name != receipt.method:
        raise RefundError(
            f"Receipt {number} was paid by {receipt.method}: {by.name} cannot give it"
            " back."
        )


def _take_from_wallet(
    conn: Connection, receipt: Receipt, reason: str, *, actor: str, now: datetime
) -> None:
    """Open bills again where the wallet had less than what was taken out of it."""
    customer_id = receipt.customer_id
    take_back_settlements(conn, customer_id, reason=reason, actor=actor, now=now)
    wallet = lock_wallets(conn, [customer_id])[customer_id]
    missing = wallet.reserved - wallet.posted
    if missing > 0:
        raise RefundError(
            f"{missing} of this was used, or is held by a running session: credit the"
            " bill of what he used first, with khata bill credit."
        )


def _check_same(
    before: Refund, receipt: Receipt, amount: Decimal | None, key: str
) -> None:
    if before.payment_id != receipt.payment_id or amount not in (None, before.amount):
        raise RefundError(f"Key {key} was used before, to give back {before.amount}.")
