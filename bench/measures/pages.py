"""Server time of every page of operators and portal; exports of everything."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, process_time
from typing import Any

import psycopg
from flask.testing import FlaskClient
from psycopg import sql

from bench import export_job, pages_data, pages_site, pages_typed
from bench.machine import Quiet, foreign_busy, wait_until_calm
from bench.pages_site import Page
from bench.results import Figures, Result, Series, at_most
from billing_core import stack
from billing_core.migrations import migrate
from web.desk import close_desks

_MS_MAX = 300
#: A page that takes less is not said to grow: what it takes is Python's.
_MS_SMALL = 30
_GROWTH_MAX = 2.0
_MEMORY_GROWTH_MAX = 1.15
_DONE = (200, 303)


@dataclass(frozen=True, slots=True)
class _Timed:
    ms: list[float]
    #: Processor time of the app and of PostgreSQL for one request: what the others on
    #: the machine do makes less of a difference to it.
    work_ms: float
    status: int

    @property
    def median(self) -> float:
        return median(self.ms)


@dataclass(frozen=True, slots=True)
class _Site:
    """One size: each page's times, and each export."""

    pages: dict[str, _Timed]
    exports: dict[str, dict[str, Any]]


def measure(
    pg: stack.Postgres,
    customers: int,
    rounds: int,
    calm_seconds_max: float,
    say: Callable[[str], None],
    *,
    only: str = "",
) -> Result:
    """Ask for every page on a tenth of the customers and on all of them."""
    busy: list[float] = []
    began = monotonic()

    def tell(news: str) -> None:
        say(f"{monotonic() - began:,.0f} s: {news}")

    sites = []
    for count in (customers // 10, customers):
        with _database(pg, count) as (url, superuser_url):
            pages_data.fill(superuser_url, count, datetime.now(UTC))
            tell(f"{count:,} customers: filled, {_size(url)}")
            wait_until_calm(calm_seconds_max)
            busy.append(foreign_busy())
            sites.append(_look_at(url, rounds, tell, only))
            busy.append(foreign_busy())
    return _judge(customers, sites[0], sites[1], Quiet(tuple(busy)))


def _look_at(url: str, rounds: int, tell: Callable[[str], None], only: str) -> _Site:
    app = pages_site.make_app(url)
    admin, customer = pages_site.open_logins(url, pages_site.PORTAL)
    browsers = {
        False: pages_site.client(app, admin),
        True: pages_site.client(app, customer),
    }
    timed: dict[str, _Timed] = {}
    with psycopg.connect(url, autocommit=True) as conn:
        samples = pages_typed.samples(conn)
        for page in pages_site.all_pages(app, conn):
            if only not in page.path:
                continue
            browser = browsers[page.is_portal]
            # The first one compiles templates and plans; it tells the page's variants.
            first = browser.get(page.path, buffered=True)
            timed[page.name] = _ask(conn, browser, page, rounds)
            if first.mimetype != "text/html" or first.status_code != 200:
                continue
            deep = pages_typed.last_page(conn, page.endpoint)
            for form in pages_site.variants(page, first.text, samples, deep):
                timed[form.name] = _ask(conn, browser, form, rounds)
        close_desks(app)
        tell(f"{len(timed)} pages asked for {rounds} times each")
        exports = {}
        for page in pages_site.exports(app):
            if only in page.path:
                path = _narrowed(conn, page)
                exports[path] = _export(url, admin, path)
                tell(f"{path}: {exports[path]['seconds']:,.1f} s")
    return _Site(timed, exports)


def _ask(
    conn: psycopg.Connection, browser: FlaskClient, page: Page, rounds: int
) -> _Timed:
    ms, status = [], 0
    before = process_time() + _backends_seconds(conn)
    for _ in range(rounds):
        started = perf_counter()
        status = browser.get(page.path, buffered=True).status_code
        ms.append((perf_counter() - started) * 1000)
    worked = process_time() + _backends_seconds(conn) - before
    return _Timed(ms, worked / rounds * 1000, status)


def _backends_seconds(conn: psycopg.Connection) -> float:
    """Return the processor time of the PostgreSQL processes that serve the app."""
    rows = conn.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'khata-web'"
    )
    # The first figure is time on a processor (Linux, sched-stats), in nanoseconds.
    stats = (Path(f"/proc/{pid}/schedstat") for (pid,) in rows)
    return sum(int(stat.read_text(encoding="ascii").split()[0]) for stat in stats) / 1e9


def _export(url: str, cookie: str, path: str) -> dict[str, Any]:
    command = export_job.command(url, cookie, path)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _narrowed(conn: psycopg.Connection, page: Page) -> str:
    """Keep to what one sheet holds: of bills and payments, a month."""
    since = (datetime.now(UTC) - timedelta(days=29)).date().isoformat()
    narrow = {
        "/bills/export.xlsx": f"?issued_from={since}",
        "/payments/export.xlsx": f"?received_from={since}",
    }
    return page.path + narrow.get(page.path, "")


def _judge(customers: int, small: _Site, large: _Site, quiet: Quiet) -> Result:
    slow = [n for n, t in large.pages.items() if t.median > _MS_MAX]
    grown = [n for n in large.pages if _growth(small, large, n) > _GROWTH_MAX]
    odd = [n for n, t in large.pages.items() if t.status not in _DONE]
    memory = [
        large.exports[path]["peak_mb"] / small.exports[path]["peak_mb"]
        for path in large.exports
    ]
    every = Series("every page and filter", "ms, medians")
    every.values = [t.median for t in large.pages.values()]
    checks = [
        at_most(f"pages over {_MS_MAX} ms", len(slow), 0),
        at_most(
            f"pages whose work is over {_GROWTH_MAX:.0f} times that at a tenth",
            len(grown),
            0,
        ),
        at_most("pages that did not answer 200 or lead on", len(odd), 0),
    ]
    if memory:
        checks.append(
            at_most(
                "exports: most memory beside a tenth", max(memory), _MEMORY_GROWTH_MAX
            )
        )
    notes = [
        "By the app's own WSGI client in the measuring process, one request at a time:"
        " no socket and no gunicorn, and what both need of the processors is in it.",
        *(f"Over {_MS_MAX} ms: {name}" for name in slow),
        *(f"Grows {_growth(small, large, n):.1f} times: {n}" for n in grown),
        *(f"Answered {large.pages[n].status}: {n}" for n in odd),
    ]
    return Result(
        f"Pages over {customers:,} customers",
        [every],
        checks,
        quiet,
        notes,
        [_page_table(small, large), _export_table(small, large)],
    )


def _growth(small: _Site, large: _Site, name: str) -> float:
    """Return how many times the work of a page grew with the data, if it is much."""
    if name not in small.pages or large.pages[name].work_ms < _MS_SMALL:
        return 0.0
    return large.pages[name].work_ms / small.pages[name].work_ms


def _page_table(small: _Site, large: _Site) -> Figures:
    heads = (
        "page",
        "a tenth: median ms",
        "median ms",
        "worst ms",
        "a tenth: processor ms",
        "processor ms",
    )
    rows = []
    for name, timed in large.pages.items():
        before = small.pages.get(name)
        rows.append(
            (
                name,
                f"{before.median:,.0f}" if before else "",
                f"{timed.median:,.0f}",
                f"{max(timed.ms):,.0f}",
                f"{before.work_ms:,.0f}" if before else "",
                f"{timed.work_ms:,.0f}",
            )
        )
    return heads, rows


def _export_table(small: _Site, large: _Site) -> Figures:
    heads = ("export", "rows", "rows/s", "first octet s", "peak MB", "a tenth: peak MB")
    rows = []
    for path, done in large.exports.items():
        # A sheet has as many rows as the CSV of the same filter, where there is one.
        count = done["rows"] if "csv" in path else _rows_of(large, path)
        rows.append(
            (
                path,
                f"{count:,}" if count else "",
                f"{count / done['seconds']:,.0f}" if count else "",
                f"{done['first_octet_seconds']:.2f}",
                f"{done['peak_mb']:,.0f}",
                f"{small.exports[path]['peak_mb']:,.0f}",
            )
        )
    return heads, rows


def _rows_of(site: _Site, path: str) -> int:
    same = site.exports.get(path.replace(".xlsx", ".csv"))
    return int(same["rows"]) if same else 0


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
