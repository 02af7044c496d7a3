"""A circuit breaker: an absent database costs little time, however many ask; pure.

Each login that waits for an absent database keeps a thread of the server, and where
rlm_python3 is serialised (radius.md §0.1) all others waiting. After two failures in a
row the breaker refuses at once, then lets one through to see. How long it refuses
depends on what the failure cost: waiting stays a small part of the time, and it is
never refused for longer than a second. One failure alone does not open it: a database
that was slow once is no reason to turn everybody away.

closed ─second failure─▶ open ─time is up─▶ half open (one try) ─success─▶ closed
                           ▲──────────────failure────┘
"""

FAILURES_TO_OPEN = 2
OPEN_SECONDS_MIN = 0.1
OPEN_SECONDS_MAX = 1.0
_OPEN_PER_COST = 20.0


class CircuitBreaker:
    """Remembers until when asking is no use; the clock is the caller's."""

    __slots__ = ("failures", "open_until")

    def __init__(self) -> None:
        self.failures = 0
        self.open_until = 0.0

    def allows(self, now: float) -> bool:
        """Say whether to try now."""
        return self.failures < FAILURES_TO_OPEN or now >= self.open_until

    def succeeded(self) -> None:
        """Close: the try went well."""
        self.failures = 0

    def failed(self, now: float, cost_seconds: float) -> None:
        """Count a failure: the try that ended now took so long, in vain."""
        wait = min(
            max(cost_seconds * _OPEN_PER_COST, OPEN_SECONDS_MIN), OPEN_SECONDS_MAX
        )
        self.failures += 1
        self.open_until = now + wait
