"""Fair use: at full rate up to a number of octets in a cycle, then slower; pure.

The cycle is the customer's billing cycle; who has none (daily, free) has the month from
his own day, as a renewal cycle would run. What a session reports across a boundary
counts to the cycle in which it is reported: a report's interval is the error.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing_core.cycles import Schedule, boundary_day, period_holding

#: Why a running session is told other rates, or ended where it cannot be told.
FAIR_USE = "FAIR_USE"


class Rates(NamedTuple):
    """What a NAS is told; bits a second, None = not limited."""

    up_bps: int | None
    down_bps: int | None


@dataclass(frozen=True, slots=True)
class FairUse:
    """What a package says of fair use."""

    #: In and out together, in one cycle.
    octets: int
    full: Rates
    reduced: Rates


@dataclass(frozen=True, slots=True)
class Used:
    """What a customer has used in the cycle that ends then."""

    cycle_end: datetime
    octets: int


def add_use(
    used: Used | None,
    grown: int,
    *,
    schedule: Schedule,
    activated_at: datetime,
    now: datetime,
    zone: ZoneInfo,
) -> Used:
    """Count octets to the cycle of now; a new one begins at nothing."""
    if used is not None and now < used.cycle_end:
        return Used(used.cycle_end, used.octets + grown)
    cycle = period_holding(now, boundary_day(schedule, activated_at, zone), zone)
    return Used(cycle.end, grown)


def reduced_until(used: Used, fair_use: FairUse | None) -> datetime | None:
    """Tell until when the lower rates apply; None = at full rate."""
    if fair_use is None or used.octets < fair_use.octets:
        return None
    return used.cycle_end


def rates_of(fair_use: FairUse, *, is_reduced: bool) -> Rates:
    """Give the rates that apply."""
    return fair_use.reduced if is_reduced else fair_use.full
