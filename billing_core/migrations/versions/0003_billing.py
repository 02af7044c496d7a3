"""Add billing profiles, monthly bills and suspension: 0003_billing.sql."""

from billing_core.migrations import run_sql_beside

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
