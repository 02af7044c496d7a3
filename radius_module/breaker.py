"""A circuit breaker: an absent database costs little time, however many ask; pure.

rlm_python3 is serialised for the whole server (radius.md §0.1), so each login that
waits for an absent database makes all others wait. After a failure the breaker refuses
at once, then lets one through to see. How long it refuses depends on what the failure
cost: all waiting together stays a twentieth of the time, one second at most.

closed ──failure──▶ open ──time is up──▶ half open (one try) ──success──▶ closed
                      ▲───────────────failure──────────────┘
"""

OPEN_SECONDS_MIN = 0.1
OPEN_SECONDS_MAX = 1.0
_OPEN_PER_COST = 20.0


class CircuitBreaker:
    """Remembers until when asking is no use; the clock is the caller's."""

    __slots__ = ("is_closed", "open_until")

    def __init__(self) -> None:
        self.is_closed = True
        self.open_until = 0.0

    def allows(self, now: float) -> bool:
        """Say whether to try now."""
        return self.is_closed or now >= self.open_until

    def succeeded(self) -> None:
        """Close: the try went well."""
        self.is_closed = True

    def failed(self, now: float, cost_seconds: float) -> None:
        """Open: the try that ended now failed and took so long."""
        wait = min(
            max(cost_seconds * _OPEN_PER_COST, OPEN_SECONDS_MIN), OPEN_SECONDS_MAX
        )
        self.is_closed = False
        self.open_until = now + wait
