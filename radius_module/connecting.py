"""Make the connection that logins are decided by, in a thread of its own."""

import time
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
        "service_date": _DATE,
    },
    "load_running": {
        "customer_id": _BIGINT,
        "nas_id": _BIGINT,
        "calling_station_id": _TEXT,
    },
    "load_package": {"package_id": _BIGINT},
    "load_nas": {"nas_id": _BIGINT},
    "load_suspension": {"customer_id": _BIGINT},
}
# Nobody's login: asked once so that the first one finds a plan.
_NO_LOGIN = (b"", b"2000-01-01")


class Attempt:
    """A connection being made by a thread of its own, the first plan included."""

    def __init__(self, database_url: str) -> None:
        self.link: Link | None = None
        self.failure = ""
        self.ended = Event()
        self._is_abandoned = False
        self._database_url = database_url
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
    connection, poll = link.connection, link.poll
    try:
        connection.send_query(_SETTINGS)
        run_commands(connection, poll, deadline)
        for name, parameters in _STATEMENTS.items():
            sql, types = _numbered(name), list(parameters.values())
            connection.send_prepare(name.encode(), sql, types)
            run_commands(connection, poll, deadline)
        connection.send_query_prepared(b"load_access_state", _NO_LOGIN)
        run_commands(connection, poll, deadline)
        connection.send_query(_TIMEOUTS)
        run_commands(connection, poll, deadline)
        connection.enter_pipeline_mode()
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
