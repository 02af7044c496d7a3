"""`khata demo`: run the steps, show the table, leave the stack up."""

import click
from rich.console import Console

from billing_core.cli.stack import chosen_var
from billing_core.stack import Stack
from billing_core.stack.lifecycle import bring_up
from simulators.demo import payments, steps
from simulators.demo.filling import CARD_VALUE, fill, new_card
from simulators.demo.report import Report
from simulators.demo.scene import PASSWORD, set_the_scene
from simulators.demo.shop import open_shop


@click.command()
def demo() -> None:
    """Run the main job end to end with real packets; exit 1 if any step is not true.

    The stack stays up afterwards. NAS and bKash are simulated; everything else is real.
    """
    console = Console(width=110, highlight=False)
    console.print("[bold]Khata demo[/bold] (NAS and bKash are [bold]simulated[/bold])")
    around, _ = bring_up(chosen_var(), fixed_ports={}, say=lambda s: console.print(s))
    stack = Stack(around, None)
    report = Report(console)
    with set_the_scene(stack) as scene:
        steps.pppoe_login(scene, report)
        steps.refusals(scene, report)
        user = steps.hotspot_runs_dry(scene, report)
        steps.back_after_top_up(scene, report, user)
        payments.set_prices(scene)
        with open_shop(stack.settings) as shop:
            payments.verified_by_an_operator(scene, report, shop)
            payments.verified_by_itself(scene, report, shop)
            payments.tampered_callbacks(scene, report, shop)
        payments.recharge_card(scene, report)
        steps.database_restart(scene, report)
        portal_username = fill(scene, report)
        pin = new_card(scene)
        steps.books(scene, report)
    report.show()
    _tell_where(console, stack, portal_username, pin)
    if not report.is_true:
        raise SystemExit(1)


def _tell_where(
    console: Console, stack: Stack, portal_username: str | None, pin: str
) -> None:
    """Print the address, and as whom to log in."""
    file = stack.admin_password_file
    console.print("\nThe pages are up, filled with [bold]demo data[/bold]:")
    console.print(f"  for operators  {stack.web_url}/login")
    console.print(f"                 as {stack.admin_username}, password in {file}")
    if portal_username is not None:
        console.print(f"  for customers  {stack.web_url}/portal/login")
        console.print(f"                 as {portal_username}, password {PASSWORD}")
        console.print("                 He is suspended; what brings him back is a")
        console.print(f"                 recharge card of {CARD_VALUE}, PIN {pin}")
    console.print("The stack stays up; stop it with: make down")
