"""Bring a database to the current schema: Alembic revisions made of plain SQL."""

from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory

_HERE = Path(__file__).parent


def migrate(database_url: str) -> None:
    """Run every migration that the database has not seen, in one transaction."""
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["database_url"] = database_url
    command.upgrade(config, "head")


def run_sql_beside(revision_file: str) -> None:
    """Execute the .sql file that stands beside a revision, as it is.

    Without parameters, so that % and : in it are the SQL's own.
    """
    sql = Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8")
    connection = op.get_bind().execution_options(no_parameters=True)
    connection.exec_driver_sql(sql)


def head_revision() -> str:
    """Return the revision that a migrated database is at."""
    head = ScriptDirectory(str(_HERE)).get_current_head()
    assert head is not None  # noqa: S101 - there is at least one revision
    return head
