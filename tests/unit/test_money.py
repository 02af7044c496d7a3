"""Money: what is read, what is refused, and the one rounding."""

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from billing_core.errors import BillingError
from billing_core.money import (
    AMOUNT_MAX,
    AmountError,
    CurrencyMismatchError,
    Money,
    add,
    parse_amount,
    round_money,
    split_vat,
)

amounts = st.decimals(-(10**12), 10**12, places=2)
prices = st.decimals(0, 10**9, places=2)
percents = st.decimals(0, 100, places=2)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("500", "500.00"),
        ("0.05", "0.05"),
        (".5", "0.50"),
        (" 1,500.00 ", "1500.00"),
        ("1,00,000.00", "100000.00"),
        ("12,34,567.5", "1234567.50"),
        ("1,234,567.50", "1234567.50"),
        ("৫০০", "500.00"),
        ("১২,৩৪,৫৬৭.৫০", "1234567.50"),
        ("-45.50", "-45.50"),
        ("+45.50", "45.50"),
        ("1.500", "1.50"),
        ("99999999999999.99", "99999999999999.99"),
    ],
)
def test_what_people_type_is_read(typed: str, read: str) -> None:
    assert str(parse_amount(typed)) == read


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "  ",
        "abc",
        "1.005",
        "0.001",
        "৫.০০৫",
        "1e3",
        "1E-3",
        "1_000",
        "0x10",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        "1.2.3",
        "--5",
        "5-",
        "১২a",
        "100000000000000",
        "1e400",
        "½",
        "৳500",
        "5\x00",
    ],
)
def test_what_is_no_amount_is_refused_and_named(typed: str) -> None:
    with pytest.raises(AmountError) as refused:
        parse_amount(typed)
    assert repr(typed) in str(refused.value)


@pytest.mark.parametrize("typed", ["1,5", "12,50", "1,50.00", ",500", "500,", "1,,000"])
def test_a_comma_that_groups_nothing_is_refused_not_skipped(typed: str) -> None:
    """Read as 15 or 1250 it would be ten or a hundred times what was meant."""
    with pytest.raises(AmountError):
        parse_amount(typed)


@given(amounts)
def test_an_amount_that_was_shown_is_read_back(amount: D) -> None:
    assert parse_amount(f"{amount:,.2f}") == amount


@pytest.mark.parametrize("amount", [1.5, 1, "1.50", None, True])
def test_money_refuses_what_is_no_decimal(amount: Any) -> None:
    with pytest.raises(AmountError):
        Money(amount, "BDT")


@pytest.mark.parametrize("amount", ["0.001", "NaN", "sNaN", "Infinity", "-Infinity"])
def test_money_refuses_what_cannot_be_booked(amount: str) -> None:
    with pytest.raises(AmountError):
        Money(D(amount), "BDT")


def test_money_is_shown_as_people_write_it() -> None:
    assert str(Money(D("500"), "BDT")) == "500.00 BDT"


def test_unlike_currencies_do_not_add_up() -> None:
    assert add(Money(D("1.10"), "BDT"), Money(D("2.20"), "BDT")).amount == D("3.30")
    with pytest.raises(CurrencyMismatchError):
        add(Money(D(1), "BDT"), Money(D(1), "USD"))


def test_every_refusal_is_one_of_our_own_errors() -> None:
    assert issubclass(AmountError, BillingError)
    assert issubclass(CurrencyMismatchError, BillingError)


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        ("0.005", "0.01"),
        ("0.0049999999999999999", "0.00"),
        ("2.675", "2.68"),
        ("-0.005", "-0.01"),
        ("99999.995", "100000.00"),
    ],
)
def test_half_a_minor_unit_is_rounded_up(exact: str, rounded: str) -> None:
    assert str(round_money(D(exact))) == rounded


@given(st.decimals(-(10**12), 10**12, places=6))
def test_rounding_moves_by_at_most_half_a_minor_unit(exact: D) -> None:
    assert abs(round_money(exact) - exact) <= D("0.005")


@pytest.mark.parametrize(
    ("amount", "percent", "net", "vat"),
    [
        # gateways.md §12
        ("500", "5", "476.19", "23.81"),
        ("525", "5", "500.00", "25.00"),
        ("1000", "15", "869.57", "130.43"),
        ("1", "5", "0.95", "0.05"),
        ("500", "0", "500.00", "0.00"),
        ("0", "15", "0.00", "0.00"),
        ("0.01", "15", "0.01", "0.00"),
    ],
)
def test_a_price_with_vat_in_it_is_split(
    amount: str, percent: str, net: str, vat: str
) -> None:
    parts = split_vat(D(amount), D(percent), inclusive=True)
    assert (parts.net, parts.vat, parts.gross) == (D(net), D(vat), D(amount))


def test_vat_comes_on_top_of_a_price_without_it() -> None:
    parts = split_vat(D("500.00"), D(5), inclusive=False)
    assert (parts.net, parts.vat, parts.gross) == (D("500.00"), D("25.00"), D("525.00"))


@given(prices, percents, st.booleans())
@example(D("0.01"), D("0.01"), True)
@example(AMOUNT_MAX, D("15"), True)
def test_the_parts_sum_to_the_whole(amount: D, percent: D, inclusive: bool) -> None:
    parts = split_vat(amount, percent, inclusive=inclusive)
    assert parts.net + parts.vat == parts.gross
    assert amount == (parts.gross if inclusive else parts.net)
    assert parts.vat >= 0
    for part in (parts.net, parts.vat, parts.gross):
        assert part == round_money(part)


@given(prices, percents)
def test_the_rate_is_met_as_nearly_as_minor_units_allow(amount: D, percent: D) -> None:
    parts = split_vat(amount, percent, inclusive=True)
    assert abs(parts.net * (100 + percent) / 100 - amount) <= D("0.0100000001")


@given(prices, percents)
def test_a_dearer_thing_has_neither_less_net_nor_less_vat(
    amount: D, percent: D
) -> None:
    cheap = split_vat(amount, percent, inclusive=True)
    dear = split_vat(amount + D("0.01"), percent, inclusive=True)
    assert dear.net >= cheap.net
    assert dear.vat >= cheap.vat
