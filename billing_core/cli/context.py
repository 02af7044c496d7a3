"""What every command needs: settings, a connection, who acts and when."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import click
import psycopg
from psycopg import errors

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
    with conn, _told_plainly():
        check_installation(conn, settings.currency, settings.zone)
        yield Desk(settings, conn, f"cli:{_user()}", datetime.now(UTC))


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Say in one line that the database went away, is busy or of another version."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise click.ClickException(
            f"The database gave up in the middle: {str(error).strip()}"
            " What this command began is undone; try again."
        ) from error
    except (errors.UndefinedTable, errors.UndefinedColumn) as error:
        raise click.ClickException(
            "The database is of another version than this program"
            f" ({error.diag.message_primary}): khata db migrate."
        ) from error


def _user() -> str:
    """Name who runs this command; in a container his number may have no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
