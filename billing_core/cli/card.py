"""`khata card`: recharge cards, from the batch to the wallet."""

import sys
from datetime import datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from billing_core.cards import CardKeys, Outcome
from billing_core.cli import card_views
from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import json_option, show
from billing_core.cli.units import Amount, Rate
from billing_core.db.cards import find_reseller
from billing_core.db.customers import find_customer_id, read_customer
from billing_core.errors import BillingError
from billing_core.services.cards import batches as service
from billing_core.services.cards.printing import print_batch
from billing_core.services.cards.redeeming import Redemption, Tries, redeem

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_folder_option = click.option(
    "--to",
    "folder",
    type=_FOLDER,
    default=".",
    help="Folder for what is written. [here]",
)
_helpline_option = click.option("--helpline", default="", help="Printed on each card.")


class CardKeyMissingError(BillingError):
    """Without a key no PIN can be kept or found."""

    def __init__(self) -> None:
        super().__init__(
            "There is no key for cards: set KHATA_CARD_KEY (or KHATA_CARD_KEY_FILE), or"
            ' card_key_file = "secrets/card_key" in khata.toml.'
        )


@click.group()
def card() -> None:
    """Make recharge cards, let distributors have them, and redeem them."""


for command in card_views.COMMANDS:
    card.add_command(command)


@card.command("generate")
@click.argument("quantity", type=click.IntRange(1, service.QUANTITY_MAX))
@click.option("--value", type=Amount(), help="What a card puts into the wallet.")
@click.option("--package", help="A hotspot package that the card buys instead.")
@click.option("--distributor", required=True, help="Who sells the cards.")
@click.option(
    "--commission", type=Amount(), default="0", help="He keeps this of each card."
)
@click.option(
    "--commission-percent", type=Rate(), default="0", help="Or this share of its value."
)
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The last day on which the cards are taken. [never]",
)
@json_option
def generate(
    quantity: int,
    value: Decimal | None,
    package: str | None,
    distributor: str,
    commission: Decimal,
    commission_percent: Decimal,
    expires: datetime | None,
    as_json: bool,
) -> None:
    """Make QUANTITY cards; they get their PINs when they are printed."""
    with at_desk() as desk:
        order = service.BatchOrder(
            quantity=quantity,
            face_value=value,
            package=package,
            distributor=distributor,
            commission=commission,
            commission_percent=commission_percent,
            expires_at=_end_of_day(expires, desk.settings.zone),
        )
        batch = service.make_batch(desk.conn, order, actor=desk.actor, now=desk.now)
        if as_json:
            show(batch, desk.settings.zone)
            return
        click.echo(
            f"Batch {batch.batch_id}: cards {batch.serial_first} to"
            f" {batch.serial_last}, {batch.face_value} {desk.settings.currency} each."
            f" Print them: khata card print {batch.batch_id}"
        )
        # Any name may be typed: that it is an account of a reseller's may be news.
        if reseller := find_reseller(desk.conn, batch.distributor):
            click.echo(f"{batch.distributor} works for {reseller}, who sees them, too.")


@card.command("print")
@click.argument("batch_id", type=int)
@_folder_option
@click.option("--sheets", is_flag=True, help="Lay them out as PDF as well.")
@_helpline_option
@json_option
def print_(
    batch_id: int, folder: Path, sheets: bool, helpline: str, as_json: bool
) -> None:
    """Draw the PINs of a batch and write its print file: once, nobody can again.

    PINs are kept nowhere else. Delete the file as soon as the cards are printed.
    """
    with at_desk() as desk:
        file = print_batch(
            desk.conn,
            _keys(desk),
            batch_id,
            folder,
            currency=desk.settings.currency,
            zone=desk.settings.zone,
            actor=desk.actor,
            now=desk.now,
        )
        files = [file, *(_lay_out(desk, file, folder, helpline) if sheets else [])]
        if as_json:
            show([str(path) for path in files], desk.settings.zone)
            return
        click.echo(f"Written: {', '.join(str(path) for path in files)}")
        click.echo("Delete what was printed: whoever has it has the money.")


@card.command("sheets")
@click.argument("print_file", type=click.Path(exists=True, path_type=Path))
@_folder_option
@_helpline_option
def sheets_(print_file: Path, folder: Path, helpline: str) -> None:
    """Lay the cards of PRINT_FILE out as PDF sheets; parts that are there are kept."""
    with at_desk() as desk:
        for path in _lay_out(desk, print_file, folder, helpline):
            click.echo(path)


@card.command("activate")
@click.argument("first", type=click.IntRange(1, 2**62))
@click.argument("last", type=click.IntRange(1, 2**62))
@click.option("--note", default="", help="Kept with it: who paid, which invoice.")
def activate(first: int, last: int, note: str) -> None:
    """Let the printed cards FIRST to LAST be used: their distributor has them."""
    with at_desk() as desk:
        count = service.activate(
            desk.conn, first, last, actor=desk.actor, note=note, now=desk.now
        )
    click.echo(f"{count} card(s) became active.")


@card.command("void")
@click.argument("first", type=click.IntRange(1, 2**62))
@click.argument("last", type=click.IntRange(1, 2**62))
@click.option("--reason", required=True, help="Why; lost, stolen, printed wrongly.")
def void(first: int, last: int, reason: str) -> None:
    """Void the unused cards FIRST to LAST, for good."""
    with at_desk() as desk:
        count = service.void(
            desk.conn, first, last, reason=reason, actor=desk.actor, now=desk.now
        )
    click.echo(f"{count} card(s) are void now.")


@card.command("redeem")
@click.argument("username")
@click.option("--distributor", default="", help="Who recharges for the customer.")
@json_option
def redeem_(username: str, distributor: str, as_json: bool) -> None:
    """Redeem a card for USERNAME; its PIN is asked for, or read from standard input."""
    with at_desk() as desk:
        customer_id = find_customer_id(desk.conn, username)
        done = redeem(
            desk.conn,
            _keys(desk),
            _read_pin(),
            Tries(customer_id, actor=desk.actor, distributor=distributor.strip()),
            now=desk.now,
        )
        if not done.is_credited:
            raise click.ClickException(_why_not(done, desk.settings.zone))
        available = read_customer(desk.conn, customer_id).available
        if as_json:
            told = {
                "serial": done.serial,
                "amount": done.amount,
                "package": done.package,
                "not_bought": done.not_bought,
                "available": available,
            }
            show(told, desk.settings.zone)
            return
        currency = desk.settings.currency
        click.echo(
            f"Card {done.serial}: {done.amount} {currency} for {username}, who has"
            f" {available} {currency} available."
        )
        if done.not_bought:
            click.echo(f"{done.package} was not bought: {done.not_bought}")
        elif done.package:
            click.echo(f"{done.package} is bought.")


def _why_not(done: Redemption, zone: ZoneInfo) -> str:
    if done.outcome == Outcome.LOCKED and done.locked_until is not None:
        until = done.locked_until.astimezone(zone)
        return f"Too many wrong numbers. Try again after {until:%Y-%m-%d %H:%M:%S}."
    if done.outcome == Outcome.MISTYPED:
        return "This is no card number. It has 17 digits: look at it again."
    if done.outcome == Outcome.REPEATED:
        return f"The customer has used this card before ({done.serial})."
    return "This card is not taken. `khata card tries` says why."


def _read_pin() -> str:
    """Ask for a PIN; never an argument, which every user of the machine could read."""
    if sys.stdin.isatty():
        return str(click.prompt("PIN", hide_input=True))
    return sys.stdin.readline(200)


def _keys(desk: Desk) -> CardKeys:
    if desk.settings.card_keys is None:
        raise CardKeyMissingError
    return desk.settings.card_keys


def _end_of_day(day: datetime | None, zone: ZoneInfo) -> datetime | None:
    if day is None:
        return None
    return datetime.combine(day.date() + timedelta(days=1), time.min, zone)


def _lay_out(desk: Desk, file: Path, folder: Path, helpline: str) -> list[Path]:
    # WeasyPrint takes half a second to import: only who wants PDF waits for it.
    from billing_core.services.cards.sheets import Imprint, make_sheets

    imprint = Imprint(desk.settings.reminders.provider, helpline)
    return make_sheets(file, folder, imprint)
