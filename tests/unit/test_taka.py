"""Money and dates as people in Bangladesh write them."""

# ruff: noqa: RUF001 - Bangla digits are meant.

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from billing_core.civil_dates import format_date, format_moment
from billing_core.money import parse_amount
from billing_core.taka import format_amount, format_money, to_bangla_digits

DHAKA = ZoneInfo("Asia/Dhaka")


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("0", "0.00"),
        ("7", "7.00"),
        ("999.5", "999.50"),
        ("1000", "1,000.00"),
        ("99999.99", "99,999.99"),
        ("99999.995", "1,00,000.00"),
        ("100000", "1,00,000.00"),
        ("1234567.5", "12,34,567.50"),
        ("123456789.01", "12,34,56,789.01"),
        ("-45678", "-45,678.00"),
        ("-0.001", "0.00"),
    ],
)
def test_amounts_are_grouped_in_lakh_and_crore(amount: str, written: str) -> None:
    assert format_amount(Decimal(amount)) == written


@pytest.mark.parametrize("amount", ["0.00", "12.34", "1234567.50", "-45678.00"])
def test_what_is_written_can_be_read_back(amount: str) -> None:
    written = format_amount(Decimal(amount))

    assert parse_amount(written) == Decimal(amount)
    assert parse_amount(to_bangla_digits(written)) == Decimal(amount)


def test_bangla_writes_its_own_digits_and_says_taka() -> None:
    assert to_bangla_digits("12,34,567.50") == "১২,৩৪,৫৬৭.৫০"
    assert format_money(Decimal("1234567.5"), "BDT", "bn") == "১২,৩৪,৫৬৭.৫০ টাকা"
    assert format_money(Decimal(5), "USD", "bn") == "৫.০০ USD"


def test_english_money_is_ascii_so_that_an_sms_stays_one() -> None:
    written = format_money(Decimal("1234567.5"), "BDT", "en")

    assert written == "BDT 12,34,567.50"
    assert written.isascii()


@pytest.mark.parametrize(
    ("day", "english", "bangla"),
    [
        (date(2026, 11, 24), "24 Nov 2026", "২৪ নভেম্বর ২০২৬"),
        (date(2027, 1, 1), "1 Jan 2027", "১ জানুয়ারি ২০২৭"),
        (date(2028, 2, 29), "29 Feb 2028", "২৯ ফেব্রুয়ারি ২০২৮"),
    ],
)
def test_dates_are_written_in_both_languages(
    day: date, english: str, bangla: str
) -> None:
    assert format_date(day, "en") == english
    assert format_date(day, "bn") == bangla


@pytest.mark.parametrize(
    ("hour", "minute", "english", "bangla"),
    [
        (0, 5, "12:05 AM", "রাত ১২:০৫"),
        (4, 30, "4:30 AM", "ভোর ৪:৩০"),
        (9, 0, "9:00 AM", "সকাল ৯:০০"),
        (12, 0, "12:00 PM", "দুপুর ১২:০০"),
        (15, 45, "3:45 PM", "বিকেল ৩:৪৫"),
        (18, 30, "6:30 PM", "সন্ধ্যা ৬:৩০"),
        (23, 59, "11:59 PM", "রাত ১১:৫৯"),
    ],
)
def test_times_are_the_zones_and_bangla_says_the_part_of_day(
    hour: int, minute: int, english: str, bangla: str
) -> None:
    moment = datetime(2026, 11, 24, hour, minute, tzinfo=DHAKA).astimezone(UTC)

    assert format_moment(moment, DHAKA, "en") == f"24 Nov 2026, {english}"
    assert format_moment(moment, DHAKA, "bn") == f"২৪ নভেম্বর ২০২৬, {bangla}"
