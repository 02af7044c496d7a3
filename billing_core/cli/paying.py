"""`khata pay start|transfer`: begin a payment for a customer."""

from decimal import Decimal

import click

from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import json_option, show
from billing_core.cli.units import Amount
from billing_core.db.corrections import find_bill
from billing_core.db.customers import find_customer_id
from billing_core.db.packages import find_package
from billing_core.gateways.contract import Gateway
from billing_core.services.payments import open_gateways
from billing_core.services.payments.starting import Site, start_payment
from billing_core.services.payments.transfers import announce_transfer

METHODS = ("bkash", "nagad", "sslcommerz", "transfer")
_for_bill = click.option("--bill", help="Bill to pay, by number. [those that are due]")
_for_package = click.option("--package", help="Package to buy with it.")


@click.command("start")
@click.argument("username")
@click.option("--method", type=click.Choice(METHODS[:-1]), required=True)
@click.option("--amount", type=Amount(), help="[what is due, or the package costs]")
@_for_bill
@_for_package
@json_option
def start(
    username: str,
    method: str,
    amount: Decimal | None,
    bill: str | None,
    package: str | None,
    as_json: bool,
) -> None:
    """Open a checkout for USERNAME, and print where he pays."""
    with at_desk() as desk:
        gateway = gateway_of(desk, method)
        purpose, bill_id, package_id = _meant(desk, bill, package)
        started = start_payment(
            desk.conn,
            gateway,
            customer_id=find_customer_id(desk.conn, username),
            amount=amount,
            purpose=purpose,
            bill_id=bill_id,
            package_id=package_id,
            site=Site(
                desk.settings.payments.public_url or "",
                desk.settings.reminders.provider,
            ),
            client_address="",
            actor=desk.actor,
            now=desk.now,
        )
        if as_json:
            show(started, desk.settings.zone)
        else:
            click.echo(f"{started.reference}: {started.checkout_url}")


@click.command("transfer")
@click.argument("username")
@click.option("--amount", type=Amount(), required=True)
@click.option("--sender", required=True, help="Number that sent the money.")
@click.option("--transaction", required=True, help="Transaction id of the message.")
@_for_bill
@_for_package
@json_option
def transfer(
    username: str,
    amount: Decimal,
    sender: str,
    transaction: str,
    bill: str | None,
    package: str | None,
    as_json: bool,
) -> None:
    """Write down that USERNAME says he sent money by hand; it waits to be verified."""
    with at_desk() as desk:
        purpose, bill_id, package_id = _meant(desk, bill, package)
        attempt = announce_transfer(
            desk.conn,
            customer_id=find_customer_id(desk.conn, username),
            amount=amount,
            sender=sender,
            transaction_id=transaction,
            purpose=purpose,
            bill_id=bill_id,
            package_id=package_id,
            actor=desk.actor,
            now=desk.now,
        )
        if as_json:
            show(attempt, desk.settings.zone)
        else:
            click.echo(f"{attempt.reference}: {attempt.amount} wait to be verified.")


def gateway_of(desk: Desk, name: str) -> Gateway:
    """Return a gateway that is set up, or say what it needs."""
    gateway = open_gateways(desk.settings).get(name)
    if gateway is None:
        raise click.ClickException(
            f"{name} is not set up here: it needs KHATA_{name.upper()}_…"
        )
    return gateway


def _meant(
    desk: Desk, bill: str | None, package: str | None
) -> tuple[str, int | None, int | None]:
    """Return (purpose, bill_id, package_id) of what a payment is for."""
    if bill is not None and package is not None:
        raise click.UsageError("Give --bill or --package, not both.")
    if package is not None:
        return "package", None, find_package(desk.conn, package).package_id
    return "bills", None if bill is None else find_bill(desk.conn, bill)[1], None


COMMANDS = (start, transfer)
