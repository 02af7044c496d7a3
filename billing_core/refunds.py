"""When a gateway is asked again about a refund; pure."""

from datetime import datetime, timedelta
from enum import StrEnum

# Whoever requests a refund has its answer within a minute (10 s to connect, 30 s to
# answer, a token before it): only then may another ask.
_FIRST_ASK = timedelta(minutes=5)
_HOURS, _DAYS = timedelta(hours=48), timedelta(days=30)


class RefundStanding(StrEnum):
    """How a refund stands in our books."""

    #: Sent to the gateway, which is at it.
    REQUESTED = "requested"
    #: Sent, and nobody knows: it is asked about, never sent again.
    UNKNOWN = "unknown"
    DONE = "done"
    REFUSED = "refused"


OPEN = (RefundStanding.REQUESTED, RefundStanding.UNKNOWN)


def next_refund_ask(requested_at: datetime, now: datetime) -> datetime | None:
    """Give when to ask again: soon, hourly for two days, daily for a month.

    Banks take days. After a month the gateway is asked only when a person wants it.
    """
    age = now - requested_at
    if age < _FIRST_ASK:
        return requested_at + _FIRST_ASK
    if age < _HOURS:
        return now + max(min(age, timedelta(hours=1)), _FIRST_ASK)
    return now + timedelta(days=1) if age < _DAYS else None
