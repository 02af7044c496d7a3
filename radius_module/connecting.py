"""Make the connection that logins are decided by, in a thread of its own."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Thread

import psycopg

from billing_core.db.queries import load_queries
from radius_module.libpq import (
    DatabaseAwayError,
    Link,
    one_line,
    open_link,
    run_commands,
)

# For a new connection, with the first plan on it.
CONNECT_SECONDS_MAX = 5.0


# Generic plan: planning costs fifty times the execution. No sequential scans and no
# joins but by index: the plan must not be one for the small tables of an installation's
# first day.
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
    )
)

# Set last: the first plan may take longer. What we no longer wait for is to end, too.
_TIMEOUTS = b"SET statement_timeout = 200; SET lock_timeout = 50"


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a connection is for: its name, and the statements of authorization.sql."""

    application: str
    #: The parameters of each, in their order; all are arrays.
    statements: Mapping[str, Sequence[str]]
    #: False: nothing but a sequence is written, and the commit of whoever uses its
    #: numbers, which is durable, carries its record with it.
    is_durable: bool


class Attempt:
    """A connection being made by a thread of its own, the first plan included."""

    def __init__(self, database_url: str, purpose: Purpose) -> None:
        self.link: Link | None = None
        self.failure = ""
        self.ended = Event()
        self._is_abandoned = False
        self._database_url = database_url
        self._purpose = purpose
        self._thread = Thread(target=self._run, name="khata connect", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until it succeeded or failed, and its thread is gone."""
        self._thread.join(CONNECT_SECONDS_MAX)

    def abandon(self) -> None:
        """Close what comes of it."""
        self._is_abandoned = True
        if self.ended.is_set() and self.link is not None:
            self.link.close()

    def _run(self) -> None:
        try:
            link = _prepared_link(self._database_url, self._purpose)
        except (DatabaseAwayError, psycopg.Error) as error:
            self.failure = one_line(str(error))
        else:
            self.link = link
            if self._is_abandoned:
                link.close()
        finally:
            self.failure = self.failure or "no connection could be made"
            self.ended.set()


def _prepared_link(database_url: str, purpose: Purpose) -> Link:
    deadline = time.monotonic() + CONNECT_SECONDS_MAX
    link = open_link(database_url, purpose.application, deadline)
    connection, poll = link.connection, link.poll
    try:
        connection.send_query(_SETTINGS)
        run_commands(connection, poll, deadline)
        if not purpose.is_durable:
            connection.send_query(b"SET synchronous_commit = off")
            run_commands(connection, poll, deadline)
        for name, parameters in purpose.statements.items():
            connection.send_prepare(name.encode(), _numbered(name, parameters))
            run_commands(connection, poll, deadline)
            # Nobody's: asked once so that the first login finds a plan.
            connection.send_query_prepared(name.encode(), [b"{}"] * len(parameters))
            run_commands(connection, poll, deadline)
        connection.send_query(_TIMEOUTS)
        run_commands(connection, poll, deadline)
        connection.enter_pipeline_mode()
    except BaseException:
        link.close()
        raise
    return link


def _numbered(name: str, parameters: Sequence[str]) -> bytes:
    """Give a query as libpq wants it, with $1, $2, … for %(name)s."""
    sql: str = load_queries("authorization")[name]
    for number, parameter in enumerate(parameters, start=1):
        sql = sql.replace(f"%({parameter})s", f"${number}")
    return sql.encode()
