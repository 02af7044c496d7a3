"""Logins alone and while a monthly run works, in the same database."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path

import psycopg

from bench import billing_data, billing_job
from bench.data import move_sequences
from bench.machine import Quiet, wait_until_calm
from bench.packets import login, write_files
from bench.radclient import Sent, send
from bench.results import Result, Series, at_least
from bench.site import Site
from bench.timed import Timed, timed
from billing_core.cycles import local_midnight
from billing_core.db.connect import Connection, connect
from billing_core.db.runs import Run, list_runs

_WARM_UP = 500
_START_SECONDS_MAX = 60.0
#: What a run or the loading left behind (autovacuum) is over by then.
_CALM_SECONDS_MAX = 10.0


@dataclass(slots=True)
class _Figures:
    alone: Series = field(default_factory=lambda: Series("logins alone", "logins/s"))
    beside: Series = field(
        default_factory=lambda: Series("logins while a run works", "logins/s")
    )
    billed: Series = field(
        default_factory=lambda: Series("the run meanwhile", "customers/s")
    )
    busy: list[float] = field(default_factory=list)
    too_short: int = 0


def measure(site: Site) -> Result:
    """Alternate logins alone and logins beside a run that bills the next month."""
    rounds, people = site.plan.rounds, site.plan.billed_beside
    count = min(site.plan.login_requests, (site.sizes.free - _WARM_UP) // (2 * rounds))
    figures = _Figures()
    with connect(site.stack.database_url, application="bench") as conn:
        _forget_logins(conn, site.sizes.free)
        _take_on(conn, site)
        numbers = iter(range(1, site.sizes.free + 1))
        _send(site, _logins(site, numbers, _WARM_UP))
        for number in range(rounds):
            files = _logins(site, numbers, count)
            _rest(site)
            alone = _timed(site, files)
            figures.busy.append(alone.foreign)
            files = _logins(site, numbers, count)
            _rest(site)
            _beside(conn, site, number, files, alone, figures)
    if not figures.beside.values:
        raise RuntimeError(f"each run over {people:,} ended before the logins did")
    ratio = figures.beside.median / figures.alone.median
    return Result(
        f"Logins while {people:,} monthly customers are billed",
        [figures.alone, figures.beside, figures.billed],
        [at_least("logins beside a run : alone", ratio, 0.8)],
        Quiet(tuple(figures.busy)),
        [
            f"{count:,} logins a run, each of another customer, none of whom is billed"
            " by the run; sessions are opened, the worker runs.",
            "The run is a process of its own that billed its first customers before"
            f" the logins began; {figures.too_short} of {rounds} rounds are left out,"
            " because it ended before they did.",
        ],
    )


def _beside(
    conn: Connection,
    site: Site,
    number: int,
    files: list[Path],
    alone: Timed,
    figures: _Figures,
) -> None:
    """Log in beside a run; when it does not last, the whole round does not count."""
    as_of = _month(site, number)
    with _run_of(site, as_of) as process:
        before = _progress(conn, as_of, process)
        run = _timed(site, files, beside_pid=process.pid)
        after = _newest(conn)
    figures.busy.append(run.foreign)
    if after.finished_at is not None:
        figures.too_short += 1
        return
    figures.alone.values.append(alone.sent.rate)
    figures.beside.values.append(run.sent.rate)
    figures.billed.values.append((after.billed - before.billed) / run.sent.seconds)


@contextmanager
def _run_of(site: Site, as_of: datetime) -> Iterator["subprocess.Popen[str]"]:
    """Bill everybody a month, in a process that is waited for at the end."""
    command = billing_job.command(
        "cycles", site.stack.database_url, site.stack.settings.zone, as_of
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        answer, _ = process.communicate()
    billed = json.loads(answer)["count"] if process.returncode == 0 else 0
    if billed != site.plan.billed_beside:
        raise RuntimeError(f"{billed} of {site.plan.billed_beside} were billed")


def _progress(
    conn: Connection, as_of: datetime, process: "subprocess.Popen[str]"
) -> Run:
    """Wait until the run has billed its first customers."""
    end = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < end and process.poll() is None:
        run = _newest(conn)
        if run.as_of == as_of and run.billed:
            return run
        time.sleep(0.05)
    raise RuntimeError(f"the run as of {as_of.isoformat()} does not begin")


def _newest(conn: Connection) -> Run:
    (run,) = list_runs(conn, limit=1)
    return run


def _take_on(conn: Connection, site: Site) -> None:
    """Take the monthly customers on, after everybody who is there."""
    row = conn.execute("SELECT max(customer_id) + 1 FROM customer").fetchone()
    assert row is not None
    billing_data.fill_monthly(
        site.stack.database_url,
        site.plan.billed_beside,
        joined=_month(site, 0),
        first=row[0],
    )
    move_sequences(conn)
    wait_until_calm(site.plan.calm_seconds_max)


def _month(site: Site, number: int) -> datetime:
    """Give the begin of a month so long ago that nobody else is due then."""
    years, month = divmod(number, 12)
    return local_midnight(date(2020 + years, 1 + month, 1), site.stack.settings.zone)


def _rest(site: Site) -> None:
    with psycopg.connect(site.stack.superuser_url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")
    wait_until_calm(min(site.plan.calm_seconds_max, _CALM_SECONDS_MAX))


def _timed(site: Site, files: list[Path], *, beside_pid: int | None = None) -> Timed:
    pid = site.stack.pid("freeradius")
    assert pid is not None
    return timed(site.stack, pid, partial(_send, site, files), beside_pid=beside_pid)


def _send(site: Site, files: list[Path]) -> Sent:
    stack = site.stack
    sent = send(files, stack.auth_port, stack.radius_secret, kind="auth")
    if sent.rejected or sent.lost:
        raise RuntimeError(f"not all logins were accepted: {sent}")
    return sent


def _logins(site: Site, numbers: Iterator[int], count: int) -> list[Path]:
    chosen = [next(numbers) for _ in range(count)]
    return write_files(
        site.folder, "beside", chosen, lambda number: login(number, f"6{number:07x}")
    )


def _forget_logins(conn: Connection, last: int) -> None:
    """Remove what logins of other measures opened: it would be another question."""
    for statement in _FORGET:
        conn.execute(statement, {"last": last})


_FORGET = (
    "DELETE FROM reservation WHERE customer_id <= %(last)s",
    "DELETE FROM acct_session WHERE customer_id <= %(last)s AND ended_at IS NULL",
    "UPDATE wallet SET reserved = 0 WHERE customer_id <= %(last)s AND reserved <> 0",
)
