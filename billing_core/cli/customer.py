"""`khata customer`: the people served."""

import uuid
from decimal import Decimal

import click

from billing_core.cli import customer_terms, customer_views
from billing_core.cli.context import at_desk
from billing_core.cli.customer_import import import_
from billing_core.cli.units import Amount, Rate, read_secret
from billing_core.kinds import BILLINGS, STATIC
from billing_core.mac_addresses import normalise_station, parse_mac
from billing_core.services import customers, purchases, registration


@click.group()
def customer() -> None:
    """Take customers on, and see how they stand."""


for command in (*customer_views.COMMANDS, *customer_terms.COMMANDS):
    customer.add_command(command)
customer.add_command(import_)


@customer.command("add")
@click.argument("username")
@click.option("--package", required=True, help="What he is on.")
@click.option("--password", help="Better: --password-file.")
@click.option("--password-file", help="File with the password, '-' = standard input.")
@click.option("--name", default="", help="His name.")
@click.option("--mobile", default="", help="His number.")
@click.option("--static-ip", help="Framed-IP-Address for him alone.")
@click.option("--mac", help="Bind him to one device: AA:BB:CC:DD:EE:FF.")
@click.option("--sessions", type=click.IntRange(1), help="If not as his package says.")
@click.option("--credit-limit", type=Amount(), default="0", help="May owe this much.")
@click.option(
    "--kind",
    type=click.Choice(list(BILLINGS)),
    help="If not what the package is for.",
)
@click.option("--profile", help="His billing profile; monthly needs one to be billed.")
@click.option("--special-price", type=Amount(), help="Price of a cycle for him alone.")
@click.option("--discount", type=Rate(), default="0", help="Percent off each cycle.")
@click.option("--mail", default="", help="Where mail to him goes.")
@click.option("--language", type=click.Choice(["en", "bn"]), default="en")
def add(
    username: str,
    package: str,
    password: str | None,
    password_file: str | None,
    name: str,
    mobile: str,
    static_ip: str | None,
    mac: str | None,
    sessions: int | None,
    credit_limit: Decimal,
    kind: str | None,
    profile: str | None,
    special_price: Decimal | None,
    discount: Decimal,
    mail: str,
    language: str,
) -> None:
    """Take USERNAME on; his service begins now.

    Of kind static, USERNAME may be his device's MAC address: without a password it
    then gets its address by DHCP, from a router that asks RADIUS.
    """
    clear = None
    is_device = kind == STATIC and parse_mac(username) is not None
    if password is not None or password_file is not None or not is_device:
        clear = read_secret(password, password_file, "Password")
    said = registration.Registration(
        username=username,
        password=clear,
        package=package,
        name=name,
        mobile=mobile,
        framed_ip=static_ip,
        mac_binding=normalise_station(mac) if mac else None,
        sessions_allowed=sessions,
        credit_limit=credit_limit,
        kind=kind,
        profile=profile,
        special_price=special_price,
        discount_percent=discount,
        mail=mail,
        language=language,
    )
    with at_desk() as desk:
        customer_id = registration.add_customer(
            desk.conn,
            said,
            secret_key=desk.settings.secret_key,
            actor=desk.actor,
            now=desk.now,
        )
    click.echo(f"Customer {username} is number {customer_id}.")


@customer.command("suspend")
@click.argument("username")
@click.option("--note", default="", help="Why, for the log.")
@click.option("--disable", is_flag=True, help="Disable instead of suspend.")
def suspend(username: str, note: str, disable: bool) -> None:
    """Suspend USERNAME and put his sessions off the network."""
    with at_desk() as desk:
        sessions = customers.suspend(
            desk.conn,
            username,
            note=note,
            actor=desk.actor,
            now=desk.now,
            disable=disable,
        )
    state = "disabled" if disable else "suspended"
    click.echo(f"{username} is {state}; {sessions} running session(s) are being cut.")


@customer.command("activate")
@click.argument("username")
@click.option("--note", default="", help="Why, for the log.")
def activate(username: str, note: str) -> None:
    """Restore USERNAME; his next login is accepted."""
    with at_desk() as desk:
        customers.activate(
            desk.conn, username, note=note, actor=desk.actor, now=desk.now
        )
    click.echo(f"{username} is active.")


@customer.command("buy")
@click.argument("username")
@click.argument("package")
@click.option("--key", help="Names this purchase: the same key again buys nothing.")
def buy(username: str, package: str, key: str | None) -> None:
    """Sell the hotspot PACKAGE to USERNAME, from the wallet."""
    with at_desk() as desk:
        bought = purchases.buy_package(
            desk.conn,
            username,
            package,
            key=key or uuid.uuid4().hex,
            actor=desk.actor,
            now=desk.now,
        )
        currency = desk.settings.currency
    if bought is None:
        click.echo("This purchase was made before; nothing changed.")
    else:
        click.echo(
            f"{username} bought {package} for {bought.gross} {currency}"
            f" (bill {bought.bill_id})."
        )


@customer.command("password")
@click.argument("username")
@click.option("--password", help="Better: --password-file.")
@click.option("--password-file", help="File with the password, '-' = standard input.")
def password_(username: str, password: str | None, password_file: str | None) -> None:
    """Replace USERNAME's password."""
    clear = read_secret(password, password_file, "New password")
    with at_desk() as desk:
        customers.set_password(
            desk.conn,
            username,
            clear,
            secret_key=desk.settings.secret_key,
            actor=desk.actor,
            now=desk.now,
        )
    click.echo(f"{username} has a new password.")


@customer.command("bind-mac")
@click.argument("username")
@click.argument("mac", required=False)
def bind_mac(username: str, mac: str | None) -> None:
    """Bind USERNAME to the device MAC; without MAC, to none."""
    with at_desk() as desk:
        spelled = normalise_station(mac) if mac else None
        customers.set_mac_binding(
            desk.conn, username, spelled, actor=desk.actor, now=desk.now
        )
    click.echo(f"{username} may log in from {spelled or 'any device'}.")


@customer.command("static-ip")
@click.argument("username")
@click.argument("address", required=False)
def static_ip_(username: str, address: str | None) -> None:
    """Give USERNAME the static ADDRESS from his next login on; without it, none."""
    with at_desk() as desk:
        customers.set_static_address(
            desk.conn, username, address or None, actor=desk.actor, now=desk.now
        )
    click.echo(f"{username} gets {address or 'an address of the pool'} at each login.")


@customer.command("give")
@click.argument("username")
@click.argument("operator", required=False)
def give(username: str, operator: str | None) -> None:
    """Make USERNAME a customer of OPERATOR; without it, the provider's own."""
    with at_desk() as desk:
        customers.give_to_operator(
            desk.conn, username, operator, actor=desk.actor, now=desk.now
        )
    whose = f"{operator}'s" if operator else "the provider's own"
    click.echo(f"{username} is {whose} customer.")
