"""`khata pay unmatched`: money that a gateway told of and that is nobody's yet."""

from decimal import Decimal

import click

from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import json_option, limit_option, show, show_table
from billing_core.cli.pay_views import compared, notice_facts, notice_row
from billing_core.cli.units import Amount
from billing_core.db import gateway_notices as db
from billing_core.db.gateway_notices import UnknownNoticeError
from billing_core.services.payments import open_gateways
from billing_core.services.payments.transfer_answers import finder_of
from billing_core.services.payments.unmatched import (
    ask_about_notice,
    assign,
    dismiss,
    reopen,
    show_notice,
    suggest,
)


@click.group("unmatched")
def unmatched() -> None:
    """Say whose money is that a gateway told of by itself (paid in bKash's app)."""


@unmatched.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what was decided.")
@limit_option
@json_option
def list_(everything: bool, limit: int, as_json: bool) -> None:
    """List money that waits for a person to say whose it is; the longest first."""
    find = db.find_notices if everything else db.find_unmatched
    with at_desk() as desk:
        found = [show_notice(desk.conn, each) for each in find(desk.conn, limit=limit)]
        zone = desk.settings.zone
        if as_json:
            show([notice_facts(each, zone) for each in found], zone)
            return
        columns = ("transaction_id", "gateway", "amount", "sender", "payers_reference")
        more = ("received_at", "state", "username", "reason", "differs")
        rows = [notice_row(each, zone) for each in found]
        show_table(rows, (*columns, *more), zone, empty="No money waits for its owner.")


@unmatched.command("show")
@click.argument("transaction")
@json_option
def show_(transaction: str, as_json: bool) -> None:
    """Show all that is known of TRANSACTION, and whose it may be."""
    with at_desk() as desk:
        shown = show_notice(
            desk.conn, db.read_notice(desk.conn, _find(desk, transaction))
        )
        maybe, zone = suggest(desk.conn, shown), desk.settings.zone
        if as_json:
            show({**notice_facts(shown, zone), "suggestions": maybe}, zone)
            return
        for name, value in notice_row(shown, zone).items():
            if value not in (None, ""):
                click.echo(f"{name.replace('_', ' ')}: {value}")
        if shown.comparisons:
            columns = ("field", "ours", "theirs", "differs")
            show_table(map(compared, shown.comparisons), columns, zone, empty="")
        show_table(
            maybe, ("username", "name", "mobile"), zone, empty="It names no customer."
        )


@unmatched.command("ask")
@click.argument("transaction")
def ask(transaction: str) -> None:
    """Ask the gateway for TRANSACTION by its id."""
    with at_desk() as desk:
        finder = finder_of(open_gateways(desk.settings))
        shown = ask_about_notice(
            desk.conn, finder, _find(desk, transaction), now=desk.now
        )
    said = shown.answer.reason or f"{shown.answer.amount} {shown.answer.currency}"
    differs = f"; differs: {', '.join(shown.differences)}" if shown.differences else ""
    click.echo(f"{shown.notice.transaction_id}: {said}{differs}.")


@unmatched.command("assign")
@click.argument("transaction")
@click.argument("username")
@click.option(
    "--amount", type=Amount(), required=True, help="What the gateway says it is."
)
def assign_(transaction: str, username: str, amount: Decimal) -> None:
    """Credit USERNAME with TRANSACTION, once; your name stays with it."""
    with at_desk() as desk:
        done = assign(
            desk.conn,
            _find(desk, transaction),
            username,
            amount=amount,
            operator=desk.actor,
            now=desk.now,
        )
    click.echo(f"{done.amount} of {transaction.upper()} is {done.username}'s.")


@unmatched.command("dismiss")
@click.argument("transaction")
@click.option("--reason", required=True, help="Why; it stays with the money.")
def dismiss_(transaction: str, reason: str) -> None:
    """Say that TRANSACTION is no customer's money; nothing is deleted: see reopen."""
    with at_desk() as desk:
        done = dismiss(
            desk.conn,
            _find(desk, transaction),
            reason=reason,
            operator=desk.actor,
            now=desk.now,
        )
    click.echo(f"{done.transaction_id} is dismissed: {done.reason}.")


@unmatched.command("reopen")
@click.argument("transaction")
def reopen_(transaction: str) -> None:
    """Let TRANSACTION, which was dismissed, wait for its owner again."""
    with at_desk() as desk:
        done = reopen(
            desk.conn, _find(desk, transaction), operator=desk.actor, now=desk.now
        )
    click.echo(f"{done.transaction_id} waits for its owner again.")


def _find(desk: Desk, transaction: str) -> int:
    notice = db.find_notice(desk.conn, transaction)
    if notice is None:
        raise UnknownNoticeError(transaction)
    return notice.notice_id
