"""Speak to PostgreSQL through libpq's asynchronous calls: no wait is without a limit.

psycopg's own connections wait in places that no deadline reaches, and cost several
times the statement that a login needs.
"""

import select
import time
from dataclasses import dataclass
from itertools import repeat
from socket import SOCK_STREAM, getaddrinfo

import psycopg
from psycopg import conninfo, pq

from radius_module.rows import Row

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


class ConnectionLostError(DatabaseAwayError):
    """The connection is dead, or must be made anew."""


@dataclass(frozen=True, slots=True)
class Link:
    """An open connection and what waits on its socket."""

    connection: pq.abc.PGconn
    poll: select.poll

    def close(self) -> None:
        """Close the connection, whatever it is doing."""
        self.connection.finish()


def open_link(database_url: str, application: str, deadline: float) -> Link:
    """Connect; a host's name is resolved first, by the caller's thread."""
    connection = pq.PGconn.connect_start(_conninfo(database_url, application))
    try:
        return Link(connection, _connected(connection, deadline))
    except BaseException:
        connection.finish()
        raise


def read_row(link: Link, deadline: float) -> Row | None:
    """Wait for the result of what was sent; give its first row."""
    result = wait_result(link, deadline)
    if result.ntuples == 0:
        return None
    return tuple(map(result.get_value, repeat(0), range(result.nfields)))


def wait_result(link: Link, deadline: float) -> pq.abc.PGresult:
    """Wait for the results of what was sent; give the last, or raise the failure."""
    connection = link.connection
    answer: pq.abc.PGresult | None = None
    try:
        while True:
            while connection.is_busy():
                _wait(link.poll, deadline)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                break
            if answer is None or answer.status in _GOOD:
                answer = result
    except psycopg.OperationalError as error:
        raise ConnectionLostError(one_line(str(error))) from error
    if answer is None:
        raise ConnectionLostError("the database gave no answer")
    if answer.status not in _GOOD:
        raise _failure(connection, answer)
    return answer


def one_line(text: str) -> str:
    """Write a message on one line."""
    return " ".join(text.split())


def _wait(poll: select.poll, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise DatabaseAwayError("the database did not answer in time")


def _connected(connection: pq.abc.PGconn, deadline: float) -> select.poll:
    # After connect_start libpq wants to write (its documentation, 34.1).
    status: int = pq.PollingStatus.WRITING
    while status != pq.PollingStatus.OK:
        if connection.status == pq.ConnStatus.BAD or status not in _EVENT_OF:
            raise DatabaseAwayError(one_line(connection.get_error_message()))
        # It may be another socket each time: libpq tries one address after another.
        poll = select.poll()
        poll.register(connection.socket, _EVENT_OF[status])
        _wait(poll, deadline)
        status = connection.connect_poll()
    poll = select.poll()
    poll.register(connection.socket, select.POLLIN)
    return poll


def _failure(connection: pq.abc.PGconn, result: pq.abc.PGresult) -> Exception:
    sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE) or b""
    message = one_line(result.get_error_message())
    lost = connection.status == pq.ConnStatus.BAD
    if lost or sqlstate in _MENDED_BY_RECONNECTING:
        return ConnectionLostError(message)
    if sqlstate.startswith(_DATA_EXCEPTION):
        return QuestionRefusedError(message)
    return DatabaseAwayError(message)


def _conninfo(database_url: str, application: str) -> bytes:
    facts = conninfo.conninfo_to_dict(database_url)
    host = str(facts.get("host") or "")
    if (
        host
        and not host.startswith("/")
        and "," not in host
        and "hostaddr" not in facts
    ):
        # libpq would ask the resolver while it holds Python's lock.
        try:
            facts["hostaddr"] = getaddrinfo(host, None, type=SOCK_STREAM)[0][4][0]
        except OSError as error:
            raise DatabaseAwayError(f"{host}: {error.strerror}") from error
    facts["application_name"] = application
    facts["client_encoding"] = "UTF8"
    return conninfo.make_conninfo("", **facts).encode()
