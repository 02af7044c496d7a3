"""`khata pay cash|receipt|received`, and the till's other commands."""

import uuid
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import click

from billing_core.cli import giving_back, links, papers
from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import (
    as_plain,
    json_option,
    limit_option,
    show,
    show_table,
)
from billing_core.cli.units import Amount
from billing_core.db import receipts as receipts_db
from billing_core.db.customers import find_customer_id
from billing_core.db.receipts import Receipt, SettledBill
from billing_core.db.refunds import list_refunds_of_payment
from billing_core.money import ZERO
from billing_core.services.cash import take_cash


@click.command("cash")
@click.argument("username")
@click.option("--amount", type=Amount(), required=True, help="Cash that was taken.")
@click.option(
    "--bill",
    "bills",
    multiple=True,
    help="Bill to pay first; may be given several times. [the one due first]",
)
@click.option(
    "--discount",
    type=Amount(),
    default=ZERO,
    help="Given away on it; pays like money. Say why with --note.",
)
@click.option("--note", default="", help="For the receipt and the ledger.")
@click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day on which it was taken. [today]",
)
@click.option(
    "--key",
    help="Names this payment: the same key again changes nothing (safe to repeat).",
)
@json_option
def cash(
    username: str,
    amount: Decimal,
    bills: tuple[str, ...],
    discount: Decimal,
    note: str,
    day: datetime | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Record cash from USERNAME: for his bills, what is over stays in the wallet."""
    with at_desk() as desk:
        taken = take_cash(
            desk.conn,
            username,
            amount,
            key=key or uuid.uuid4().hex,
            operator=desk.actor,
            note=note,
            now=desk.now,
            bills=bills,
            discount=discount,
            received_on=day.date() if day else None,
        )
        customer_id = find_customer_id(desk.conn, username)
        _show_receipt(desk, customer_id, taken.payment_id, as_json=as_json)


@click.command("receipt")
@click.argument("number")
@click.option(
    "--pdf",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file as PDF as well.",
)
@papers.language_option
@json_option
def receipt(number: str, pdf: Path | None, language: str | None, as_json: bool) -> None:
    """Show receipt NUMBER (R123): what was paid, and what became of it."""
    with at_desk() as desk:
        found = receipts_db.find_receipt(desk.conn, number)
        if pdf is not None:
            papers.write_receipt_pdf(desk, *found, language, pdf)
        _show_receipt(desk, *found, as_json=as_json)


@click.command("received")
@click.argument("username", required=False)
@limit_option
@json_option
def received(username: str | None, limit: int, as_json: bool) -> None:
    """List money that came in, of USERNAME or of all; newest first."""
    with at_desk() as desk:
        zone = desk.settings.zone
        customer_id = find_customer_id(desk.conn, username) if username else None
        rows = receipts_db.list_payments(desk.conn, customer_id, limit=limit)
        plain = [{"receipt": row.receipt, **as_plain(row, zone)} for row in rows]
        if as_json:
            show(plain, zone)
            return
        columns = (
            "receipt",
            "username",
            "received_at",
            "method",
            "amount",
            "discount",
            "refunded",
            "is_reversed",
            "operator",
            "note",
        )
        show_table(plain, columns, zone, empty="No payments yet.")


def _show_receipt(
    desk: Desk, customer_id: int, payment_id: int, *, as_json: bool
) -> None:
    told = receipts_db.read_receipt(desk.conn, customer_id, payment_id)
    settled = receipts_db.list_settled(desk.conn, customer_id, told.entry_id)
    given_back = list_refunds_of_payment(desk.conn, customer_id, payment_id)
    if as_json:
        value = {
            "receipt": told.number,
            "currency": desk.settings.currency,
            **as_plain(told, desk.settings.zone),
            "bills": settled,
            "refunds": given_back,
        }
        show(value, desk.settings.zone)
        return
    for line in _lines(told, settled, desk):
        click.echo(line)
    for one in given_back:
        click.echo(
            f"  REFUND    {one.amount} {desk.settings.currency}, {one.state}:"
            f" {one.reason}"
        )


def _lines(told: Receipt, settled: list[SettledBill], desk: Desk) -> list[str]:
    currency = desk.settings.currency

    def day(moment: datetime) -> date:
        return moment.astimezone(desk.settings.zone).date()

    whose = f"{told.name} ({told.username})" if told.name else told.username
    lines = [
        f"Receipt {told.number}",
        f"  from      {whose}",
        f"  received  {day(told.received_at)}, {told.method}, by {told.operator}",
        f"  amount    {told.amount} {currency}",
    ]
    if told.discount:
        lines.append(f"  discount  {told.discount} {currency}")
    lines += [
        f"  bill      {one.bill}: {one.amount} {currency} ({one.status} now)"
        for one in settled
    ]
    over = told.amount + told.discount - sum((one.amount for one in settled), ZERO)
    if over > 0:
        lines.append(f"  wallet    {over} {currency}")
    if told.note:
        lines.append(f"  note      {told.note}")
    if told.reversed_at is not None:
        lines.append(
            f"  REVERSED  {day(told.reversed_at)}, by {told.reversed_by}:"
            f" {told.reversal_reason}"
        )
    return lines


COMMANDS = (cash, receipt, received, *giving_back.COMMANDS, *links.COMMANDS)
