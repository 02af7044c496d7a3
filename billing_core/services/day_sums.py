"""Keep the sums by day short: what changed is added to them and forgotten."""

from datetime import datetime

from billing_core.db import day_sums as db
from billing_core.db.connect import Connection, in_transaction


def fold_day_sums(conn: Connection, _now: datetime) -> int:
    """Add the changes up; returns how many there were.

    The sums are right before and after, since who reads adds both: only the changes
    get fewer.
    """
    return in_transaction(conn, lambda: db.fold_changes(conn))
