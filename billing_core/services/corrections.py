"""Correct bills without changing them: voids, credit notes, settlements undone."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from billing_core import ledger
from billing_core.billing_terms import CYCLE, OWED_DAY
from billing_core.db import bills as bills_db
from billing_core.db import corrections as db
from billing_core.db import customers as customers_db
from billing_core.db import ledger as ledger_db
from billing_core.db.connect import Connection, Result, in_transaction
from billing_core.db.corrections import BillStanding
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.money import VatSplit, round_money
from billing_core.services.arrival import money_came

PACKAGE_CHANGE, PROFILE_CHANGE = "package_change", "profile_change"
OTHER_CHARGE = "other_charge"
#: Bills that are debts before they are paid; the others were paid as they were issued.
DEBTS = frozenset({CYCLE, OWED_DAY, PACKAGE_CHANGE, PROFILE_CHANGE, OTHER_CHARGE})


class CorrectionError(BillingError):
    """This cannot be corrected like that."""


def void_bill(
    conn: Connection, bill_name: str, *, reason: str, actor: str, now: datetime
) -> BillStanding:
    """Declare a bill to be no debt; returns it as it stands then.

    What was paid of it goes back into the wallet. The period of a void cycle bill stays
    billed: no run bills it again, a person does, by bill_again.
    """
    _check_reason(reason)

    def work(bill: BillStanding) -> BillStanding:
        void_locked(conn, bill, reason=reason, actor=actor, now=now)
        log_on_bill(conn, bill, "bill void", f"{bill.name}: {reason}", actor, now)
        money_came(conn, bill.customer_id, now=now, actor=actor)
        return db.read_bill(conn, bill.customer_id, bill.bill_id)

    return with_bill(conn, bill_name, work)


def credit_bill(
    conn: Connection,
    bill_name: str,
    amount: Decimal,
    *,
    reason: str,
    key: str,
    actor: str,
    now: datetime,
) -> str:
    """Give back part of a bill by a credit note; returns the note's number.

    First it lowers what is open on the bill; what is more goes into the wallet. The VAT
    given back is the amount's share, so that credits of the whole give back all of it.
    """
    _check_reason(reason)

    def work(bill: BillStanding) -> str:
        known = db.find_credit_note(conn, bill.customer_id, f"credit:{key}")
        if known is not None:
            return known
        left = VatSplit(
            bill.net - bill.credited_net,
            bill.vat - bill.credited_vat,
            bill.gross - bill.credited,
        )
        if not 0 < amount <= left.gross:
            raise CorrectionError(
                f"Of bill {bill.name} up to {left.gross} can be credited, not {amount}."
            )
        vat = round_money(left.vat * amount / left.gross)
        number = credit_locked(
            conn,
            bill,
            VatSplit(amount - vat, vat, amount),
            reason=reason,
            key=f"credit:{key}",
            actor=actor,
            now=now,
        )
        log_on_bill(
            conn, bill, "credit note", f"{number}: {amount}, {reason}", actor, now
        )
        money_came(conn, bill.customer_id, now=now, actor=actor)
        return number

    return with_bill(conn, bill_name, work)


def void_locked(
    conn: Connection, bill: BillStanding, *, reason: str, actor: str, now: datetime
) -> None:
    """Void a bill under its wallet's lock; what was paid goes into the wallet."""
    if bill.status == "void":
        raise CorrectionError(f"Bill {bill.name} is void already.")
    if bill.kind not in DEBTS:
        raise CorrectionError(
            f"Bill {bill.name} ({bill.kind}) was paid as it was issued: give its money"
            f" back with khata bill credit {bill.name}."
        )
    if bill.credited:
        raise CorrectionError(
            f"Bill {bill.name} has credit notes: credit the rest with"
            f" khata bill credit {bill.name}."
        )
    key = f"bill_void:{bill.bill_id}"
    parts = VatSplit(bill.net, bill.vat, bill.gross)
    entry_id = _post_credit(
        conn, bill, parts, "bill_void", key, reason, actor=actor, now=now
    )
    if bill.paid:
        db.insert_allocation(conn, bill.customer_id, bill.bill_id, entry_id, -bill.paid)
    db.void_bill(conn, bill.customer_id, bill.bill_id, reason=reason, now=now)
    bills_db.add_due(conn, [(bill.customer_id, -bill.open_amount)])


def credit_locked(
    conn: Connection,
    bill: BillStanding,
    parts: VatSplit,
    *,
    reason: str,
    key: str,
    actor: str,
    now: datetime,
    credited_from: datetime | None = None,
) -> str:
    """Issue a credit note under the wallet's lock; returns its number."""
    if bill.status == "void":
        raise CorrectionError(f"Bill {bill.name} is void: nothing is owed on it.")
    customer_id, bill_id = bill.customer_id, bill.bill_id
    entry_id = _post_credit(
        conn, bill, parts, "credit_note", key, reason, actor=actor, now=now
    )
    (number,) = bills_db.take_numbers(conn, "CN", 1)
    db.insert_credit_note(
        conn,
        customer_id=customer_id,
        bill_id=bill_id,
        number=number,
        parts=parts,
        reason=reason,
        entry_id=entry_id,
        credited_from=credited_from,
        now=now,
    )
    on_bill = min(bill.open_amount, parts.gross)
    if on_bill:
        row = bills_db.AllocationRow(customer_id, bill_id, entry_id, on_bill)
        bills_db.pay_bills(conn, [row])
        bills_db.add_due(conn, [(customer_id, -on_bill)])
    return number


def take_back_settlements(
    conn: Connection, customer_id: int, *, reason: str, actor: str, now: datetime
) -> None:
    """Open bills again that were paid with money that turned out not to be.

    The newest settlement first, each by its exact mirror, until the wallet is not below
    zero; settling again then uses what is over on the bill that is due first.
    """
    posted = lock_wallets(conn, [customer_id])[customer_id].posted
    for paid in db.list_settlements(conn, customer_id):
        if posted >= 0:
            return
        legs = ledger_db.read_postings(conn, customer_id, paid.entry_id)
        entry_id = ledger_db.post(
            conn,
            ledger.LedgerEntry(
                customer_id,
                "reversal",
                now,
                f"reversal:{paid.entry_id}",
                actor,
                ledger.reverse(legs),
                reason,
                reverses_entry_id=paid.entry_id,
            ),
        )
        assert entry_id is not None  # noqa: S101 - it was not reversed, under the lock
        row = bills_db.AllocationRow(customer_id, paid.bill_id, entry_id, -paid.amount)
        bills_db.pay_bills(conn, [row])
        bills_db.add_due(conn, [(customer_id, paid.amount)])
        posted += paid.amount


def _post_credit(
    conn: Connection,
    bill: BillStanding,
    parts: VatSplit,
    kind: str,
    key: str,
    reason: str,
    *,
    actor: str,
    now: datetime,
) -> int:
    """Post what takes back income and VAT: off what is open, the rest to the wallet."""
    on_bill = min(bill.open_amount, parts.gross)
    legs = (
        ledger.Posting(ledger.INCOME, parts.net),
        ledger.Posting(ledger.VAT_PAYABLE, parts.vat),
        ledger.Posting(ledger.RECEIVABLE, -on_bill),
        ledger.Posting(ledger.WALLET, on_bill - parts.gross),
    )
    entry = ledger.LedgerEntry(
        bill.customer_id,
        kind,
        now,
        key,
        actor,
        tuple(leg for leg in legs if leg.amount),
        reason,
    )
    entry_id = ledger_db.post(conn, entry)
    if entry_id is None:
        raise CorrectionError(f"{key} was posted before, for another bill.")
    return entry_id


def with_bill(
    conn: Connection, bill_name: str, work: Callable[[BillStanding], Result]
) -> Result:
    """Do something to a bill in one transaction, under its wallet's lock."""

    def locked() -> Result:
        customer_id, bill_id = db.find_bill(conn, bill_name)
        lock_wallets(conn, [customer_id])
        return work(db.read_bill(conn, customer_id, bill_id))

    return in_transaction(conn, locked)


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise CorrectionError("Say why: the reason stays in the books.")


def log_on_bill(
    conn: Connection,
    bill: BillStanding,
    what: str,
    note: str,
    actor: str,
    now: datetime,
) -> None:
    """Log what was done to a bill in its customer's log."""
    customers_db.log_customer_event(
        conn, bill.customer_id, at=now, actor=actor, what=what, note=note
    )
