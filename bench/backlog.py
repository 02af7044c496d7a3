"""Watch the intake being emptied by the worker."""

import time

import psycopg

_EMPTY_SECONDS_MAX = 300.0
_LOOK_SECONDS = 0.02


class BacklogError(RuntimeError):
    """The worker does not get through."""


def wait_until_empty(conn: psycopg.Connection) -> float:
    """Wait until every packet recorded so far is folded; return the time (epoch).

    Asked by key, of the last packet of each lane: counting would walk over the rows
    that were folded before.
    """
    last = [row[0] for row in conn.execute(_LAST_OF_LANES).fetchall()]
    end = time.monotonic() + _EMPTY_SECONDS_MAX
    while last:
        rows = conn.execute(
            "SELECT intake_id FROM acct_intake WHERE intake_id = ANY (%s)", [last]
        ).fetchall()
        last = [row[0] for row in rows]
        if not last:
            break
        if time.monotonic() > end:
            raise BacklogError(f"packets wait for {_EMPTY_SECONDS_MAX} s")
        time.sleep(_LOOK_SECONDS)
    return time.time()


_LAST_OF_LANES = "SELECT max(intake_id) FROM acct_intake GROUP BY intake_lane(username)"
