"""Money that is given back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import errors
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError

_QUERIES = load_queries("refunds")


class UnknownRefundError(BillingError):
    """There is no such refund."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"There is no refund {reference}.")


class RefundOpenError(BillingError):
    """One refund of a payment is with the gateway at a time."""

    def __init__(self) -> None:
        super().__init__(
            "Another refund of this payment is not finished: wait for the gateway's"
            " answer, khata pay refunds --open."
        )


class RefundIdTakenError(BillingError):
    """The gateway gave one id for two refunds."""

    def __init__(self, gateway_refund_id: str) -> None:
        super().__init__(f"Another refund has the gateway's id {gateway_refund_id}.")


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, or being given back."""

    refund_id: int
    customer_id: int
    username: str
    payment_id: int
    #: How the payment had come.
    method: str
    attempt_id: int | None
    amount: Decimal
    reason: str
    reference: str
    by_gateway: bool
    state: str
    gateway_refund_id: str | None
    outcome: str
    answer: dict[str, Any] | None
    requested_at: datetime
    requested_by: str
    finished_at: datetime | None
    asks: int
    next_ask_at: datetime | None
    entry_id: int


def insert_refund(
    conn: Connection,
    *,
    customer_id: int,
    payment_id: int,
    amount: Decimal,
    reason: str,
    reference: str,
    by_gateway: bool,
    state: str,
    requested_at: datetime,
    requested_by: str,
    finished_at: datetime | None,
    next_ask_at: datetime | None,
    entry_id: int,
) -> int:
    """Write a refund and return its id."""
    try:
        row = conn.execute(
            _QUERIES["insert_refund"],
            {
                "customer_id": customer_id,
                "payment_id": payment_id,
                "amount": amount,
                "reason": reason,
                "reference": reference,
                "by_gateway": by_gateway,
                "state": state,
                "requested_at": requested_at,
                "requested_by": requested_by,
                "finished_at": finished_at,
                "next_ask_at": next_ask_at,
                "entry_id": entry_id,
            },
        ).fetchone()
    except errors.UniqueViolation as error:
        if error.diag.constraint_name == "refund_one_open":
            raise RefundOpenError from None
        raise
    return 0 if row is None else int(row[0])


def lock_refund(conn: Connection, refund_id: int) -> Refund:
    """Lock a refund and return it as it is now."""
    conn.execute(_QUERIES["lock_refund"], {"refund_id": refund_id})
    return read_refund(conn, refund_id)


def read_refund(conn: Connection, refund_id: int) -> Refund:
    """Return one refund."""
    found = _read(conn, [refund_id])
    if not found:
        raise UnknownRefundError(str(refund_id))
    return found[0]


def find_refund(conn: Connection, reference: str) -> Refund:
    """Return the refund of a reference of ours."""
    row = conn.execute(_QUERIES["find_refund"], {"reference": reference}).fetchone()
    if row is None:
        raise UnknownRefundError(reference)
    return read_refund(conn, row[0])


def find_refund_by_key(conn: Connection, customer_id: int, key: str) -> Refund | None:
    """Return the refund that a ledger entry's key made; None = not used yet."""
    row = conn.execute(
        _QUERIES["find_refund_by_key"], {"customer_id": customer_id, "key": key}
    ).fetchone()
    return None if row is None else read_refund(conn, row[0])


def list_refunds_of_payment(
    conn: Connection, customer_id: int, payment_id: int
) -> list[Refund]:
    """Return what was given back of a payment, or asked for, the oldest first."""
    rows = conn.execute(
        _QUERIES["find_refunds_of_payment"],
        {"customer_id": customer_id, "payment_id": payment_id},
    ).fetchall()
    return _read(conn, [row[0] for row in rows])


def list_refunds(conn: Connection, *, open_only: bool, limit: int) -> list[Refund]:
    """Return the newest refunds, the newest first."""
    rows = conn.execute(
        _QUERIES["find_newest_refunds"], {"open_only": open_only, "limit": limit}
    ).fetchall()
    return _read(conn, [row[0] for row in rows])[::-1]


def sum_refunds_of_entry(conn: Connection, customer_id: int, entry_id: int) -> Decimal:
    """Return what was given back, or is asked for, of what an entry brought."""
    row = conn.execute(
        _QUERIES["sum_refunds_of_entry"],
        {"customer_id": customer_id, "entry_id": entry_id},
    ).fetchone()
    return Decimal(0) if row is None else Decimal(row[0])


def set_refund(
    conn: Connection,
    refund_id: int,
    *,
    state: str,
    outcome: str,
    gateway_refund_id: str | None = None,
    answer: Mapping[str, object] | None = None,
    finished_at: datetime | None,
    next_ask_at: datetime | None,
    asked: bool = True,
) -> None:
    """Note how a refund stands."""
    try:
        conn.execute(
            _QUERIES["set_refund"],
            {
                "refund_id": refund_id,
                "state": state,
                "outcome": outcome,
                "gateway_refund_id": gateway_refund_id,
                "answer": None if answer is None else Jsonb(answer),
                "finished_at": finished_at,
                "next_ask_at": next_ask_at,
                "asked": int(asked),
            },
        )
    except errors.UniqueViolation:
        raise RefundIdTakenError(gateway_refund_id or "") from None


def claim_refund_to_ask(
    conn: Connection, gateway: str, now: datetime, *, lease_until: datetime
) -> int | None:
    """Take one refund whose time has come, for as long as the lease."""
    row = conn.execute(
        _QUERIES["claim_refund_to_ask"],
        {"gateway": gateway, "now": now, "lease_until": lease_until},
    ).fetchone()
    return None if row is None else int(row[0])


def _read(conn: Connection, refund_ids: Sequence[int]) -> list[Refund]:
    with conn.cursor(row_factory=class_row(Refund)) as cursor:
        return cursor.execute(
            _QUERIES["read_refunds"], {"refund_ids": list(refund_ids)}
        ).fetchall()
