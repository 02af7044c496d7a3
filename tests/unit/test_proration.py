"""Parts of a cycle sum to its price, and cost their real minutes' share."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.cycles import period_holding
from billing_core.proration import (
    ProrationError,
    Stretch,
    minutes_between,
    outside,
    part_price,
    split_price,
    unused_part,
    worth_until,
)

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
MINUTES = 30 * 24 * 60
prices = st.decimals(D("0.01"), 1_000_000, places=2)
minutes = st.integers(0, MINUTES)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@given(prices, st.lists(minutes, max_size=8))
def test_the_parts_of_a_cycle_sum_to_its_price(price, cuts):
    parts = split_price(price, START, END, map(at, cuts))
    assert len(parts) == len(cuts) + 1
    assert sum(parts) == price


@given(prices, minutes, minutes)
def test_a_part_costs_its_share_to_the_minor_unit(price, one, other):
    start, end = sorted((one, other))
    part = part_price(price, START, END, at(start), at(end))
    exact = Fraction(price) * (end - start) / MINUTES
    assert abs(Fraction(part) - exact) <= Fraction(1, 100)
    assert part == part.quantize(D("0.01"))
    assert part >= 0


@given(prices, minutes)
def test_the_worth_up_to_a_moment_is_rounded_half_up_once(price, minute):
    cents = Fraction(price) * 100 * minute / MINUTES
    rounded = (cents + Fraction(1, 2)).__floor__()
    assert worth_until(price, START, END, at(minute)) == D(rounded).scaleb(-2)


@given(prices, minutes)
def test_used_and_unused_parts_sum_to_what_was_charged(price, minute):
    used = worth_until(price, START, END, at(minute))
    assert used + unused_part(price, START, END, at(minute)) == price


def test_all_is_unused_before_the_start_and_nothing_after_the_end():
    day = timedelta(days=1)
    assert unused_part(D("500.00"), START, END, START - day) == D("500.00")
    assert unused_part(D("500.00"), START, END, END + day) == 0


def test_half_a_month_costs_half():
    assert part_price(D("500.00"), START, END, at(0), at(MINUTES // 2)) == D("250.00")


@pytest.mark.parametrize(
    ("day", "month", "hours"), [(8, 3, 23), (9, 3, 24), (1, 11, 25), (2, 11, 24)]
)
def test_a_day_on_which_the_clock_changes_costs_its_real_hours(day, month, hours):
    cycle = period_holding(datetime(2026, month, 15, tzinfo=UTC), 1, NEW_YORK)
    start = datetime(2026, month, day, tzinfo=NEW_YORK).astimezone(UTC)
    end = datetime(2026, month, day + 1, tzinfo=NEW_YORK).astimezone(UTC)
    assert minutes_between(start, end) == hours * 60
    # A price of a cent a minute of the cycle.
    whole = minutes_between(cycle.start, cycle.end)
    price = D(whole).scaleb(-2)
    assert part_price(price, cycle.start, cycle.end, start, end) == D(
        hours * 60
    ).scaleb(-2)


def test_what_is_not_within_the_cycle_has_no_price():
    with pytest.raises(ProrationError, match="2026-12-02"):
        worth_until(D("500.00"), START, END, END + timedelta(days=1))
    with pytest.raises(ProrationError):
        worth_until(D("500.00"), START, END, START - timedelta(minutes=1))
    with pytest.raises(ProrationError):
        worth_until(D("500.00"), START, START, START)


stretches = st.lists(
    st.tuples(st.integers(-50, 250), st.integers(1, 80)), max_size=6
).map(lambda pairs: [Stretch(at(a), at(a + length)) for a, length in pairs])


@given(st.integers(0, 200), st.integers(0, 200), stretches)
def test_what_is_outside_is_found_minute_by_minute(one, other, left_out):
    start, end = sorted((one, other))
    expected = {
        minute
        for minute in range(start, end)
        if not any(gap.start <= at(minute) < gap.end for gap in left_out)
    }
    parts = outside(at(start), at(end), left_out)
    found = [
        minute
        for first, last in parts
        for minute in range(minutes_between(START, first), minutes_between(START, last))
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert all(first < last for first, last in parts)
    assert all(one[1] < following[0] for one, following in pairwise(parts))


def test_a_stretch_that_goes_on_leaves_nothing_after_it():
    assert outside(at(0), at(100), [Stretch(at(40), None)]) == [(at(0), at(40))]
    assert outside(at(50), at(100), [Stretch(at(40), None)]) == []
