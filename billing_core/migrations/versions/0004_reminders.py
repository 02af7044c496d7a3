"""Add the reminder policy and what finds new bills: 0004_reminders.sql."""

from billing_core.migrations import run_sql_beside

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
