"""The lists of `khata card`: batches, cards, and who tried PINs."""

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, limit_option, show, show_table
from billing_core.db import cards as db
from billing_core.db.card_tries import list_tries
from billing_core.db.customers import find_customer_id
from billing_core.db.packages import find_package

STATES = ("generated", "active", "used", "expired", "void")
_BATCH_COLUMNS = (
    "batch_id",
    "serial_first",
    "serial_last",
    "face_value",
    "package",
    "commission",
    "distributor",
    "expires_at",
    "printed_at",
    *STATES,
)


@click.command("batches")
@click.option("--distributor", help="Only of this distributor.")
@limit_option
@json_option
def batches(distributor: str | None, limit: int, as_json: bool) -> None:
    """List batches, and how many of their cards are in which state."""
    with at_desk() as desk:
        found = db.list_batches(
            desk.conn, now=desk.now, limit=limit, distributor=distributor
        )
        if as_json:
            show(found, desk.settings.zone)
            return
        show_table(found, _BATCH_COLUMNS, desk.settings.zone, empty="No cards yet.")


@click.command("list")
@click.option("--batch", "batch_id", type=int, help="Only of this batch.")
@click.option("--distributor", help="Only of this distributor.")
@click.option("--package", help="Only for this package.")
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@limit_option
@json_option
def list_(
    batch_id: int | None,
    distributor: str | None,
    package: str | None,
    state: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List cards, newest first."""
    with at_desk() as desk:
        found = db.list_cards(
            desk.conn,
            now=desk.now,
            limit=limit,
            batch_id=batch_id,
            distributor=distributor,
            package_id=find_package(desk.conn, package).package_id if package else None,
            state=state,
        )
        if as_json:
            show(found, desk.settings.zone)
            return
        columns = (
            "serial",
            "batch_id",
            "state",
            "face_value",
            "package",
            "distributor",
            "expires_at",
            "activated_at",
            "used_at",
            "used_by",
        )
        show_table(found, columns, desk.settings.zone, empty="No such cards.")


@click.command("show")
@click.argument("serial", type=click.IntRange(1, 2**62))
@json_option
def show_(serial: int, as_json: bool) -> None:
    """Show the card SERIAL and what was done to it."""
    with at_desk() as desk:
        found = db.read_card(desk.conn, serial, now=desk.now)
        events = db.list_events(desk.conn, serial)
        zone = desk.settings.zone
        if as_json:
            show({"card": found, "events": events}, zone)
            return
        worth = f"{found.face_value} {desk.settings.currency}"
        by = f" by {found.used_by}" if found.used_by else ""
        click.echo(
            f"Card {serial} of batch {found.batch_id}: {found.state}{by},"
            f" {found.package or worth}, of {found.distributor}"
        )
        columns = ("at", "what", "serial_first", "serial_last", "cards", "actor")
        show_table(events, (*columns, "note"), zone, empty="")


@click.command("tries")
@click.option("--username", help="Only of this customer.")
@click.option("--bad", "bad_only", is_flag=True, help="Only those that were wrong.")
@limit_option
@json_option
def tries(username: str | None, bad_only: bool, limit: int, as_json: bool) -> None:
    """List who tried PINs, and what was the matter with them."""
    with at_desk() as desk:
        found = list_tries(
            desk.conn,
            customer_id=find_customer_id(desk.conn, username) if username else None,
            bad_only=bad_only,
            limit=limit,
        )
        if as_json:
            show(found, desk.settings.zone)
            return
        columns = ("at", "username", "outcome", "serial", "client_address", "actor")
        zone = desk.settings.zone
        show_table(found, (*columns, "distributor"), zone, empty="Nobody tried.")


COMMANDS = (batches, list_, show_, tries)
