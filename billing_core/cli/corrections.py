"""`khata bill …`: see one bill, and correct it."""

import uuid
from decimal import Decimal

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import as_plain, json_option, show, show_table
from billing_core.cli.units import Amount
from billing_core.db import corrections as db
from billing_core.db.ledger import list_bill_lines
from billing_core.services import charges, corrections

_key_option = click.option(
    "--key", help="Names this act: the same key again changes nothing."
)


@click.command("show")
@click.argument("bill")
@json_option
def show_(bill: str, as_json: bool) -> None:
    """Show BILL (a number or id): lines, what paid it, credit notes."""
    with at_desk() as desk:
        customer_id, bill_id = db.find_bill(desk.conn, bill)
        found = db.read_bill(desk.conn, customer_id, bill_id)
        lines = list_bill_lines(desk.conn, customer_id, [bill_id])
        paid = db.list_allocations(desk.conn, customer_id, bill_id)
        notes = db.list_credit_notes(desk.conn, customer_id, bill_id)
        zone, currency = desk.settings.zone, desk.settings.currency
        if as_json:
            facts = as_plain(found, zone) | {"open": str(found.open_amount)}
            parts = {"lines": lines, "allocations": paid, "credit_notes": notes}
            show(facts | parts, zone)
            return
        click.echo(
            f"Bill {found.name} of {found.username}: {found.kind}, {found.status},"
            f" {found.gross} {currency}, {found.open_amount} open"
            + (f"; void: {found.void_reason}" if found.void_reason else "")
        )
        columns = ("description", "quantity", "unit", "net", "vat_percent", "vat")
        show_table(lines, (*columns, "gross"), zone, empty="No lines.")
        columns = ("entry_id", "kind", "occurred_at", "amount", "actor", "note")
        show_table(paid, columns, zone, empty="Nothing was allocated to it.")
        if notes:
            columns = ("number", "issued_at", "net", "vat", "gross", "reason")
            show_table(notes, columns, zone, empty="")


@click.command("void")
@click.argument("bill")
@click.option("--reason", required=True, help="Why; it stays in the books.")
def void(bill: str, reason: str) -> None:
    """Declare BILL to be no debt; what was paid of it goes back into the wallet.

    The period of a void cycle bill is not billed again by itself: khata bill again.
    """
    with at_desk() as desk:
        done = corrections.void_bill(
            desk.conn, bill, reason=reason, actor=desk.actor, now=desk.now
        )
    click.echo(f"Bill {done.name} of {done.username} is void.")
    if done.kind == "cycle":
        click.echo(f"Its period is billed again only by: khata bill again {done.name}")


@click.command("again")
@click.argument("bill")
def again(bill: str) -> None:
    """Bill the period of the void cycle bill BILL anew, at today's terms."""
    with at_desk() as desk:
        number = charges.bill_again(
            desk.conn, bill, actor=desk.actor, now=desk.now, zone=desk.settings.zone
        )
    click.echo(f"The period of bill {bill} is billed by {number}.")


@click.command("credit")
@click.argument("bill")
@click.argument("amount", type=Amount())
@click.option("--reason", required=True, help="Why; it stays in the books.")
@_key_option
def credit(bill: str, amount: Decimal, reason: str, key: str | None) -> None:
    """Give AMOUNT of BILL back: off what is open, the rest into the wallet."""
    with at_desk() as desk:
        number = corrections.credit_bill(
            desk.conn,
            bill,
            amount,
            reason=reason,
            key=key or uuid.uuid4().hex,
            actor=desk.actor,
            now=desk.now,
        )
    click.echo(f"Credit note {number}: {amount} of bill {bill}.")


@click.command("charge")
@click.argument("username")
@click.argument("amount", type=Amount())
@click.option("--description", required=True, help="What for; printed on the bill.")
@click.option("--vat", help="VAT profile; if not as for his service.")
@_key_option
def charge(
    username: str, amount: Decimal, description: str, vat: str | None, key: str | None
) -> None:
    """Bill USERNAME an AMOUNT for something else than service."""
    with at_desk() as desk:
        issued = charges.charge_customer(
            desk.conn,
            username,
            amount,
            description=description,
            vat_profile=vat,
            key=key or uuid.uuid4().hex,
            actor=desk.actor,
            now=desk.now,
            zone=desk.settings.zone,
        )
    click.echo(f"{username} is billed {issued.gross} for {description}: {issued.name}.")


COMMANDS = (show_, void, again, credit, charge)
