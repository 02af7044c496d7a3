"""Add the statement with which post-auth opens a session: 0002_open_session.sql."""

from billing_core.migrations import run_sql_beside

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
