"""`khata pay link|link-withdraw`: links that open one payment."""

from decimal import Decimal

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, show
from billing_core.cli.units import Amount
from billing_core.services import payment_links
from billing_core.services.payment_links import link_address, make_link


@click.command("link")
@click.argument("username")
@click.option("--bill", help="The bill it is for. [what is due]")
@click.option("--amount", type=Amount(), help="[what is open when it is opened]")
@click.option("--days", default=payment_links.DAYS, show_default=True, type=int)
@json_option
def link(
    username: str, bill: str | None, amount: Decimal | None, days: int, as_json: bool
) -> None:
    """Print the address of a page on which USERNAME can pay without a login."""
    with at_desk() as desk:
        public_url = desk.settings.payments.public_url
        if public_url is None:
            raise click.UsageError("Set KHATA_PUBLIC_URL: customers have to reach us.")
        made = make_link(
            desk.conn,
            username,
            bill=bill,
            amount=amount,
            days=days,
            secret_key=desk.settings.secret_key,
            actor=desk.actor,
            now=desk.now,
        )
        address = link_address(public_url, made.token)
        if as_json:
            value = {
                "link_id": made.link_id,
                "url": address,
                "amount": made.wanted.amount,
                "for": made.wanted.description,
                "expires_at": made.expires_at,
            }
            show(value, desk.settings.zone)
        else:
            click.echo(address)


@click.command("link-withdraw")
@click.argument("link_id", type=int)
def withdraw(link_id: int) -> None:
    """Let payment link LINK_ID open nothing any more."""
    with at_desk() as desk:
        payment_links.withdraw_link(desk.conn, link_id, actor=desk.actor, now=desk.now)
    click.echo(f"Payment link {link_id} opens nothing any more.")


COMMANDS = (link, withdraw)
