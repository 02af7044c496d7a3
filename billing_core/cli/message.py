"""`khata message`: what customers are told, by mail and SMS."""

from datetime import UTC, datetime

import click

from billing_core.cli import settings as read_settings
from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, show, show_table
from billing_core.db import messages as db
from billing_core.db.customers import find_customer_id, log_customer_event
from billing_core.reminders import CHANNELS, LANGUAGES, Event
from billing_core.services.message_tests import example_message, send_test_message

_EVENTS = [event.value for event in Event]


@click.group()
def message() -> None:
    """See what customers are told, and try the ways that messages go."""


@message.command("list")
@click.option("--username", help="Only this customer's.")
@click.option("--limit", default=50, show_default=True)
@json_option
def list_(username: str | None, limit: int, as_json: bool) -> None:
    """List the newest messages, and what became of them."""
    with at_desk() as desk:
        if username is not None:
            find_customer_id(desk.conn, username)
        rows = db.list_messages(desk.conn, username=username, limit=limit)
        if as_json:
            show(rows, desk.settings.zone)
            return
        columns = (
            "message_id",
            "username",
            "event",
            "channel",
            "recipient",
            "created_at",
            "state",
            "attempts",
            "sent_at",
            "error",
        )
        show_table(rows, columns, desk.settings.zone, empty="No message yet.")


@message.command("preview")
@click.argument("event", type=click.Choice(_EVENTS))
@click.option("--language", type=click.Choice(LANGUAGES), default="en")
@click.option("--reason", default="PAYMENT_DUE", help="Of suspended.")
def preview(event: str, language: str, reason: str) -> None:
    """Show the messages of EVENT, of a made-up customer."""
    settings = read_settings()
    now = datetime.now(UTC)
    for channel in CHANNELS:
        text = example_message(settings, event, channel, language, now, reason=reason)
        click.echo(f"--- {channel} ({len(text.body)} characters)")
        if text.title:
            click.echo(f"{text.title}\n")
        click.echo(text.body)


@message.command("send-test")
@click.argument("channel", type=click.Choice(CHANNELS))
@click.argument("recipient")
@click.option("--language", type=click.Choice(LANGUAGES), default="en")
def send_test(channel: str, recipient: str, language: str) -> None:
    """Send a message to RECIPIENT now, and say what the other side answered."""
    outcome = send_test_message(
        read_settings(), channel, recipient, language, datetime.now(UTC)
    )
    answer = f" It answered: {outcome.answer}" if outcome.answer else ""
    if outcome.result != "sent":
        raise click.ClickException(f"{outcome.result}: {outcome.error}.{answer}")
    click.echo(f"Sent to {recipient}.{answer}")


@message.command("contact")
@click.argument("username")
@click.option("--mobile", help="As the SMS gateway wants it; '' = none.")
@click.option("--mail", help="Mail address; '' = none.")
@click.option("--language", type=click.Choice(LANGUAGES))
def contact(
    username: str, mobile: str | None, mail: str | None, language: str | None
) -> None:
    """Set where USERNAME is written to, and in what language."""
    changes = {"mobile": mobile, "mail": mail, "language": language}
    told = ", ".join(f"{k} {v or '-'}" for k, v in changes.items() if v is not None)
    if not told:
        raise click.UsageError("Give --mobile, --mail or --language.")
    with at_desk() as desk:
        customer_id = find_customer_id(desk.conn, username)
        db.set_contact(
            desk.conn,
            customer_id,
            username=username,
            mobile=mobile,
            mail=mail,
            language=language,
        )
        log_customer_event(
            desk.conn,
            customer_id,
            at=desk.now,
            actor=desk.actor,
            what="contact changed",
            note=told,
        )
    click.echo(f"{username}: {told}.")
