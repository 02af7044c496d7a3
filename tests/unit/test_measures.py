"""Durations, amounts of data and rates, as people write them."""

import pytest

from billing_core.measures import (
    MeasureError,
    parse_duration,
    parse_octets,
    parse_rate,
    write_duration,
    write_octets,
    write_rate,
)
from billing_core.routeros import routeros_lines


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30d", 2592000), ("12h", 43200), ("15 m", 900), ("90", 90), ("৩০d", 2592000)],  # noqa: RUF001 - Bangla 30
)
def test_a_duration_is_read_in_any_unit_and_script(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "fast", "-1d", "1.5d", "1w", "9" * 20])
def test_what_is_no_duration_is_told_so(text: str) -> None:
    with pytest.raises(MeasureError, match="30d"):
        parse_duration(text)


def test_data_is_decimal_and_whole_octets() -> None:
    assert parse_octets("1.5 GB") == 1_500_000_000
    assert parse_octets("500mb") == 500_000_000
    for text in ("0.5", "1.0005", "5 GiB", ""):
        with pytest.raises(MeasureError):
            parse_octets(text)


def test_a_rate_is_bits_a_second() -> None:
    assert parse_rate("10M") == 10_000_000
    assert parse_rate("512k") == 512_000
    with pytest.raises(MeasureError):
        parse_rate("10Mbit")


@pytest.mark.parametrize("seconds", [1, 60, 90, 3600, 86400, 2592000, 0])
def test_a_duration_that_is_written_reads_the_same(seconds: int) -> None:
    assert parse_duration(write_duration(seconds)) == seconds


@pytest.mark.parametrize("number", [0, 1, 1500, 10**6, 15 * 10**8, 10**12])
def test_data_and_rates_that_are_written_read_the_same(number: int) -> None:
    assert parse_octets(write_octets(number)) == number
    assert parse_rate(write_rate(number)) == number


def test_a_router_is_told_the_interval_and_port_that_are_registered() -> None:
    lines = routeros_lines(
        router="10.0.0.1", coa_port=1700, interim_interval_seconds=90
    )
    assert "src-address=10.0.0.1" in lines[0]
    assert lines[1] == "/radius incoming set accept=yes port=1700"
    assert "interim-update=90s" in lines[2]
    without = routeros_lines(
        router="10.0.0.1", coa_port=None, interim_interval_seconds=300
    )
    assert not any("incoming" in line for line in without)
    assert "interim-update=5m" in without[1]
