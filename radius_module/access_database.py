"""Ask the database what a login needs, in one statement and never for long.

The calls of rlm_python3 are serialised for the whole server (radius.md §0.1): while one
login waits here, all wait. So this speaks libpq without blocking: connecting and asking
have a deadline, after a failure the breaker refuses at once for a while, and a
connection that failed in any way is thrown away. Nothing is retried but a connection
that was found dead, once and within the same deadline.

Each login arrives on another thread, but never two at once: no lock is needed.
"""

import ipaddress
import os
import re
import select
import socket
import time
from collections.abc import Sequence
from datetime import date

import psycopg
from psycopg import conninfo, pq

from billing_core.db.queries import load_queries
from billing_core.decisions import AccessRequest, AccessState, Package
from billing_core.mac_addresses import normalise_station
from radius_module.breaker import CircuitBreaker
from radius_module.rows import Row, Version, package_of, state_of, version_of

# For everything that one login asks, connecting included: a login is answered within
# 100 ms, come what may. A healthy database needs a tenth of a millisecond, and some ten
# to connect.
DEADLINE_SECONDS = 0.08

# A plan made when hardly anybody was online is no plan for the evening.
_REPLAN_SECONDS = 60.0
_PACKAGES_MAX = 10_000

# Generic plan: planning this join costs fifty times its execution. No sequential scans:
# the plan must not be one for the small tables of an installation's first day.
# synchronous_commit: only nextval() writes, and the commit of the session that uses the
# number, which is durable, carries its record with it.
_SETTINGS = b"; ".join(
    (
        b"SET statement_timeout = 200",
        b"SET lock_timeout = 50",
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

_STATEMENT = b"load_access_state"
_TEXT, _BIGINT, _DATE = 25, 20, 1082
_PARAMETER = re.compile(r"%\((\w+)\)s")
_NUMBER_OF = {
    "username": 1,
    "nas_id": 2,
    "calling_station_id": 3,
    "service_date": 4,
    "package_id": 1,
}

# What a new connection mends: a plan or prepared statement that is no longer valid
# (after a migration, behind a pooler), a server that is being shut down or started.
_MENDED_BY_RECONNECTING = frozenset((b"0A000", b"26000", b"57P01", b"57P02", b"57P03"))
# SQLSTATE class 22: it is what was asked that is wrong, not the database.
_DATA_EXCEPTION = b"22"

_GOOD = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_EVENT_OF: dict[int, int] = {
    pq.PollingStatus.READING: select.POLLIN,
    pq.PollingStatus.WRITING: select.POLLOUT,
}


class DatabaseAwayError(Exception):
    """The database could not be asked: no decision is possible."""


class QuestionRefusedError(Exception):
    """The database cannot take this question; it is well."""


class _ConnectionLostError(DatabaseAwayError):
    """The connection is dead, or must be made anew."""


class AccessDatabase:
    """The one connection of the RADIUS module; opened when first needed."""

    def __init__(self, database_url: str) -> None:
        self._conninfo = _conninfo(database_url)
        self._breaker = CircuitBreaker()
        self._connection: pq.abc.PGconn | None = None
        self._poll = select.poll()
        self._replan_at = 0.0
        self._packages: dict[Version, Package] = {}
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
            self.close()
            ended = time.monotonic()
            self._breaker.failed(ended, ended - started)
            raise
        self._breaker.succeeded()
        return state

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.finish()
        self._forget()

    def _forget(self) -> None:
        self._connection = None
        # Versions of rows are compared only within one connection's life.
        self._packages = {}

    def _ask(self, parameters: Sequence[bytes], started: float) -> AccessState | None:
        """Ask, and once more when it shows that the connection was dead."""
        try:
            return self._ask_once(parameters, started)
        except _ConnectionLostError:
            # The database was restarted, or migrated, since the last login.
            self.close()
            return self._ask_once(parameters, started)

    def _ask_once(
        self, parameters: Sequence[bytes], started: float
    ) -> AccessState | None:
        try:
            connection, deadline = self._ready(started)
            connection.send_query_prepared(_STATEMENT, parameters)
            row = self._row(connection, deadline)
            if row is None:
                return None
            version = version_of(row)
            package = self._packages.get(version)
            if package is None:
                package = self._load_package(connection, version, deadline)
            return state_of(row, package)
        except psycopg.OperationalError as error:
            raise _ConnectionLostError(_one_line(str(error))) from error

    def _ready(self, started: float) -> tuple[pq.abc.PGconn, float]:
        """Give a connection that is ready, and until when to wait on it."""
        deadline = started + DEADLINE_SECONDS
        connection = self._connection
        if connection is None:
            return self._connect(deadline), deadline
        if started >= self._replan_at:
            self._replan_at = started + _REPLAN_SECONDS
            connection.send_query(b"DISCARD PLANS")
            self._result(connection, deadline)
        return connection, deadline

    def _load_package(
        self, connection: pq.abc.PGconn, version: Version, deadline: float
    ) -> Package:
        sql = _numbered(load_queries("authorization")["load_package"])
        connection.send_query_params(sql, [version[0]])
        row = self._row(connection, deadline)
        if row is None:
            raise QuestionRefusedError("the customer's package is gone")
        package = package_of(row)
        if len(self._packages) >= _PACKAGES_MAX:
            self._packages.clear()
        # It may be newer than the one asked for: it is kept as what it is.
        self._packages[version_of(row)] = package
        return package

    def _row(self, connection: pq.abc.PGconn, deadline: float) -> Row | None:
        result = self._result(connection, deadline)
        if result.ntuples == 0:
            return None
        value = result.get_value
        return [value(0, column) for column in range(result.nfields)]

    def _result(self, connection: pq.abc.PGconn, deadline: float) -> pq.abc.PGresult:
        """Wait for the results of what was sent, and give the last, or the failure."""
        answer: pq.abc.PGresult | None = None
        while True:
            if connection.is_busy():
                self._wait(deadline)
                connection.consume_input()
                continue
            result = connection.get_result()
            if result is None:
                break
            if answer is None or answer.status in _GOOD:
                answer = result
        if answer is None:
            raise _ConnectionLostError("the database gave no answer")
        if answer.status not in _GOOD:
            raise _failure(connection, answer)
        return answer

    def _wait(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not self._poll.poll(left * 1000):
            raise DatabaseAwayError("the database did not answer in time")

    def _connect(self, deadline: float) -> pq.abc.PGconn:
        """Connect and prepare; all of it within the deadline."""
        connection = pq.PGconn.connect_start(self._conninfo)
        try:
            self._finish_connecting(connection, deadline)
            connection.send_query(_SETTINGS)
            self._result(connection, deadline)
            sql = _numbered(load_queries("authorization")["load_access_state"])
            types = [_TEXT, _BIGINT, _TEXT, _DATE]
            connection.send_prepare(_STATEMENT, sql, types)
            self._result(connection, deadline)
        except BaseException:
            connection.finish()
            raise
        self._connection = connection
        self._replan_at = time.monotonic() + _REPLAN_SECONDS
        return connection

    def _finish_connecting(self, connection: pq.abc.PGconn, deadline: float) -> None:
        # After connect_start libpq wants to write (its documentation, 34.1).
        status: int = pq.PollingStatus.WRITING
        while status != pq.PollingStatus.OK:
            if connection.status == pq.ConnStatus.BAD or status not in _EVENT_OF:
                raise DatabaseAwayError(_one_line(connection.get_error_message()))
            # It may be another socket each time: libpq tries one address after another.
            self._poll = select.poll()
            self._poll.register(connection.socket, _EVENT_OF[status])
            self._wait(deadline)
            status = connection.connect_poll()
        self._poll = select.poll()
        self._poll.register(connection.socket, select.POLLIN)


def _failure(connection: pq.abc.PGconn, result: pq.abc.PGresult) -> Exception:
    sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE) or b""
    message = _one_line(result.get_error_message())
    lost = connection.status == pq.ConnStatus.BAD
    if lost or sqlstate in _MENDED_BY_RECONNECTING:
        return _ConnectionLostError(message)
    if sqlstate.startswith(_DATA_EXCEPTION):
        return QuestionRefusedError(message)
    return DatabaseAwayError(message)


def _numbered(sql: str) -> bytes:
    """Write %(name)s as libpq wants it: $1, $2, … in the order of the parameters."""
    return _PARAMETER.sub(lambda match: f"${_NUMBER_OF[match[1]]}", sql).encode()


def _conninfo(database_url: str) -> bytes:
    """Make the connection string, with the host's name resolved.

    libpq asks the resolver in connect_start, where no deadline reaches; so it is asked
    here, once, when the server starts.
    """
    facts = conninfo.conninfo_to_dict(database_url)
    host = str(facts.get("host") or "")
    if (
        host
        and not host.startswith("/")
        and "," not in host
        and "hostaddr" not in facts
    ):
        facts["hostaddr"] = _address_of(host)
    facts["application_name"] = "khata radius"
    facts["client_encoding"] = "UTF8"
    return conninfo.make_conninfo("", **facts).encode()


def _address_of(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])


def _one_line(text: str) -> str:
    return " ".join(text.split())
