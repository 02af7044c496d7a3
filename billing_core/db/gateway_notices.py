"""Money that gateways told of by themselves, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.db.web_lists import like
from billing_core.errors import BillingError

_QUERIES = load_queries("gateway_notices")


class UnknownNoticeError(BillingError):
    """No gateway told of such money by itself."""

    def __init__(self, transaction_id: str) -> None:
        super().__init__(f"No gateway told of transaction {transaction_id} by itself.")


@dataclass(frozen=True, slots=True)
class Notice:
    """Money that a gateway told of, as it stands."""

    notice_id: int
    gateway: str
    transaction_id: str
    received_at: datetime
    answer: dict[str, Any]
    #: What the gateway said when it was asked for it.
    found: dict[str, Any] | None
    found_at: datetime | None
    #: unmatched, credited, dismissed
    state: str
    reason: str
    decided_by: str | None
    decided_at: datetime | None
    #: The attempt that it names and that has not claimed it.
    names_attempt_id: int | None
    names_reference: str | None
    names_customer_id: int | None
    #: What it was credited by, and to whom.
    attempt_id: int | None
    customer_id: int | None
    username: str | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A customer whose this money may be."""

    customer_id: int
    username: str
    name: str
    mobile: str


def insert_notice(
    conn: Connection,
    *,
    gateway: str,
    transaction_id: str,
    received_at: datetime,
    answer: Mapping[str, object],
    names_attempt_id: int | None,
) -> int | None:
    """Write down money that a gateway tells of; None = it did so before."""
    row = conn.execute(
        _QUERIES["insert_notice"],
        {
            "gateway": gateway,
            "transaction_id": transaction_id,
            "received_at": received_at,
            "answer": Jsonb(answer),
            "names_attempt_id": names_attempt_id,
        },
    ).fetchone()
    return None if row is None else int(row[0])


def lock_notice(conn: Connection, notice_id: int) -> Notice:
    """Lock a notice and return it as it is now."""
    conn.execute(_QUERIES["lock_notice"], {"notice_id": notice_id})
    return read_notice(conn, notice_id)


def read_notice(conn: Connection, notice_id: int) -> Notice:
    """Return one notice."""
    found = read_notices(conn, [notice_id])
    if not found:
        raise UnknownNoticeError(str(notice_id))
    return found[0]


def read_notices(conn: Connection, notice_ids: Sequence[int]) -> list[Notice]:
    """Return these notices, the oldest first."""
    with conn.cursor(row_factory=class_row(Notice)) as cursor:
        return cursor.execute(
            _QUERIES["read_notices"], {"notice_ids": list(notice_ids)}
        ).fetchall()


def find_unmatched(
    conn: Connection, *, after: int | None = None, limit: int
) -> list[Notice]:
    """Return what waits for a person to say whose it is, the longest first."""
    rows = conn.execute(
        _QUERIES["find_unmatched"], {"after": after, "limit": limit}
    ).fetchall()
    return read_notices(conn, [row[0] for row in rows])


def find_notices(conn: Connection, *, limit: int) -> list[Notice]:
    """Return the newest notices whatever became of them, the newest first."""
    rows = conn.execute(_QUERIES["find_notices"], {"limit": limit}).fetchall()
    return read_notices(conn, [row[0] for row in rows])[::-1]


def find_notice(conn: Connection, transaction_id: str) -> Notice | None:
    """Return what was told of a transaction, by whichever gateway."""
    row = conn.execute(
        _QUERIES["find_notice"], {"transaction_id": transaction_id.upper()}
    ).fetchone()
    return None if row is None else read_notice(conn, row[0])


def set_found(
    conn: Connection, notice_id: int, found: Mapping[str, object], now: datetime
) -> None:
    """Note what the gateway said when it was asked for this money."""
    conn.execute(
        _QUERIES["set_found"],
        {"notice_id": notice_id, "found": Jsonb(found), "now": now},
    )


def set_credited(
    conn: Connection,
    transaction_ids: Sequence[str],
    gateway: str,
    *,
    attempt_id: int,
    actor: str,
    now: datetime,
) -> None:
    """Note that this money is credited, by whatever attempt."""
    conn.execute(
        _QUERIES["set_credited"],
        {
            "transaction_ids": [each.upper() for each in transaction_ids],
            "gateway": gateway,
            "attempt_id": attempt_id,
            "actor": actor,
            "now": now,
        },
    )


def set_dismissed(
    conn: Connection, notice_id: int, *, reason: str, actor: str, now: datetime
) -> bool:
    """Note that a person says that it is no customer's; False = it does not wait."""
    cursor = conn.execute(
        _QUERIES["set_dismissed"],
        {"notice_id": notice_id, "reason": reason, "actor": actor, "now": now},
    )
    return cursor.rowcount == 1


def set_reopened(conn: Connection, notice_id: int) -> None:
    """Note that money that was put aside waits for its owner again."""
    conn.execute(_QUERIES["set_reopened"], {"notice_id": notice_id})


def suggest_customers(
    conn: Connection, *, number: str | None, reference: str | None
) -> list[Suggestion]:
    """Return whose money may be, by what it says of itself; None = it does not."""
    with conn.cursor(row_factory=class_row(Suggestion)) as cursor:
        return cursor.execute(
            _QUERIES["suggest_customers"],
            {"number": like(number), "reference": like(reference)},
        ).fetchall()
