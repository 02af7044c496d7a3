"""`khata customer`: the people served."""

import uuid
from decimal import Decimal
from typing import Any

import click

from billing_core.cli import customer_terms
from billing_core.cli.context import Desk, at_desk
from billing_core.cli.customer_import import import_
from billing_core.cli.output import json_option, limit_option, show, show_table
from billing_core.cli.units import Amount, Rate, read_secret
from billing_core.db import customers as db
from billing_core.db import ledger as ledger_db
from billing_core.db.reports import list_sessions
from billing_core.kinds import BILLINGS, STATIC
from billing_core.mac_addresses import parse_mac
from billing_core.services import customers, purchases

_SHOWN = 20


@click.group()
def customer() -> None:
    """Take customers on, and see how they stand."""


for command in customer_terms.COMMANDS:
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
    registration = customers.Registration(
        username=username,
        password=clear,
        package=package,
        name=name,
        mobile=mobile,
        framed_ip=static_ip,
        mac_binding=mac.upper().replace("-", ":") if mac else None,
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
        customer_id = customers.add_customer(
            desk.conn,
            registration,
            secret_key=desk.settings.secret_key,
            actor=desk.actor,
            now=desk.now,
        )
    click.echo(f"Customer {username} is number {customer_id}.")


@customer.command("list")
@click.option(
    "--after",
    type=click.IntRange(0),
    default=0,
    help="Customer number to start after.",
)
@limit_option
@click.option(
    "--will-be-suspended-by",
    metavar="DATE",
    help="Only who will be suspended by that day if nothing is paid.",
)
@json_option
def list_(
    after: int, limit: int, will_be_suspended_by: str | None, as_json: bool
) -> None:
    """List customers, a page at a time."""
    with at_desk() as desk:
        if will_be_suspended_by is not None:
            customer_terms.show_will_be_suspended(
                desk, will_be_suspended_by, as_json=as_json
            )
            return
        rows = db.list_customers(desk.conn, after=after, limit=limit)
        if as_json:
            show(rows, desk.settings.zone)
            return
        columns = ("customer_id", "username", "name", "package", "status", "available")
        show_table(
            rows, columns, desk.settings.zone, empty="No customers here: customer add"
        )
        if len(rows) == limit:
            click.echo(f"More: khata customer list --after {rows[-1].customer_id}")


@customer.command("show")
@click.argument("username")
@json_option
def show_(username: str, as_json: bool) -> None:
    """Show how USERNAME stands: wallet, package, sessions, bills and log."""
    with at_desk() as desk:
        facts = _facts(desk, username)
        if as_json:
            show(facts, desk.settings.zone)
            return
        wallet = facts["wallet"]
        click.echo(
            f"{username} (number {facts['customer_id']}) is {facts['status']}"
            + (f": {facts['suspend_reason']}" if facts["suspend_reason"] else "")
            + f", on {facts['package']}, {wallet['available']}"
            f" {desk.settings.currency} available, {facts['due']} due on bills"
        )
        if facts["profile"]:
            click.echo(f"billing profile: {facts['profile']} ({facts['kind']})")
        if facts["subscription"]:
            click.echo(f"package: {facts['subscription']}")
        zone = desk.settings.zone
        show_table(
            facts["sessions"],
            ("session_id", "state", "nas", "started_at", "session_seconds", "charged"),
            zone,
            empty="No sessions yet.",
        )
        show_table(
            facts["bills"],
            ("bill_id", "kind", "period_start", "gross", "status"),
            zone,
            empty="No bills yet.",
        )
        show_table(
            facts["log"], ("at", "actor", "what", "reason", "note"), zone, empty=""
        )


def _facts(desk: Desk, username: str) -> dict[str, Any]:
    customer_id = db.find_customer_id(desk.conn, username)
    found = db.read_customer(desk.conn, customer_id)
    return {
        "customer_id": customer_id,
        "username": found.username,
        "name": found.name,
        "mobile": found.mobile,
        "status": found.status,
        "suspend_reason": found.suspend_reason,
        "wallet": {
            "posted": found.posted,
            "reserved": found.reserved,
            "available": found.available,
            "credit_limit": found.credit_limit,
        },
        "due": found.due,
        "package": found.package,
        "kind": found.kind,
        "profile": found.profile,
        "special_price": found.special_price,
        "discount_percent": found.discount_percent,
        "activated_at": found.activated_at,
        "billed_until": found.billed_until,
        "hold_until": found.suspension_hold_until,
        "parked_reason": found.parked_reason,
        "mail": found.mail,
        "language": found.language,
        "subscription": db.read_subscription(desk.conn, customer_id),
        "static_ip": found.framed_ip,
        "mac_binding": found.mac_binding,
        "sessions_allowed": found.sessions_allowed,
        "sessions": list_sessions(
            desk.conn, customer_id=customer_id, running=False, limit=_SHOWN
        ),
        "bills": ledger_db.list_bills(desk.conn, customer_id, limit=_SHOWN),
        "log": db.list_customer_events(desk.conn, customer_id, limit=_SHOWN),
    }


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
        spelled = mac.upper().replace("-", ":") if mac else None
        customers.set_mac_binding(
            desk.conn, username, spelled, actor=desk.actor, now=desk.now
        )
    click.echo(f"{username} may log in from {spelled or 'any device'}.")
