"""Limit how often passwords, codes and the like may be tried."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from billing_core.db import web_sessions as db
from billing_core.db.connect import Connection
from billing_core.errors import BillingError
from billing_core.networks import network_of

_PLACE_LENGTH_MAX = 64


class TooManyTriesError(BillingError):
    """It was tried too often."""

    def __init__(self, wait: timedelta) -> None:
        minutes = -(-int(wait.total_seconds()) // 60)
        self.wait_seconds = max(1, int(wait.total_seconds()))
        super().__init__(f"Too many tries: wait {minutes} minute(s) and try again.")


class Limit(NamedTuple):
    """So many tries of one subject within a window."""

    subject: str
    tries: int
    window: timedelta


def place_of(address: str) -> str:
    """Return where tries come from, whatever a proxy wrote of it."""
    try:
        return network_of(address)
    except ValueError:
        return address[:_PLACE_LENGTH_MAX]


def admit_try(conn: Connection, limits: Sequence[Limit], now: datetime) -> None:
    """Count a try against each limit, and refuse it beyond one.

    Counted before it is tried and whatever comes of it, so that a thousand tries at the
    same moment are a thousand. Not in the caller's transaction: a count that is rolled
    back would count nothing.
    """
    for limit in limits:
        tries, began = db.count_try(
            conn, limit.subject, window_start=now - limit.window, now=now
        )
        if tries > limit.tries:
            raise TooManyTriesError(began + limit.window - now)


def forget_tries(conn: Connection, limits: Sequence[Limit]) -> None:
    """Let a success end the count of what was tried before."""
    db.forget_tries(conn, [limit.subject for limit in limits])
