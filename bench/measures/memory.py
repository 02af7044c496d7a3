"""Resident memory of FreeRADIUS with our module, and of the worker."""

import time
from collections.abc import Callable
from functools import partial

import psycopg

from bench.machine import Quiet, resident_kb
from bench.packets import login, usage, write_files
from bench.radclient import Sent, send
from bench.results import Result, Series, at_most
from bench.site import Site
from bench.timed import timed

_SESSIONS = 5000
#: Growth of the second half that still counts as none: allocators breathe.
_GROWTH_MAX = 0.05


def measure(site: Site) -> Result:
    """Let customers log in, report and leave, round after round; watch the memory."""
    sessions = min(_SESSIONS, site.sizes.free)
    cycles = max(4, -(-site.plan.memory_requests // (3 * sessions)))
    radius = Series("freeradius with our module", "MB resident")
    worker = Series("khata worker", "MB resident")
    busy: list[float] = []
    sent = 0
    for cycle in range(cycles):
        pid = site.stack.pid("freeradius")
        worker_pid = site.stack.pid("worker")
        assert pid is not None
        assert worker_pid is not None
        run = timed(site.stack, pid, partial(_cycle, site, cycle, sessions))
        sent += run.sent.accepted
        busy.append(run.foreign)
        radius.values.append(resident_kb(pid) / 1000)
        worker.values.append(resident_kb(worker_pid) / 1000)
    return Result(
        f"Memory over {sent:,} requests (logins, interims, stops)",
        [radius, worker],
        [
            at_most(
                f"{series.label}: growth of the second half",
                series.values[-1] / series.values[len(series.values) // 2] - 1,
                _GROWTH_MAX,
            )
            for series in (radius, worker)
        ],
        Quiet(tuple(busy)),
        [
            f"{series.label}: "
            + ", ".join(
                f"{series.values[cycles * quarter // 4 - 1]:.1f} MB after {quarter}/4"
                for quarter in range(1, 5)
            )
            for series in (radius, worker)
        ],
    )


def _cycle(site: Site, cycle: int, sessions: int) -> Sent:
    stack = site.stack
    first = cycle * sessions % (site.sizes.free - sessions + 1) + 1
    customers = range(first, first + sessions)
    now = int(time.time())

    def session(number: int) -> str:
        return f"5{cycle:03x}{number:06x}"

    logins = write_files(
        site.folder, "memory", customers, lambda n: login(n, session(n))
    )
    done = send(logins, stack.auth_port, stack.radius_secret, kind="auth")
    accepted, seconds = done.accepted, done.seconds
    for status, age in (("Interim-Update", 30), ("Stop", 45)):
        files = write_files(
            site.folder,
            "memory",
            customers,
            partial(_usage, session, status, age, now),
        )
        done = send(files, stack.acct_port, stack.radius_secret, kind="acct")
        accepted += done.accepted
        seconds += done.seconds
    if accepted != 3 * sessions:
        raise RuntimeError(f"{accepted} of {3 * sessions} requests were accepted")
    _wait_until_ended(site, customers)
    return Sent(accepted, 0, 0, seconds, time.time())


def _usage(
    session: Callable[[int], str], status: str, age: int, now: int, number: int
) -> str:
    return usage(number, session(number), status, age, now)


def _wait_until_ended(site: Site, customers: range) -> None:
    with psycopg.connect(site.stack.database_url, autocommit=True) as conn:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            row = conn.execute(
                "SELECT count(*) FROM acct_session WHERE ended_at IS NULL"
                " AND customer_id BETWEEN %s AND %s",
                [customers[0], customers[-1]],
            ).fetchone()
            if row == (0,):
                return
            time.sleep(0.1)
    raise RuntimeError("the worker does not end the sessions that stopped")
