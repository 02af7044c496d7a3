"""Let wallets settle open bills: the one due first first, or those that are named."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from billing_core.allocation import allocate
from billing_core.db import bills as db
from billing_core.db.connect import Connection
from billing_core.db.sessions import Wallet
from billing_core.ledger import RECEIVABLE, WALLET
from billing_core.money import ZERO

#: (customer_id, bill_id, amount)
Settled = tuple[int, int, Decimal]


def settle_from_wallets(
    conn: Connection, wallets: Mapping[int, Wallet], *, now: datetime, actor: str
) -> int:
    """Settle what these locked wallets can pay; returns how many bills got money.

    Only money that is there: not what sessions hold, and never credit. Wallet records
    are brought up to date with what they paid.
    """
    with_money = {
        customer_id: wallet.posted - wallet.reserved
        for customer_id, wallet in wallets.items()
        if wallet.posted > wallet.reserved
    }
    owing = db.read_dues(conn, list(with_money)) if with_money else {}
    if not owing:
        return 0
    open_bills = db.read_open_bills(conn, list(owing))
    paid = [
        (customer_id, bill_id, amount)
        for customer_id, bills in open_bills.items()
        for bill_id, amount in allocate(with_money[customer_id], bills)
    ]
    _settle(conn, wallets, paid, now=now, actor=actor)
    return len(paid)


def settle_named_bills(
    conn: Connection,
    wallets: Mapping[int, Wallet],
    customer_id: int,
    bill_ids: Sequence[int],
    amount: Decimal,
    *,
    now: datetime,
    actor: str,
) -> None:
    """Pay these bills of a locked customer in this order, before any that is due.

    With no more than an amount, and no more than is there. A bill that is not open any
    more gets nothing.
    """
    wallet = wallets[customer_id]
    over = max(min(amount, wallet.posted - wallet.reserved), ZERO)
    open_bills = db.read_open_bills(conn, [customer_id]).get(customer_id, [])
    wanted = {bill.bill_id: bill for bill in open_bills}
    paid: list[Settled] = []
    for bill_id in bill_ids:
        bill = wanted.pop(bill_id, None)
        for _, part in allocate(over, [bill] if bill else []):
            paid.append((customer_id, bill_id, part))
            over -= part
    _settle(conn, wallets, paid, now=now, actor=actor)


def _settle(
    conn: Connection,
    wallets: Mapping[int, Wallet],
    paid: Sequence[Settled],
    *,
    now: datetime,
    actor: str,
) -> None:
    if not paid:
        return
    entry_ids = db.next_entry_ids(conn, len(paid))
    entries, postings, allocations = [], [], []
    for (customer_id, bill_id, amount), entry_id in zip(paid, entry_ids, strict=True):
        # The entry's own id: one bill may be settled in several parts.
        key = f"settlement:{bill_id}:{entry_id}"
        entries.append(db.EntryRow(customer_id, entry_id, "settlement", key))
        postings += [
            db.PostingRow(customer_id, entry_id, 1, WALLET, amount),
            db.PostingRow(customer_id, entry_id, 2, RECEIVABLE, -amount),
        ]
        allocations.append(db.AllocationRow(customer_id, bill_id, entry_id, amount))
        wallets[customer_id].posted -= amount
    db.insert_entries(conn, entries, postings, now=now, actor=actor)
    db.pay_bills(conn, allocations)
    db.add_due(conn, [(customer_id, ZERO - amount) for customer_id, _, amount in paid])
