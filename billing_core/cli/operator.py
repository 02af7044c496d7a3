"""`khata operator`: who works in the web pages."""

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, show, show_table
from billing_core.cli.units import read_secret
from billing_core.db import operators as db
from billing_core.permissions import ROLES, Permission
from billing_core.services import operators


@click.group()
def operator() -> None:
    """Let people work in the web pages, and shut them out."""


@operator.command("add")
@click.argument("username")
@click.option("--role", required=True, type=click.Choice(ROLES))
@click.option("--name", default="", help="His name.")
@click.option("--parent", help="Operator whose staff or reseller he is.")
@click.option(
    "--may",
    "permissions",
    multiple=True,
    type=click.Choice([permission.value for permission in Permission]),
    help="Beyond what his role may; again for each.",
)
@click.option("--language", type=click.Choice(["en", "bn"]), default="en")
@click.option("--password", help="Better: --password-file.")
@click.option("--password-file", help="File with the password, '-' = standard input.")
def add(
    username: str,
    role: str,
    name: str,
    parent: str | None,
    permissions: tuple[str, ...],
    language: str,
    password: str | None,
    password_file: str | None,
) -> None:
    """Take USERNAME on as an operator."""
    clear = read_secret(password, password_file, "Password")
    with at_desk() as desk:
        operators.add_operator(
            desk.conn,
            username,
            clear,
            role,
            name=name,
            parent=parent,
            permissions=permissions,
            language=language,
            actor=desk.actor,
            now=desk.now,
        )
    click.echo(f"Operator {username} may log in.")


@operator.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the operators."""
    with at_desk() as desk:
        rows = db.list_operators(desk.conn)
        if as_json:
            show(rows, desk.settings.zone)
            return
        columns = ("username", "role", "parent", "name", "is_disabled", "has_totp")
        show_table(rows, columns, desk.settings.zone, empty="No operators yet.")


@operator.command("passwd")
@click.argument("username")
@click.option("--password", help="Better: --password-file.")
@click.option("--password-file", help="File with the password, '-' = standard input.")
@click.option("--forget-totp", is_flag=True, help="His authenticator is lost, too.")
def passwd(
    username: str, password: str | None, password_file: str | None, forget_totp: bool
) -> None:
    """Replace USERNAME's password and log him out everywhere."""
    clear = read_secret(password, password_file, "New password")
    with at_desk() as desk:
        operators.set_password(
            desk.conn, username, clear, actor=desk.actor, now=desk.now
        )
        if forget_totp:
            operators.set_totp(
                desk.conn,
                username,
                None,
                secret_key=desk.settings.secret_key,
                actor=desk.actor,
                now=desk.now,
            )
    click.echo(f"{username} has a new password.")


@operator.command("disable")
@click.argument("username")
@click.option("--undo", is_flag=True, help="Let him in again.")
def disable(username: str, undo: bool) -> None:
    """Shut USERNAME out at once, and everybody below him."""
    with at_desk() as desk:
        changed = operators.set_disabled(
            desk.conn, username, is_disabled=not undo, actor=desk.actor, now=desk.now
        )
    state = "may log in" if undo else "is shut out"
    click.echo(f"{username} {state}." if changed else f"{username} {state} already.")
