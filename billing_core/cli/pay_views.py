"""Write attempts to pay for people and for scripts."""

from zoneinfo import ZoneInfo

from billing_core.cli.output import as_plain
from billing_core.db.payments import TRANSFER
from billing_core.payments import Comparison
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
    is_checked = shown.answer is not None and shown.attempt.gateway != TRANSFER
    return {
        **as_plain(shown.attempt, zone),
        # Of a transfer there is the customer's word and nobody else's.
        "gateway_says": shown.answer.amount if shown.answer and is_checked else None,
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
        lines.append(f"The customer says that {attempt.sender} sent it.")
    if shown.transactions:
        ids = ", ".join(f"{each.kind} {each.value}" for each in shown.transactions)
        lines.append(f"Money: {ids}.")
    if answer is not None and answer.flags:
        lines.append(f"The gateway warns: {'; '.join(answer.flags)}.")
    return lines
