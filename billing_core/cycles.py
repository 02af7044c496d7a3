"""Billing cycles: periods that tile, from a boundary day of the month; pure.

A cycle runs from local midnight of the boundary day to that of the next month's. A
boundary day that a month does not have is its last day (31 Jan, 28 Feb, 31 Mar). The
first period begins when service does, within a cycle; every other one is a whole cycle.
"""

from bisect import bisect_right
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing_core.errors import BillingError
from billing_core.service_days import day_bounds, service_date

RENEWAL, FIRST, DAY, MANUAL = "renewal", "first", "day", "manual"
TRIGGERS = (RENEWAL, FIRST, DAY, MANUAL)

# Of due and grace days each; more would be no deadline, and calendars end.
DAYS_MAX = 366

_INSTANT = timedelta(microseconds=1)
_ONE_DAY = timedelta(days=1)


class ScheduleError(BillingError):
    """A schedule contradicts itself."""


# The records here are tuples: a monthly run makes and looks up one a customer, and a
# tuple costs a third of a frozen dataclass.
class Schedule(NamedTuple):
    """When a billing profile's cycles begin, are billed, and must be paid."""

    trigger: str = RENEWAL
    bill_day: int | None = None
    in_advance: bool = True
    cycle_ends_with_month: bool = False
    due_days: int = 7
    grace_days: int = 0
    auto_suspend: bool = True


class BillingPeriod(NamedTuple):
    """What one bill covers, `[start, end)`, and the whole cycle it lies in."""

    start: datetime
    end: datetime
    cycle_start: datetime
    cycle_end: datetime


class PeriodTerms(NamedTuple):
    """A period with everything its bill takes from the schedule."""

    period: BillingPeriod
    billing_moment: datetime
    due_at: datetime
    #: None = never suspended over it.
    suspend_at: datetime | None
    next_billing_moment: datetime
    #: The civil date it begins on; names the VAT rate.
    first_day: date
    text: str
    #: With the bill's kind, the key that prevents billing it twice.
    subject: str


def check_schedule(schedule: Schedule) -> None:
    """Refuse a schedule whose fields contradict one another."""
    if schedule.trigger not in TRIGGERS:
        raise ScheduleError(f"A bill trigger {schedule.trigger!r} is not known.")
    if (schedule.trigger == DAY) != (schedule.bill_day is not None):
        raise ScheduleError("A bill day belongs to the trigger 'day', and to no other.")
    if schedule.bill_day is not None and not 1 <= schedule.bill_day <= 31:
        raise ScheduleError(f"A bill day is 1 to 31, not {schedule.bill_day}.")
    for days in (schedule.due_days, schedule.grace_days):
        if not 0 <= days <= DAYS_MAX:
            raise ScheduleError(f"Due days and grace days are 0 to {DAYS_MAX} days.")


def minute_of(moment: datetime) -> datetime:
    """Give the minute a moment lies in."""
    return moment.replace(second=0, microsecond=0)


def boundary_day(schedule: Schedule, activated_at: datetime, zone: ZoneInfo) -> int:
    """Give the day of the month that a customer's cycles begin on."""
    if schedule.cycle_ends_with_month or schedule.trigger == FIRST:
        return 1
    if schedule.bill_day is not None:
        return schedule.bill_day
    return activated_at.astimezone(zone).day


@lru_cache(maxsize=4096)
def local_midnight(day: date, zone: ZoneInfo) -> datetime:
    """Give the moment a civil day begins."""
    return day_bounds(day, zone)[0]


def boundary(year: int, month: int, day: int, zone: ZoneInfo) -> datetime:
    """Give the moment a month's cycle begins; day is at most the month's last."""
    return local_midnight(date(year, month, min(day, monthrange(year, month)[1])), zone)


def boundary_until(moment: datetime, day: int, zone: ZoneInfo) -> datetime:
    """Give the last boundary at or before a moment."""
    civil = service_date(moment, zone)
    near = _boundaries_near(civil.year, civil.month, day, zone)
    return near[bisect_right(near, moment) - 1]


def boundary_after(moment: datetime, day: int, zone: ZoneInfo) -> datetime:
    """Give the first boundary after a moment."""
    civil = service_date(moment, zone)
    near = _boundaries_near(civil.year, civil.month, day, zone)
    return near[bisect_right(near, moment)]


def is_boundary(moment: datetime, day: int, zone: ZoneInfo) -> bool:
    """Tell whether a cycle begins at this moment."""
    return boundary_until(moment, day, zone) == moment


def period_from(start: datetime, day: int, zone: ZoneInfo) -> BillingPeriod:
    """Give the period that starts at a moment and ends with its cycle."""
    civil = service_date(start, zone)
    near = _boundaries_near(civil.year, civil.month, day, zone)
    index = bisect_right(near, start)
    return BillingPeriod(
        start.astimezone(UTC), near[index], near[index - 1], near[index]
    )


def period_holding(moment: datetime, day: int, zone: ZoneInfo) -> BillingPeriod:
    """Give the whole cycle that a moment lies in."""
    return period_from(boundary_until(moment, day, zone), day, zone)


def next_period(period: BillingPeriod, day: int, zone: ZoneInfo) -> BillingPeriod:
    """Give the period that follows."""
    return period_from(period.end, day, zone)


def billing_moment(
    period: BillingPeriod, schedule: Schedule, zone: ZoneInfo
) -> datetime:
    """Give when a period is billed: at its start in advance, at its end in arrears.

    Where cycles end with the month, a profile's bill day only delays the bill: to that
    day of the month which begins the cycle, or, in arrears, of the month after it.
    """
    if schedule.in_advance:
        turn, month_start = period.start, period.cycle_start
    else:
        turn, month_start = period.end, period.cycle_end
    if not schedule.cycle_ends_with_month or schedule.bill_day is None:
        return turn
    month = service_date(month_start, zone)
    return max(turn, boundary(month.year, month.month, schedule.bill_day, zone))


def days_later(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Give local midnight of the civil day that many days later, never earlier."""
    later = service_date(moment, zone) + timedelta(days=days)
    return max(moment, local_midnight(later, zone))


def payment_dates(
    moment: datetime, schedule: Schedule, zone: ZoneInfo
) -> tuple[datetime, datetime | None]:
    """Give when a bill of this moment is due, and when it suspends (None = never)."""
    due_at = days_later(moment, schedule.due_days, zone)
    if not schedule.auto_suspend:
        return due_at, None
    return due_at, days_later(due_at, schedule.grace_days, zone)


def terms_of(
    start: datetime, day: int, schedule: Schedule, zone: ZoneInfo
) -> PeriodTerms:
    """Give the period that starts at a moment, with its terms."""
    period = period_from(start, day, zone)
    moment = billing_moment(period, schedule, zone)
    due_at, suspend_at = payment_dates(moment, schedule, zone)
    return PeriodTerms(
        period,
        moment,
        due_at,
        suspend_at,
        _moment_after(period.end, day, schedule, zone),
        service_date(period.start, zone),
        period_text(period.start, period.end, zone),
        period.start.isoformat(),
    )


# Starts on boundaries are few (31 a month and schedule) and are asked for once a
# customer; first periods start at any minute and use terms_of.
period_terms = lru_cache(maxsize=8192)(terms_of)


def periods_due(
    start: datetime,
    day: int,
    schedule: Schedule,
    as_of: datetime,
    *,
    zone: ZoneInfo,
    bound: int,
) -> list[PeriodTerms]:
    """Give the periods from start on that are to be billed by now, at most bound."""
    due: list[PeriodTerms] = []
    terms = terms_of(start, day, schedule, zone)
    while terms.billing_moment <= as_of and len(due) < bound:
        due.append(terms)
        terms = period_terms(terms.period.end, day, schedule, zone)
    return due


def period_text(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """Say a period as people do: its first day to its last; with times within a day."""
    return f"{_day_text(start, start, zone)} to {_day_text(end, end - _INSTANT, zone)}"


def _day_text(moment: datetime, within: datetime, zone: ZoneInfo) -> str:
    day = service_date(within, zone)
    if moment in (local_midnight(day, zone), local_midnight(day + _ONE_DAY, zone)):
        return day.isoformat()
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


@lru_cache(maxsize=8192)
def _moment_after(
    start: datetime, day: int, schedule: Schedule, zone: ZoneInfo
) -> datetime:
    return billing_moment(period_from(start, day, zone), schedule, zone)


@lru_cache(maxsize=4096)
def _boundaries_near(
    year: int, month: int, day: int, zone: ZoneInfo
) -> tuple[datetime, ...]:
    # One month more than seems needed: where clocks go back over midnight (St John's
    # until 2011), the civil date falls behind a boundary that has passed.
    first = year * 12 + month - 1
    return tuple(
        boundary(months // 12, months % 12 + 1, day, zone)
        for months in range(first - 1, first + 3)
    )
