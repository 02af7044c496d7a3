"""Add recharge cards, and what slows down who guesses their PINs: 0006_cards.sql."""

from billing_core.migrations import run_sql_beside

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run_sql_beside(__file__)
