"""`khata bill …`: run the billing, by hand as the scheduler does it."""

from datetime import UTC, datetime, time

import click

from billing_core.billing_terms import PARKED_REASONS
from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import as_plain, json_option, show, show_table
from billing_core.cli.progress import progress_bar
from billing_core.db import runs as runs_db
from billing_core.db.customers import find_customer_id
from billing_core.db.cycles import count_cycle_customers
from billing_core.db.profiles import find_profile
from billing_core.db.service_days import count_day_customers
from billing_core.service_days import day_bounds, service_date
from billing_core.services import runs
from billing_core.services.billing_run import (
    bill_by_hand,
    preview_cycles,
    run_cycles,
)
from billing_core.services.runs import RunResult
from billing_core.services.service_days import preview_service_days, run_service_days

_PREVIEW_MAX = 10_000


@click.command("run")
@click.option("--as-of", help="Bill what was due then: 2026-11-01 or with time. [now]")
@click.option("--profile", help="Only customers on this billing profile.")
@click.option("--dry-run", is_flag=True, help="Show what would be billed, only.")
@json_option
def run(as_of: str | None, profile: str | None, dry_run: bool, as_json: bool) -> None:
    """Bill every cycle that is due, and charge today to daily customers.

    Run again, it bills only what is missing. As of a day that is over only cycles are
    billed: who used that day paid it as he used it.
    """
    with at_desk() as desk:
        moment = _moment(as_of, desk)
        profile_id = find_profile(desk.conn, profile).profile_id if profile else None
        if dry_run:
            _preview(desk, moment, profile_id, as_json=as_json)
        else:
            _run(desk, moment, profile_id, as_json=as_json)


def _preview(
    desk: Desk, as_of: datetime, profile_id: int | None, *, as_json: bool
) -> None:
    zone = desk.settings.zone
    found = preview_cycles(
        desk.conn,
        as_of=as_of,
        now=desk.now,
        zone=zone,
        profile_id=profile_id,
        limit=_PREVIEW_MAX,
    )
    days = None
    if _is_today(as_of, desk):
        days = preview_service_days(
            desk.conn, now=desk.now, zone=zone, profile_id=profile_id
        )
    # By name: as JSON a tuple is an array.
    drafts = [
        draft._asdict() | {"lines": [line._asdict() for line in draft.lines]}
        for draft in found.drafts
    ]
    if as_json:
        told = {"would_bill": drafts, "would_park": found.parked}
        show(told | {"service_day": days._asdict() if days else None}, zone)
        return
    columns = ("customer_id", "period_start", "period_end", "gross", "due_at")
    show_table(drafts, columns, zone, empty="Nothing is due.")
    if days is not None and (days.charged or days.not_covered):
        click.echo(
            f"Service day {days.day}: {days.charged} customer(s) to charge"
            f" {days.amount}, {days.not_covered} cannot pay and would be suspended."
        )
    click.echo(f"{found.billed} bill(s), {found.parked} customer(s) to park.")


def _run(desk: Desk, as_of: datetime, profile_id: int | None, *, as_json: bool) -> None:
    zone = desk.settings.zone
    days = None
    if _is_today(as_of, desk):
        days = _charge_today(desk, profile_id, as_json=as_json)
    waiting = count_cycle_customers(desk.conn, as_of=as_of, profile_id=profile_id)
    with progress_bar("Billing", waiting, wanted=not as_json) as advance:
        done = run_cycles(
            desk.conn,
            as_of=as_of,
            now=desk.now,
            zone=zone,
            actor=desk.actor,
            profile_id=profile_id,
            progress=advance,
        )
    if as_json:
        show(_facts(done) | {"service_day": _facts(days) if days else None}, zone)
        return
    if days is not None:
        click.echo(
            f"Run {days.run_id}: {days.billed} service day(s) charged,"
            f" {days.parked} customer(s) parked"
        )
    click.echo(
        f"Run {done.run_id}: {done.billed} bill(s), {done.parked} customer(s) parked"
        + (", see: khata bill parked" if done.parked else "")
    )


def _charge_today(
    desk: Desk, profile_id: int | None, *, as_json: bool
) -> RunResult | None:
    """Charge today to who pays by the day; None = nobody has it to pay."""
    zone = desk.settings.zone
    day = service_date(desk.now, zone)
    waiting = count_day_customers(
        desk.conn, day=day, day_end=day_bounds(day, zone)[1], profile_id=profile_id
    )
    if not waiting:
        return None
    with progress_bar("Service days", waiting, wanted=not as_json) as advance:
        return run_service_days(
            desk.conn,
            now=desk.now,
            zone=zone,
            actor=desk.actor,
            profile_id=profile_id,
            progress=advance,
        )


def _facts(done: RunResult) -> dict[str, int | None]:
    return {
        "run_id": done.run_id,
        "billed": done.billed,
        "parked": done.parked,
        "errors": done.errors,
    }


def _is_today(moment: datetime, desk: Desk) -> bool:
    zone = desk.settings.zone
    return service_date(moment, zone) == service_date(desk.now, zone)


@click.command("runs")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True)
@json_option
def runs_(limit: int, as_json: bool) -> None:
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


@click.command("parked")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@json_option
def parked(limit: int, as_json: bool) -> None:
    """List customers that runs leave out until somebody has looked, and why."""
    with at_desk() as desk:
        rows = runs_db.list_parked(desk.conn, limit=limit)
        if as_json:
            show(rows, desk.settings.zone)
            return
        told = [
            as_plain(row, desk.settings.zone)
            | {"why": PARKED_REASONS.get(row.parked_reason, "")}
            for row in rows
        ]
        columns = ("customer_id", "username", "parked_reason", "why")
        show_table(told, columns, desk.settings.zone, empty="Nobody is parked.")


@click.command("unpark")
@click.argument("username")
def unpark(username: str) -> None:
    """Let runs take USERNAME in again, after the cause was mended."""
    with at_desk() as desk:
        was_parked = runs.unpark(desk.conn, username, actor=desk.actor, now=desk.now)
    click.echo(
        f"{username} is billed again." if was_parked else f"{username} was not parked."
    )


@click.command("make")
@click.argument("username")
@click.option("--as-of", help="Bill what was due then. [now]")
def make(username: str, as_of: str | None) -> None:
    """Bill USERNAME by hand what is due, also where nothing bills by itself."""
    with at_desk() as desk:
        zone = desk.settings.zone
        billed = bill_by_hand(
            desk.conn,
            find_customer_id(desk.conn, username),
            as_of=_moment(as_of, desk),
            now=desk.now,
            zone=zone,
            actor=desk.actor,
        )
    click.echo(f"{username}: {billed} bill(s).")


COMMANDS = (run, runs_, parked, unpark, make)


def _moment(text: str | None, desk: Desk) -> datetime:
    """Read a moment, or a date: its end of day, and now if it is today."""
    if text is None:
        return desk.now
    zone = desk.settings.zone
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{text!r}: write a date like 2026-11-01") from None
    if moment.time() == time.min and len(text) == len("2026-11-01"):
        if moment.date() == desk.now.astimezone(zone).date():
            return desk.now
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment.replace(tzinfo=moment.tzinfo or zone).astimezone(UTC)
