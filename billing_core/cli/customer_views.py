"""`khata customer list, show`: how customers stand."""

from typing import Any

import click

from billing_core.cli import customer_terms
from billing_core.cli.context import Desk, at_desk
from billing_core.cli.output import json_option, limit_option, show, show_table
from billing_core.db import customers as db
from billing_core.db import ledger as ledger_db
from billing_core.db.fair_use import read_use
from billing_core.db.reports import list_sessions

_SHOWN = 20


@click.command("list")
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


@click.command("show")
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
        if facts["fair_use"]:
            click.echo(f"fair use: {facts['fair_use']}")
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
        "fair_use": read_use(desk.conn, customer_id, now=desk.now),
        "static_ip": found.framed_ip,
        "mac_binding": found.mac_binding,
        "sessions_allowed": found.sessions_allowed,
        "sessions": list_sessions(
            desk.conn, customer_id=customer_id, running=False, limit=_SHOWN
        ),
        "bills": ledger_db.list_bills(desk.conn, customer_id, limit=_SHOWN),
        "log": db.list_customer_events(desk.conn, customer_id, limit=_SHOWN),
    }


COMMANDS = (list_, show_)
