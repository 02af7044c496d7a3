"""The money that attempts claim: each id that it has at a gateway, once."""

from collections.abc import Sequence

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.payments import Attempt
from billing_core.db.queries import load_queries
from billing_core.gateways.contract import TransactionId

_QUERIES = load_queries("gateway_transactions")
# Advisory locks of money that is claimed; the second number is of its id.
_CLAIMING = 0x4B485043


def claim_transactions(
    conn: Connection, attempt: Attempt, transactions: Sequence[TransactionId]
) -> set[int]:
    """Claim this money for an attempt; returns the other attempts that have it.

    To be called before the wallet is locked: who waits for another's claim of the same
    money must not hold what the other needs.
    """
    lock_transactions(conn, transactions)
    conn.execute(
        _QUERIES["claim_transactions"],
        {"attempt_id": attempt.attempt_id, **_names(attempt.gateway, transactions)},
    )
    return read_owners(conn, attempt, transactions) - {attempt.attempt_id}


def lock_transactions(conn: Connection, transactions: Sequence[TransactionId]) -> None:
    """Be the only one who says whose this money is, until the transaction ends."""
    conn.execute(
        _QUERIES["lock_transactions"],
        {"space": _CLAIMING, "named": _named(transactions)},
    )


def read_owners(
    conn: Connection, attempt: Attempt, transactions: Sequence[TransactionId]
) -> set[int]:
    """Return the attempts that have this money, or any part of it."""
    rows = conn.execute(
        _QUERIES["read_owners"],
        {
            "named": _named(transactions),
            **_names(attempt.gateway, transactions),
        },
    ).fetchall()
    return {row[0] for row in rows}


def list_transactions(conn: Connection, attempt_id: int) -> list[TransactionId]:
    """Return the money that is of an attempt."""
    with conn.cursor(row_factory=class_row(TransactionId)) as cursor:
        return cursor.execute(
            _QUERIES["list_transactions"], {"attempt_id": attempt_id}
        ).fetchall()


def find_announced(conn: Connection, transaction_id: str) -> list[tuple[str, int, str]]:
    """Return (gateway, attempt_id, state) of those who have an announced id."""
    rows = conn.execute(
        _QUERIES["find_announced"], {"transaction_id": transaction_id}
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def take_over_transaction(
    conn: Connection, transaction_id: str, *, of_attempt_id: int, attempt_id: int
) -> bool:
    """Give an announced id to another attempt; False when it is gone already."""
    cursor = conn.execute(
        _QUERIES["take_over_transaction"],
        {
            "transaction_id": transaction_id,
            "of_attempt_id": of_attempt_id,
            "attempt_id": attempt_id,
        },
    )
    return cursor.rowcount == 1


def _named(transactions: Sequence[TransactionId]) -> list[str]:
    """Return the ids in the letters of people."""
    return [each.value.upper() for each in transactions]


def _names(gateway: str, transactions: Sequence[TransactionId]) -> dict[str, object]:
    return {
        "gateway": gateway,
        "kinds": [each.kind for each in transactions],
        "ids": [each.value for each in transactions],
    }
