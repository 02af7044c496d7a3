"""What every page needs: settings, a connection, who acts and when."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask, current_app, g
from psycopg_pool import ConnectionPool

from billing_core.db.connect import Connection
from billing_core.settings import Settings

# Threads of a gunicorn worker, with one to spare.
_POOL_SIZE_MAX = 5
# Whoever waits longer is told that the database does not answer.
_WAIT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Desk:
    """A request at work."""

    settings: Settings
    conn: Connection
    #: Who acts, for the log and the ledger.
    actor: str
    now: datetime


def open_desks(app: Flask, settings: Settings) -> None:
    """Give an app its settings and, at the first request, a pool of connections."""
    app.config["KHATA"] = settings
    app.extensions["khata_pool"] = ConnectionPool(
        settings.database_url,
        min_size=0,
        max_size=_POOL_SIZE_MAX,
        timeout=_WAIT_SECONDS,
        # A database that was restarted is met with fresh connections.
        check=ConnectionPool.check_connection,
        # Opened by the first request: gunicorn's threads and forks come before.
        open=False,
        configure=_configure,
        kwargs={
            "autocommit": True,
            "connect_timeout": 2,
            "application_name": "khata-web",
            "options": "-c lock_timeout=5000 -c statement_timeout=60000"
            " -c timezone=UTC",
        },
        name="web",
    )
    app.teardown_appcontext(_give_back)


def settings() -> Settings:
    """Return the installation's settings."""
    found = current_app.config["KHATA"]
    assert isinstance(found, Settings)  # noqa: S101 - narrows the type
    return found


def connection() -> Connection:
    """Return this request's connection; it goes back when the request ends."""
    if "conn" not in g:
        pool = _pool()
        pool.open()
        g.conn = pool.getconn()
    found: Connection = g.conn
    return found


def now() -> datetime:
    """Return the moment of this request: one for all that it does."""
    if "now" not in g:
        g.now = datetime.now(UTC)
    moment: datetime = g.now
    return moment


def desk() -> Desk:
    """Return what a view needs to do something."""
    return Desk(settings(), connection(), g.get("actor", "web"), now())


def keep_connection() -> Callable[[], None]:
    """Keep this request's connection past its end; returns what gives it back.

    For answers that are still being read from it while they are sent.
    """
    pool, conn = _pool(), connection()
    g.pop("conn")
    return lambda: pool.putconn(conn)


def close_desks(app: Flask) -> None:
    """Close an app's connections; for tests, which make many apps."""
    pool = app.extensions["khata_pool"]
    pool.close()


def _pool() -> "ConnectionPool[Connection]":
    pool: ConnectionPool[Connection] = current_app.extensions["khata_pool"]
    return pool


def _configure(conn: Connection) -> None:
    conn.prepare_threshold = 2


def _give_back(_error: BaseException | None) -> None:
    conn = g.pop("conn", None)
    if conn is not None:
        _pool().putconn(conn)
