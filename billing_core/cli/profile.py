"""`khata profile`: how customers are billed, and their VAT."""

from datetime import date, datetime
from decimal import Decimal

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, show, show_table
from billing_core.cli.units import Amount, Rate
from billing_core.db import profiles as db
from billing_core.db.connect import in_transaction


@click.group()
def profile() -> None:
    """Say how customers are billed: cycles, due days, suspension, VAT."""


@profile.command("add")
@click.argument("name")
@click.option(
    "--type",
    "billing_type",
    required=True,
    type=click.Choice(["daily", "monthly", "free"]),
    help="Which packages it is for.",
)
@click.option(
    "--trigger",
    type=click.Choice(["renewal", "first", "day", "manual"]),
    default="renewal",
    show_default=True,
    help="When a cycle begins: the customer's own day, the 1st, --bill-day; manual:"
    " billed only by hand.",
)
@click.option("--bill-day", type=click.IntRange(1, 31), help="For --trigger day.")
@click.option("--arrears", is_flag=True, help="Bill a cycle at its end, not its start.")
@click.option(
    "--cycle-ends-with-month", is_flag=True, help="Cycles are calendar months."
)
@click.option("--due-days", type=click.IntRange(0, 366), default=7, show_default=True)
@click.option("--grace-days", type=click.IntRange(0, 366), default=0, show_default=True)
@click.option(
    "--due-threshold", type=Amount(), default="0", help="Suspend above it; 0 = off."
)
@click.option("--no-auto-bill", is_flag=True, help="No bill by itself.")
@click.option("--no-auto-suspend", is_flag=True, help="Overdue bills do not suspend.")
@click.option("--no-auto-activate", is_flag=True, help="Payment does not restore.")
@click.option("--bill-while-suspended", is_flag=True)
@click.option(
    "--suspended-state",
    type=click.Choice(["reject", "pool", "address-list"]),
    default="reject",
    show_default=True,
    help="What a suspended customer gets at login.",
)
@click.option("--suspended-pool", help="Framed-Pool of suspended customers.")
@click.option("--suspended-address-list", help="Address list of suspended customers.")
@click.option(
    "--no-proration", is_flag=True, help="A part of a cycle costs the whole price."
)
@click.option("--vat", help="Name of a VAT profile.")
@click.option(
    "--minimum-validity-days", type=click.IntRange(1), default=1, show_default=True
)
@click.option("--days-used", is_flag=True, help="Daily: charge only days with a login.")
def add(
    name: str,
    billing_type: str,
    trigger: str,
    bill_day: int | None,
    arrears: bool,
    cycle_ends_with_month: bool,
    due_days: int,
    grace_days: int,
    due_threshold: Decimal,
    no_auto_bill: bool,
    no_auto_suspend: bool,
    no_auto_activate: bool,
    bill_while_suspended: bool,
    suspended_state: str,
    suspended_pool: str | None,
    suspended_address_list: str | None,
    no_proration: bool,
    vat: str | None,
    minimum_validity_days: int,
    days_used: bool,
) -> None:
    """Make the billing profile NAME."""
    with at_desk() as desk:
        vat_profile_id = db.find_vat_profile(desk.conn, vat) if vat else None
        profile_id = db.insert_profile(
            desk.conn,
            db.NewProfile(
                name=name,
                billing_type=billing_type,
                bill_trigger=trigger,
                bill_day=bill_day,
                in_advance=not arrears,
                cycle_ends_with_month=cycle_ends_with_month,
                due_days=due_days,
                grace_days=grace_days,
                due_threshold=due_threshold,
                auto_bill=not no_auto_bill,
                auto_suspend=not no_auto_suspend,
                auto_activate=not no_auto_activate,
                bill_while_suspended=bill_while_suspended,
                suspended_state=suspended_state.replace("-", "_"),
                suspended_pool=suspended_pool,
                suspended_address_list=suspended_address_list,
                proration="none" if no_proration else "by_minute",
                vat_profile_id=vat_profile_id,
                minimum_validity_days=minimum_validity_days,
                daily_charge="days_used" if days_used else "every_day",
            ),
        )
    click.echo(f"Billing profile {name} is number {profile_id}.")


@profile.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the billing profiles and how many customers are on each."""
    with at_desk() as desk:
        rows = db.list_profiles(desk.conn)
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
        found = db.find_profile(desk.conn, name)
        if as_json:
            show(found, desk.settings.zone)
            return
        for field in db.Profile.__dataclass_fields__:
            click.echo(f"{field.replace('_', ' '):24} {getattr(found, field)}")


@profile.command("vat")
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
def vat_(
    name: str, rates: tuple[str, ...], exclusive: bool, registration_number: str
) -> None:
    """Make the VAT profile NAME with its rates."""
    read = [_rate(text) for text in rates]
    with at_desk() as desk:
        in_transaction(
            desk.conn,
            lambda: db.insert_vat_profile(
                desk.conn,
                name,
                registration_number=registration_number,
                inclusive=not exclusive,
                rates=read,
            ),
        )
    click.echo(f"VAT profile {name} has {len(read)} rate(s).")


def _rate(text: str) -> tuple[date, Decimal]:
    day, _, percent = text.partition(":")
    try:
        effective_from = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007 - a date
    except ValueError:
        raise click.UsageError(f"{text!r}: write a rate like 2024-07-01:5") from None
    return effective_from, Rate().convert(percent, None, None)
