"""Write dates and times of the provider's zone in English and Bangla; pure."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from billing_core.taka import to_bangla_digits

_ENGLISH = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()  # noqa: SIM905 - reads better
_BANGLA = (
    "জানুয়ারি",
    "ফেব্রুয়ারি",
    "মার্চ",
    "এপ্রিল",
    "মে",
    "জুন",
    "জুলাই",
    "আগস্ট",
    "সেপ্টেম্বর",
    "অক্টোবর",
    "নভেম্বর",
    "ডিসেম্বর",
)
# Bangla tells the time with the part of the day it is in: from this hour on.
_PARTS_OF_DAY = (
    (20, "রাত"),
    (18, "সন্ধ্যা"),
    (15, "বিকেল"),
    (12, "দুপুর"),
    (6, "সকাল"),
    (4, "ভোর"),
    (0, "রাত"),
)


def format_date(day: date, language: str) -> str:
    """Write a civil date: 24 Nov 2026, ২৪ নভেম্বর ২০২৬."""
    if language == "bn":
        return to_bangla_digits(f"{day.day} {_BANGLA[day.month - 1]} {day.year}")
    return f"{day.day} {_ENGLISH[day.month - 1]} {day.year}"


def format_moment(moment: datetime, zone: ZoneInfo, language: str) -> str:
    """Write a moment as the zone's clock shows it, to the minute."""
    local = moment.astimezone(zone)
    hour = local.hour % 12 or 12
    day = format_date(local.date(), language)
    if language == "bn":
        part = next(name for start, name in _PARTS_OF_DAY if local.hour >= start)
        return f"{day}, {part} {to_bangla_digits(f'{hour}:{local.minute:02d}')}"
    half = "AM" if local.hour < 12 else "PM"
    return f"{day}, {hour}:{local.minute:02d} {half}"
