"""Add what was issued as PDF: 0009_documents.sql."""

from billing_core.migrations import run_sql_beside

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
