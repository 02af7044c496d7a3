"""Take cash at the till: against the bills that were chosen, or into the wallet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from billing_core import ledger
from billing_core.db import corrections as corrections_db
from billing_core.db import customers as customers_db
from billing_core.db import ledger as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.installation import read_zone
from billing_core.db.receipts import find_payment
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.money import ZERO
from billing_core.service_days import service_date
from billing_core.services.arrival import money_came
from billing_core.services.settlement import settle_named_bills
from billing_core.services.wallets import KeyUsedError

#: Cash that was taken longer ago is a slip of the pen: it was never written down.
DAYS_BACK_MAX = 366
_NOON = time(12)


class CashError(BillingError):
    """Cash cannot be taken like this."""


@dataclass(frozen=True, slots=True)
class CashTaken:
    """Cash on record."""

    #: The receipt is R and this.
    payment_id: int
    entry_id: int


def take_cash(
    conn: Connection,
    username: str,
    amount: Decimal,
    *,
    key: str,
    operator: str,
    note: str,
    now: datetime,
    bills: Sequence[str] = (),
    discount: Decimal = ZERO,
    received_on: date | None = None,
) -> CashTaken:
    """Record cash an operator took, with what he gave away on it.

    A discount pays like money and is an expense of ours. What is over after the bills
    that were chosen is in the wallet, which settles others that are due.

    1. lock the wallet; the same key again returns what it did first and changes
       nothing, unless it names another amount: then one of the two is a mistake
    2. refuse bills that are not his or not open, a discount beyond what they are
    3. post the entry, record the payment
    4. settle the chosen bills; then the wallet others; restore service and extend
       running sessions
    """
    _check(amount, discount, note)

    def work() -> CashTaken:
        received_at = _received_at(conn, received_on, now)
        customer_id = customers_db.find_customer_id(conn, username)
        wallets = lock_wallets(conn, [customer_id])
        entry = ledger.LedgerEntry(
            customer_id,
            "top_up",
            received_at,
            f"cash:{key}",
            operator,
            ledger.cash_in(amount, discount),
            note,
        )
        entry_id = db.post(conn, entry)
        if entry_id is None:
            return _taken_before(conn, entry, key, amount, discount)
        wallets[customer_id].posted += amount + discount
        bill_ids = _choose(conn, customer_id, username, bills, discount)
        payment_id = _record(conn, entry, entry_id, amount, discount)
        if bill_ids:
            paid = amount + discount
            settle_named_bills(
                conn, wallets, customer_id, bill_ids, paid, now=now, actor=operator
            )
        money_came(conn, customer_id, now=now, actor=operator)
        return CashTaken(payment_id, entry_id)

    return in_transaction(conn, work)


def was_taken(conn: Connection, customer_id: int, key: str) -> bool:
    """Tell whether cash with this key is on record already."""
    try:
        db.find_entry(conn, customer_id, f"cash:{key}")
    except db.EntryMissingError:
        return False
    return True


def _check(amount: Decimal, discount: Decimal, note: str) -> None:
    """Refuse what is no cash, or a discount that nobody explains."""
    if amount <= 0:
        raise CashError(f"Cash must be more than 0, not {amount}.")
    if discount < 0:
        raise CashError(f"A discount is not less than 0: {discount}.")
    if discount and not note.strip():
        raise CashError("Say why there is a discount: the note stays in the books.")


def _received_at(conn: Connection, day: date | None, now: datetime) -> datetime:
    """Give the moment of a day that was named; today's is now."""
    zone = read_zone(conn)
    today = service_date(now, zone)
    if day is None or day == today:
        return now
    if day > today:
        raise CashError(f"Cash cannot have been taken on {day}: today is {today}.")
    if day < today - timedelta(days=DAYS_BACK_MAX):
        raise CashError(
            f"Cash of {day} is more than {DAYS_BACK_MAX} days old: adjust the wallet,"
            " with a reason, if it is really missing."
        )
    return datetime.combine(day, _NOON, zone)


def _choose(
    conn: Connection,
    customer_id: int,
    username: str,
    names: Sequence[str],
    discount: Decimal,
) -> list[int]:
    """Return the chosen bills, if cash may be taken against all of them."""
    bill_ids = []
    open_amount = ZERO
    for name in dict.fromkeys(names):
        owner, bill_id = corrections_db.find_bill(conn, name)
        if owner != customer_id:
            raise CashError(f"Bill {name} is not one of {username}.")
        bill = corrections_db.read_bill(conn, customer_id, bill_id)
        if not bill.is_open:
            raise CashError(f"Bill {name} is {bill.status}: nothing is to be paid.")
        bill_ids.append(bill_id)
        open_amount += bill.open_amount
    if names and discount > open_amount:
        raise CashError(
            f"A discount of {discount} is more than is open, {open_amount}."
        )
    return bill_ids


def _record(
    conn: Connection,
    entry: ledger.LedgerEntry,
    entry_id: int,
    amount: Decimal,
    discount: Decimal,
) -> int:
    """Record the payment that an entry is of; returns the receipt's number."""
    return db.insert_payment(
        conn,
        customer_id=entry.customer_id,
        method="cash",
        amount=amount,
        received_at=entry.occurred_at,
        operator=entry.actor,
        note=entry.note,
        entry_id=entry_id,
        discount=discount,
    )


def _taken_before(
    conn: Connection,
    entry: ledger.LedgerEntry,
    key: str,
    amount: Decimal,
    discount: Decimal,
) -> CashTaken:
    customer_id = entry.customer_id
    entry_id = db.find_entry(conn, customer_id, entry.idempotency_key)
    payment = find_payment(conn, customer_id, entry_id)
    if (payment.amount, payment.discount) != (amount, discount):
        raise KeyUsedError(key, payment.amount)
    return CashTaken(payment.payment_id, entry_id)
