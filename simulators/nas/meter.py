"""Count a session's traffic over virtual time and find when it meets its limits.

Time is whole microseconds and traffic whole millionths of an octet, so that a session
advanced in a thousand steps counts exactly as one advanced in a single step.
"""

from dataclasses import dataclass
from typing import Final

from simulators.nas.limits import Limits, rates_of

MICRO: Final = 1_000_000


@dataclass(slots=True)
class Meter:
    """The counters of one session; rates are octets per second."""

    started_us: int
    up: int = 0
    down: int = 0
    at_us: int = 0
    idle_since_us: int = 0
    input_micro: int = 0
    output_micro: int = 0

    def __post_init__(self) -> None:
        self.at_us = self.idle_since_us = self.started_us

    @property
    def input_octets(self) -> int:
        """Return the octets the customer sent."""
        return self.input_micro // MICRO

    @property
    def output_octets(self) -> int:
        """Return the octets the customer received."""
        return self.output_micro // MICRO

    @property
    def session_seconds(self) -> int:
        """Return how long the session has run."""
        return (self.at_us - self.started_us) // MICRO

    def run_to(self, now_us: int) -> None:
        """Count the traffic up to a moment; an earlier one changes nothing."""
        elapsed = max(0, now_us - self.at_us)
        self.at_us += elapsed
        self.input_micro += self.up * elapsed
        self.output_micro += self.down * elapsed
        if self.up or self.down:
            self.idle_since_us = self.at_us

    def transfer(self, up: int, down: int) -> None:
        """Count octets at once."""
        self.input_micro += up * MICRO
        self.output_micro += down * MICRO
        if up or down:
            self.idle_since_us = self.at_us

    def next_limit(self, limits: Limits) -> tuple[int, str] | None:
        """Return when the session meets its first limit, and its terminate cause.

        A volume limit ends a session as Session-Timeout does: RFC 2866 knows no cause
        of its own for it, and CoovaChilli reports it so.
        """
        moments: list[tuple[int, str]] = []
        if limits.session_timeout_seconds is not None:
            ends = self.started_us + limits.session_timeout_seconds * MICRO
            moments.append((ends, "Session-Timeout"))
        if limits.idle_timeout_seconds is not None and not (self.up or self.down):
            ends = self.idle_since_us + limits.idle_timeout_seconds * MICRO
            moments.append((ends, "Idle-Timeout"))
        input_counter = (self.input_micro, self.up)
        output_counter = (self.output_micro, self.down)
        for octets_max, counters in (
            (limits.input_octets_max, (input_counter,)),
            (limits.output_octets_max, (output_counter,)),
            (limits.total_octets_max, (input_counter, output_counter)),
        ):
            ends_us = None if octets_max is None else self._reach(octets_max, counters)
            if ends_us is not None:
                moments.append((ends_us, "Session-Timeout"))
        return min(moments, default=None)

    def _reach(
        self, octets_max: int, counters: tuple[tuple[int, int], ...]
    ) -> int | None:
        """Return when counters, each so far and its rate, add up to whole octets."""
        used_micro = sum(used for used, _ in counters)
        rate = sum(rate for _, rate in counters)
        # Parts of an octet in both directions may add up to one that is not reported
        # yet; an octet later it is.
        for goal in (octets_max, octets_max + 1):
            left_micro = max(0, goal * MICRO - used_micro)
            if left_micro and not rate:
                return None
            elapsed = -(-left_micro // rate) if left_micro else 0
            whole = sum((used + each * elapsed) // MICRO for used, each in counters)
            if whole >= octets_max:
                return self.at_us + elapsed
        return None


def shaped(up: int, down: int, rate_limit: str | None) -> tuple[int, int]:
    """Hold octets per second to what a Mikrotik-Rate-Limit lets through."""
    rates = rates_of(rate_limit) if rate_limit else None
    if rates is None:
        return up, down
    up_bits, down_bits = rates
    # Zero is MikroTik's "no limit".
    return (
        min(up, up_bits // 8) if up_bits else up,
        min(down, down_bits // 8) if down_bits else down,
    )
