"""Add operators, web sessions and what the web pages list by: 0007_operators.sql."""

from billing_core.migrations import run_sql_beside

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
