"""The billing runs beside a bare INSERT … SELECT of the same rows; their memory."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from bench import billing_bare, billing_data, billing_job
from bench.machine import Quiet, foreign_busy, wait_until_calm
from bench.results import Result, Series, at_least, at_most
from billing_core import stack
from billing_core.migrations import migrate

_ZONE = ZoneInfo("Asia/Dhaka")
_MEMORY_MB_MAX = 200
#: On more customers than this a run takes minutes, and two say what three would.
_MANY = 500_000
_MANY_ROUNDS = 2
#: One of so many owes too long.
_SUSPENDED = 100


@dataclass(slots=True)
class _Side:
    """One kind of run on one number of customers."""

    ours: Series
    bare: Series
    cost: Series
    memory: list[float] = field(default_factory=list)
    sweep: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    fill: Callable[..., None]
    bare: Callable[[psycopg.Connection, int, datetime, datetime], None]
    #: The periods that are billed, one a round.
    period: Callable[[int], tuple[datetime, datetime]]


def measure(
    pg: stack.Postgres,
    customers: int,
    rounds: int,
    calm_seconds_max: float,
    say: Callable[[str], None],
) -> Result:
    """Bill a tenth of the customers and all of them, by month and by day."""
    busy: list[float] = []
    sides: dict[tuple[str, int], _Side] = {}
    began = monotonic()

    def tell(news: str) -> None:
        say(f"{monotonic() - began:,.0f} s: {news}")

    for kind in _KINDS:
        for count in (customers // 10, customers):
            with _database(pg, kind, count) as url:
                tell(f"{kind.name}, {count:,}: filled, {_size(url)}")
                wait_until_calm(calm_seconds_max)
                often = min(rounds, _MANY_ROUNDS) if count > _MANY else rounds
                sides[kind.name, count] = _alternate(
                    pg, url, kind, count, often, busy, tell
                )
    checks = []
    for kind in _KINDS:
        small, large = (sides[kind.name, n] for n in (customers // 10, customers))
        checks += [
            at_least(
                f"{kind.name}: rate beside bare INSERT … SELECT",
                large.ours.median / large.bare.median,
                0.5,
            ),
            at_most(
                f"{kind.name}: cost of a customer beside a tenth of them",
                large.cost.median / small.cost.median,
                1.2,
            ),
            at_most(f"{kind.name}: peak MB", max(large.memory), _MEMORY_MB_MAX),
        ]
    monthly = sides[_KINDS[0].name, customers]
    run_seconds = monthly.cost.median * customers / 1e6
    checks.append(
        at_most("suspension sweep beside a run", monthly.sweep[0] / run_seconds, 0.1)
    )
    return Result(
        f"Billing runs over {customers:,} customers",
        [s for side in sides.values() for s in (side.ours, side.bare, side.cost)],
        checks,
        Quiet(tuple(busy)),
        [
            "A run and the bare rows in turn, on tables that grow alike; one bill, one"
            " line, one number, one entry of two postings a customer, in one"
            " transaction for the bare rows and in chunks for the run, which also"
            " locks, reads, decides and moves wallets and customers on.",
            f"The sweep suspended one of {_SUSPENDED}: {monthly.sweep[0]:.2f} s.",
        ],
    )


def _alternate(
    pg: stack.Postgres,
    url: str,
    kind: _Kind,
    customers: int,
    rounds: int,
    busy: list[float],
    tell: Callable[[str], None],
) -> _Side:
    label = f"{kind.name}, {customers:,}"
    side = _Side(
        Series(f"{label}: khata", "customers/s"),
        Series(f"{label}: bare", "customers/s"),
        Series(f"{label}: khata", "µs/customer"),
    )
    for number in range(rounds):
        start, end = kind.period(number)
        _rest(pg, busy)
        ours = _job(kind.name, url, start)
        side.ours.values.append(ours["count"] / ours["seconds"])
        side.cost.values.append(ours["seconds"] / ours["count"] * 1e6)
        side.memory.append(ours["peak_mb"])
        if kind.name == "cycles" and not number:
            side.sweep.append(_sweep(url, customers, start))
        _rest(pg, busy)
        began = datetime.now(UTC)
        with psycopg.connect(url) as conn:
            kind.bare(conn, customers, start, end)
        seconds = (datetime.now(UTC) - began).total_seconds()
        side.bare.values.append(customers / seconds)
        tell(
            f"{label}: round {number + 1} of {rounds}: {side.ours.values[-1]:,.0f}/s,"
            f" bare {side.bare.values[-1]:,.0f}/s, {_size(url)}"
        )
    return side


def _sweep(url: str, customers: int, now: datetime) -> float:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(
            "UPDATE bill SET suspend_at = %s WHERE customer_id %% %s = 0",
            [now, _SUSPENDED],
        )
    done = _job("sweep", url, now)
    if done["count"] != customers // _SUSPENDED:
        raise RuntimeError(f"the sweep suspended {done['count']:.0f}")
    with psycopg.connect(url, autocommit=True) as conn:
        # The next rounds bill everybody again, and from the next period on.
        conn.execute("DELETE FROM unbilled_stretch")
        conn.execute(
            "UPDATE customer SET status = 'active', suspend_reason = NULL"
            " WHERE status = 'suspended'"
        )
    return done["seconds"]


def _job(kind: str, url: str, now: datetime) -> dict[str, float]:
    """Run a job in a process of its own: its memory is nobody else's."""
    command = billing_job.command(kind, url, _ZONE, now)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout)
    if not answer["count"]:
        raise RuntimeError(f"{kind} did nothing as of {now.isoformat()}")
    return answer


def _rest(pg: stack.Postgres, busy: list[float]) -> None:
    """Let neither pay for what the other left to be written."""
    with psycopg.connect(pg.superuser_url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")
    busy.append(foreign_busy())


@contextmanager
def _database(pg: stack.Postgres, kind: _Kind, customers: int) -> Iterator[str]:
    name = f"bench_{kind.name}_{customers}"
    with psycopg.connect(pg.url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = pg.url.rsplit("/", 1)[0] + f"/{name}"
    migrate(url)
    kind.fill(url, customers, joined=kind.period(0)[0])
    yield url
    with psycopg.connect(pg.url, autocommit=True) as admin:
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _size(url: str) -> str:
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return f"{row[0] / 1e9:.2f} GB"


def _month(number: int) -> tuple[datetime, datetime]:
    return _midnight(date(2026, 1 + number, 1)), _midnight(date(2026, 2 + number, 1))


def _day(number: int) -> tuple[datetime, datetime]:
    day = date(2026, 1, 1) + timedelta(days=number)
    return _midnight(day), _midnight(day + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), _ZONE).astimezone(UTC)


_KINDS = (
    _Kind("cycles", billing_data.fill_monthly, billing_bare.insert_cycles, _month),
    _Kind(
        "service_days", billing_data.fill_daily, billing_bare.insert_service_days, _day
    ),
)
