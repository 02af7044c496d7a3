"""`khata pay refund|refunds|refund-decide`: give payments back."""

import uuid
from decimal import Decimal

import click

from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import json_option, limit_option, show, show_table
from billing_core.cli.units import Amount
from billing_core.db import refunds as db
from billing_core.db.receipts import find_receipt, read_receipt
from billing_core.gateways.contract import Gateway
from billing_core.ledger import CASH
from billing_core.services.payments import open_gateways
from billing_core.services.refund_answers import decide_refund
from billing_core.services.refunds import BY_HAND, refund_payment

_GATEWAY = "gateway"


@click.command("refund")
@click.argument("receipt")
@click.option("--amount", type=Amount(), help="How much. [all that is left of it]")
@click.option("--reason", required=True, help="Why; it stays in the books.")
@click.option(
    "--by",
    type=click.Choice([_GATEWAY, *BY_HAND]),
    help="Who gives it back. [the gateway that took it, else cash]",
)
@click.option("--key", help="Names this act: the same key again gives back no more.")
@json_option
def refund(
    receipt: str,
    amount: Decimal | None,
    reason: str,
    by: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Give back RECEIPT (R123), or part of it; bills it had paid are open again."""
    with at_desk() as desk:
        done = refund_payment(
            desk.conn,
            receipt,
            amount,
            reason=reason,
            key=key or uuid.uuid4().hex,
            by=_giver(desk, receipt, by),
            operator=desk.actor,
            now=desk.now,
        )
        _show(desk, done, as_json=as_json)


@click.command("refunds")
@click.option("--open", "open_only", is_flag=True, help="Only those not finished.")
@limit_option
@json_option
def refunds(open_only: bool, limit: int, as_json: bool) -> None:
    """List what was given back, or is with a gateway; newest first."""
    with at_desk() as desk:
        rows = db.list_refunds(desk.conn, open_only=open_only, limit=limit)
        if as_json:
            show(rows, desk.settings.zone)
            return
        columns = (
            "reference",
            "username",
            "payment_id",
            "method",
            "amount",
            "state",
            "requested_at",
            "requested_by",
            "reason",
            "outcome",
        )
        show_table(rows, columns, desk.settings.zone, empty="No refunds.")


@click.command("refund-decide")
@click.argument("reference")
@click.option("--given/--not-given", "was_given", required=True, default=None)
@click.option("--note", required=True, help="How you know; it stays in the books.")
@json_option
def decide(reference: str, was_given: bool, note: str, as_json: bool) -> None:
    """Say what became of refund REFERENCE, when its gateway does not."""
    with at_desk() as desk:
        done = decide_refund(
            desk.conn,
            reference,
            was_given=was_given,
            note=note,
            operator=desk.actor,
            now=desk.now,
        )
        _show(desk, done, as_json=as_json)


def _giver(desk: Desk, receipt: str, by: str | None) -> Gateway | str:
    if by is not None and by != _GATEWAY:
        return by
    method = read_receipt(desk.conn, *find_receipt(desk.conn, receipt)).method
    gateway = open_gateways(desk.settings).get(method)
    if gateway is not None:
        return gateway
    if by == _GATEWAY:
        raise click.UsageError(f"{method} gives nothing back here: --by cash.")
    return method if method in BY_HAND else CASH


def _show(desk: Desk, done: db.Refund, *, as_json: bool) -> None:
    if as_json:
        show(done, desk.settings.zone)
        return
    said = f": {done.outcome}" if done.outcome else ""
    click.echo(
        f"Refund {done.reference} of {done.amount} {desk.settings.currency} to"
        f" {done.username} is {done.state}{said}"
    )


COMMANDS = (refund, refunds, decide)
