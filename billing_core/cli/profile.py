"""`khata profile`: how customers are billed, and their VAT."""

from dataclasses import fields
from datetime import datetime
from typing import Any

import click

from billing_core.billing_terms import PARKED_REASONS, Parked
from billing_core.cli import profile_moves, vat
from billing_core.cli.context import at_desk
from billing_core.cli.output import as_plain, json_option, show, show_table
from billing_core.cli.profile_options import profile_options, what_is_said
from billing_core.db import profiles as db
from billing_core.db.changes import list_cycle_packages
from billing_core.db.cycles import read_cycle_profiles
from billing_core.db.packages import UnknownPackageError
from billing_core.profile_preview import join_moment, preview_bills
from billing_core.services import profiles as services

_PREVIEWED = 3


@click.group()
def profile() -> None:
    """Say how customers are billed: cycles, due days, suspension, VAT."""


for command in (*profile_moves.COMMANDS, *vat.COMMANDS):
    profile.add_command(command)


@profile.command("add")
@click.argument("name")
@click.option(
    "--type",
    "billing_type",
    required=True,
    type=click.Choice(["daily", "monthly", "free"]),
    help="Which packages it is for.",
)
@profile_options
def add(name: str, billing_type: str, **options: Any) -> None:
    """Make the billing profile NAME."""
    with at_desk() as desk:
        said = what_is_said(desk.conn, options)
        profile_id = services.add_profile(
            desk.conn,
            db.NewProfile(name, billing_type, **said),
            actor=desk.actor,
            now=desk.now,
        )
    click.echo(f"Billing profile {name} is number {profile_id}.")


@profile.command("change")
@click.argument("name")
@click.option("--rename", help="Call it so from now on.")
@profile_options
def change(name: str, rename: str | None, **options: Any) -> None:
    """Say anew what the billing profile NAME does, from the next bill on.

    What is not said stays. When its cycles begin and are billed can change only while
    nobody is on it: move its customers with khata profile replace.
    """
    with at_desk() as desk:
        found = db.find_profile(desk.conn, name)
        known = {each.name: getattr(found, each.name) for each in fields(db.NewProfile)}
        said = what_is_said(desk.conn, options)
        if rename is not None:
            said["name"] = rename
        wanted = db.NewProfile(**(known | said))
        services.edit_profile(
            desk.conn, found.profile_id, wanted, actor=desk.actor, now=desk.now
        )
    click.echo(f"Billing profile {wanted.name} is changed, from the next bill on.")


@profile.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the billing profiles and how many customers are on each."""
    with at_desk() as desk:
        rows = db.list_profiles_in_use(desk.conn)
        if as_json:
            show(rows, desk.settings.zone)
            return
        columns = (
            "profile_id",
            "name",
            "billing_type",
            "bill_trigger",
            "in_advance",
            "due_days",
            "grace_days",
            "due_threshold",
            "suspended_state",
            "customers",
        )
        empty = "No billing profile yet: khata profile add NAME --type …"
        show_table(rows, columns, desk.settings.zone, empty=empty)


@profile.command("show")
@click.argument("name")
@json_option
def show_(name: str, as_json: bool) -> None:
    """Show everything about the billing profile NAME."""
    with at_desk() as desk:
        known, zone = db.find_profile(desk.conn, name), desk.settings.zone
        found = db.read_profile_in_use(desk.conn, known.profile_id)
        names = {v.vat_profile_id: v.name for v in db.list_vat_profiles(desk.conn)}
        facts = as_plain(found, zone) | {"vat": names.get(found.vat_profile_id or 0)}
        if as_json:
            show(facts, zone)
            return
        del facts["vat_profile_id"]
        for field, value in facts.items():
            click.echo(f"{field.replace('_', ' '):24} {value}")


@profile.command("preview")
@click.argument("name")
@click.argument("package")
@click.option("--joins", metavar="DATE", help="The day he joins, at noon. [today]")
@json_option
def preview(name: str, package: str, joins: str | None, as_json: bool) -> None:
    """Show the first bills of who joins with PACKAGE on the billing profile NAME."""
    with at_desk() as desk:
        zone, conn = desk.settings.zone, desk.conn
        day = desk.now.astimezone(zone).date()
        if joins is not None:
            try:
                day = datetime.strptime(joins, "%Y-%m-%d").date()  # noqa: DTZ007 - a date
            except ValueError:
                hint = "write a date like 2026-12-01"
                raise click.UsageError(f"{joins!r}: {hint}") from None
        chosen = read_cycle_profiles(conn)[db.find_profile(conn, name).profile_id]
        packages = list_cycle_packages(conn)
        if package not in packages:
            raise UnknownPackageError(package)
        told = preview_bills(
            chosen,
            packages[package],
            join_moment(day, zone),
            zone,
            count=_PREVIEWED,
        )
        if isinstance(told, Parked):
            raise click.ClickException(
                f"He is not billed: {PARKED_REASONS[told.reason]}."
            )
        if as_json:
            show(told, zone)
            return
        columns = ("billed_at", "text", "net", "vat", "gross", "due_at", "suspend_at")
        show_table(told, columns, zone, empty="He gets no bills.")
