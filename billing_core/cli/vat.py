"""`khata profile vat…`: VAT profiles, and rates that begin on a day."""

from datetime import date, datetime
from decimal import Decimal

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import as_plain, json_option, show, show_table
from billing_core.cli.units import Rate
from billing_core.db import profiles as db
from billing_core.services import profiles as services


@click.command("vat")
@click.argument("name")
@click.option(
    "--rate",
    "rates",
    multiple=True,
    required=True,
    metavar="DATE:PERCENT",
    help="Rate from a date on, e.g. 2024-07-01:5; may be given more than once.",
)
@click.option("--exclusive", is_flag=True, help="VAT is added to prices, not in them.")
@click.option("--registration-number", default="", help="Printed on bills (BIN).")
def vat(
    name: str, rates: tuple[str, ...], exclusive: bool, registration_number: str
) -> None:
    """Make the VAT profile NAME with its rates."""
    read = [_rate(text) for text in rates]
    with at_desk() as desk:
        services.add_vat_profile(
            desk.conn,
            name,
            registration_number=registration_number,
            inclusive=not exclusive,
            rates=read,
            actor=desk.actor,
            now=desk.now,
        )
    click.echo(f"VAT profile {name} has {len(read)} rate(s).")


@click.command("vat-rate")
@click.argument("name")
@click.argument("rate", metavar="DATE:PERCENT")
def vat_rate(name: str, rate: str) -> None:
    """Let the VAT profile NAME have another rate from a date on: 2027-07-01:7.5.

    Bills of periods that begin on that day or later have it; those that are issued
    keep theirs.
    """
    effective_from, percent = _rate(rate)
    with at_desk() as desk:
        services.add_vat_rate(
            desk.conn,
            db.find_vat_profile(desk.conn, name),
            effective_from,
            percent,
            actor=desk.actor,
            now=desk.now,
        )
    click.echo(f"{name} has {percent} % from {effective_from}.")


@click.command("vats")
@json_option
def vats(as_json: bool) -> None:
    """List the VAT profiles, and the rates of each from a date on."""
    with at_desk() as desk:
        rows, zone = db.list_vat_profiles(desk.conn), desk.settings.zone
        if as_json:
            show(
                [as_plain(row, zone) | {"rates": dict(_by_day(row))} for row in rows],
                zone,
            )
            return
        told = [
            as_plain(row, zone)
            | {"rates": ", ".join(f"{day}: {rate}" for day, rate in _by_day(row))}
            for row in rows
        ]
        columns = ("name", "registration_number", "inclusive", "rates", "profiles")
        empty = "No VAT profile yet: khata profile vat NAME --rate DATE:PERCENT"
        show_table(told, columns, zone, empty=empty)


COMMANDS = (vat, vat_rate, vats)


def _by_day(row: db.VatRow) -> list[tuple[str, Decimal]]:
    return [(day.isoformat(), percent) for day, percent in row.rates]


def _rate(text: str) -> tuple[date, Decimal]:
    day, _, percent = text.partition(":")
    try:
        effective_from = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007 - a date
    except ValueError:
        raise click.UsageError(f"{text!r}: write a rate like 2024-07-01:5") from None
    return effective_from, Rate().convert(percent, None, None)
