"""`khata bill`: run the billing, see the bills."""

import click

from billing_core.cli import bill_runs, corrections, papers
from billing_core.cli.context import at_desk
from billing_core.cli.output import (
    as_plain,
    json_option,
    limit_option,
    show,
    show_table,
)
from billing_core.db.customers import find_customer_id
from billing_core.db.ledger import list_bill_lines, list_bills


@click.group()
def bill() -> None:
    """Run the billing, and see the bills."""


for command in (*bill_runs.COMMANDS, *corrections.COMMANDS, papers.pdf):
    bill.add_command(command)


@bill.command("list")
@click.argument("username")
@limit_option
@json_option
def list_(username: str, limit: int, as_json: bool) -> None:
    """List the bills of USERNAME, newest first, with their lines."""
    with at_desk() as desk:
        customer_id = find_customer_id(desk.conn, username)
        bills = list_bills(desk.conn, customer_id, limit=limit)
        zone = desk.settings.zone
        if as_json:
            lines = list_bill_lines(
                desk.conn, customer_id, [row.bill_id for row in bills]
            )
            show(
                [
                    {
                        **as_plain(row, zone),
                        "lines": [x for x in lines if x.bill_id == row.bill_id],
                    }
                    for row in bills
                ],
                zone,
            )
            return
        columns = (
            "bill_id",
            "number",
            "kind",
            "period_start",
            "period_end",
            "gross",
            "paid",
            "status",
            "due_at",
        )
        show_table(bills, columns, zone, empty="No bills yet.")
