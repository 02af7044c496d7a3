"""Periods tile, and are billed when the profile says; checked by walking the days."""

import random
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from functools import cache
from itertools import pairwise, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing_core.cycles import (
    DAY,
    FIRST,
    MANUAL,
    RENEWAL,
    Schedule,
    ScheduleError,
    boundary,
    boundary_after,
    boundary_day,
    boundary_until,
    check_schedule,
    days_later,
    is_boundary,
    minute_of,
    next_period,
    payment_dates,
    period_from,
    period_holding,
    period_terms,
    period_text,
    periods_due,
)
from billing_core.proration import split_price

DHAKA = ZoneInfo("Asia/Dhaka")
APIA = ZoneInfo("Pacific/Apia")
ST_JOHNS = ZoneInfo("America/St_Johns")
ZONES = ("Asia/Dhaka", "America/New_York", "Pacific/Apia")
# Two 29 Februaries, Dhaka's only summer time, and the day that Samoa left out.
FIRST_DAY, LAST_DAY = date(2008, 1, 1), date(2012, 12, 31)
MONTHS = 60
ONE_DAY = timedelta(days=1)
DUE_DAYS, GRACE_DAYS = 7, 3


@cache
def midnights(zone_name: str) -> dict[date, datetime]:
    """Find when each civil day begins by looking at the clock every half hour."""
    zone = ZoneInfo(zone_name)
    begins: dict[date, datetime] = {}
    moment = datetime(2007, 12, 1, tzinfo=UTC)
    following = date(2007, 12, 3)
    while following < date(2013, 7, 1):
        while moment.astimezone(zone).date() >= following:
            begins[following] = moment
            following += ONE_DAY
        moment += timedelta(minutes=30)
    return begins


@cache
def clock(zone_name: str) -> tuple[list[date], list[datetime]]:
    begins = midnights(zone_name)
    return list(begins), list(begins.values())


def is_cycle_day(day: date, wanted: int) -> bool:
    is_last = (day + ONE_DAY).month != day.month
    return day.day == wanted or (is_last and day.day < wanted)


@cache
def walked_boundaries(zone_name: str, wanted: int) -> list[tuple[date, datetime]]:
    begins = midnights(zone_name)
    return [(day, begins[day]) for day in begins if is_cycle_day(day, wanted)]


def walked_midnight(zone_name: str, moment: datetime, days: int) -> datetime:
    days_in_order, moments_in_order = clock(zone_name)
    today = days_in_order[bisect_right(moments_in_order, moment) - 1]
    return midnights(zone_name)[today + days * ONE_DAY]


@cache
def walked_payment_dates(zone_name: str, moment: datetime) -> tuple[datetime, datetime]:
    due = max(moment, walked_midnight(zone_name, moment, DUE_DAYS))
    return due, walked_midnight(zone_name, due, GRACE_DAYS)


def expected_terms(
    zone_name: str, anchor: int, schedule: Schedule, activated_at: datetime
) -> list[tuple[datetime, ...]]:
    wanted = anchor
    if schedule.cycle_ends_with_month or schedule.trigger == FIRST:
        wanted = 1
    ends = date(2013, 5, 1)
    boundaries = [b for b in walked_boundaries(zone_name, wanted) if b[0] < ends]
    cuts = [b for b in boundaries if b[1] > activated_at]
    delayed = {}
    if schedule.trigger == DAY and schedule.cycle_ends_with_month:
        delayed = {
            (day.year, day.month): moment
            for day, moment in walked_boundaries(zone_name, anchor)
        }
    first_month = FIRST_DAY if wanted == 1 else cuts[0][0]
    terms = []
    for (start_day, start), (end_day, end) in pairwise(
        [(first_month, activated_at), *cuts]
    ):
        month, moment = (start_day, start) if schedule.in_advance else (end_day, end)
        moment = max(moment, delayed.get((month.year, month.month), moment))
        terms.append((start, end, moment, *walked_payment_dates(zone_name, moment)))
    return terms


@pytest.mark.parametrize("zone_name", ZONES)
@pytest.mark.parametrize("trigger", [RENEWAL, FIRST, DAY, MANUAL])
def test_sixty_months_of_each_anchor_day_are_what_walking_the_days_finds(
    zone_name, trigger
):
    zone = ZoneInfo(zone_name)
    as_of = midnights(zone_name)[LAST_DAY] + ONE_DAY
    for anchor, in_advance, ends_with_month in product(
        range(1, 32), (True, False), (True, False)
    ):
        schedule = Schedule(
            trigger,
            anchor if trigger == DAY else None,
            in_advance,
            ends_with_month,
            DUE_DAYS,
            GRACE_DAYS,
        )
        activated_at = midnights(zone_name)[FIRST_DAY + (anchor - 1) * ONE_DAY]
        activated_at += timedelta(hours=15, minutes=30)
        day = boundary_day(schedule, activated_at, zone)
        found = periods_due(
            activated_at, day, schedule, as_of, zone=zone, bound=MONTHS * 2
        )
        expected = [
            terms
            for terms in expected_terms(zone_name, anchor, schedule, activated_at)
            if terms[2] <= as_of
        ]
        assert [
            (t.period.start, t.period.end, t.billing_moment, t.due_at, t.suspend_at)
            for t in found
        ] == expected, (anchor, in_advance, ends_with_month)
        # In advance one a month; a bill day before the anchor's adds the month's rest.
        assert MONTHS - 1 <= len(found) <= MONTHS + 1
        for one, following in pairwise(found):
            assert one.period.end == following.period.start
            assert one.next_billing_moment == following.billing_moment
            assert following.period.start == following.period.cycle_start


@pytest.mark.parametrize("zone_name", ZONES)
def test_parts_of_every_cycle_sum_to_its_price_wherever_it_is_cut(zone_name):
    zone, dice = ZoneInfo(zone_name), random.Random(zone_name)
    for anchor in range(1, 32):
        period = period_holding(midnights(zone_name)[FIRST_DAY], anchor, zone)
        for _ in range(MONTHS):
            minutes = int((period.end - period.start).total_seconds()) // 60
            cuts = [
                period.start + timedelta(minutes=dice.randint(0, minutes))
                for _ in range(dice.randint(0, 4))
            ]
            price = D(dice.randint(1, 999_999)).scaleb(-2)
            parts = split_price(price, period.start, period.end, cuts)
            assert sum(parts) == price
            assert min(parts) >= 0
            period = next_period(period, anchor, zone)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def local(zone: ZoneInfo, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type,misc]


def test_the_thirty_first_is_the_last_day_of_each_month():
    period = period_holding(local(DHAKA, 2028, 1, 31, 12), 31, DHAKA)
    ends = []
    for _ in range(4):
        ends.append(period.end.astimezone(DHAKA).date())
        period = next_period(period, 31, DHAKA)
    assert ends == [
        date(2028, 2, 29),
        date(2028, 3, 31),
        date(2028, 4, 30),
        date(2028, 5, 31),
    ]


def test_who_joins_on_the_29th_of_february_renews_on_the_29th():
    joined = local(DHAKA, 2028, 2, 29, 10, 20)
    day = boundary_day(Schedule(), joined, DHAKA)
    period = period_from(joined, day, DHAKA)
    assert period.cycle_start == local(DHAKA, 2028, 2, 29)
    assert period.end == local(DHAKA, 2028, 3, 29)
    assert boundary_until(local(DHAKA, 2029, 3, 1), day, DHAKA) == local(
        DHAKA, 2029, 2, 28
    )


def test_the_day_that_samoa_left_out_begins_when_the_next_one_does():
    assert boundary(2011, 12, 30, APIA) == boundary(2011, 12, 31, APIA)
    assert boundary(2011, 12, 30, APIA) == utc(2011, 12, 30, 10)
    assert days_later(local(APIA, 2011, 12, 29), 1, APIA) == utc(2011, 12, 30, 10)


def test_the_month_in_which_samoa_left_a_day_out_has_thirty():
    period = period_holding(local(APIA, 2011, 12, 10), 1, APIA)
    assert period.end - period.start == timedelta(days=30)


def test_an_hour_that_comes_twice_over_midnight_stays_in_the_new_cycle():
    # On 2010-11-07 at 00:01 St John's went back to 23:01 of the 6th.
    again = utc(2010, 11, 7, 2, 45)
    assert again.astimezone(ST_JOHNS).date() == date(2010, 11, 6)
    assert boundary_until(again, 7, ST_JOHNS) == utc(2010, 11, 7, 2, 30)
    assert boundary_after(again, 7, ST_JOHNS) == local(ST_JOHNS, 2010, 12, 7)


zones = st.sampled_from(
    ["Asia/Dhaka", "America/Havana", "America/St_Johns", "Pacific/Apia"]
).map(ZoneInfo)
moments = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.just(UTC),
)


@given(moments, st.integers(1, 31), zones)
@example(utc(2010, 11, 7, 2, 45), 7, ST_JOHNS)
@example(utc(2011, 12, 30, 10), 30, APIA)
@example(utc(2011, 12, 30, 9, 59), 31, APIA)
def test_each_moment_lies_in_one_cycle(moment, day, zone):
    period = period_holding(moment, day, zone)
    assert period.start <= moment < period.end
    assert is_boundary(period.start, day, zone)
    assert is_boundary(period.end, day, zone)
    assert boundary_after(period.start, day, zone) == period.end


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Schedule(RENEWAL), 24),
        (Schedule(MANUAL), 24),
        (Schedule(FIRST), 1),
        (Schedule(DAY, 10), 10),
        (Schedule(DAY, 10, cycle_ends_with_month=True), 1),
        (Schedule(RENEWAL, cycle_ends_with_month=True), 1),
        (Schedule(MANUAL, cycle_ends_with_month=True), 1),
    ],
)
def test_the_boundary_day_is_the_trigger_s(schedule, expected):
    # 23 November in UTC, 24 November in Dhaka.
    assert boundary_day(schedule, utc(2026, 11, 23, 19), DHAKA) == expected


def test_the_text_of_a_period_names_its_last_day_and_times_within_a_day():
    assert (
        period_text(local(DHAKA, 2026, 11, 1), local(DHAKA, 2026, 12, 1), DHAKA)
        == "2026-11-01 to 2026-11-30"
    )
    assert (
        period_text(local(DHAKA, 2026, 11, 4, 9, 5), local(DHAKA, 2026, 12, 1), DHAKA)
        == "2026-11-04 09:05 to 2026-11-30"
    )
    assert (
        period_text(local(DHAKA, 2026, 11, 4), local(DHAKA, 2026, 11, 9, 8), DHAKA)
        == "2026-11-04 to 2026-11-09 08:00"
    )


def test_a_bill_is_due_and_suspends_at_local_midnights():
    noon = local(DHAKA, 2026, 11, 24, 12)
    schedule = Schedule(due_days=7, grace_days=2)
    assert payment_dates(noon, schedule, DHAKA) == (
        local(DHAKA, 2026, 12, 1),
        local(DHAKA, 2026, 12, 3),
    )


def test_a_bill_without_due_days_is_due_when_it_is_made_not_before():
    noon = local(DHAKA, 2026, 11, 24, 12)
    assert payment_dates(noon, Schedule(due_days=0), DHAKA) == (noon, noon)


def test_without_auto_suspend_no_bill_suspends():
    noon = local(DHAKA, 2026, 11, 24, 12)
    assert payment_dates(noon, Schedule(auto_suspend=False), DHAKA)[1] is None


def test_periods_due_stop_at_the_bound():
    start, as_of = local(DHAKA, 2020, 1, 1), local(DHAKA, 2026, 1, 1)
    due = periods_due(start, 1, Schedule(), as_of, zone=DHAKA, bound=5)
    assert [terms.period.start.astimezone(DHAKA).month for terms in due] == [
        1,
        2,
        3,
        4,
        5,
    ]


def test_nothing_is_due_before_the_first_billing_moment():
    start = local(DHAKA, 2026, 11, 24, 12)
    before = start - timedelta(minutes=1)
    assert periods_due(start, 24, Schedule(), before, zone=DHAKA, bound=5) == []
    assert len(periods_due(start, 24, Schedule(), start, zone=DHAKA, bound=5)) == 1


def test_terms_are_the_same_whichever_zone_a_start_is_written_in():
    start = local(DHAKA, 2026, 11, 1)
    terms = period_terms(start.astimezone(DHAKA), 1, Schedule(), DHAKA)
    assert terms == period_terms(start, 1, Schedule(), DHAKA)
    assert terms.subject == "2026-10-31T18:00:00+00:00"


def test_service_begins_with_its_minute():
    assert minute_of(datetime(2026, 1, 1, 2, 3, 59, 7, tzinfo=UTC)) == utc(
        2026, 1, 1, 2, 3
    )


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule("weekly"),
        Schedule(DAY),
        Schedule(RENEWAL, 5),
        Schedule(DAY, 0),
        Schedule(DAY, 32),
        Schedule(due_days=-1),
        Schedule(grace_days=-1),
        Schedule(due_days=367),
        Schedule(grace_days=367),
    ],
)
def test_a_schedule_that_contradicts_itself_is_refused(schedule):
    with pytest.raises(ScheduleError):
        check_schedule(schedule)
