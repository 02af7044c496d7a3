"""Issue bills of a batch: bill, lines, number, ledger entry, what is owed."""

from collections.abc import Sequence
from datetime import datetime

from billing_core.billing_terms import BillDraft
from billing_core.db import bills as bills_db
from billing_core.db import cycles as cycles_db
from billing_core.db.connect import Connection
from billing_core.ledger import INCOME, RECEIVABLE, VAT_PAYABLE


def issue_bills(
    conn: Connection, drafts: Sequence[BillDraft], *, now: datetime, actor: str
) -> list[str]:
    """Issue these drafts, in the caller's transaction, under the wallets' locks.

    An issued bill is a debt: receivable + gross, income - net, VAT - vat. What the
    wallet holds settles it: settlement.settle_from_wallets. Returns their numbers.
    """
    ids = bills_db.next_bill_ids(conn, len(drafts))
    numbers = bills_db.take_numbers(conn, "B", len(drafts))
    # The last draft of a customer tells up to where he is billed.
    until = {
        draft.customer_id: draft.billed_until
        for draft in drafts
        if draft.billed_until is not None
    }
    # Nobody waits for an answer: what follows is made while the server is at work.
    with conn.pipeline():
        bills_db.add_due(conn, [(draft.customer_id, draft.gross) for draft in drafts])
        if until:
            cycles_db.advance_customers(conn, until.items())
        _insert(conn, drafts, ids, numbers, now=now, actor=actor)
    return numbers


def _insert(
    conn: Connection,
    drafts: Sequence[BillDraft],
    ids: Sequence[tuple[int, int]],
    numbers: Sequence[str],
    *,
    now: datetime,
    actor: str,
) -> None:
    bills, lines, entries, postings = [], [], [], []
    for draft, (bill_id, entry_id), number in zip(drafts, ids, numbers, strict=True):
        bills.append(_bill_row(draft, bill_id, number))
        lines += [
            bills_db.LineRow(draft.customer_id, bill_id, line_no, *line)
            for line_no, line in enumerate(draft.lines, 1)
        ]
        if draft.gross:
            key = f"bill:{draft.kind}:{draft.subject}"
            entries.append(bills_db.EntryRow(draft.customer_id, entry_id, "bill", key))
            postings += _postings(draft, entry_id)
    bills_db.insert_bills(conn, bills, lines, now)
    if entries:
        bills_db.insert_entries(conn, entries, postings, now=now, actor=actor)


def _bill_row(draft: BillDraft, bill_id: int, number: str) -> bills_db.BillRow:
    return bills_db.BillRow(
        customer_id=draft.customer_id,
        bill_id=bill_id,
        kind=draft.kind,
        period_start=draft.period_start,
        period_end=draft.period_end,
        net=draft.net,
        vat=draft.vat,
        gross=draft.gross,
        is_paid=False,
        subject=draft.subject,
        number=number,
        due_at=draft.due_at,
        suspend_at=draft.suspend_at,
        package_id=draft.package_id,
        profile_id=draft.profile_id,
    )


def _postings(draft: BillDraft, entry_id: int) -> list[bills_db.PostingRow]:
    customer_id = draft.customer_id
    legs = [
        bills_db.PostingRow(customer_id, entry_id, 1, RECEIVABLE, draft.gross),
        bills_db.PostingRow(customer_id, entry_id, 2, INCOME, -draft.net),
    ]
    if draft.vat:
        legs.append(
            bills_db.PostingRow(customer_id, entry_id, 3, VAT_PAYABLE, -draft.vat)
        )
    return legs
