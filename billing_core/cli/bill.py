"""`khata bill`: run the billing, see the bills."""

from contextlib import nullcontext
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.progress import Progress

from billing_core.cli import corrections, papers
from billing_core.cli.context import at_desk
from billing_core.cli.output import (
    as_plain,
    json_option,
    limit_option,
    show,
    show_table,
)
from billing_core.db import runs as runs_db
from billing_core.db.customers import find_customer_id
from billing_core.db.ledger import list_bill_lines, list_bills
from billing_core.db.profiles import find_profile
from billing_core.services.billing_run import (
    bill_by_hand,
    preview_cycles,
    run_cycles,
)

_PREVIEW_MAX = 10_000


@click.group()
def bill() -> None:
    """Run the billing, and see the bills."""


for command in (*corrections.COMMANDS, papers.pdf):
    bill.add_command(command)


@bill.command("run")
@click.option("--as-of", help="Bill what was due then: 2026-11-01 or with time. [now]")
@click.option("--profile", help="Only customers on this billing profile.")
@click.option("--dry-run", is_flag=True, help="Show what would be billed, only.")
@json_option
def run(as_of: str | None, profile: str | None, dry_run: bool, as_json: bool) -> None:
    """Bill every cycle that is due; run again, it bills only what is missing."""
    with at_desk() as desk:
        zone = desk.settings.zone
        moment = _moment(as_of, zone) if as_of else desk.now
        profile_id = find_profile(desk.conn, profile).profile_id if profile else None
        if dry_run:
            found = preview_cycles(
                desk.conn,
                as_of=moment,
                zone=zone,
                profile_id=profile_id,
                limit=_PREVIEW_MAX,
            )
            # By name: as JSON a tuple is an array.
            drafts = [
                draft._asdict() | {"lines": [line._asdict() for line in draft.lines]}
                for draft in found.drafts
            ]
            if as_json:
                show({"would_bill": drafts, "would_park": found.parked}, zone)
                return
            columns = ("customer_id", "period_start", "period_end", "gross", "due_at")
            show_table(drafts, columns, zone, empty="Nothing is due.")
            click.echo(f"{found.billed} bill(s), {found.parked} customer(s) to park.")
            return
        waiting = runs_db.count_customers_after(desk.conn, 0, ["monthly"])
        on_a_terminal = Console().is_terminal and not as_json
        with Progress() if on_a_terminal else nullcontext() as bar:
            task = bar.add_task("Billing", total=waiting) if bar else None

            def advance(customers: int) -> None:
                if bar is not None and task is not None:
                    bar.advance(task, customers)

            done = run_cycles(
                desk.conn,
                as_of=moment,
                now=desk.now,
                zone=zone,
                actor=desk.actor,
                profile_id=profile_id,
                progress=advance,
            )
        if as_json:
            show(
                {"run_id": done.run_id, "billed": done.billed, "parked": done.parked},
                zone,
            )
            return
        click.echo(
            f"Run {done.run_id}: {done.billed} bill(s), {done.parked} customer(s)"
            + (" parked, see: khata bill parked" if done.parked else " parked")
        )


@bill.command("runs")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@json_option
def runs(limit: int, as_json: bool) -> None:
    """List the newest runs: what each billed, and how far it came."""
    with at_desk() as desk:
        rows = runs_db.list_runs(desk.conn, limit=limit)
        if as_json:
            show(rows, desk.settings.zone)
            return
        columns = (
            "run_id",
            "kind",
            "as_of",
            "started_at",
            "finished_at",
            "billed",
            "parked",
            "errors",
        )
        show_table(rows, columns, desk.settings.zone, empty="No run yet.")


@bill.command("parked")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@json_option
def parked(limit: int, as_json: bool) -> None:
    """List customers that runs leave out until somebody has looked, and why."""
    with at_desk() as desk:
        rows = runs_db.list_parked(desk.conn, limit=limit)
        if as_json:
            show(rows, desk.settings.zone)
            return
        columns = ("customer_id", "username", "parked_reason")
        show_table(rows, columns, desk.settings.zone, empty="Nobody is parked.")


@bill.command("unpark")
@click.argument("username")
def unpark(username: str) -> None:
    """Let runs take USERNAME in again, after the cause was mended."""
    with at_desk() as desk:
        customer_id = find_customer_id(desk.conn, username)
        was_parked = runs_db.unpark_customer(desk.conn, customer_id)
    click.echo(
        f"{username} is billed again." if was_parked else f"{username} was not parked."
    )


@bill.command("make")
@click.argument("username")
@click.option("--as-of", help="Bill what was due then. [now]")
def make(username: str, as_of: str | None) -> None:
    """Bill USERNAME by hand what is due, also where nothing bills by itself."""
    with at_desk() as desk:
        zone = desk.settings.zone
        billed = bill_by_hand(
            desk.conn,
            find_customer_id(desk.conn, username),
            as_of=_moment(as_of, zone) if as_of else desk.now,
            now=desk.now,
            zone=zone,
            actor=desk.actor,
        )
    click.echo(f"{username}: {billed} bill(s).")


@bill.command("list")
@click.argument("username")
@limit_option
@json_option
def list_(username: str, limit: int, as_json: bool) -> None:
    """List the bills of USERNAME, newest first, with their lines."""
    with at_desk() as desk:
        customer_id = find_customer_id(desk.conn, username)
        bills = list_bills(desk.conn, customer_id, limit=limit)
        zone = desk.settings.zone
        if as_json:
            lines = list_bill_lines(
                desk.conn, customer_id, [row.bill_id for row in bills]
            )
            show(
                [
                    {
                        **as_plain(row, zone),
                        "lines": [x for x in lines if x.bill_id == row.bill_id],
                    }
                    for row in bills
                ],
                zone,
            )
            return
        columns = (
            "bill_id",
            "number",
            "kind",
            "period_start",
            "period_end",
            "gross",
            "paid",
            "status",
            "due_at",
        )
        show_table(bills, columns, zone, empty="No bills yet.")


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """Read a date (its end of day, local) or a moment."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r}: write a date like 2026-11-01") from None
    if moment.time() == time.min and len(text) == len("2026-11-01"):
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment.replace(tzinfo=moment.tzinfo or zone).astimezone(UTC)
