"""Service days tile, and any validity of them costs the price."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing_core.money import round_money
from billing_core.service_days import (
    COVERED_DAYS_MAX,
    DayPrice,
    DayPriceError,
    covered_until,
    day_amount,
    day_bounds,
    day_charge,
    service_date,
)

DHAKA = ZoneInfo("Asia/Dhaka")
TODAY = date(2026, 11, 24)
# Clocks that jump at midnight, show it twice, and a zone that skipped a whole day.
zones = st.sampled_from(
    ["Asia/Dhaka", "UTC", "America/Sao_Paulo", "America/Havana", "Pacific/Apia"]
).map(ZoneInfo)
dates = st.dates(date(2000, 1, 1), date(2100, 1, 1))
prices = st.decimals(D("0.01"), 100_000, places=2)
day_prices = st.builds(
    DayPrice,
    price=prices,
    validity_days=st.integers(1, 40),
    vat_percent=st.sampled_from([D("0"), D("5"), D("7.5"), D("15")]),
    vat_inclusive=st.booleans(),
)


def test_the_day_begins_at_the_isp_s_midnight():
    assert service_date(datetime(2026, 11, 24, 17, 59, tzinfo=UTC), DHAKA) == TODAY
    assert service_date(datetime(2026, 11, 24, 18, 0, tzinfo=UTC), DHAKA) == date(
        2026, 11, 25
    )


def test_the_bounds_of_a_day_are_half_open_in_utc():
    assert day_bounds(TODAY, DHAKA) == (
        datetime(2026, 11, 23, 18, tzinfo=UTC),
        datetime(2026, 11, 24, 18, tzinfo=UTC),
    )


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)), zones)  # noqa: DTZ001 - the zone is added below
@example(datetime(2018, 11, 4, 2, 30), ZoneInfo("America/Sao_Paulo"))  # noqa: DTZ001 - as above
@example(datetime(2018, 2, 18, 1, 30), ZoneInfo("America/Sao_Paulo"))  # noqa: DTZ001 - as above
@example(datetime(2026, 11, 1, 4, 30), ZoneInfo("America/Havana"))  # noqa: DTZ001 - as above
@example(datetime(2011, 12, 30, 10, 0), ZoneInfo("Pacific/Apia"))  # noqa: DTZ001 - as above
def test_each_moment_lies_within_its_day(moment, zone):
    now = moment.replace(tzinfo=UTC)
    start, end = day_bounds(service_date(now, zone), zone)
    assert start <= now < end


@given(dates, zones)
def test_a_day_ends_where_the_next_begins(day, zone):
    assert day_bounds(day, zone)[1] == day_bounds(day + timedelta(days=1), zone)[0]


@given(prices, st.integers(1, 400), dates)
def test_any_validity_of_days_in_a_row_costs_the_price(price, validity_days, first):
    days = [first + timedelta(days=n) for n in range(validity_days)]
    assert sum(day_amount(price, validity_days, day) for day in days) == price


@given(prices, st.integers(1, 400), dates)
def test_a_day_costs_the_even_share_to_the_minor_unit(price, validity_days, day):
    amount = day_amount(price, validity_days, day)
    assert amount == round_money(amount)
    assert abs(amount - price / validity_days) < D("0.01")


def test_vat_on_top_is_part_of_what_a_day_costs():
    day_price = DayPrice(D("30.00"), 30, D("15"), vat_inclusive=False)
    assert day_charge(day_price, TODAY).gross == D("1.15")


def covered_day_by_day(available, day_price, today, *, today_is_charged):
    """Charge one day after the other until the wallet cannot."""
    last = today if today_is_charged else None
    day = today + timedelta(days=1) if today_is_charged else today
    while (day - today).days <= COVERED_DAYS_MAX:
        available -= day_charge(day_price, day).gross
        if available < 0:
            break
        last, day = day, day + timedelta(days=1)
    return last


@given(st.decimals(-10, 2000, places=2), day_prices, dates, st.booleans())
def test_the_wallet_covers_as_many_days_as_it_can_be_charged(
    available, day_price, today, today_is_charged
):
    assert covered_until(
        available, day_price, today, today_is_charged=today_is_charged
    ) == covered_day_by_day(
        available, day_price, today, today_is_charged=today_is_charged
    )


def test_an_empty_wallet_covers_only_a_day_that_is_charged():
    day_price = DayPrice(D("300.00"), 30)
    assert covered_until(D("0"), day_price, TODAY, today_is_charged=True) == TODAY
    assert covered_until(D("9.99"), day_price, TODAY, today_is_charged=False) is None
    assert covered_until(D("10"), day_price, TODAY, today_is_charged=False) == TODAY


def test_a_debt_pays_for_no_further_day():
    day_price = DayPrice(D("0.05"), 30)
    assert covered_until(D("-0.01"), day_price, TODAY, today_is_charged=True) == TODAY


@pytest.mark.parametrize(
    "wrong",
    [
        (D("0"), 30),
        (D("-5"), 30),
        (D("1.005"), 30),
        (D("300"), 0),
        (D("300"), 3661),
        (D("300"), 30, D("-1")),
    ],
)
def test_an_impossible_daily_price_is_refused(wrong):
    with pytest.raises(DayPriceError):
        DayPrice(*wrong)
