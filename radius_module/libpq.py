"""Speak to PostgreSQL through libpq's asynchronous calls: no wait is without a limit.

psycopg's own connections wait in places that no deadline reaches, and cost several
times the statement that a login needs.
"""

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
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


@dataclass(slots=True, eq=False)
class Link:
    """An open connection in pipeline mode: questions go out before answers are in.

    Questions have numbers, 1, 2, 3 ... in the order they were sent, which is the order
    of their answers (libpq documentation, 34.5).
    """

    connection: pq.abc.PGconn
    poll: select.poll
    sent: int = 0
    received: int = 0
    #: Answers that came in while an earlier one was waited for, by number.
    waiting: dict[int, pq.abc.PGresult] = field(default_factory=dict)
    #: Questions whose answer nobody waits for.
    unread: set[int] = field(default_factory=set)

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


def send(link: Link, statement: bytes, parameters: Sequence[bytes | None]) -> int:
    """Send a prepared statement's question; give its number. Waits for nothing."""
    try:
        link.connection.send_query_prepared(statement, parameters)
        link.connection.pipeline_sync()
    except psycopg.OperationalError as error:
        raise ConnectionLostError(one_line(str(error))) from error
    link.sent += 1
    return link.sent


def send_command(link: Link, command: bytes) -> None:
    """Send a command, in its turn; nobody waits for its answer."""
    try:
        link.connection.send_query_params(command, None)
        link.connection.pipeline_sync()
    except psycopg.OperationalError as error:
        raise ConnectionLostError(one_line(str(error))) from error
    link.sent += 1
    link.unread.add(link.sent)


def forget(link: Link, number: int) -> None:
    """Do not keep the answer to a question."""
    if number > link.received:
        link.unread.add(number)
    link.waiting.pop(number, None)


def read_row(link: Link, number: int, deadline: float) -> Row | None:
    """Wait for the answer to a question; give its first row, or raise the failure."""
    result = link.waiting.pop(number, None)
    while result is None:
        answer = _next_answer(link, deadline)
        link.received += 1
        if link.received == number:
            result = answer
        elif link.received in link.unread:
            link.unread.remove(link.received)
        else:
            link.waiting[link.received] = answer
    if result.status not in _GOOD:
        raise _failure(link.connection, result)
    if result.ntuples == 0:
        return None
    return tuple(map(result.get_value, repeat(0), range(result.nfields)))


def _next_answer(link: Link, deadline: float) -> pq.abc.PGresult:
    """Wait for the next answer, to the mark that ends it."""
    connection = link.connection
    answer: pq.abc.PGresult | None = None
    try:
        if connection.is_busy():
            # Most times it is here already: ask the socket, and do not sleep on it.
            connection.consume_input()
        while True:
            while connection.is_busy():
                _wait(link.poll, deadline)
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                # Between an answer and its mark; elsewhere no more is to come.
                if answer is None or connection.status == pq.ConnStatus.BAD:
                    raise ConnectionLostError("the database gave no answer")
            elif result.status == pq.ExecStatus.PIPELINE_SYNC and answer is not None:
                return answer
            else:
                answer = result
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
