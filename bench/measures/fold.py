"""The worker alone: how many recorded packets it folds and rates a second."""

import time

import psycopg

from bench.backlog import wait_until_empty
from bench.events import fill_intake
from bench.machine import Quiet
from bench.radclient import Sent
from bench.results import Result, Series, at_least
from bench.site import Site
from bench.timed import timed

#: Rounds of reports that the other measures do not use.
_FIRST_ROUND = 51


def measure(site: Site) -> Result:
    """Commit many packets at once, and time how long the worker takes."""
    rate = Series("worker: folded and rated", "events/s")
    cpu = Series("worker + PostgreSQL: CPU", "µs/event")
    busy: list[float] = []
    count = site.plan.fold_events
    reports = _FIRST_ROUND
    with psycopg.connect(site.stack.database_url, autocommit=True) as conn:
        wait_until_empty(conn)
        charges = _charges(conn)
        for _ in range(site.plan.rounds):
            # In one transaction: all of it is there at once, at the commit.
            with conn.transaction():
                reports += fill_intake(conn, site.sizes, count, first_round=reports)
            pid = site.stack.pid("freeradius")
            assert pid is not None
            run = timed(site.stack, pid, lambda: _emptied(conn, count))
            rate.values.append(run.sent.rate)
            cpu.values.append(run.cpu_us)
            busy.append(run.foreign)
        charges = _charges(conn) - charges
    events = count * site.plan.rounds
    return Result(
        "Rating alone (khata worker, one process)",
        [rate, cpu],
        [at_least("events folded and rated a second", rate.median, 10_000)],
        Quiet(tuple(busy)),
        [
            f"{count:,} interim updates of {site.sizes.running:,} sessions a run; half"
            f" of the customers are rated per session: {charges:,} charges posted for"
            f" {events:,} events."
        ],
    )


def _emptied(conn: psycopg.Connection, count: int) -> Sent:
    started = time.time()
    ended = wait_until_empty(conn)
    return Sent(count, 0, 0, ended - started, ended)


def _charges(conn: psycopg.Connection) -> int:
    row = conn.execute(
        "SELECT count(*) FROM ledger_entry WHERE kind = 'session_charge'"
    ).fetchone()
    assert row is not None
    return int(row[0])
