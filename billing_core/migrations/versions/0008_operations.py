"""Add what the pages of network, runs and imports need: 0008_operations.sql."""

from billing_core.migrations import run_sql_beside

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
