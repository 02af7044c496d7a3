"""Go through many customers, chunk by chunk; who cannot be done stops nobody else."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import psycopg

from billing_core.billing_terms import RUN_FAILED, BillDraft
from billing_core.db import customers as customers_db
from billing_core.db import runs as runs_db
from billing_core.db.connect import Connection, in_transaction
from billing_core.errors import BillingError

log = logging.getLogger(__name__)

Progress = Callable[[int], None]
Done = TypeVar("Done")
Failure = tuple[int, Exception]

# What one customer's own rows can bring about.
_UNFIT = (
    BillingError,
    psycopg.DatabaseError,
    ArithmeticError,
    LookupError,
    ValueError,
)
# Where nobody of so many can be done, the fault is none of theirs.
_ALL_FAILED_MIN = 10


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """What a run did for some customers."""

    billed: int = 0
    parked: int = 0
    #: Of those parked, whom the run failed on.
    errors: int = 0


@dataclass(slots=True)
class RunResult:
    """What a run did, or would do."""

    run_id: int | None
    billed: int = 0
    parked: int = 0
    errors: int = 0
    drafts: list[BillDraft] = field(default_factory=list)


def run_in_chunks(
    conn: Connection,
    kind: str,
    customers: Iterable[list[int]],
    work: Callable[[list[int]], ChunkDone],
    *,
    as_of: datetime,
    now: datetime,
    actor: str,
    profile_id: int | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Do a billing job for these customers, each chunk in one transaction.

    What was done and how far the run came is written in the same transaction. Who
    cannot be done is parked, with the error in his log, and the run goes on.
    """
    run_id = runs_db.start_run(
        conn, kind, as_of=as_of, profile_id=profile_id, now=now, note=actor
    )
    began, result = time.monotonic(), RunResult(run_id)

    def note(done: ChunkDone, reached: int) -> ChunkDone:
        runs_db.note_progress(
            conn,
            run_id,
            billed=done.billed,
            parked=done.parked,
            errors=done.errors,
            reached=reached,
        )
        return done

    def park(failed: list[Failure]) -> ChunkDone:
        _park(conn, kind, failed, actor=actor, now=now)
        return note(ChunkDone(0, len(failed), len(failed)), failed[-1][0])

    for found in customers:
        done, failed = do_chunk(conn, found, lambda ids: note(work(ids), ids[-1]))
        if failed:
            done.append(in_transaction(conn, partial(park, failed)))
        result.billed += sum(each.billed for each in done)
        result.parked += sum(each.parked for each in done)
        result.errors += sum(each.errors for each in done)
        if progress is not None:
            progress(len(found))
    # `now` is that of all of the run: when it ended is told by how long it took.
    took = timedelta(seconds=time.monotonic() - began)
    runs_db.finish_run(conn, run_id, now + took)
    return result


def unpark(conn: Connection, username: str, *, actor: str, now: datetime) -> bool:
    """Let runs take a customer in again, in the log; False when they did already."""

    def work() -> bool:
        customer_id = customers_db.find_customer_id(conn, username)
        if not runs_db.unpark_customer(conn, customer_id):
            return False
        customers_db.log_customer_event(
            conn, customer_id, at=now, actor=actor, what="unparked"
        )
        return True

    return in_transaction(conn, work)


def do_chunk(
    conn: Connection, found: list[int], work: Callable[[list[int]], Done]
) -> tuple[list[Done], list[Failure]]:
    """Do customers in one transaction; where that fails, halves of them.

    Returns what was done, and who cannot be done even alone.
    """
    done, failed = _do_halves(conn, found, work)
    if len(failed) == len(found) >= _ALL_FAILED_MIN:
        raise failed[0][1]
    return done, failed


def _do_halves(
    conn: Connection, found: list[int], work: Callable[[list[int]], Done]
) -> tuple[list[Done], list[Failure]]:
    try:
        return [in_transaction(conn, lambda: work(found))], []
    except psycopg.OperationalError:
        # A lost connection, or a lock that was not got, is nobody's fault: it ends the
        # run, which is started again.
        raise
    except _UNFIT as error:
        if len(found) == 1:
            log.exception("run.customer_failed customer_id=%s", found[0])
            return [], [(found[0], error)]
    middle = len(found) // 2
    first, second = (
        _do_halves(conn, h, work) for h in (found[:middle], found[middle:])
    )
    return first[0] + second[0], first[1] + second[1]


def _park(
    conn: Connection,
    kind: str,
    failed: list[Failure],
    *,
    actor: str,
    now: datetime,
) -> None:
    runs_db.park_customers(conn, [(one, RUN_FAILED) for one, _ in failed])
    for customer_id, error in failed:
        customers_db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="parked",
            reason=RUN_FAILED,
            note=f"{kind}: {str(error).partition(chr(10))[0]}",
        )
