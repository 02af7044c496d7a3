"""Keep a loop's work going while its database comes and goes."""

import logging
import threading
from collections.abc import Callable

import psycopg

from billing_core.db.connect import Connection, connect

log = logging.getLogger(__name__)

_RETRY_SECONDS = 0.5


def keep_connected(
    database_url: str,
    application: str,
    stop: threading.Event,
    serve: Callable[[Connection], None],
) -> None:
    """Call serve with a connection, again with a new one when it was lost.

    What was not committed is simply done again: every step is safe to repeat.
    """
    told = False
    while not stop.is_set():
        try:
            with connect(database_url, application=application) as conn:
                if told:
                    log.info("database.back application=%s", application)
                    told = False
                serve(conn)
        except psycopg.OperationalError as error:
            if not told:
                log.warning(
                    "database.away application=%s error=%s",
                    application,
                    str(error).strip().splitlines()[0] if str(error) else error,
                )
                told = True
            stop.wait(_RETRY_SECONDS)
