"""Take mistakes in wallets back, and adjust what nothing else explains."""

from datetime import datetime
from decimal import Decimal

from billing_core import ledger
from billing_core.db import customers as customers_db
from billing_core.db import ledger as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.corrections import read_entry_kind
from billing_core.db.refunds import sum_refunds_of_entry
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.services.arrival import money_came
from billing_core.services.corrections import take_back_settlements


class KeyUsedError(BillingError):
    """One key names one payment."""

    def __init__(self, key: str, amount: Decimal) -> None:
        super().__init__(f"Key {key} was used before, for a payment of {amount}.")


class ReversedAlreadyError(BillingError):
    """An entry is reversed at most once."""

    def __init__(self, entry_id: int) -> None:
        super().__init__(f"Entry {entry_id} was reversed already.")


class ReasonMissingError(BillingError):
    """A correction says why."""

    def __init__(self, what: str) -> None:
        super().__init__(f"Say why {what}.")


class NotReversibleError(BillingError):
    """Bills, days or sessions stand on this entry."""

    def __init__(self, entry_id: int, kind: str) -> None:
        super().__init__(
            f"Entry {entry_id} is a {kind}: {_INSTEAD.get(kind, 'it stands')}."
        )


class RefundedError(BillingError):
    """What was given back in part is not taken back in whole."""

    def __init__(self, entry_id: int, refunded: Decimal) -> None:
        super().__init__(
            f"Of what entry {entry_id} brought, {refunded} was given back: give the"
            " rest back instead, khata pay refund."
        )


class AdjustmentError(BillingError):
    """A wallet cannot be adjusted by this."""


# What to do instead of reversing an entry that something stands on.
_INSTEAD = {
    "bill": "void its bill instead, khata bill void",
    "bill_void": "bill the period again instead, khata bill again",
    "credit_note": "charge it again instead, khata bill charge",
    "settlement": "void or credit its bill instead, khata bill void or credit",
    "service_day": "credit the day's bill instead, khata bill credit",
    "session_charge": "credit the session's bill instead, khata bill credit",
    "package_purchase": "credit the package's bill instead, khata bill credit",
    "refund": "record what came back instead, khata pay cash",
    "reversal": "it opened a bill again, which money in the wallet settles",
}
_REVERSIBLE = frozenset({"top_up", "adjustment", "reversal"})


def reverse_entry(
    conn: Connection,
    username: str,
    entry_id: int,
    *,
    reason: str,
    operator: str,
    now: datetime,
) -> int:
    """Take a wrong entry back by its exact mirror; returns the reversal's id.

    Nothing is edited or deleted: both entries stay, and the reason with them. Only
    money that came in or was adjusted is taken back like this. Where it had paid bills,
    the newest settlements are undone until the wallet covers it: no bill stays paid
    with money that never was.
    """
    if not reason.strip():
        raise ReasonMissingError(f"entry {entry_id} is taken back")

    def work() -> int:
        customer_id = customers_db.find_customer_id(conn, username)
        lock_wallets(conn, [customer_id])
        kind = read_entry_kind(conn, customer_id, entry_id)
        legs = db.read_postings(conn, customer_id, entry_id)
        on_bills = any(leg.ledger_account == ledger.RECEIVABLE for leg in legs)
        if kind not in _REVERSIBLE or on_bills:
            raise NotReversibleError(entry_id, str(kind))
        refunded = sum_refunds_of_entry(conn, customer_id, entry_id)
        if refunded:
            raise RefundedError(entry_id, refunded)
        reversal = ledger.LedgerEntry(
            customer_id,
            "reversal",
            now,
            f"reversal:{entry_id}",
            operator,
            ledger.reverse(legs),
            reason,
            reverses_entry_id=entry_id,
        )
        posted = db.post(conn, reversal)
        if posted is None:
            raise ReversedAlreadyError(entry_id)
        take_back_settlements(conn, customer_id, reason=reason, actor=operator, now=now)
        customers_db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=operator,
            what="entry reversed",
            note=f"{entry_id}: {reason}",
        )
        money_came(conn, customer_id, now=now, actor=operator)
        return posted

    return in_transaction(conn, work)


def adjust(
    conn: Connection,
    username: str,
    amount: Decimal,
    *,
    reason: str,
    key: str,
    operator: str,
    now: datetime,
) -> int:
    """Put money into a wallet, or (below zero) take some out; returns the entry's id.

    For what no bill or payment explains; the reason stays in the books. The same key
    again changes nothing.
    """
    if not reason.strip():
        raise ReasonMissingError("the wallet is adjusted")
    if not amount:
        raise AdjustmentError("An adjustment of 0 changes nothing.")

    def work() -> int:
        customer_id = customers_db.find_customer_id(conn, username)
        wallet = lock_wallets(conn, [customer_id])[customer_id]
        entry_key = f"adjustment:{key}"
        entry = ledger.LedgerEntry(
            customer_id,
            "adjustment",
            now,
            entry_key,
            operator,
            ledger.money_in(ledger.ADJUSTMENT, amount),
            reason,
        )
        entry_id = db.post(conn, entry)
        if entry_id is None:
            first = db.find_entry(conn, customer_id, entry_key)
            was = db.read_postings(conn, customer_id, first)[0].amount
            if was != amount:
                raise KeyUsedError(key, was)
            return first
        there = wallet.posted - wallet.reserved
        if amount < 0 and there + amount < 0:
            raise AdjustmentError(
                f"Customer {username} has {there} that may be taken out, not {-amount}."
            )
        customers_db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=operator,
            what="wallet adjusted",
            note=f"{amount}: {reason}",
        )
        money_came(conn, customer_id, now=now, actor=operator)
        return entry_id

    return in_transaction(conn, work)
