"""`khata customer import`: take many customers on from a CSV."""

from pathlib import Path

import click

from billing_core.cli.context import at_desk
from billing_core.cli.output import json_option, show, show_table
from billing_core.customer_csv import COLUMNS
from billing_core.services import imports

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("import", epilog=f"Columns: {', '.join(COLUMNS)}.")
@click.argument("file", type=_FILE)
@click.option("--dry-run", is_flag=True, help="Say what would happen, and stop.")
@json_option
def import_(file: Path, dry_run: bool, as_json: bool) -> None:
    """Take the customers of FILE (CSV, UTF-8) on: all of them, or none.

    Every bad row is named with its column. A file is imported once: run again after a
    crash, it imports what it did not.
    """
    content = file.read_bytes()
    with at_desk() as desk:
        key, now = desk.settings.secret_key, desk.now
        sellers = imports.sellers_of(desk.conn, None, None)
        checked = imports.check_file(
            desk.conn, content, sellers, secret_key=key, now=now
        )
        count = len(checked.customers)
        if not (checked.problem_count or dry_run):
            number = imports.keep_file(
                desk.conn,
                content,
                file_name=file.name,
                secret_key=key,
                actor=desk.actor,
                now=now,
            )
            imports.import_kept(
                desk.conn, number, sellers, secret_key=key, actor=desk.actor, now=now
            )
        if as_json:
            told = {
                "customers": count,
                "packages": checked.packages,
                "problems": checked.problems,
                "problem_count": checked.problem_count,
                "is_imported": not (checked.problem_count or dry_run),
            }
            show(told, desk.settings.zone)
        elif checked.problem_count:
            columns = ("line", "column", "what")
            show_table(checked.problems, columns, desk.settings.zone, empty="")
    if checked.problem_count:
        raise click.ClickException(
            f"{checked.problem_count} problem(s): nothing was imported."
        )
    if not as_json:
        done = "would be imported" if dry_run else "are imported"
        click.echo(f"{count} customer(s) {done}.")
