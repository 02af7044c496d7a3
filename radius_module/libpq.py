"""Speak to PostgreSQL through libpq's asynchronous calls: no wait is without a limit.

psycopg's own connections wait in places that no deadline reaches, and cost several
times the statement that a login needs.
"""

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from socket import SOCK_STREAM, getaddrinfo

import psycopg
from psycopg import conninfo, pq

from radius_module.rows import Row

# What a new connection mends: a plan or prepared statement that is no longer valid
# (after a migration, behind a pooler), a server that is being shut down or started.
_MENDED_BY_RECONNECTING = frozenset((b"0A000", b"26000", b"57P01", b"57P02", b"57P03"))
# SQLSTATE classes 22 and 23: it is what was asked that is wrong, not the database.
_DATA_EXCEPTIONS = (b"22", b"23")

#: A prepared statement, and of each of its parameters the values of all who ask.
Question = tuple[bytes, Sequence[Sequence[bytes]]]

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


@dataclass(slots=True, eq=False)
class Link:
    """An open connection in pipeline mode: many statements in one round trip."""

    connection: pq.abc.PGconn
    poll: select.poll
    #: Flights whose answers are not read: more than one when some came too late.
    owed: int = 0
    #: When the first of them was given up, by the monotonic clock.
    late_since: float = 0.0

    def has_word(self) -> bool:
        """Tell whether the server has said something that is not read."""
        try:
            ready = select.poll()
            ready.register(self.connection.socket, select.POLLIN)
        except psycopg.OperationalError:
            return False
        return bool(ready.poll(0))

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


def send_command(link: Link, command: bytes) -> None:
    """Send a command whose answer is to be read with the others of the flight."""
    try:
        link.connection.send_query_params(command, None)
    except psycopg.OperationalError as error:
        raise ConnectionLostError(one_line(str(error))) from error


def send_flight(link: Link, questions: Sequence[Question]) -> None:
    """Send prepared statements, and the mark that ends them. Waits for nothing.

    All of them are one transaction: either all are done or none.
    """
    connection = link.connection
    try:
        for statement, columns in questions:
            arrays = [_array(column) for column in columns]
            connection.send_query_prepared(statement, arrays)
        connection.pipeline_sync()
    except psycopg.OperationalError as error:
        raise ConnectionLostError(one_line(str(error))) from error
    link.owed += 1


def read_flight(link: Link, deadline: float) -> list[list[Row]]:
    """Wait for the rows of each statement and command that was sent, in their order.

    When this returns, what they did is committed. Raises the failure of the first that
    failed; the connection is ready for the next flight then, too, if it is not lost.
    What came too late for an earlier flight is passed over.
    """
    results: list[pq.abc.PGresult] = []
    while link.owed:
        results = _read_results(link, deadline)
        link.owed -= 1
    for result in results:
        if result.status not in _GOOD:
            raise _failure(link.connection, result)
    return [_rows(result) for result in results]


def _read_results(link: Link, deadline: float) -> list[pq.abc.PGresult]:
    """Wait for what the server says to one flight, to the mark that ends it."""
    connection = link.connection
    results: list[pq.abc.PGresult] = []
    is_between = False
    try:
        while True:
            while connection.is_busy():
                _wait(link.poll, deadline)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                # It ends an answer; elsewhere no more is to come.
                if is_between or connection.status == pq.ConnStatus.BAD:
                    raise ConnectionLostError("the database gave no answer")
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            else:
                results.append(result)
            is_between = result is None
    except psycopg.OperationalError as error:
        raise ConnectionLostError(one_line(str(error))) from error


def run_commands(connection: pq.abc.PGconn, poll: select.poll, deadline: float) -> None:
    """Wait for what was sent outside of pipeline mode; raise its failure."""
    failed: pq.abc.PGresult | None = None
    try:
        while True:
            while connection.is_busy():
                _wait(poll, deadline)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                break
            if result.status not in _GOOD:
                failed = result
    except psycopg.OperationalError as error:
        raise ConnectionLostError(one_line(str(error))) from error
    if failed is not None:
        raise _failure(connection, failed)


def one_line(text: str) -> str:
    """Write a message on one line."""
    return " ".join(text.split())


def _rows(result: pq.abc.PGresult) -> list[Row]:
    get, columns = result.get_value, range(result.nfields)
    return [tuple(map(get, repeat(row), columns)) for row in range(result.ntuples)]


def _array(values: Sequence[bytes]) -> bytes:
    """Write an array as PostgreSQL reads it (its documentation, 8.15.2)."""
    quoted = [
        b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        for value in values
    ]
    return b"{" + b",".join(quoted) + b"}"


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
    if sqlstate.startswith(_DATA_EXCEPTIONS):
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
