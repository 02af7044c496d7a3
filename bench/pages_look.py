"""Ask for every page of a filled database, and take every export."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import psycopg
from flask.testing import FlaskClient

from bench import export_job, pages_site, pages_typed
from bench.pages_site import Page
from web.desk import close_desks

#: A page is shown, or leads on.
_DONE = (200, 303)


@dataclass(frozen=True, slots=True)
class Timed:
    """What one page took, asked for several times."""

    ms: list[float]
    #: Processor time of the app and of PostgreSQL for one request: what the others on
    #: the machine do makes less of a difference to it.
    work_ms: float

    @property
    def median(self) -> float:
        """The middle time by the clock."""
        return median(self.ms)


@dataclass(frozen=True, slots=True)
class Looked:
    """One size: each page's times, each export, and what did not work."""

    customers: int
    pages: dict[str, Timed] = field(default_factory=dict)
    exports: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Why, by the name of the page or export.
    failed: dict[str, str] = field(default_factory=dict)


def look_at(
    url: str, customers: int, rounds: int, only: str, tell: Callable[[str], None]
) -> Looked:
    """Ask for all pages whose address has `only` in it.

    One that fails is told and kept, and the others go on: to fill the database took
    longer than to look at it.
    """
    found = Looked(customers)

    def fail(name: str, why: str) -> None:
        found.failed[name] = why
        tell(f"failed: {name}: {why}")

    app = pages_site.make_app(url)
    admin, customer = pages_site.open_logins(url, pages_site.PORTAL)
    browsers = {
        False: pages_site.client(app, admin),
        True: pages_site.client(app, customer),
    }
    with psycopg.connect(url, autocommit=True) as conn:
        asker = _Asker(conn, rounds, found, fail)
        samples = pages_typed.samples(conn)
        for page in pages_site.all_pages(app, conn, fail):
            if only in page.path:
                asker.ask_all_forms(browsers[page.is_portal], page, samples)
        close_desks(app)
        tell(f"{len(found.pages)} pages asked for {rounds} times each")
        for page in pages_site.exports(app, conn, fail):
            if only in page.path:
                for path in _with_months(page):
                    _export(found, url, admin, path, fail)
                    if path in found.exports:
                        tell(f"{path}: {found.exports[path]['seconds']:,.1f} s")
    return found


@dataclass(frozen=True, slots=True)
class _Asker:
    conn: psycopg.Connection
    rounds: int
    found: Looked
    fail: pages_site.Fail

    def ask_all_forms(
        self, browser: FlaskClient, page: Page, samples: dict[str, dict[str, str]]
    ) -> None:
        """Ask for a page, and for what it offers of itself."""
        # The first one compiles templates and plans; it tells the page's variants.
        first = browser.get(page.path, buffered=True)
        if first.status_code not in _DONE:
            # Of a 500 the app's own log, just above, has the rest.
            self.fail(page.name, f"answered {first.status_code}")
            return
        self._ask(browser, page)
        if first.mimetype != "text/html" or first.status_code != 200:
            return
        try:
            deep = pages_typed.last_page(self.conn, page.endpoint)
            for form in pages_site.variants(page, first.text, samples, deep):
                self._ask(browser, form)
        except LookupError as error:
            self.fail(page.name, str(error))

    def _ask(self, browser: FlaskClient, page: Page) -> None:
        ms, statuses = [], set()
        before = process_time() + self._backends_seconds()
        for _ in range(self.rounds):
            started = perf_counter()
            answer = browser.get(page.path, buffered=True)
            ms.append((perf_counter() - started) * 1000)
            statuses.add(answer.status_code)
        worked = process_time() + self._backends_seconds() - before
        if statuses <= set(_DONE):
            self.found.pages[page.name] = Timed(ms, worked / self.rounds * 1000)
        else:
            self.fail(page.name, f"answered {max(statuses)}")

    def _backends_seconds(self) -> float:
        """Return the processor time of the PostgreSQL processes that serve the app."""
        rows = self.conn.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'khata-web'"
        )
        # The first is time on a processor (Linux, sched-stats), in nanoseconds.
        stats = (Path(f"/proc/{pid}/schedstat") for (pid,) in rows)
        texts = (stat.read_text(encoding="ascii") for stat in stats)
        return sum(int(text.split()[0]) for text in texts) / 1e9


def _export(
    found: Looked, url: str, cookie: str, path: str, fail: pages_site.Fail
) -> None:
    command = export_job.command(url, cookie, path)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        fail(path, "".join(last) or f"ended with {done.returncode}")
        return
    answer: dict[str, Any] = json.loads(done.stdout)
    if answer["status"] != 200:
        fail(path, f"answered {answer['status']}")
        return
    found.exports[path] = answer


def _with_months(page: Page) -> list[str]:
    """Of bills and payments take a month: what a sheet holds; as CSV all, too."""
    since = (datetime.now(UTC) - timedelta(days=29)).date().isoformat()
    place = page.path.rpartition(".")[0]
    narrow = {
        "/bills/export": f"?issued_from={since}",
        "/payments/export": f"?received_from={since}",
    }
    if place not in narrow:
        return [page.path]
    month = page.path + narrow[place]
    return [page.path, month] if page.path.endswith("csv") else [month]
