"""`khata profile replace, delete`: take a billing profile out of use."""

from typing import Any

import click

from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import json_option, show, show_table
from billing_core.db import profiles as db
from billing_core.services import profiles as services

_AT_ONCE = 200


@click.command("replace")
@click.argument("old")
@click.argument("new")
@click.option(
    "--preview", is_flag=True, help="Show what it credits and charges; move nobody."
)
@json_option
def replace(old: str, new: str, preview: bool, as_json: bool) -> None:
    """Put all customers of the billing profile OLD on NEW, each as he would be alone.

    Each is credited and charged what a change of his profile costs. Who cannot be moved
    stays, with the reason, and the exit code is 1; it is safe to repeat.
    """
    with at_desk() as desk:
        moved = _move_all(desk, old, new, preview=preview)
        zone, currency = desk.settings.zone, desk.settings.currency
        rows: list[dict[str, Any]] = [
            {
                "username": username,
                "credit": change.quote.credit,
                "charge": change.quote.charge,
                "payable": change.quote.payable,
            }
            for username, change in moved.changes
        ]
        refused = [{"username": name, "why": why} for name, why in moved.refused]
        if as_json:
            show({"preview": preview, "moved": rows, "refused": refused}, zone)
        else:
            columns = ("username", "credit", "charge", "payable")
            show_table(rows, columns, zone, empty=f"Nobody is moved from {old}.")
            if refused:
                show_table(refused, ("username", "why"), zone, empty="")
            total = sum(row["payable"] for row in rows)
            says = "would be moved" if preview else "moved"
            click.echo(
                f"{len(rows)} customer(s) {says} to {new}, {len(refused)} stay; they"
                f" pay {total} {currency} in all."
            )
    if refused and not preview:
        raise SystemExit(1)


@click.command("delete")
@click.argument("name")
def delete(name: str) -> None:
    """Delete the billing profile NAME, which nobody is on."""
    with at_desk() as desk:
        found = db.find_profile(desk.conn, name)
        services.delete_profile(
            desk.conn, found.profile_id, actor=desk.actor, now=desk.now
        )
    click.echo(f"Billing profile {name} is deleted.")


COMMANDS = (replace, delete)


def _move_all(desk: Desk, old: str, new: str, *, preview: bool) -> services.Moved:
    from_id = db.find_profile(desk.conn, old).profile_id
    to_id = db.find_profile(desk.conn, new).profile_id
    total = services.Moved()
    while True:
        moved = services.move_customers(
            desk.conn,
            from_id,
            to_id,
            after=total.reached,
            limit=_AT_ONCE,
            preview=preview,
            actor=desk.actor,
            now=desk.now,
            zone=desk.settings.zone,
        )
        if moved.reached == total.reached:
            return total
        total.changes += moved.changes
        total.refused += moved.refused
        total.reached = moved.reached
