"""`khata wallet`: customers' money."""

import uuid
from decimal import Decimal

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, limit_option, show, show_table
from billing_core.cli.units import Amount
from billing_core.db import customers as customers_db
from billing_core.db.ledger import list_entries
from billing_core.db.receipts import receipt_number
from billing_core.services import wallets
from billing_core.services.cash import take_cash
from billing_core.services.credit_limits import set_credit_limit


@click.group()
def wallet() -> None:
    """Put money into wallets, and see what became of it."""


@wallet.command("show")
@click.argument("username")
@limit_option
@json_option
def show_(username: str, limit: int, as_json: bool) -> None:
    """Show a customer's wallet and its newest ledger entries."""
    with at_desk() as desk:
        customer = customers_db.read_customer(
            desk.conn, customers_db.find_customer_id(desk.conn, username)
        )
        entries = list_entries(desk.conn, customer.customer_id, limit=limit)
        zone, currency = desk.settings.zone, desk.settings.currency
        if as_json:
            show(
                {
                    "username": username,
                    "currency": currency,
                    "posted": customer.posted,
                    "reserved": customer.reserved,
                    "credit_limit": customer.credit_limit,
                    "available": customer.available,
                    "entries": entries,
                },
                zone,
            )
            return
        click.echo(
            f"{username}: {customer.available} {currency} available"
            f" ({customer.posted} posted, {customer.reserved} reserved,"
            f" credit limit {customer.credit_limit})"
        )
        columns = ("entry_id", "occurred_at", "kind", "wallet_change", "actor", "note")
        show_table(entries, columns, zone, empty="No entries yet.")


@wallet.command("topup")
@click.argument("username")
@click.argument("amount", type=Amount())
@click.option("--note", default="", help="For the receipt and the ledger.")
@click.option(
    "--key",
    help="Names this payment: the same key again changes nothing (safe to repeat).",
)
@json_option
def topup(
    username: str, amount: Decimal, note: str, key: str | None, as_json: bool
) -> None:
    """Record AMOUNT of cash from USERNAME and put it into the wallet."""
    with at_desk() as desk:
        taken = take_cash(
            desk.conn,
            username,
            amount,
            key=key or uuid.uuid4().hex,
            operator=desk.actor,
            note=note,
            now=desk.now,
        )
        customer = customers_db.read_customer(
            desk.conn, customers_db.find_customer_id(desk.conn, username)
        )
        if as_json:
            available, posted = customer.available, customer.posted
            show(
                {
                    "entry_id": taken.entry_id,
                    "receipt": receipt_number(taken.payment_id),
                    "posted": posted,
                    "available": available,
                },
                desk.settings.zone,
            )
        else:
            click.echo(
                f"{username} has {customer.available} {desk.settings.currency}"
                f" available (entry {taken.entry_id}, receipt"
                f" {receipt_number(taken.payment_id)})."
            )


@wallet.command("adjust", context_settings={"ignore_unknown_options": True})
@click.argument("username")
@click.argument("amount", type=Amount())
@click.option("--reason", required=True, help="Why; it stays in the books.")
@click.option("--key", help="Names this act: the same key again changes nothing.")
def adjust(username: str, amount: Decimal, reason: str, key: str | None) -> None:
    """Put AMOUNT into a wallet (-AMOUNT: take out) that no payment or bill explains."""
    with at_desk() as desk:
        entry_id = wallets.adjust(
            desk.conn,
            username,
            amount,
            reason=reason,
            key=key or uuid.uuid4().hex,
            operator=desk.actor,
            now=desk.now,
        )
    click.echo(f"The wallet of {username} is adjusted by {amount} (entry {entry_id}).")


@wallet.command("credit")
@click.argument("username")
@click.argument("limit", type=Amount())
def credit(username: str, limit: Decimal) -> None:
    """Let USERNAME owe up to LIMIT for days, packages and sessions; 0: nothing."""
    with at_desk() as desk:
        set_credit_limit(desk.conn, username, limit, actor=desk.actor, now=desk.now)
        currency = desk.settings.currency
    click.echo(f"{username} may owe {limit} {currency}.")


@wallet.command("reverse")
@click.argument("username")
@click.argument("entry_id", type=int)
@click.option("--reason", required=True, help="Why the entry is wrong.")
def reverse(username: str, entry_id: int, reason: str) -> None:
    """Take ENTRY_ID of USERNAME back by its exact mirror; both stay in the books."""
    with at_desk() as desk:
        reversal = wallets.reverse_entry(
            desk.conn,
            username,
            entry_id,
            reason=reason,
            operator=desk.actor,
            now=desk.now,
        )
    click.echo(f"Entry {entry_id} is taken back by entry {reversal}.")
