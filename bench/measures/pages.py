"""Server time of every page of operators and portal; exports of everything."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from time import monotonic

import psycopg
from psycopg import sql

from bench import pages_data
from bench.machine import Quiet, foreign_busy, wait_until_calm
from bench.pages_look import Looked, look_at
from bench.results import Check, Figures, Result, Series, at_most
from billing_core import stack
from billing_core.migrations import migrate

_MS_MAX = 300
#: A page that takes less is not said to grow: what it takes is Python's.
_MS_SMALL = 30
_GROWTH_MAX = 2.0
_MEMORY_GROWTH_MAX = 1.15


def measure(
    pg: stack.Postgres,
    customers: int,
    rounds: int,
    calm_seconds_max: float,
    say: Callable[[str], None],
    *,
    sizes: Sequence[int] = (),
    only: str = "",
) -> Result:
    """Ask for every page on a tenth of the customers and on all of them.

    Or on each of these sizes; and only for pages with `only` in their address.
    """
    busy: list[float] = []
    began = monotonic()

    def tell(news: str) -> None:
        say(f"{monotonic() - began:,.0f} s: {news}")

    looked: list[Looked] = []
    for count in sorted(sizes) or (customers // 10, customers):
        try:
            with _database(pg, count) as (url, superuser_url):
                pages_data.fill(superuser_url, count, datetime.now(UTC))
                tell(f"{count:,} customers: filled, {_size(url)}")
                wait_until_calm(calm_seconds_max)
                busy.append(foreign_busy())
                looked.append(look_at(url, count, rounds, only, tell))
                busy.append(foreign_busy())
        except psycopg.Error as error:
            # What was measured before is not lost: the disk was full, or so.
            looked.append(Looked(count, failed={"the database": str(error).strip()}))
            tell(f"failed: {error}")
            break
    return _judge(looked, Quiet(tuple(busy)))


def _judge(looked: list[Looked], quiet: Quiet) -> Result:
    small, large = looked[0], looked[-1]
    slow = [n for n, t in large.pages.items() if t.median > _MS_MAX]
    grown = [n for n in large.pages if _growth(small, large, n) > _GROWTH_MAX]
    every = [
        Series(f"every page and filter, {one.customers:,}", "ms, medians", medians)
        for one in looked
        if (medians := [t.median for t in one.pages.values()])
    ]
    failed = [
        f"{one.customers:,} customers: {name}: {why}"
        for one in looked
        for name, why in one.failed.items()
    ]
    notes = [
        "By the app's own WSGI client in the measuring process, one request at a time:"
        " no socket and no gunicorn, and what both need of the processors is in it.",
        *(f"Over {_MS_MAX} ms: {name}" for name in slow),
        *(f"Grows {_growth(small, large, n):.1f} times: {n}" for n in grown),
    ]
    checks = [
        at_most(f"pages over {_MS_MAX} ms", len(slow), 0),
        at_most("pages and exports that failed", len(failed), 0),
    ]
    if small is not large:
        checks += _growth_checks(small, large, len(grown))
    return Result(
        f"Pages over {large.customers:,} customers",
        every,
        checks,
        quiet,
        notes,
        [_page_table(looked), _export_table(looked)],
        failed,
    )


def _growth_checks(small: Looked, large: Looked, grown: int) -> list[Check]:
    beside = f"{small.customers:,} customers"
    checks = [
        at_most(
            f"pages whose work is over {_GROWTH_MAX:.0f} times that on {beside}",
            grown,
            0,
        )
    ]
    memory = [
        large.exports[path]["peak_mb"] / small.exports[path]["peak_mb"]
        for path in large.exports.keys() & small.exports.keys()
    ]
    if memory:
        checks.append(
            at_most(
                f"exports: memory beside that on {beside}, the most",
                max(memory),
                _MEMORY_GROWTH_MAX,
            )
        )
    return checks


def _growth(small: Looked, large: Looked, name: str) -> float:
    """Return how many times the work of a page grew with the data, if it is much."""
    if name not in small.pages or large.pages[name].work_ms < _MS_SMALL:
        return 0.0
    return large.pages[name].work_ms / small.pages[name].work_ms


def _page_table(looked: list[Looked]) -> Figures:
    """Of each size the median and the worst by the clock, and the processors' time."""
    heads = ["page"]
    for one in looked:
        size = f"{one.customers:,}: "
        heads += [size + "median ms", size + "worst ms", size + "processor ms"]
    rows = []
    for name in dict.fromkeys(name for one in looked for name in one.pages):
        row = [name]
        for one in looked:
            timed = one.pages.get(name)
            figures = (timed.median, max(timed.ms), timed.work_ms) if timed else ()
            row += [f"{figure:,.0f}" for figure in figures] or ["", "", ""]
        rows.append(tuple(row))
    return tuple(heads), rows


def _export_table(looked: list[Looked]) -> Figures:
    heads = (
        "export",
        "customers",
        "rows",
        "seconds",
        "rows/s",
        "first octet s",
        "peak MB",
    )
    rows: list[tuple[str, ...]] = []
    for path in dict.fromkeys(path for one in looked for path in one.exports):
        for one in looked:
            if path not in one.exports:
                continue
            done, count = one.exports[path], _rows_of(one, path)
            rows.append(
                (
                    path,
                    f"{one.customers:,}",
                    "" if count is None else f"{count:,}",
                    f"{done['seconds']:,.2f}",
                    "" if count is None else f"{count / done['seconds']:,.0f}",
                    f"{done['first_octet_seconds']:.2f}",
                    f"{done['peak_mb']:,.0f}",
                )
            )
    return heads, rows


def _rows_of(one: Looked, path: str) -> int | None:
    """Count an export's rows; a sheet has as many as the CSV of the same filter."""
    as_csv = one.exports.get(path.replace(".xlsx", ".csv"))
    return None if as_csv is None else int(as_csv["rows"])


def _size(url: str) -> str:
    with psycopg.connect(url) as conn:
        row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return f"{row[0] / 1e9:.2f} GB"


@contextmanager
def _database(pg: stack.Postgres, customers: int) -> Iterator[tuple[str, str]]:
    """Make a database; yield its address for its owner, and for a superuser."""
    name = f"bench_pages_{customers}"
    with psycopg.connect(pg.url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    url = pg.url.rsplit("/", 1)[0] + f"/{name}"
    migrate(url)
    try:
        yield url, pg.superuser_url.rsplit("/", 1)[0] + f"/{name}"
    finally:
        with suppress(psycopg.Error), psycopg.connect(pg.url, autocommit=True) as admin:
            admin.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )
