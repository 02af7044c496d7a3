"""What the portal shows a customer of himself."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("web_portal")


@dataclass(frozen=True, slots=True)
class UnsettledAttempt:
    """A payment that is not in the books yet."""

    attempt_id: int
    reference: str
    gateway: str
    amount: Decimal
    purpose: str
    state: str
    created_at: datetime
    checkout_url: str | None
    customer_cancelled_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaidRow:
    """A payment as the one who made it sees it: not who recorded it."""

    payment_id: int
    method: str
    amount: Decimal
    discount: Decimal
    received_at: datetime
    is_reversed: bool
    refunded: Decimal


@dataclass(frozen=True, slots=True)
class RestrictedCustomer:
    """A suspended customer whose session was let in only to pay."""

    customer_id: int
    username: str
    suspend_reason: str
    language: str


def list_unsettled_attempts(
    conn: Connection, customer_id: int, *, since: datetime, limit: int
) -> list[UnsettledAttempt]:
    """Return a customer's payments that are under way or wait for a person."""
    values = {"customer_id": customer_id, "since": since, "limit": limit}
    with conn.cursor(row_factory=class_row(UnsettledAttempt)) as cursor:
        return cursor.execute(_QUERIES["list_unsettled_attempts"], values).fetchall()


def list_payments(
    conn: Connection, customer_id: int, *, after: int | None, limit: int
) -> list[PaidRow]:
    """Return a page of a customer's payments, newest first."""
    values = {"customer_id": customer_id, "after": after, "limit": limit}
    with conn.cursor(row_factory=class_row(PaidRow)) as cursor:
        return cursor.execute(_QUERIES["list_payments"], values).fetchall()


def find_restricted(
    conn: Connection, address: str, now: datetime
) -> list[RestrictedCustomer]:
    """Return who is suspended and online with an address; at most two."""
    values = {"address": address, "now": now}
    with conn.cursor(row_factory=class_row(RestrictedCustomer)) as cursor:
        return cursor.execute(_QUERIES["find_restricted"], values).fetchall()


def read_usage(conn: Connection, customer_id: int, since: datetime) -> tuple[int, int]:
    """Return the octets (up, down) of a customer's sessions that began since then."""
    values = {"customer_id": customer_id, "since": since}
    row = conn.execute(_QUERIES["read_usage"], values).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def list_nas_addresses(conn: Connection) -> frozenset[str]:
    """Return the addresses of NAS of ours."""
    rows = conn.execute(_QUERIES["list_nas_addresses"]).fetchall()
    return frozenset(row[0] for row in rows)


def find_by_mobile(conn: Connection, mobile: str, *, limit: int) -> list[int]:
    """Return the customers with a mobile, however it is written."""
    values = {"mobile": mobile, "limit": limit}
    found = conn.execute(_QUERIES["find_by_mobile"], values).fetchall()
    return [row[0] for row in found]
