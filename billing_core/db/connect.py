"""Connections to PostgreSQL: autocommit, bounded waits, transactions tried twice."""

from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from psycopg import errors

Connection = psycopg.Connection[tuple[Any, ...]]
Result = TypeVar("Result")

# A commit that met another's: the whole transaction may simply be run again.
_TRANSIENT = (errors.SerializationFailure, errors.DeadlockDetected)


def connect(
    database_url: str,
    *,
    application: str,
    connect_timeout_seconds: int = 5,
    lock_timeout_ms: int = 5000,
) -> Connection:
    """Open an autocommit connection; transactions are explicit blocks in services."""
    connection = psycopg.connect(
        database_url,
        autocommit=True,
        connect_timeout=connect_timeout_seconds,
        application_name=f"khata-{application}",
        options=f"-c lock_timeout={lock_timeout_ms} -c timezone=UTC",
    )
    # The same few statements run all day: plan them once, from the first use on.
    connection.prepare_threshold = 2
    return connection


def in_transaction(conn: Connection, work: Callable[[], Result]) -> Result:
    """Run work in one transaction; once more if it lost a race with another."""
    try:
        with conn.transaction():
            return work()
    except _TRANSIENT:
        with conn.transaction():
            return work()
