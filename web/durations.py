"""Write how long something lasts, lasted, or is away, in English and Bangla."""

from datetime import timedelta
from typing import Literal

from babel.dates import format_timedelta
from babel.units import format_unit

from billing_core.taka import to_bangla_digits
from web.language import language

# What the CLDR has of these in Bangla is not what people write ("3 ঘন্টায়" for "in 3
# hours"); nouns know no plural after numbers.
_BANGLA = {
    "day": "দিন",
    "hour": "ঘণ্টা",
    "minute": "মিনিট",
    "second": "সেকেন্ড",
}
_SHORT = {"day": "d", "hour": "h", "minute": "min", "second": "s"}


def duration(seconds: int | None) -> str:
    """Write a duration for a column: 3 d 4 h, 2 h 5 min, 40 s."""
    if seconds is None:
        return ""
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return _joined((days, "day"), (hours, "hour"))
    if hours:
        return _joined((hours, "hour"), (minutes, "minute"))
    return _joined((minutes, "minute"), (left, "second"))


def took(seconds: float) -> str:
    """Write how long something took; what is short with its fraction: 0.4 s."""
    if seconds >= 10:
        return duration(round(seconds))
    return _measured(f"{seconds:.1f}", "second")


def span(seconds: int | None) -> str:
    """Write how long something lasts, as packages are sold: 30 days, 12 hours."""
    if not seconds:
        return ""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            return _counted(seconds // size, unit, "long")
    return _counted(seconds // 60, "minute", "long")


def lasted(seconds: int) -> str:
    """Write how long something took, for customers: 11 hr 6 min."""
    hours, minutes = divmod(seconds // 60, 60)
    parts = ((hours, "hour"), (minutes, "minute"))
    told = [_counted(value, unit, "short") for value, unit in parts if value]
    return " ".join(told) or _counted(seconds, "second", "short")


def away(distance: timedelta) -> str:
    """Write how far from now something is: 3 hours ago, in 2 days."""
    if language() != "bn":
        return format_timedelta(distance, add_direction=True, locale="en")
    far = format_timedelta(abs(distance), locale="bn").replace("ঘন্টা", _BANGLA["hour"])
    direction = "আগে" if distance < timedelta() else "পরে"
    return f"{to_bangla_digits(far)} {direction}"


def _joined(*parts: tuple[int, str]) -> str:
    told = [_measured(str(value), unit) for value, unit in parts if value]
    return " ".join(told) or _measured("0", parts[-1][1])


def _measured(figure: str, unit: str) -> str:
    if language() == "bn":
        return f"{to_bangla_digits(figure)} {_BANGLA[unit]}"
    return f"{figure} {_SHORT[unit]}"


def _counted(value: int, unit: str, length: Literal["short", "long"]) -> str:
    if language() == "bn":
        return _measured(str(value), unit)
    return format_unit(value, f"duration-{unit}", length, locale="en")
