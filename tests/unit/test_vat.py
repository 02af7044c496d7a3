"""VAT rates begin on their day, and totals are the sums of their lines."""

from datetime import date
from decimal import Decimal as D
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.money import VatSplit, split_vat
from billing_core.vat import (
    VatProfile,
    VatProfileError,
    rate_on,
    sum_of,
    totals_by_rate,
)

BUDGET_DAY = date(2027, 7, 1)


class Line(NamedTuple):
    net: D
    vat_percent: D
    vat: D
    gross: D


def a_profile(*rates: tuple[date, str]) -> VatProfile:
    return VatProfile(1, "Internet", True, tuple((day, D(p)) for day, p in rates))


def a_line(amount: D, percent: D, inclusive: bool) -> Line:
    split = split_vat(amount, percent, inclusive=inclusive)
    return Line(split.net, percent, split.vat, split.gross)


amounts = st.decimals(D("0.01"), 1_000_000, places=2)
percents = st.one_of(
    st.sampled_from([D("0.00"), D("5.00"), D("7.50"), D("15.00")]),
    st.decimals(0, 100, places=2),
)
lines = st.builds(a_line, amounts, percents, st.booleans())


def test_a_rate_holds_from_its_day_until_the_next_one():
    profile = a_profile((BUDGET_DAY, "15.00"), (date(2020, 1, 1), "5.00"))
    assert rate_on(profile, date(2020, 1, 1)) == D("5.00")
    assert rate_on(profile, date(2027, 6, 30)) == D("5.00")
    assert rate_on(profile, BUDGET_DAY) == D("15.00")
    assert rate_on(profile, date(2099, 1, 1)) == D("15.00")


def test_before_the_first_rate_there_is_none():
    profile = a_profile((BUDGET_DAY, "15.00"))
    assert rate_on(profile, date(2027, 6, 30)) is None
    assert rate_on(a_profile(), BUDGET_DAY) is None


@given(
    st.dictionaries(
        st.dates(date(2020, 1, 1), date(2030, 1, 1)),
        st.decimals(0, 100, places=2),
        max_size=6,
    ),
    st.dates(date(2019, 6, 1), date(2030, 6, 1)),
    st.randoms(use_true_random=False),
)
def test_the_latest_rate_that_has_begun_is_in_force(rates, day, dice):
    listed = list(rates.items())
    dice.shuffle(listed)
    begun = [first for first in rates if first <= day]
    expected = rates[max(begun)] if begun else None
    assert rate_on(VatProfile(1, "Internet", True, tuple(listed)), day) == expected


@pytest.mark.parametrize("percent", ["-0.01", "100.01", "5.005", "NaN"])
def test_an_impossible_rate_is_refused(percent):
    with pytest.raises(VatProfileError, match="2027-07-01"):
        a_profile((BUDGET_DAY, percent))


def test_a_day_with_two_rates_is_refused():
    with pytest.raises(VatProfileError, match="two rates"):
        a_profile((BUDGET_DAY, "5.00"), (BUDGET_DAY, "15.00"))


@given(amounts, percents)
def test_vat_taken_out_of_a_price_leaves_the_price(amount, percent):
    line = a_line(amount, percent, True)
    assert line.gross == amount
    assert line.net + line.vat == amount
    exact = Fraction(amount) * 100 / (100 + Fraction(percent))
    assert abs(Fraction(line.net) - exact) <= Fraction(1, 200)
    assert line.vat >= 0


@given(amounts, percents)
def test_vat_put_on_a_price_leaves_the_net(amount, percent):
    line = a_line(amount, percent, False)
    assert line.net == amount
    exact = Fraction(amount) * Fraction(percent) / 100
    assert abs(Fraction(line.vat) - exact) <= Fraction(1, 200)
    assert line.gross == amount + line.vat


@given(amounts, percents)
def test_vat_put_on_a_price_is_found_again_in_the_gross(amount, percent):
    added = split_vat(amount, percent, inclusive=False)
    assert split_vat(added.gross, percent, inclusive=True) == added


@given(st.lists(lines, max_size=8))
def test_a_total_is_the_sum_of_its_lines_whatever_their_rates(bill_lines):
    total = sum_of(bill_lines)
    assert total.net == sum(line.net for line in bill_lines)
    assert total.vat == sum(line.vat for line in bill_lines)
    assert total.gross == sum(line.gross for line in bill_lines)
    assert total.net + total.vat == total.gross


@given(st.lists(lines, max_size=8))
def test_the_totals_of_the_rates_sum_to_the_total(bill_lines):
    by_rate = totals_by_rate(bill_lines)
    assert sum_of(by_rate.values()) == sum_of(bill_lines)
    assert list(by_rate) == sorted({line.vat_percent for line in bill_lines})


def test_lines_of_mixed_rates_are_told_apart():
    mixed = [
        a_line(D("525.00"), D("5.00"), True),
        a_line(D("100.00"), D("15.00"), False),
        a_line(D("105.00"), D("5.00"), True),
    ]
    assert totals_by_rate(mixed) == {
        D("5.00"): VatSplit(D("600.00"), D("30.00"), D("630.00")),
        D("15.00"): VatSplit(D("100.00"), D("15.00"), D("115.00")),
    }
