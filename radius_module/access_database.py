"""Ask the database what a login needs, in one statement and never for long.

What is asked for each login is the customer alone, live. Packages and NAS are the same
for thousands of logins and change by hand: they are kept for a second.

The calls of rlm_python3 are serialised for the whole server (radius.md §0.1): while one
login waits here, all wait. So a login has a deadline for all it asks; a connection that
failed in any way is thrown away, and a thread makes the new one, however long that
takes on a busy machine; and after two failures in a row the breaker refuses at once for
a while. Only what was sent to a connection that proves dead is asked again, once.

Each login arrives on another thread, but never two at once: no lock is needed.
"""

import os
import time
from collections.abc import Sequence
from datetime import date
from threading import Event, Thread

import psycopg

from billing_core.db.queries import load_queries
from billing_core.decisions import AccessRequest, AccessState, Nas, Package, Suspension
from billing_core.mac_addresses import normalise_station
from radius_module.breaker import CircuitBreaker
from radius_module.libpq import (
    ConnectionLostError,
    DatabaseAwayError,
    Link,
    QuestionRefusedError,
    one_line,
    open_link,
    read_row,
    wait_result,
)
from radius_module.rows import nas_of, package_of, state_of, suspension_of

# For everything that one login asks: it is answered within 100 ms, come what may. A
# healthy database needs a tenth of a millisecond.
DEADLINE_SECONDS = 0.08
# For a new connection, with the first plan on it.
CONNECT_SECONDS_MAX = 5.0

# A plan made when hardly anybody was online is no plan for the evening.
_REPLAN_SECONDS = 60.0
# How long a package or NAS that was read stays true.
_KEPT_SECONDS = 1.0
_KEPT_MAX = 10_000

# Generic plan: planning this join costs fifty times its execution. No sequential scans:
# the plan must not be one for the small tables of an installation's first day.
# synchronous_commit: only nextval() writes, and the commit of the session that uses the
# number, which is durable, carries its record with it.
_SETTINGS = b"; ".join(
    (
        b"SET timezone = 'UTC'",
        b"SET datestyle = 'ISO'",
        b"SET bytea_output = 'hex'",
        b"SET plan_cache_mode = force_generic_plan",
        b"SET jit = off",
        b"SET enable_seqscan = off",
        b"SET enable_bitmapscan = off",
        b"SET enable_hashjoin = off",
        b"SET enable_mergejoin = off",
        b"SET synchronous_commit = off",
    )
)

# Set last: the first plan may take longer. What we no longer wait for is to end, too.
_TIMEOUTS = b"SET statement_timeout = 200; SET lock_timeout = 50"

_TEXT, _BIGINT, _DATE = 25, 20, 1082
# The statements, and the parameters of each in their order.
_STATEMENTS: dict[str, dict[str, int]] = {
    "load_access_state": {
        "username": _TEXT,
        "nas_id": _BIGINT,
        "calling_station_id": _TEXT,
        "service_date": _DATE,
    },
    "load_package": {"package_id": _BIGINT},
    "load_nas": {"nas_id": _BIGINT},
    "load_suspension": {"customer_id": _BIGINT},
}
_NOTHING_KEPT = (None, 0.0)
# Nobody's login: asked once so that the first one finds a plan.
_NO_LOGIN = (b"", b"0", b"", b"2000-01-01")


class AccessDatabase:
    """The one connection of the RADIUS module; opened when first needed."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._breaker = CircuitBreaker()
        self._link: Link | None = None
        self._attempt: _Attempt | None = None
        self._replan_at = 0.0
        # Each with the moment until which it is taken for true.
        self._packages: dict[bytes, tuple[Package, float]] = {}
        self._nas: dict[bytes, tuple[Nas | None, float]] = {}
        # A child must not speak on its parent's connection, nor end it.
        os.register_at_fork(after_in_child=self._forget)

    def load_access_state(
        self, request: AccessRequest, service_date: date
    ) -> AccessState | None:
        """Return what is known of who logs in; None = nobody has that username."""
        parameters = [
            request.username.encode(),
            request.nas_id.encode(),
            normalise_station(request.calling_station_id).encode(),
            service_date.isoformat().encode(),
        ]
        started = time.monotonic()
        if not self._breaker.allows(started):
            raise DatabaseAwayError("the database did not answer a moment ago")
        try:
            state = self._ask(parameters, started)
        except DatabaseAwayError:
            self._drop()
            ended = time.monotonic()
            self._breaker.failed(ended, ended - started)
            raise
        self._breaker.succeeded()
        return state

    def close(self) -> None:
        """Close the connection."""
        if self._attempt is not None:
            self._attempt.abandon()
        self._drop()
        self._forget()

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None

    def _forget(self) -> None:
        self._link = self._attempt = None

    def _ask(self, parameters: Sequence[bytes], started: float) -> AccessState | None:
        """Ask, and once more when it shows that the connection was dead."""
        deadline = started + DEADLINE_SECONDS
        link = self._link or self._await_link(deadline)
        try:
            return self._ask_once(link, parameters, started, deadline)
        except ConnectionLostError:
            # The database was restarted, or migrated, since the last login.
            self._drop()
            link = self._await_link(deadline)
            return self._ask_once(link, parameters, started, deadline)

    def _ask_once(
        self,
        link: Link,
        parameters: Sequence[bytes],
        started: float,
        deadline: float,
    ) -> AccessState | None:
        try:
            if started >= self._replan_at:
                self._replan_at = started + _REPLAN_SECONDS
                link.connection.send_query(b"DISCARD PLANS")
                wait_result(link, deadline)
            link.connection.send_query_prepared(b"load_access_state", parameters)
            row = read_row(link, deadline)
            if row is None:
                return None
            package_id, nas_id = row[0] or b"", parameters[1]
            package, until = self._packages.get(package_id, _NOTHING_KEPT)
            if package is None or started >= until:
                package = self._load_package(link, package_id, deadline)
            nas, until = self._nas.get(nas_id, _NOTHING_KEPT)
            if started >= until:
                nas = self._load_nas(link, nas_id, deadline)
            state = state_of(row, package, nas)
            if state.status == "suspended":
                suspension = self._load_suspension(link, row[1] or b"", deadline)
                state = state._replace(suspension=suspension)
            return state
        except psycopg.OperationalError as error:
            raise ConnectionLostError(one_line(str(error))) from error

    def _load_package(self, link: Link, package_id: bytes, deadline: float) -> Package:
        link.connection.send_query_prepared(b"load_package", [package_id])
        row = read_row(link, deadline)
        if row is None:
            raise QuestionRefusedError("the customer's package is gone")
        if len(self._packages) >= _KEPT_MAX:
            self._packages.clear()
        package = package_of(row)
        self._packages[package_id] = package, time.monotonic() + _KEPT_SECONDS
        return package

    def _load_nas(self, link: Link, nas_id: bytes, deadline: float) -> Nas | None:
        link.connection.send_query_prepared(b"load_nas", [nas_id])
        row = read_row(link, deadline)
        if len(self._nas) >= _KEPT_MAX:
            self._nas.clear()
        nas = None if row is None else nas_of(row)
        self._nas[nas_id] = nas, time.monotonic() + _KEPT_SECONDS
        return nas

    def _load_suspension(
        self, link: Link, customer_id: bytes, deadline: float
    ) -> Suspension | None:
        link.connection.send_query_prepared(b"load_suspension", [customer_id])
        row = read_row(link, deadline)
        return None if row is None else suspension_of(row)

    def _await_link(self, deadline: float) -> Link:
        """Wait for a new connection; it goes on being made when this login gives up."""
        if self._attempt is None:
            self._attempt = _Attempt(self._database_url)
        attempt = self._attempt
        if not attempt.ended.wait(deadline - time.monotonic()):
            raise DatabaseAwayError("the database did not take a connection in time")
        self._attempt = None
        if attempt.link is None:
            raise DatabaseAwayError(attempt.failure)
        self._link = attempt.link
        self._replan_at = time.monotonic() + _REPLAN_SECONDS
        return attempt.link


class _Attempt:
    """A connection being made by a thread of its own, the first plan included."""

    def __init__(self, database_url: str) -> None:
        self.link: Link | None = None
        self.failure = ""
        self.ended = Event()
        self._is_abandoned = False
        self._database_url = database_url
        Thread(target=self._run, name="khata connect", daemon=True).start()

    def abandon(self) -> None:
        """Close what comes of it."""
        self._is_abandoned = True
        if self.ended.is_set() and self.link is not None:
            self.link.close()

    def _run(self) -> None:
        try:
            link = _prepared_link(self._database_url)
        except (DatabaseAwayError, psycopg.Error) as error:
            self.failure = one_line(str(error))
        else:
            self.link = link
            if self._is_abandoned:
                link.close()
        finally:
            self.failure = self.failure or "no connection could be made"
            self.ended.set()


def _prepared_link(database_url: str) -> Link:
    deadline = time.monotonic() + CONNECT_SECONDS_MAX
    link = open_link(database_url, "khata radius", deadline)
    try:
        link.connection.send_query(_SETTINGS)
        wait_result(link, deadline)
        for name, parameters in _STATEMENTS.items():
            sql, types = _numbered(name), list(parameters.values())
            link.connection.send_prepare(name.encode(), sql, types)
            wait_result(link, deadline)
        link.connection.send_query_prepared(b"load_access_state", _NO_LOGIN)
        wait_result(link, deadline)
        link.connection.send_query(_TIMEOUTS)
        wait_result(link, deadline)
    except BaseException:
        link.close()
        raise
    return link


def _numbered(name: str) -> bytes:
    """Give a query as libpq wants it, with $1, $2, … for %(name)s."""
    sql: str = load_queries("authorization")[name]
    for number, parameter in enumerate(_STATEMENTS[name], start=1):
        sql = sql.replace(f"%({parameter})s", f"${number}")
    return sql.encode()
