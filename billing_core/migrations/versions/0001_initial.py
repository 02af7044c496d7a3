"""Create the first schema: 0001_initial.sql says what and why."""

from billing_core.migrations import run_sql_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
