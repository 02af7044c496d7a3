"""Start, stop and look at the embedded stack."""

import json
import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from billing_core.cli.output import as_cell, print_table
from billing_core.stack.config_file import CURRENCY, ZONE
from billing_core.stack.doctor import FAIL, examine
from billing_core.stack.errors import StackError
from billing_core.stack.findings import times
from billing_core.stack.layout import REPOSITORY, told_plainly
from billing_core.stack.lifecycle import bring_up, take_down
from billing_core.stack.state import ALL_PROCESSES, DATABASE_AWAY_POLICIES
from billing_core.stack.status import stack_status

#: Lower ones are for root, and no server runs as root.
PORT = click.IntRange(1024, 65535)


def chosen_var() -> Path | None:
    """Return the var directory that KHATA_VAR or KHATA_CONFIG names, if one does."""
    if named := os.environ.get("KHATA_VAR"):
        return Path(named).absolute()
    if config := os.environ.get("KHATA_CONFIG"):
        return Path(config).absolute().parent
    return None


def _var() -> Path:
    return chosen_var() or REPOSITORY / "var"


@click.command()
@click.option("--foreground", is_flag=True, help="Stay, show all logs, end on Ctrl-C.")
@click.option(
    "--listen",
    type=click.Choice(["127.0.0.1", "0.0.0.0"]),  # noqa: S104 - the operator's choice
    help="Let RADIUS packets come from this machine only, or from the network.",
)
@click.option("--auth-port", type=PORT, help="RADIUS authentication (else a free one).")
@click.option("--acct-port", type=PORT, help="RADIUS accounting (else a free one).")
@click.option("--web-port", type=PORT, help="Web pages (else a free one).")
@click.option("--postgres-port", type=PORT, help="PostgreSQL (else a free one).")
@click.option(
    "--database-away",
    type=click.Choice(DATABASE_AWAY_POLICIES),
    help="What a login gets while the database cannot be asked.",
)
@click.option(
    "--database-away-minutes",
    type=click.IntRange(1, 1440),
    help="For how long a last known decision may be used.",
)
@click.option("--currency", help=f"Of a new database, for good ({CURRENCY}).")
@click.option("--zone", help=f"Time zone of a new database, for good ({ZONE}).")
def up(
    *,
    foreground: bool,
    listen: str | None,
    auth_port: int | None,
    acct_port: int | None,
    web_port: int | None,
    postgres_port: int | None,
    database_away: str | None,
    database_away_minutes: int | None,
    currency: str | None,
    zone: str | None,
) -> None:
    """Start the embedded stack: PostgreSQL, FreeRADIUS, worker, scheduler, web.

    Everything lives under var/; no service of the system is touched. What is chosen
    here is remembered for the next start.
    """
    ports = {
        "auth": auth_port,
        "acct": acct_port,
        "web": web_port,
        "postgres": postgres_port,
    }
    _end_on_sigterm()
    var: Path | None = None
    try:
        around, supervisor = bring_up(
            chosen_var(),
            fixed_ports={name: port for name, port in ports.items() if port},
            say=lambda line: click.echo(line, err=True),
            foreground=foreground,
            currency=currency,
            zone=zone,
            processes=ALL_PROCESSES,
            listen=listen,
            database_away=database_away,
            database_away_minutes=database_away_minutes,
        )
        var = around.layout.var
        _show_status(stack_status(var))
        if foreground and supervisor is not None:
            supervisor.wait()
            raise StackError("The stack ended by itself.", f"See {var / 'log'}.")
    except (KeyboardInterrupt, SystemExit):
        click.echo("Stopping.", err=True)
        if foreground and var is not None:
            take_down(var)


def _end_on_sigterm() -> None:
    """Let SIGTERM end this command as Ctrl-C does: what was begun is taken down."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit

    signal.signal(signal.SIGTERM, end)


@click.command()
def down() -> None:
    """Stop the embedded stack; what it knows stays in var/."""
    stopped = take_down(_var(), say=lambda line: click.echo(line, err=True))
    click.echo("Stopped." if stopped else "The stack was not running.", err=True)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, as_json: bool) -> None:
    """Say where everything listens and how it is."""
    with told_plainly("looking at the stack"):
        found = stack_status(_var())
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        _show_status(found)


def _show_status(found: dict[str, Any]) -> None:
    radius = found["radius"]
    click.echo(
        f"RADIUS    {radius['address']} auth {radius['auth_port']}/udp,"
        f" acct {radius['acct_port']}/udp, secret {radius['secret']}"
    )
    click.echo(f"Database  {found['database_url']}")
    if any(process["name"] == "web" for process in found["processes"]):
        admin = found["admin"]
        click.echo(
            f"Web       {found['web_url']} as {admin['username']},"
            f" password in {admin['password_file']}"
        )
    click.echo(f"Logs      {found['log']}")
    for process in found["processes"]:
        pid = f" (pid {process['pid']})" if process["pid"] else ""
        restarts = process["restarts"]
        told = f", restarted {times(restarts)}" if restarts else ""
        last = f", last time it {process['last_end']}" if restarts else ""
        click.echo(f"{process['name']:<11} {process['state']}{pid}{told}{last}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, as_json: bool) -> None:
    """Say what is wrong with this installation and how to mend it.

    Ends with 1 when anything fails.
    """
    with told_plainly("looking at the stack"):
        findings = examine(_var())
    if as_json:
        click.echo(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        table = Table("", "check")
        # A path that does not fit goes on in the next line, whole.
        table.add_column("found", overflow="fold")
        table.add_column("how to mend it", overflow="fold")
        for finding in findings:
            colour = {"ok": "green", "warn": "yellow"}.get(finding.state, "red")
            table.add_row(
                Text(finding.state, style=colour),
                as_cell(finding.check),
                as_cell(finding.found),
                as_cell(finding.mend),
            )
        print_table(table)
    if any(finding.state == FAIL for finding in findings):
        raise SystemExit(1)
