"""Check the books: every invariant that lives in data."""

from dataclasses import dataclass

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("audit")
# Findings that tell of service given before it was paid, not of wrong books.
_NOTICES = frozenset({"overdrawn_wallets"})
CHECKS = tuple(_QUERIES)
_FINDINGS_MAX = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the books that is not as it must be."""

    check: str
    customer_id: int | None
    what: str
    is_error: bool


def audit(conn: Connection) -> list[Finding]:
    """Run every check on one snapshot of the database; sound books have no finding."""
    findings: list[Finding] = []
    with conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for check in CHECKS:
            rows = conn.execute(_QUERIES[check], {"limit": _FINDINGS_MAX}).fetchall()
            findings += [
                Finding(check, row[0], row[1], check not in _NOTICES) for row in rows
            ]
    return findings
