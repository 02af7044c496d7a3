"""What a session is worth, and how far an amount reaches."""

from decimal import Decimal as D

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing_core.money import round_money
from billing_core.tariff import (
    Tariff,
    TariffError,
    affordable_octets,
    affordable_seconds,
    first_increment_worth_minor,
    session_worth,
    session_worth_minor,
)

MB = 10**6
ONE_A_MINUTE = Tariff(price_per_minute=D("1"))
TWO_A_MB = Tariff(price_per_mb=D("2"))


def money(max_value):
    return st.decimals(0, max_value, places=2)


tariffs = st.builds(
    Tariff,
    setup_fee=money(20),
    price_per_minute=st.decimals(0, 50, places=6),
    price_per_mb=st.decimals(0, 50, places=6),
    increment_seconds=st.integers(1, 3600),
    increment_octets=st.sampled_from([1, 7, 1000, MB, 10**9]),
    minimum_charge=money(20),
    free_seconds=st.integers(0, 600),
    vat_percent=st.decimals(0, 100, places=2),
    vat_inclusive=st.booleans(),
)
seconds_used = st.integers(0, 10**7)
octets_used = st.integers(0, 10**13)


def worth_as_defined(tariff, seconds, octets):
    """The definition, word for word, in Decimal."""
    counted = max(seconds - tariff.free_seconds, 0)
    if not counted and not (octets and tariff.price_per_mb):
        return D("0.00")
    whole_seconds = -(-counted // tariff.increment_seconds) * tariff.increment_seconds
    whole_octets = -(-octets // tariff.increment_octets) * tariff.increment_octets
    sixtieths = (
        tariff.setup_fee * 60
        + whole_seconds * tariff.price_per_minute
        + 60 * tariff.price_per_mb * whole_octets / MB
    )
    sixtieths = max(sixtieths, tariff.minimum_charge * 60)
    if not tariff.vat_inclusive:
        sixtieths = sixtieths * (100 + tariff.vat_percent) / 100
    # One division, last, with 28 digits: never near enough to half a unit to matter.
    return round_money(sixtieths / 60)


@pytest.mark.parametrize(
    ("tariff", "seconds", "octets", "worth"),
    [
        (ONE_A_MINUTE, 0, 0, "0"),
        (ONE_A_MINUTE, 90, 0, "1.50"),
        (ONE_A_MINUTE, 1, 0, "0.02"),
        (ONE_A_MINUTE, 90, 10**9, "1.50"),
        (TWO_A_MB, 3600, 1_500_000, "3.00"),
        (TWO_A_MB, 3600, 0, "0"),
        (Tariff(price_per_minute=D("1"), increment_seconds=60), 61, 0, "2"),
        (Tariff(price_per_mb=D("2"), increment_octets=MB), 0, 1, "2"),
        (Tariff(price_per_minute=D("1"), setup_fee=D("5")), 0, 0, "0"),
        (Tariff(price_per_minute=D("1"), setup_fee=D("5")), 60, 0, "6"),
        (Tariff(setup_fee=D("5")), 1, 0, "5"),
        (Tariff(price_per_minute=D("1"), minimum_charge=D("3")), 1, 0, "3"),
        (Tariff(price_per_minute=D("1"), minimum_charge=D("3")), 240, 0, "4"),
        (Tariff(price_per_minute=D("1"), free_seconds=60), 60, 0, "0"),
        (Tariff(price_per_minute=D("1"), free_seconds=60), 120, 0, "1"),
        (Tariff(setup_fee=D("5"), price_per_mb=D("2"), free_seconds=60), 9, MB, "7"),
        (Tariff(price_per_minute=D("1"), vat_percent=D("15")), 60, 0, "1"),
        (
            Tariff(price_per_minute=D("1"), vat_percent=D("15"), vat_inclusive=False),
            60,
            0,
            "1.15",
        ),
        # The minimum is a price like the others: VAT comes on top of it.
        (
            Tariff(
                price_per_minute=D("1"),
                minimum_charge=D("10"),
                vat_percent=D("5"),
                vat_inclusive=False,
            ),
            60,
            0,
            "10.50",
        ),
        (Tariff(price_per_minute=D("0.3")), 1, 0, "0.01"),
        (Tariff(price_per_minute=D("0.299999")), 1, 0, "0.00"),
    ],
)
def test_a_session_is_worth_what_the_price_list_says(tariff, seconds, octets, worth):
    assert session_worth(tariff, seconds, octets) == D(worth)


def test_worth_is_money_with_two_digits():
    assert str(session_worth(ONE_A_MINUTE, 0, 0)) == "0.00"
    assert str(session_worth(ONE_A_MINUTE, 600, 0)) == "10.00"


@given(tariffs, seconds_used, octets_used)
def test_the_integers_equal_the_definition(tariff, seconds, octets):
    worth = session_worth(tariff, seconds, octets)
    assert worth == worth_as_defined(tariff, seconds, octets)
    assert worth.scaleb(2) == session_worth_minor(tariff, seconds, octets)


@given(tariffs, seconds_used, octets_used, seconds_used, octets_used)
def test_worth_never_falls_as_usage_grows(tariff, seconds, octets, more, more_octets):
    before = session_worth(tariff, seconds, octets)
    assert session_worth(tariff, seconds + more, octets + more_octets) >= before


@given(tariffs, st.lists(st.tuples(seconds_used, octets_used), max_size=20))
def test_charging_by_difference_adds_up_to_the_last_worth(tariff, reports):
    charged = seconds = octets = 0
    for more_seconds, more_octets in reports:
        seconds, octets = seconds + more_seconds, octets + more_octets
        difference = session_worth(tariff, seconds, octets) - charged
        assert difference >= 0
        charged += difference
    assert charged == session_worth(tariff, seconds, octets)


@given(tariffs, money(10_000))
@example(Tariff(price_per_minute=D("0.3")), D("0"))
def test_affordable_seconds_are_the_most_the_amount_pays(tariff, amount):
    seconds = affordable_seconds(tariff, amount)
    if seconds is None:
        assert session_worth(tariff, 10**15, 0) <= amount
    else:
        assert session_worth(tariff, seconds, 0) <= amount
        assert session_worth(tariff, seconds + 1, 0) > amount


@given(tariffs, money(10_000))
def test_affordable_octets_are_the_most_the_amount_pays(tariff, amount):
    octets = affordable_octets(tariff, amount)
    if octets is None:
        assert session_worth(tariff, 0, 10**20) <= amount
    else:
        assert session_worth(tariff, 0, octets) <= amount
        assert session_worth(tariff, 0, octets + 1) > amount


def test_a_debt_affords_nothing():
    assert affordable_seconds(ONE_A_MINUTE, D("-1")) == 0
    assert affordable_octets(TWO_A_MB, D("-1")) == 0


def test_only_free_seconds_are_affordable_when_the_set_up_fee_is_not():
    tariff = Tariff(setup_fee=D("5"), price_per_minute=D("1"), free_seconds=30)
    assert affordable_seconds(tariff, D("4.99")) == 30


def test_beginning_costs_the_fee_and_an_increment_of_each_dimension():
    tariff = Tariff(
        setup_fee=D("5"),
        price_per_minute=D("1"),
        price_per_mb=D("2"),
        increment_seconds=60,
        increment_octets=MB,
        free_seconds=30,
    )
    assert first_increment_worth_minor(tariff) == 800


@pytest.mark.parametrize(
    "wrong",
    [
        {"setup_fee": D("-1")},
        {"setup_fee": D("0.001")},
        {"price_per_minute": D("0.0000001")},
        {"price_per_mb": D("NaN")},
        {"vat_percent": D("7.125")},
        {"increment_seconds": 0},
        {"increment_octets": 0},
        {"free_seconds": -1},
    ],
)
def test_an_impossible_tariff_is_refused_by_name(wrong):
    with pytest.raises(TariffError, match=next(iter(wrong))):
        Tariff(**wrong)


def test_tariffs_compare_by_value():
    assert Tariff(price_per_minute=D("1.00")) == Tariff(price_per_minute=D("1"))
