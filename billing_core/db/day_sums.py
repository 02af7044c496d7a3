"""Sums of bills and payments by day, which pages read instead of adding up."""

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("day_sums")


def fold_changes(conn: Connection) -> int:
    """Add what changed to the sums; returns how many changes there were."""
    row = conn.execute(_QUERIES["fold_changes"]).fetchone()
    return int(row[0]) if row else 0
