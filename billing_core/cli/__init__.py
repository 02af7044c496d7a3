"""Offer Khata's commands; each is imported only when it is used."""

import importlib

import click

from billing_core.errors import BillingError
from billing_core.settings import Settings, SettingsError, load_settings

#: Command → where it is defined. Commands are listed by --help in this order.
COMMANDS = {
    "up": "billing_core.cli.stack:up",
    "down": "billing_core.cli.stack:down",
    "status": "billing_core.cli.stack:status",
    "doctor": "billing_core.cli.stack:doctor",
    "radius": "billing_core.cli.radius:radius",
    "nas": "billing_core.cli.nas:nas",
    "package": "billing_core.cli.package:package",
    "profile": "billing_core.cli.profile:profile",
    "customer": "billing_core.cli.customer:customer",
    "wallet": "billing_core.cli.wallet:wallet",
    "session": "billing_core.cli.session:session",
    "bill": "billing_core.cli.bill:bill",
    "pay": "billing_core.cli.pay:pay",
    "card": "billing_core.cli.card:card",
    "message": "billing_core.cli.message:message",
    "operator": "billing_core.cli.operator:operator",
    "audit": "billing_core.cli.run:audit",
    "worker": "billing_core.cli.run:worker",
    "scheduler": "billing_core.cli.run:scheduler",
    "web": "billing_core.cli.run:web",
    "db": "billing_core.cli.run:db",
    "demo": "simulators.demo:demo",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module that defines a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - narrows the type
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a broken rule is one line for a person, not a traceback."""
        try:
            return super().invoke(ctx)
        except BillingError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="khata")
def main() -> None:
    """Decide logins against live balances, and bill what accounting reports."""


def settings() -> Settings:
    """Read the settings, or end the command with the name of the wrong one."""
    try:
        return load_settings()
    except SettingsError as error:
        raise click.UsageError(str(error)) from error
