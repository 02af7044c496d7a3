"""Forgive what a customer owes: void what can be void, credit the rest."""

from datetime import datetime
from decimal import Decimal

from billing_core import ledger
from billing_core.db import corrections as db
from billing_core.db import ledger as ledger_db
from billing_core.db.connect import Connection
from billing_core.db.corrections import BillStanding
from billing_core.db.sessions import lock_wallets
from billing_core.money import VatSplit, round_money
from billing_core.services.corrections import (
    CorrectionError,
    credit_locked,
    void_locked,
)
from billing_core.services.settlement import settle_named_bills


def forgive_open_bills(
    conn: Connection, customer_id: int, *, reason: str, actor: str, now: datetime
) -> list[BillStanding]:
    """Void a customer's open bills, or credit the rest of those with credit notes.

    A bill that was paid, then credited, then open again since its payment was taken
    back, owes more than is left of it to credit: that much is an adjustment.
    """
    forgiven = [
        db.read_bill(conn, customer_id, bill_id)
        for bill_id in db.list_open_bill_ids(conn, customer_id)
    ]
    for bill in forgiven:
        if not bill.credited:
            void_locked(conn, bill, reason=reason, actor=actor, now=now)
            continue
        left = bill.gross - bill.credited
        amount = min(bill.open_amount, left)
        if amount:
            vat = round_money((bill.vat - bill.credited_vat) * amount / left)
            credit_locked(
                conn,
                bill,
                VatSplit(amount - vat, vat, amount),
                reason=reason,
                key=f"forgiven:{bill.bill_id}:{bill.credited}",
                actor=actor,
                now=now,
            )
        _forgive_rest(
            conn, bill, bill.open_amount - amount, reason=reason, actor=actor, now=now
        )
    return forgiven


def _forgive_rest(
    conn: Connection,
    bill: BillStanding,
    amount: Decimal,
    *,
    reason: str,
    actor: str,
    now: datetime,
) -> None:
    """Give a locked customer what his bill owes beyond what can be credited of it."""
    if not amount:
        return
    customer_id = bill.customer_id
    entry_id = ledger_db.post(
        conn,
        ledger.LedgerEntry(
            customer_id,
            "adjustment",
            now,
            f"forgiven:{bill.bill_id}:{bill.credited}:rest",
            actor,
            ledger.money_in(ledger.ADJUSTMENT, amount),
            f"{bill.name}: {reason}",
        ),
    )
    if entry_id is None:
        raise CorrectionError(f"What {bill.name} owes was forgiven before.")
    wallets = lock_wallets(conn, [customer_id])
    settle_named_bills(
        conn, wallets, customer_id, [bill.bill_id], amount, now=now, actor=actor
    )
