"""Put money into wallets, and take mistakes back."""

from datetime import datetime
from decimal import Decimal

from billing_core import ledger
from billing_core.db import customers as customers_db
from billing_core.db import ledger as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.services.arrival import money_came
from billing_core.services.extension import extend_running


class TopUpError(BillingError):
    """This cannot be put into a wallet."""

    def __init__(self, amount: Decimal) -> None:
        super().__init__(f"A top-up must be more than 0, not {amount}.")


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

    def __init__(self, entry_id: int) -> None:
        super().__init__(f"Say why entry {entry_id} is taken back.")


def top_up(
    conn: Connection,
    username: str,
    amount: Decimal,
    *,
    key: str,
    operator: str,
    note: str,
    now: datetime,
) -> int:
    """Record cash an operator took and put it into the wallet; returns the entry's id.

    1. lock the wallet
    2. post the entry; the same key again returns the first entry and changes nothing,
       unless it names another amount: then one of the two is a mistake
    3. record the payment
    4. let it settle bills, restore service and extend running sessions
    """
    if amount <= 0:
        raise TopUpError(amount)

    def work() -> int:
        customer_id = customers_db.find_customer_id(conn, username)
        lock_wallets(conn, [customer_id])
        entry_key = f"cash:{key}"
        entry_id = db.post(
            conn,
            ledger.LedgerEntry(
                customer_id,
                "top_up",
                now,
                entry_key,
                operator,
                ledger.money_in(ledger.CASH, amount),
                note,
            ),
        )
        if entry_id is None:
            first = db.find_entry(conn, customer_id, entry_key)
            paid = db.read_postings(conn, customer_id, first)[0].amount
            if paid != amount:
                raise KeyUsedError(key, paid)
            return first
        db.insert_payment(
            conn,
            customer_id=customer_id,
            method="cash",
            amount=amount,
            received_at=now,
            operator=operator,
            note=note,
            entry_id=entry_id,
        )
        money_came(conn, customer_id, now=now, actor=operator)
        return entry_id

    return in_transaction(conn, work)


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

    Nothing is edited or deleted: both entries stay, and the reason with them.
    """
    if not reason.strip():
        raise ReasonMissingError(entry_id)

    def work() -> int:
        customer_id = customers_db.find_customer_id(conn, username)
        lock_wallets(conn, [customer_id])
        reversal = ledger.LedgerEntry(
            customer_id,
            "reversal",
            now,
            f"reversal:{entry_id}",
            operator,
            ledger.reverse(db.read_postings(conn, customer_id, entry_id)),
            reason,
            reverses_entry_id=entry_id,
        )
        posted = db.post(conn, reversal)
        if posted is None:
            raise ReversedAlreadyError(entry_id)
        extend_running(conn, customer_id, now)
        return posted

    return in_transaction(conn, work)
