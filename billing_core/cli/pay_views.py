"""Write attempts to pay for people and for scripts."""

from zoneinfo import ZoneInfo

from billing_core.cli.output import as_plain
from billing_core.payments import Comparison
from billing_core.services.payments.unmatched import ShownNotice, payers_reference
from billing_core.services.payments.waiting import Shown


def facts_of(shown: Shown, zone: ZoneInfo) -> dict[str, object]:
    """Return all that a person needs to decide, for scripts."""
    return {
        **as_plain(shown.attempt, zone),
        "matches": shown.is_matching,
        "not_approvable": shown.not_approvable,
        "comparisons": shown.comparisons,
        "differences": shown.differences,
        "transactions": shown.transactions,
    }


def row_of(shown: Shown, zone: ZoneInfo) -> dict[str, object]:
    """Return the same as one line of a table."""
    return {
        **as_plain(shown.attempt, zone),
        # Of a transfer there may be the customer's word and nobody else's.
        "gateway_says": shown.said,
        "transaction_ids": " ".join(each.value for each in shown.transactions),
        "differs": " ".join(shown.differences),
    }


def compared(comparison: Comparison) -> dict[str, object]:
    """Return one field of ours and theirs as a line of a table, marked if unlike."""
    return {
        "field": comparison.field,
        "ours": comparison.ours,
        "theirs": comparison.theirs,
        "differs": "" if comparison.agrees else "DIFFERS",
    }


def lines_of(shown: Shown, zone: ZoneInfo) -> list[str]:
    """Return what a person reads first."""
    attempt, answer = shown.attempt, shown.answer
    why = f": {attempt.reason}" if attempt.reason else ""
    lines = [
        f"{attempt.reference} of {attempt.username}: {attempt.amount}"
        f" {attempt.currency} by {attempt.gateway} for {attempt.purpose},"
        f" {attempt.state}{why}"
    ]
    if attempt.decided_by is not None:
        at = as_plain(attempt.decided_at, zone)
        lines.append(f"Decided by {attempt.decided_by} at {at}.")
    if attempt.sender:
        lines.append(f"Sent by {attempt.sender}, as was said.")
    if shown.transactions:
        ids = ", ".join(f"{each.kind} {each.value}" for each in shown.transactions)
        lines.append(f"Money: {ids}.")
    if answer is not None and answer.flags:
        lines.append(f"The gateway warns: {'; '.join(answer.flags)}.")
    return lines


def notice_facts(shown: ShownNotice, zone: ZoneInfo) -> dict[str, object]:
    """Return all that is known of money that a gateway told of, for scripts."""
    return {
        **notice_row(shown, zone),
        "not_assignable": shown.not_assignable,
        "comparisons": shown.comparisons,
        "reasons": shown.reasons,
        "answer": shown.notice.answer,
        "found": shown.notice.found,
    }


def notice_row(shown: ShownNotice, zone: ZoneInfo) -> dict[str, object]:
    """Return the same as one line of a table."""
    notice, answer = shown.notice, shown.answer
    return {
        "transaction_id": notice.transaction_id,
        "gateway": notice.gateway,
        "amount": answer.amount,
        "currency": answer.currency,
        "sender": answer.payer,
        "receiver": answer.merchant,
        "payers_reference": payers_reference(shown),
        "names_payment": notice.names_reference,
        "paid_at": as_plain(answer.paid_at, zone),
        "received_at": as_plain(notice.received_at, zone),
        "asked_at": as_plain(notice.found_at, zone),
        "state": notice.state,
        "username": notice.username,
        "decided_by": notice.decided_by,
        "reason": " ".join(filter(None, (*shown.reasons, notice.reason))),
        "differs": " ".join(shown.differences),
    }
