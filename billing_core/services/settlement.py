"""Let wallets settle open bills, the one due first first."""

from collections.abc import Mapping
from datetime import datetime

from billing_core.bills import allocate
from billing_core.db import billing as db
from billing_core.db.connect import Connection
from billing_core.db.sessions import Wallet
from billing_core.ledger import RECEIVABLE, WALLET
from billing_core.money import ZERO


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
    if not paid:
        return 0
    db.insert_entries(conn, entries, postings, now=now, actor=actor)
    db.pay_bills(conn, allocations)
    db.add_due(conn, [(customer_id, ZERO - amount) for customer_id, _, amount in paid])
    return len(paid)
