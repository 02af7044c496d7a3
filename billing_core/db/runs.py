"""Executions of billing jobs, and the customers that they leave out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from billing_core.db.arrays import array
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("runs")


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a billing job."""

    run_id: int
    kind: str
    as_of: datetime
    started_at: datetime
    finished_at: datetime | None
    billed: int
    parked: int
    errors: int
    reached_customer_id: int
    note: str


@dataclass(frozen=True, slots=True)
class ParkedCustomer:
    """A customer that runs leave out."""

    customer_id: int
    username: str
    parked_reason: str


def start_run(
    conn: Connection,
    kind: str,
    *,
    as_of: datetime,
    profile_id: int | None,
    now: datetime,
    note: str,
) -> int:
    """Note that a run begins, of one profile's customers or of all; its number."""
    values = {"kind": kind, "as_of": as_of, "profile_id": profile_id, "note": note}
    row = conn.execute(_QUERIES["start_run"], values | {"now": now}).fetchone()
    return 0 if row is None else int(row[0])


def note_progress(
    conn: Connection,
    run_id: int,
    *,
    billed: int,
    parked: int,
    errors: int,
    reached: int,
) -> None:
    """Note how far a run came."""
    conn.execute(
        _QUERIES["note_progress"],
        {
            "run_id": run_id,
            "billed": billed,
            "parked": parked,
            "errors": errors,
            "reached": reached,
        },
    )


def finish_run(conn: Connection, run_id: int, now: datetime) -> None:
    """Note that a run came to its end."""
    conn.execute(_QUERIES["finish_run"], {"run_id": run_id, "now": now})


def has_finished_run(conn: Connection, kind: str, *, since: datetime) -> bool:
    """Tell whether a run of everybody as of a moment or later came to its end."""
    row = conn.execute(
        _QUERIES["has_finished_run"], {"kind": kind, "since": since}
    ).fetchone()
    return row is not None and bool(row[0])


def list_runs(conn: Connection, *, limit: int) -> list[Run]:
    """Return the newest runs."""
    with conn.cursor(row_factory=class_row(Run)) as cursor:
        return cursor.execute(_QUERIES["list_runs"], {"limit": limit}).fetchall()


def park_customers(conn: Connection, parked: Sequence[tuple[int, str]]) -> None:
    """Leave (customer_id, reason) out of runs until a person has looked."""
    customer_ids, reasons = zip(*parked, strict=True)
    conn.execute(
        _QUERIES["park_customers"],
        {"customer_id": array(customer_ids), "reason": array(reasons)},
    )


def unpark_customer(conn: Connection, customer_id: int) -> bool:
    """Let runs take a customer in again; False when they did already."""
    done = conn.execute(_QUERIES["unpark_customer"], {"customer_id": customer_id})
    return done.rowcount == 1


def list_parked(conn: Connection, *, limit: int) -> list[ParkedCustomer]:
    """Return customers that runs leave out."""
    with conn.cursor(row_factory=class_row(ParkedCustomer)) as cursor:
        return cursor.execute(_QUERIES["list_parked"], {"limit": limit}).fetchall()
