"""What is said of a billing profile on the command line; what is not said stays."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from billing_core.cli.units import Amount
from billing_core.db.connect import Connection
from billing_core.db.profiles import find_vat_profile

_NO_VAT = "none"

_OPTIONS = (
    click.option(
        "--trigger",
        "bill_trigger",
        type=click.Choice(["renewal", "first", "day", "manual"]),
        help="When a cycle begins: the customer's own day, the 1st, --bill-day; manual:"
        " billed only by hand. [renewal]",
    ),
    click.option("--bill-day", type=click.IntRange(1, 31), help="For --trigger day."),
    click.option(
        "--advance/--arrears",
        "in_advance",
        default=None,
        help="Bill a cycle at its start, or at its end. [advance]",
    ),
    click.option(
        "--cycle-ends-with-month/--cycle-ends-on-its-day",
        default=None,
        help="Cycles are calendar months, or not. [not]",
    ),
    click.option("--due-days", type=click.IntRange(0, 366), help="Time to pay. [7]"),
    click.option(
        "--grace-days",
        type=click.IntRange(0, 366),
        help="Time until suspension after that. [0]",
    ),
    click.option(
        "--due-threshold", type=Amount(), help="Suspend above it; 0 = off. [0]"
    ),
    click.option(
        "--auto-bill/--no-auto-bill", default=None, help="Bill by itself. [yes]"
    ),
    click.option(
        "--auto-suspend/--no-auto-suspend",
        default=None,
        help="Overdue bills suspend. [yes]",
    ),
    click.option(
        "--auto-activate/--no-auto-activate",
        default=None,
        help="Payment restores. [yes]",
    ),
    click.option(
        "--bill-while-suspended/--no-bill-while-suspended",
        default=None,
        help="Suspended time costs, too. [no]",
    ),
    click.option(
        "--suspended-state",
        type=click.Choice(["reject", "pool", "address-list"]),
        help="What a suspended customer gets at login. [reject]",
    ),
    click.option("--suspended-pool", help="Framed-Pool of suspended customers."),
    click.option(
        "--suspended-address-list", help="Address list of suspended customers."
    ),
    click.option(
        "--proration/--no-proration",
        default=None,
        help="A part of a cycle costs its minutes, or the whole price. [its minutes]",
    ),
    click.option("--vat", help=f"Name of a VAT profile, or {_NO_VAT}."),
    click.option(
        "--minimum-validity-days",
        type=click.IntRange(1),
        help="Daily: who was cut comes back with money for so many days. [1]",
    ),
    click.option(
        "--every-day/--days-used",
        default=None,
        help="Daily: charge every day, or only days with a login. [every day]",
    ),
)


def profile_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take everything that can be said of a billing profile."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def what_is_said(conn: Connection, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a profile that were said, as a profile has them."""
    said = {name: value for name, value in options.items() if value is not None}
    if "suspended_state" in said:
        said["suspended_state"] = said["suspended_state"].replace("-", "_")
    if "proration" in said:
        said["proration"] = "by_minute" if said["proration"] else "none"
    if "every_day" in said:
        said["daily_charge"] = "every_day" if said.pop("every_day") else "days_used"
    if "vat" in said:
        vat = said.pop("vat")
        said["vat_profile_id"] = None if vat == _NO_VAT else find_vat_profile(conn, vat)
    if said.get("bill_trigger", "day") != "day":
        # Another trigger has no day: it need not be said as well.
        said.setdefault("bill_day", None)
    return said
