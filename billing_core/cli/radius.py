"""`khata radius`: a FreeRADIUS by itself, on a machine of its own."""

import ipaddress
import os
import shlex
from pathlib import Path

import click

from billing_core.cli import settings as read_settings
from billing_core.cli.stack import PORT
from billing_core.settings import find_config
from billing_core.stack.layout import told_plainly
from billing_core.stack.radius_node import prepare_node
from billing_core.stack.state import DATABASE_AWAY_POLICIES


def _address(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str:
    version = 6 if parameter.name == "listen_ipv6" else 4
    if value is None:
        return ""
    try:
        if ipaddress.ip_address(value).version == version:
            return value
    except ValueError:
        pass
    raise click.BadParameter(f"{value!r} is no IPv{version} address")


@click.group()
def radius() -> None:
    """Run FreeRADIUS without the rest of the embedded stack."""


@radius.command("render")
@click.option(
    "--listen",
    default="0.0.0.0",  # noqa: S104 - a node is there for the network
    show_default=True,
    callback=_address,
    help="IPv4 address to listen on.",
)
@click.option(
    "--listen-ipv6",
    callback=_address,
    help="IPv6 address to listen on as well, e.g. ::",
)
@click.option("--auth-port", type=PORT, default=1812, show_default=True)
@click.option("--acct-port", type=PORT, default=1813, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    default=32,
    show_default=True,
    help="The database needs two connections for each.",
)
@click.option(
    "--database-away",
    type=click.Choice(DATABASE_AWAY_POLICIES),
    default="reject",
    show_default=True,
    help="What a login gets while the database cannot be asked.",
)
@click.option(
    "--database-away-minutes",
    type=click.IntRange(1, 1440),
    default=60,
    show_default=True,
    help="For how long a last known decision may be used.",
)
def render(
    listen: str,
    listen_ipv6: str,
    auth_port: int,
    acct_port: int,
    threads: int,
    database_away: str,
    database_away_minutes: int,
) -> None:
    """Write FreeRADIUS' configuration into the var directory, and check it.

    Prints the command that runs the server; deploy/khata-radius.service does both.
    """
    settings = read_settings()
    with told_plainly("writing the configuration of FreeRADIUS"):
        command, warning = prepare_node(
            settings,
            find_config(os.environ, Path.cwd()),
            listen=listen,
            listen_ipv6=listen_ipv6,
            auth_port=auth_port,
            acct_port=acct_port,
            max_threads=threads,
            database_away=database_away,
            database_away_minutes=database_away_minutes,
        )
    if warning:
        click.echo(warning, err=True)
    click.echo(shlex.join(command))
