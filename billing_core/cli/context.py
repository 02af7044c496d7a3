"""What every command needs: settings, a connection, who acts and when."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import click
import psycopg

from billing_core.cli import settings as read_settings
from billing_core.db.connect import Connection, connect
from billing_core.db.installation import check_installation
from billing_core.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """A command at work."""

    settings: Settings
    conn: Connection
    #: Who acts, for the log and the ledger.
    actor: str
    now: datetime


@contextmanager
def at_desk() -> Iterator[Desk]:
    """Connect with the settings found here; say what is wrong in one line."""
    settings = read_settings()
    try:
        conn = connect(settings.database_url, application="cli")
    except psycopg.OperationalError as error:
        raise click.ClickException(
            f"The database does not answer: {str(error).strip()} Is `khata up` running?"
        ) from error
    with conn:
        check_installation(conn, settings.currency, settings.zone)
        yield Desk(settings, conn, f"cli:{getpass.getuser()}", datetime.now(UTC))
