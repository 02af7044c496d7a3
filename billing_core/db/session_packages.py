"""What a package means to the network, and which one a session runs on."""

from collections.abc import Collection
from dataclasses import dataclass

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.fair_use import Rates

_QUERIES = load_queries("session_packages")


@dataclass(frozen=True, slots=True)
class NetworkTerms:
    """What a NAS is told of a package at login, as far as a change of it matters."""

    package_id: int
    billing: str
    full: Rates
    #: Of a customer beyond fair use.
    reduced: Rates
    framed_pool: str | None
    sessions_allowed: int


def read_network_terms(
    conn: Connection, package_ids: Collection[int]
) -> dict[int, NetworkTerms]:
    """Return these packages as the network sees them."""
    rows = conn.execute(
        _QUERIES["read_network_terms"], {"package_ids": list(package_ids)}
    ).fetchall()
    return {
        row[0]: NetworkTerms(
            row[0], row[1], Rates(row[2], row[3]), Rates(row[4], row[5]), row[6], row[7]
        )
        for row in rows
    }


def read_own_terms(conn: Connection, customer_id: int) -> tuple[bool, int | None]:
    """Tell whether a customer has an address of his own, and how many sessions."""
    row = conn.execute(
        _QUERIES["read_own_terms"], {"customer_id": customer_id}
    ).fetchone()
    return (False, None) if row is None else (row[0], row[1])


def move_session(
    conn: Connection,
    customer_id: int,
    session_id: int,
    package_id: int,
    *,
    is_reduced: bool,
) -> None:
    """Let a running session be one of another package, at full rate or reduced."""
    conn.execute(
        _QUERIES["move_session"],
        {
            "customer_id": customer_id,
            "session_id": session_id,
            "package_id": package_id,
            "is_reduced": is_reduced,
        },
    )
