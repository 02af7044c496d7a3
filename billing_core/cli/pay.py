"""`khata pay`: payments by gateway and transfer, and the queue to verify."""

from dataclasses import replace
from decimal import Decimal

import click

from billing_core.cli import paying, till
from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import json_option, limit_option, show, show_table
from billing_core.cli.pay_views import compared, facts_of, lines_of, row_of
from billing_core.cli.paying import METHODS, gateway_of
from billing_core.cli.units import Amount
from billing_core.cli.unmatched import unmatched
from billing_core.db import payments as db
from billing_core.db.customers import find_customer_id
from billing_core.db.gateway_notices import find_unmatched
from billing_core.db.payments import UnknownAttemptError
from billing_core.payments import AttemptState
from billing_core.services.payments import open_gateways
from billing_core.services.payments.asking import ask_about
from billing_core.services.payments.deciding import (
    approve,
    approve_all_matching,
    reject,
)
from billing_core.services.payments.transfer_answers import (
    ask_about_transfer,
    finder_of,
)
from billing_core.services.payments.waiting import list_waiting, read_shown

_STATES = tuple(state.value for state in AttemptState)


@click.group()
def pay() -> None:
    """Take payments, verify them, give money back."""


@pay.command("list")
@click.option("--state", "states", multiple=True, type=click.Choice(_STATES))
@click.option("--method", type=click.Choice(METHODS))
@click.option("--username", help="Only this customer's.")
@limit_option
@json_option
def list_(
    states: tuple[str, ...],
    method: str | None,
    username: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List payments by gateway and transfer that were begun; newest first."""
    with at_desk() as desk:
        if username is not None:
            find_customer_id(desk.conn, username)
        found = db.list_attempts(
            desk.conn,
            states=states or None,
            gateway=method,
            username=username,
            limit=limit,
        )
        if as_json:
            show([replace(each, answer=None) for each in found], desk.settings.zone)
            return
        columns = ("reference", "created_at", "username", "gateway", "amount")
        more = ("purpose", "state", "reason", "decided_by")
        show_table(found, (*columns, *more), desk.settings.zone, empty="No payments.")


@pay.command("show")
@click.argument("reference")
@json_option
def show_(reference: str, as_json: bool) -> None:
    """Show payment REFERENCE: our row, the gateway's answer, what differs, history."""
    with at_desk() as desk:
        shown, events = read_shown(desk.conn, reference.upper())
        zone = desk.settings.zone
        if as_json:
            show({**facts_of(shown, zone), "events": events}, zone)
            return
        for line in lines_of(shown, zone):
            click.echo(line)
        rows = [compared(each) for each in shown.comparisons]
        columns = ("field", "ours", "theirs", "differs")
        show_table(rows, columns, zone, empty="No gateway has answered.")
        columns = ("at", "actor", "what", "note")
        show_table(events, columns, zone, empty="Nothing happened.")


@pay.command("verify")
@limit_option
@json_option
def verify(limit: int, as_json: bool) -> None:
    """List what waits for a person to approve or reject; the longest first."""
    with at_desk() as desk:
        waiting = list_waiting(desk.conn, limit=limit)
        zone = desk.settings.zone
        if as_json:
            show([facts_of(each, zone) for each in waiting], zone)
            return
        columns = ("reference", "username", "gateway", "amount", "gateway_says")
        more = ("transaction_ids", "sender", "created_at", "state", "reason", "differs")
        rows = [row_of(each, zone) for each in waiting]
        show_table(rows, (*columns, *more), zone, empty="Nothing waits.")
        if find_unmatched(desk.conn, limit=1):
            click.echo("Money waits for its owner, too: khata pay unmatched list")


@pay.command("approve")
@click.argument("reference", required=False)
@click.option(
    "--amount",
    type=Amount(),
    help="What the gateway says was paid, where it is not what was asked for.",
)
@click.option("--all-matching", is_flag=True, help="All that agree with the gateway.")
def approve_(reference: str | None, amount: Decimal | None, all_matching: bool) -> None:
    """Credit payment REFERENCE: as much as its gateway says was paid."""
    if (reference is None) != all_matching or (amount is not None and all_matching):
        raise click.UsageError("Give a REFERENCE or --all-matching.")
    with at_desk() as desk:
        if reference is None:
            done = approve_all_matching(desk.conn, operator=desk.actor, now=desk.now)
        else:
            attempt_id = _find(desk, reference)
            done = [
                approve(
                    desk.conn,
                    attempt_id,
                    amount=amount,
                    operator=desk.actor,
                    now=desk.now,
                )
            ]
        for each in done:
            click.echo(f"{each.reference} of {each.username} is approved.")
        if not done:
            click.echo("Nothing matching waits.")


@pay.command("reject")
@click.argument("reference")
@click.option("--reason", required=True, help="Why; it stays with the payment.")
def reject_(reference: str, reason: str) -> None:
    """Decide that payment REFERENCE is not credited; nothing is deleted."""
    with at_desk() as desk:
        done = reject(
            desk.conn,
            _find(desk, reference),
            reason=reason,
            operator=desk.actor,
            now=desk.now,
        )
    click.echo(f"{done.reference} of {done.username} is rejected: {done.reason}.")


@pay.command("ask")
@click.argument("reference")
def ask(reference: str) -> None:
    """Ask the gateway what became of payment REFERENCE, and do what it means.

    Of a transfer bKash is asked for its transaction id; a person decides then.
    """
    with at_desk() as desk:
        attempt = db.read_attempt(desk.conn, _find(desk, reference))
        if attempt.gateway == db.TRANSFER:
            after = ask_about_transfer(
                desk.conn,
                finder_of(open_gateways(desk.settings)),
                attempt.attempt_id,
                actor=desk.actor,
                now=desk.now,
            )
        else:
            after = ask_about(
                desk.conn,
                gateway_of(desk, attempt.gateway),
                attempt.reference,
                verification=desk.settings.payments.verification[attempt.gateway],
                actor=desk.actor,
                now=desk.now,
            )
    why = f": {after.reason}" if after.reason else ""
    click.echo(f"{after.reference} of {after.username} is {after.state}{why}.")


def _find(desk: Desk, reference: str) -> int:
    attempt_id = db.find_by_reference(desk.conn, reference.upper())
    if attempt_id is None:
        raise UnknownAttemptError(reference)
    return attempt_id


for _command in (*paying.COMMANDS, *till.COMMANDS, unmatched):
    pay.add_command(_command)
