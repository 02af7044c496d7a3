"""Attempts to pay, as they stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg import errors
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from billing_core.db.connect import Connection
from billing_core.db.installation import NotInstalledError
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError
from billing_core.gateways.contract import Asked
from billing_core.payments import AttemptState

_QUERIES = load_queries("payments")
#: The gateway's name of money that a customer sent by hand.
TRANSFER = "transfer"


class UnknownAttemptError(BillingError):
    """There is no such attempt to pay."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"There is no payment {reference}.")


class CheckoutTakenError(BillingError):
    """The gateway gave one checkout for two attempts."""

    def __init__(self, gateway: str) -> None:
        super().__init__(f"{gateway} gave a checkout that another payment has.")


class TransferWaitsError(BillingError):
    """One announced transfer of a customer waits at a time."""

    def __init__(self) -> None:
        super().__init__("A transfer was announced before and is not verified yet.")


@dataclass(frozen=True, slots=True)
class NewAttempt:
    """A try to pay before it is written."""

    customer_id: int
    reference: str
    gateway: str
    amount: Decimal
    currency: str
    purpose: str
    bill_id: int | None
    package_id: int | None
    created_at: datetime
    created_by: str
    state: str = AttemptState.CREATED
    reason: str = ""
    sender: str = ""
    next_ask_at: datetime | None = None
    answer: Mapping[str, object] | None = None
    again_of_attempt_id: int | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to pay as it stands."""

    attempt_id: int
    customer_id: int
    username: str
    reference: str
    gateway: str
    amount: Decimal
    currency: str
    purpose: str
    bill_id: int | None
    package_id: int | None
    state: str
    reason: str
    customer_cancelled_at: datetime | None
    created_at: datetime
    created_by: str
    gateway_payment_id: str | None
    checkout_url: str | None
    sender: str
    answer: dict[str, Any] | None
    answered_at: datetime | None
    asks: int
    next_ask_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    again_of_attempt_id: int | None

    def asked(
        self,
        *,
        hint_id: str | None = None,
        customer_finished: bool = False,
        capture_tried: bool = False,
    ) -> Asked:
        """Return it as a gateway needs it to be asked about."""
        return Asked(
            reference=self.reference,
            payment_id=self.gateway_payment_id,
            amount=self.amount,
            currency=self.currency,
            created_at=self.created_at,
            hint_id=hint_id,
            customer_finished=customer_finished,
            capture_tried=capture_tried,
        )


def read_currency(conn: Connection) -> str:
    """Return the installation's currency."""
    row = conn.execute(_QUERIES["read_currency"]).fetchone()
    if row is None:
        raise NotInstalledError
    return str(row[0])


def insert_attempt(conn: Connection, attempt: NewAttempt) -> int:
    """Write an attempt and return its id."""
    answer = attempt.answer
    values = {name: getattr(attempt, name) for name in NewAttempt.__slots__}
    values["answer"] = None if answer is None else Jsonb(answer)
    values["answered_at"] = None if answer is None else attempt.created_at
    try:
        row = conn.execute(_QUERIES["insert_attempt"], values).fetchone()
    except errors.UniqueViolation as error:
        if error.diag.constraint_name == "payment_attempt_one_transfer":
            raise TransferWaitsError from None
        raise
    return 0 if row is None else int(row[0])


def read_attempt(conn: Connection, attempt_id: int) -> Attempt:
    """Return one attempt."""
    found = read_attempts(conn, [attempt_id])
    if not found:
        raise UnknownAttemptError(str(attempt_id))
    return found[0]


def read_attempts(conn: Connection, attempt_ids: Sequence[int]) -> list[Attempt]:
    """Return these attempts, the oldest first."""
    with conn.cursor(row_factory=class_row(Attempt)) as cursor:
        return cursor.execute(
            _QUERIES["read_attempts"], {"attempt_ids": list(attempt_ids)}
        ).fetchall()


def find_by_reference(conn: Connection, reference: str) -> int | None:
    """Return the attempt of a reference of ours."""
    row = conn.execute(
        _QUERIES["find_by_reference"], {"reference": reference}
    ).fetchone()
    return None if row is None else int(row[0])


def find_by_checkout(conn: Connection, gateway: str, payment_id: str) -> int | None:
    """Return the attempt that a gateway's checkout was opened for."""
    row = conn.execute(
        _QUERIES["find_by_checkout"], {"gateway": gateway, "payment_id": payment_id}
    ).fetchone()
    return None if row is None else int(row[0])


def lock_attempt(conn: Connection, attempt_id: int) -> Attempt:
    """Lock an attempt and return it as it is now."""
    conn.execute(_QUERIES["lock_attempt"], {"attempt_id": attempt_id})
    return read_attempt(conn, attempt_id)


def list_attempts(
    conn: Connection,
    *,
    states: Sequence[str] | None = None,
    gateway: str | None = None,
    username: str | None = None,
    limit: int,
) -> list[Attempt]:
    """Return the newest attempts that are so, the newest first."""
    found = conn.execute(
        _QUERIES["find_attempts"],
        {
            "states": None if states is None else list(states),
            "gateway": gateway,
            "username": username,
            "limit": limit,
        },
    ).fetchall()
    return read_attempts(conn, [row[0] for row in found])[::-1]


def list_to_decide(conn: Connection, *, limit: int) -> list[Attempt]:
    """Return what waits for a person, the longest first."""
    found = conn.execute(_QUERIES["find_to_decide"], {"limit": limit}).fetchall()
    return read_attempts(conn, [row[0] for row in found])


def count_started(conn: Connection, customer_id: int, since: datetime) -> int:
    """Return how often a customer began to pay since then."""
    row = conn.execute(
        _QUERIES["count_started"], {"customer_id": customer_id, "since": since}
    ).fetchone()
    return 0 if row is None else int(row[0])


def set_checkout(
    conn: Connection, attempt: Attempt, payment_id: str | None, url: str | None
) -> None:
    """Note what the gateway calls the checkout, and where the customer pays."""
    try:
        conn.execute(
            _QUERIES["set_checkout"],
            {"attempt_id": attempt.attempt_id, "payment_id": payment_id, "url": url},
        )
    except errors.UniqueViolation:
        raise CheckoutTakenError(attempt.gateway) from None


def set_outcome(
    conn: Connection,
    attempt_id: int,
    *,
    state: str,
    reason: str,
    next_ask_at: datetime | None,
    asked: bool = True,
    answer: Mapping[str, object] | None = None,
    answered_at: datetime | None = None,
    payment_id: str | None = None,
) -> None:
    """Note what an answer, or none, did to an attempt."""
    conn.execute(
        _QUERIES["set_outcome"],
        {
            "attempt_id": attempt_id,
            "state": state,
            "reason": reason,
            "next_ask_at": next_ask_at,
            "asked": int(asked),
            "answer": None if answer is None else Jsonb(answer),
            "answered_at": answered_at,
            "payment_id": payment_id,
        },
    )


def set_decision(
    conn: Connection,
    attempt_id: int,
    *,
    state: str,
    reason: str,
    decided_by: str,
    decided_at: datetime,
) -> None:
    """Note who decided."""
    conn.execute(
        _QUERIES["set_decision"],
        {
            "attempt_id": attempt_id,
            "state": state,
            "reason": reason,
            "decided_by": decided_by,
            "decided_at": decided_at,
        },
    )


def set_cancelled(conn: Connection, attempt_id: int, now: datetime) -> None:
    """Note that the customer says he gave up."""
    conn.execute(_QUERIES["set_cancelled"], {"attempt_id": attempt_id, "now": now})


def find_payment(conn: Connection, attempt_id: int) -> int | None:
    """Return the payment that an attempt became."""
    row = conn.execute(_QUERIES["find_payment"], {"attempt_id": attempt_id}).fetchone()
    return None if row is None else int(row[0])
