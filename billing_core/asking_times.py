"""When a gateway is asked about an attempt to pay; pure."""

from datetime import datetime, timedelta

from billing_core.payments import AttemptState

#: The gateway is asked so long by itself; later only by a hint or a person.
ASKED_FOR = timedelta(hours=48)
#: A customer's browser and a gateway's server call a few times, not hundreds.
HINTED_ASKS_MAX = 100
_FIRST_ASKS = tuple(timedelta(minutes=minutes) for minutes in (1, 3, 10, 30))
_HOUR = timedelta(hours=1)


def next_ask(
    state: AttemptState, created_at: datetime, now: datetime
) -> datetime | None:
    """Say when the gateway is asked next by itself; None = no more.

    After 1, 3, 10 and 30 minutes, then hourly: whoever pays is soon through, and a tab
    that was closed is found. A failed one may still turn out paid (SSLCommerz lets a
    customer try again under one order), which is looked for ever more rarely.
    """
    age = now - created_at
    if state == AttemptState.FAILED:
        later = max(_FIRST_ASKS[-1], 2 * age)
        return created_at + later if later < ASKED_FOR else None
    if state not in (AttemptState.CREATED, AttemptState.PENDING) or age >= ASKED_FOR:
        return None
    for after in _FIRST_ASKS:
        if age < after:
            return created_at + after
    return min(created_at + (age // _HOUR + 1) * _HOUR, created_at + ASKED_FOR)


def is_asked_long_enough(created_at: datetime, now: datetime) -> bool:
    """Tell whether the gateway had its time to answer."""
    return now - created_at >= ASKED_FOR
