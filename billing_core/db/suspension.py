"""Who has service and who has not."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row

from billing_core.db.arrays import array
from billing_core.db.chunks import in_chunks
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.db.web_lists import Scope, as_list
from billing_core.suspension import ServiceFacts

_QUERIES = load_queries("suspension")


@dataclass(frozen=True, slots=True)
class ToBeSuspended:
    """A customer whose service will stop if nothing is paid."""

    customer_id: int
    username: str
    #: PAYMENT_DUE, DUE_THRESHOLD or BALANCE_EXHAUSTED.
    reason: str
    #: When his first overdue bill or unpaid day stops his service, or his hold ends.
    suspend_at: datetime
    #: What is open on bills that are overdue by then; over the threshold: on all; of
    #: the first day that he cannot pay: what is short.
    overdue: Decimal


def find_to_suspend(
    conn: Connection, *, now: datetime, chunk: int
) -> Iterator[list[int]]:
    """Yield active customers whose service may have to stop, by id, in chunks."""
    values = {"now": now, "customer_ids": None}
    return in_chunks(conn, _QUERIES["find_to_suspend"], values, chunk)


def pick_to_suspend(
    conn: Connection, customer_ids: Sequence[int], *, now: datetime
) -> list[int]:
    """Return those of these customers whom find_to_suspend yields."""
    values = {"now": now, "customer_ids": list(customer_ids)}
    # Not prepared: that of all customers has another plan.
    rows = conn.execute(_QUERIES["find_to_suspend"], values, prepare=False)
    return [row[0] for row in rows]


def find_active(conn: Connection, scope: Scope, *, limit: int) -> list[int]:
    """Return active customers of a scope, so many at most."""
    values = {"scope": as_list(scope), "limit": limit}
    rows = conn.execute(_QUERIES["find_active"], values, prepare=False)
    return [row[0] for row in rows]


def sample_active(
    conn: Connection, scope: Scope, *, wanted: int
) -> tuple[list[int], float]:
    """Return the active ones of a scope among so many customers, taken at random.

    And how often they stand for all: as often as there are customers for one that was
    looked at.
    """
    row = conn.execute(_QUERIES["sample_share"], {"wanted": wanted}).fetchone()
    assert row is not None  # noqa: S101 - there is a table of customers
    percent = float(row[0])
    values = {"scope": as_list(scope), "percent": percent}
    rows = conn.execute(_QUERIES["sample_active"], values, prepare=False)
    return [found[0] for found in rows], 100 / percent


def read_service_facts(
    conn: Connection,
    customer_ids: Sequence[int],
    now: datetime,
    *,
    not_covered: frozenset[int] = frozenset(),
) -> list[ServiceFacts]:
    """Return what decides the service of these customers; locked, if it is to act."""
    rows = conn.execute(
        _QUERIES["read_service_facts"], {"customer_ids": list(customer_ids), "now": now}
    ).fetchall()
    return [
        ServiceFacts._make((*row, row[0] not in not_covered and not is_overdrawn))
        for *row, is_overdrawn in rows
    ]


def suspend_customers(conn: Connection, reasons: Sequence[tuple[int, str]]) -> None:
    """Stop service of (customer_id, reason)."""
    customer_ids, why = zip(*reasons, strict=True)
    conn.execute(
        _QUERIES["suspend_customers"],
        {"customer_id": array(customer_ids), "reason": array(why)},
    )


def restore_customers(conn: Connection, customer_ids: Sequence[int]) -> None:
    """Let service come back."""
    conn.execute(_QUERIES["restore_customers"], {"customer_ids": list(customer_ids)})


def log_customer_events(
    conn: Connection,
    reasons: Sequence[tuple[int, str]],
    *,
    what: str,
    actor: str,
    now: datetime,
) -> None:
    """Log one event for each (customer_id, reason)."""
    customer_ids, why = zip(*reasons, strict=True)
    conn.execute(
        _QUERIES["log_customer_events"],
        {
            "customer_id": array(customer_ids),
            "reason": array(why),
            "what": what,
            "actor": actor,
            "now": now,
        },
    )


def open_stretches(
    conn: Connection, customer_ids: Iterable[int], *, reason: str, now: datetime
) -> None:
    """Let no cycle bill cover these customers from now on, where that is the rule."""
    conn.execute(
        _QUERIES["open_stretches"],
        {"customer_ids": list(customer_ids), "reason": reason, "now": now},
    )


def end_stretches(
    conn: Connection, customer_ids: Iterable[int], *, now: datetime
) -> None:
    """Let cycle bills cover these customers again."""
    conn.execute(
        _QUERIES["end_stretches"], {"customer_ids": list(customer_ids), "now": now}
    )


def bill_suspended_from(
    conn: Connection, profile_id: int, now: datetime, *, customer_id: int | None = None
) -> None:
    """Let cycle bills cover a profile's suspended customers (or one) from now on."""
    conn.execute(
        _QUERIES["bill_suspended_from"],
        {"profile_id": profile_id, "customer_id": customer_id, "now": now},
    )


def bill_suspended_until(
    conn: Connection, profile_id: int, now: datetime, *, customer_id: int | None = None
) -> None:
    """Let no cycle bill cover a profile's suspended customers (or one) from now on."""
    conn.execute(
        _QUERIES["bill_suspended_until"],
        {"profile_id": profile_id, "customer_id": customer_id, "now": now},
    )


def set_hold(conn: Connection, customer_id: int, until: datetime | None) -> None:
    """Do not suspend a customer before a moment; None = as his profile says."""
    conn.execute(_QUERIES["set_hold"], {"customer_id": customer_id, "until": until})


def set_paused(conn: Connection, customer_id: int, paused_at: datetime | None) -> None:
    """Pause a customer from a moment on; None = let him go on."""
    conn.execute(
        _QUERIES["set_paused"], {"customer_id": customer_id, "paused_at": paused_at}
    )


def read_to_be_suspended(
    conn: Connection, reasons: Sequence[tuple[int, str]], *, by: datetime, now: datetime
) -> list[ToBeSuspended]:
    """Return when and over what these (customer_id, reason) will be suspended."""
    customer_ids, why = zip(*reasons, strict=True)
    with conn.cursor(row_factory=class_row(ToBeSuspended)) as cursor:
        return cursor.execute(
            _QUERIES["read_to_be_suspended"],
            {
                "customer_id": array(customer_ids),
                "reason": array(why),
                "by": by,
                "now": now,
            },
        ).fetchall()
