"""The web app on a database of the bench, and the addresses of all its pages."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

import psycopg
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from bench.pages_data import SECRET_KEY, ZONE
from billing_core.db.connect import connect
from billing_core.gateway_settings import PaymentSettings
from billing_core.services.operators import add_operator
from billing_core.services.web_logins import open_session
from billing_core.settings import Settings
from web import create_app
from web.access import COOKIE

#: Called with the name of a page that cannot be asked for, and why.
Fail = Callable[[str, str], None]
#: Not pages that read lists: files, and what asks a gateway or waits for one.
LEFT_OUT = frozenset(
    {"static", "overview.favicon", "pay.come_back", "pay.result", "pay.link"}
)
_LASTS = timedelta(hours=12)
# Of a select with more values than this, the first, the middle and the last are tried.
_VALUES_ALL = 12


@dataclass(frozen=True, slots=True)
class Page:
    """An address, and how it is called whatever ids are in it."""

    name: str
    path: str
    endpoint: str

    @property
    def is_portal(self) -> bool:
        """Tell whether a customer looks at it, not the admin."""
        return self.path.startswith("/portal")

    def at(self, label: str, **arguments: str) -> "Page":
        """Return the same page with a filter."""
        return Page(
            f"{self.name}?{label}", f"{self.path}?{urlencode(arguments)}", self.endpoint
        )


def make_app(url: str) -> Flask:
    """Make the app as `khata web` does."""
    return create_app(
        Settings(
            database_url=url,
            secret_key=SECRET_KEY,
            currency="BDT",
            zone=ZoneInfo(ZONE),
            var_dir=Path("var"),
            web_host="127.0.0.1",
            web_port=8080,
            log_level="ERROR",
            payments=PaymentSettings(
                public_url="https://isp.example",
                transfer_numbers="bKash 01700-000000",
            ),
        )
    )


def open_logins(url: str, customer_id: int) -> tuple[str, str]:
    """Log an admin and a customer in, without a password; return their cookies."""
    now = datetime.now(UTC)
    with connect(url, application="bench") as conn:
        add_operator(conn, "boss", "bench" * 4, "admin", actor="bench", now=now)
        row = conn.execute("SELECT max(operator_id) FROM operator").fetchone()
        assert row is not None
        return tuple(  # type: ignore[return-value]  # two of them
            open_session(
                conn, idle=_LASTS, longest=_LASTS, address="127.0.0.1", now=now, **whose
            ).token
            for whose in ({"operator_id": row[0]}, {"customer_id": customer_id})
        )


def client(app: Flask, cookie: str) -> FlaskClient:
    """Return a browser that is logged in."""
    found = app.test_client()
    found.set_cookie(COOKIE, cookie)
    return found


def all_pages(app: Flask, conn: psycopg.Connection, fail: Fail) -> Iterator[Page]:
    """Yield a page of each rule that answers GET, exports apart."""
    for rule, chosen, values in _addressed(app, conn, fail):
        if "suffix" not in chosen:
            yield Page(_named(rule, chosen), _path(rule, values), rule.endpoint)


def exports(app: Flask, conn: psycopg.Connection, fail: Fail) -> Iterator[Page]:
    """Yield every export, as CSV and XLSX."""
    for rule, chosen, values in _addressed(app, conn, fail):
        if "suffix" in chosen:
            path = _path(rule, values)
            yield Page(path, path, rule.endpoint)


def _addressed(
    app: Flask, conn: psycopg.Connection, fail: Fail
) -> Iterator[tuple[Rule, dict[str, str], dict[str, str]]]:
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: r.rule):
        if "GET" not in (rule.methods or ()) or rule.endpoint in LEFT_OUT:
            continue
        try:
            values = _values(rule, conn)
        except LookupError as error:
            fail(rule.rule, str(error))
            continue
        for chosen in _choices(rule):
            yield rule, chosen, values | chosen


def variants(
    page: Page, html: str, samples: dict[str, dict[str, str]], deep: str | None
) -> Iterator[Page]:
    """Yield a page's other forms: each filter, each tab and sort, the next, the last.

    They are read from the page itself, so that none is forgotten: its form by GET and
    its links to itself.
    """
    seen = _Reader(page.path)
    seen.feed(html)
    for name, options in seen.selects.items():
        tried = options
        if len(options) > _VALUES_ALL:
            tried = [options[0], options[len(options) // 2], options[-1]]
        for value in tried:
            yield page.at(f"{name}={value}", **{name: value})
    for name in seen.checks:
        yield page.at(f"{name}=y", **{name: "y"})
    for name in seen.texts:
        if name not in samples:
            raise LookupError(f"{page.endpoint}: no sample for the filter {name}")
        for label, value in samples[name].items():
            yield page.at(f"{name}={label}", **{name: value})
    for names, links in seen.links.items():
        for number, link in enumerate(links[:3], start=1):
            name = f"{page.name}?{'&'.join(names)} ({number})"
            yield Page(name, f"{page.path}?{link}", page.endpoint)
    if seen.older:
        yield Page(f"{page.name}, page 2", f"{page.path}?{seen.older}", page.endpoint)
        if deep is None:
            raise LookupError(f"{page.endpoint}: where does its last page begin?")
        yield page.at("after=last", after=deep)


class _Reader(HTMLParser):
    """Finds what a page offers of itself."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.selects: dict[str, list[str]] = {}
        self.checks: list[str] = []
        self.texts: list[str] = []
        #: Queries of its links to itself, by the names in them.
        self.links: dict[tuple[str, ...], list[str]] = {}
        self.older: str | None = None
        self._path = path
        self._in_filter = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            is_get = found.get("method", "get").lower() == "get"
            leads_here = urlsplit(found.get("action", "")).path in ("", self._path)
            self._in_filter = is_get and leads_here
        elif tag == "a":
            self._link(found.get("href", ""))
        elif self._in_filter and tag == "select":
            self._select = found["name"]
            self.selects[self._select] = []
        elif self._in_filter and tag == "option" and found.get("value"):
            self.selects[self._select].append(found["value"])
        elif self._in_filter and tag == "input" and found.get("name"):
            kind = found.get("type", "text")
            if kind == "checkbox":
                self.checks.append(found["name"])
            elif kind not in ("hidden", "submit", "button"):
                self.texts.append(found["name"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._in_filter = False

    def _link(self, href: str) -> None:
        path, query = urlsplit(href).path, urlsplit(href).query
        if path not in ("", self._path) or not query:
            return
        names = tuple(sorted(parse_qs(query)))
        if "after" in names:
            self.older = query
        elif query not in self.links.setdefault(names, []):
            self.links[names].append(query)


def _choices(rule: Rule) -> list[dict[str, str]]:
    """Return the values of a rule's any(…): each of them is a page."""
    named = re.findall(r"<any\(([^)]*)\):(\w+)>", rule.rule)
    lists = [[(name, v.strip()) for v in given.split(",")] for given, name in named]
    return [dict(chosen) for chosen in itertools.product(*lists)]


def _named(rule: Rule, chosen: dict[str, str]) -> str:
    return re.sub(r"<[^>]*?(\w+)>", lambda m: chosen.get(m[1], f"<{m[1]}>"), rule.rule)


def _path(rule: Rule, values: dict[str, str]) -> str:
    return re.sub(r"<[^>]*?(\w+)>", lambda m: values[m[1]], rule.rule)


def _values(rule: Rule, conn: psycopg.Connection) -> dict[str, str]:
    """Look up ids for a rule's arguments that belong together."""
    names = tuple(sorted(rule.arguments - set(_choices(rule)[0])))
    if not names:
        return {}
    wanted = IDS.get((rule.endpoint, *names)) or IDS.get(names)
    if wanted is None:
        raise LookupError(f"{rule.endpoint}: which {', '.join(names)}?")
    row = conn.execute(wanted.encode(), {"portal": PORTAL}).fetchone()
    if row is None:
        raise LookupError(f"{rule.endpoint}: there is no {', '.join(names)}")
    return dict(zip(names, map(str, row), strict=True))


#: The customer who looks at the portal: he owes, and was online, and paid by bKash.
PORTAL = 1740
_REFUNDED = "SELECT customer_id, payment_id, reference FROM refund LIMIT 1"
#: What to put for a rule's arguments, in the order of their names; a rule's own first.
IDS: dict[tuple[str, ...], str] = {
    ("customer_id",): "SELECT %(portal)s",
    ("bill_id", "customer_id"): "SELECT bill_id, customer_id FROM bill"
    " WHERE customer_id = %(portal)s ORDER BY issued_at DESC LIMIT 1",
    ("customer_id", "payment_id"): "SELECT customer_id, payment_id FROM payment"
    " WHERE customer_id = %(portal)s ORDER BY payment_id DESC LIMIT 1",
    ("attempt_id", "customer_id"): "SELECT attempt_id, customer_id"
    " FROM payment_attempt WHERE state = 'review' LIMIT 1",
    ("customer_id", "session_id"): "SELECT customer_id, session_id FROM acct_session"
    " WHERE ended_at IS NULL LIMIT 1",
    ("customer_id", "payment_id", "reference"): _REFUNDED,
    ("bill_id",): "SELECT max(bill_id) FROM bill WHERE customer_id = %(portal)s",
    ("payment_id",): "SELECT max(payment_id) FROM payment"
    " WHERE customer_id = %(portal)s",
    ("serial",): "SELECT max(serial) FROM card WHERE state = 'used'",
    ("batch_id",): "SELECT max(batch_id) FROM card_batch",
    ("nas_id",): "SELECT max(nas_id) FROM nas",
    ("package_id",): "SELECT min(package_id) FROM package WHERE billing = 'monthly'",
    ("profile_id",): "SELECT min(profile_id) FROM billing_profile",
    ("vat_profile_id",): "SELECT min(vat_profile_id) FROM vat_profile",
    ("operator_id",): "SELECT min(operator_id) FROM operator WHERE role = 'operator'",
    ("notice_id",): "SELECT max(notice_id) FROM gateway_notice",
    ("import_id",): "SELECT max(import_id) FROM customer_import",
}
