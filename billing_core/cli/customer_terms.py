"""`khata customer …`: what a customer is on, and whether he may be suspended."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import click

from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import json_option, show, show_table
from billing_core.cli.units import Amount, Rate
from billing_core.services import changes, prices, suspension
from billing_core.services.suspensions_to_come import end_of, preview_suspensions

_LISTED_MAX = 10_000
_preview_option = click.option(
    "--preview", is_flag=True, help="Show what it credits and charges; change nothing."
)


@click.command("profile")
@click.argument("username")
@click.argument("profile")
@click.option("--package", help="The package to be on then, if another.")
@_preview_option
@json_option
def profile_(
    username: str, profile: str, package: str | None, preview: bool, as_json: bool
) -> None:
    """Put USERNAME on the billing profile PROFILE, from this minute on."""
    with at_desk() as desk:
        change = changes.change_profile(
            desk.conn,
            username,
            profile,
            package_name=package,
            preview=preview,
            actor=desk.actor,
            now=desk.now,
            zone=desk.settings.zone,
        )
        _tell(desk, username, change, preview=preview, as_json=as_json)


@click.command("change-package")
@click.argument("username")
@click.argument("package")
@click.option("--special-price", type=Amount(), help="Price of a cycle for him alone.")
@_preview_option
@json_option
def change_package(
    username: str,
    package: str,
    special_price: Decimal | None,
    preview: bool,
    as_json: bool,
) -> None:
    """Put USERNAME on PACKAGE, billed in the same way, from this minute on."""
    with at_desk() as desk:
        change = changes.change_package(
            desk.conn,
            username,
            package,
            special_price=special_price,
            preview=preview,
            actor=desk.actor,
            now=desk.now,
            zone=desk.settings.zone,
        )
        _tell(desk, username, change, preview=preview, as_json=as_json)


@click.command("price")
@click.argument("username")
@click.argument("amount")
def price(username: str, amount: str) -> None:
    """Let a cycle cost USERNAME this AMOUNT from his next bill on, or none of his own.

    To credit and charge the cycle that is billed, use change-package --special-price.
    """
    special = None if amount == "none" else Amount().convert(amount, None, None)
    with at_desk() as desk:
        prices.set_special_price(
            desk.conn, username, special, actor=desk.actor, now=desk.now
        )
        currency = desk.settings.currency
    costs = "what the package costs" if special is None else f"{special} {currency}"
    click.echo(f"From the next bill on a cycle costs {username} {costs}.")


@click.command("discount")
@click.argument("username")
@click.argument("percent", type=Rate())
def discount(username: str, percent: Decimal) -> None:
    """Take PERCENT off each cycle of USERNAME, from his next bill on."""
    with at_desk() as desk:
        prices.set_discount(
            desk.conn, username, percent, actor=desk.actor, now=desk.now
        )
    click.echo(f"From the next bill on {username} has {percent} % off each cycle.")


@click.command("hold")
@click.argument("username")
@click.option("--until", help="The first day he may be suspended on: 2026-12-01.")
@click.option("--end", is_flag=True, help="End the hold.")
@click.option("--note", default="", help="Why, for the log.")
def hold(username: str, until: str | None, end: bool, note: str) -> None:
    """Do not suspend USERNAME before a day, whatever he owes."""
    if (until is None) != end:
        raise click.UsageError("Say --until DATE, or --end.")
    with at_desk() as desk:
        zone = desk.settings.zone
        moment = None if until is None else _day_starts(until, zone)
        if moment is not None and moment <= desk.now:
            raise click.UsageError(f"{until} is over: a hold is for days to come.")
        suspension.hold(
            desk.conn, username, moment, note=note, actor=desk.actor, now=desk.now
        )
    click.echo(
        f"{username} may be suspended again."
        if end
        else f"{username} is not suspended before {until}."
    )


@click.command("pause")
@click.argument("username")
@click.option("--note", default="", help="Why, for the log.")
def pause(username: str, note: str) -> None:
    """Pause USERNAME: no service and no bills until he is resumed.

    A bill that he has stays: khata bill credit gives a part of it back.
    """
    with at_desk() as desk:
        sessions = suspension.pause(
            desk.conn, username, note=note, actor=desk.actor, now=desk.now
        )
    click.echo(f"{username} is paused; {sessions} running session(s) are being cut.")


@click.command("resume")
@click.argument("username")
@click.option("--note", default="", help="Why, for the log.")
def resume(username: str, note: str) -> None:
    """Let paused USERNAME go on; no bill to come covers the time he was paused.

    A bill that he has stays: khata bill credit gives a part of it back.
    """
    with at_desk() as desk:
        suspension.resume(
            desk.conn, username, note=note, actor=desk.actor, now=desk.now
        )
    click.echo(f"{username} goes on.")


COMMANDS = (profile_, change_package, price, discount, hold, pause, resume)


def show_will_be_suspended(desk: Desk, by: str, *, as_json: bool) -> None:
    """Show whose service stops by the end of a day if nothing is paid."""
    zone = desk.settings.zone
    rows = preview_suspensions(
        desk.conn,
        end_of(_day(by), zone),
        now=desk.now,
        zone=zone,
        limit=_LISTED_MAX,
    )
    if as_json:
        show(rows, zone)
        return
    columns = ("customer_id", "username", "reason", "suspend_at", "overdue")
    show_table(rows, columns, zone, empty=f"Nobody will be suspended by {by}.")


def _tell(
    desk: Desk,
    username: str,
    change: changes.Change,
    *,
    preview: bool,
    as_json: bool,
) -> None:
    quote, zone, currency = change.quote, desk.settings.zone, desk.settings.currency
    if as_json:
        show(_as_json(change, preview=preview), zone)
        return
    lines = [
        {"what": "credit", "description": credit.description, "gross": -credit.gross}
        for credit in quote.credits
    ] + [
        {"what": "charge", "description": line.description, "gross": line.gross}
        for line in quote.charges
    ]
    columns = ("what", "description", "gross")
    show_table(lines, columns, zone, empty="Nothing is credited or charged.")
    for name, amount in change.forgiven:
        click.echo(f"{amount} {currency} of bill {name} are not owed any more.")
    on = f"package {change.package}"
    on += f", profile {change.profile}" if change.profile else ""
    if preview:
        pays = (
            f"pay {quote.payable}"
            if quote.payable >= 0
            else f"be given back {-quote.payable}"
        )
        click.echo(
            f"{username} would be on {on}, and {pays} {currency}. Nothing was changed."
        )
        return
    click.echo(
        f"{username} is on {on}; {quote.credit} credited, {quote.charge} charged"
        f" {currency}; {change.disconnects} running session(s) are being ended."
    )


def _as_json(change: changes.Change, *, preview: bool) -> dict[str, Any]:
    quote = change.quote
    return {
        "preview": preview,
        "package": change.package,
        "profile": change.profile,
        "special_price": change.special_price,
        "credits": [credit._asdict() for credit in quote.credits],
        "charges": [
            line._asdict() | {"period_start": start, "period_end": end}
            for line, (start, end) in zip(quote.charges, quote.periods, strict=True)
        ],
        "credit": quote.credit,
        "charge": quote.charge,
        "payable": quote.payable,
        "forgiven": [
            {"bill": name, "open": amount} for name, amount in change.forgiven
        ],
        "billed_until": quote.billed_until,
        "bills": change.bills,
        "credit_notes": change.credit_notes,
        "disconnects": change.disconnects,
    }


def _day_starts(text: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(_day(text), time.min, zone).astimezone(UTC)


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date
    except ValueError:
        raise click.UsageError(f"{text!r}: write a date like 2026-12-01") from None
