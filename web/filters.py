"""Write money, times and amounts of data as people read them."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from babel.dates import format_date
from flask import Flask
from flask_babel import gettext as _
from markupsafe import Markup

from billing_core import period_words
from billing_core.taka import format_amount, format_money, to_bangla_digits
from web import lists
from web.desk import now, settings
from web.durations import away, duration, lasted, span, took
from web.language import language
from web.log_words import logged
from web.refusals import parked, told
from web.words import say

#: Older than this, a day says more than "8 days ago".
_RELATIVE_FOR = timedelta(days=7)


def register(app: Flask) -> None:
    """Give templates these filters."""
    app.jinja_env.filters.update(
        amount=amount,
        money=money,
        number=number,
        when=when,
        moment=moment,
        day=day,
        octets=octets,
        duration=duration,
        bits=bits,
        rate=rate,
        percent=percent,
        last_day=last_day,
        took=took,
        span=span,
        lasted=lasted,
        say=say,
        logged=logged,
        bill_line=bill_line,
        told=told,
        parked=parked,
        actor=actor,
    )
    app.jinja_env.globals.update(
        here=lists.here,
        there=lists.there,
        is_filtered=lists.is_filtered,
        page_size=lists.page_size,
        page_sizes=lists.PAGE_SIZES,
        zone=app.config["KHATA"].zone.key,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def amount(value: Decimal | None) -> str:
    """Write an amount of money for a column: 12,34,567.50."""
    return "" if value is None else _digits(format_amount(value))


def money(value: Decimal | None) -> str:
    """Write an amount with its currency."""
    if value is None:
        return ""
    return format_money(value, settings().currency, language())


def number(value: int) -> str:
    """Write a whole number, grouped like money."""
    return _digits(format_amount(Decimal(value))[:-3])


def day(value: date | datetime | None) -> str:
    """Write a civil day in the ISP's zone: 24 Nov 2026."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = value.astimezone(settings().zone).date()
    return _digits(format_date(value, "d MMM y", locale=language()))


def last_day(value: datetime | None) -> str:
    """Write the last civil day before a moment at which something ends."""
    return "" if value is None else day(value - timedelta(microseconds=1))


def moment(value: datetime | None) -> str:
    """Write a moment exactly, in the ISP's zone: 24 Nov 2026 12:00:05."""
    if value is None:
        return ""
    local = value.astimezone(settings().zone)
    return f"{day(local)} {_digits(f'{local:%H:%M:%S}')}"


def when(value: datetime | None) -> Markup | str:
    """Write how long ago a moment was, with the exact one as its title."""
    if value is None:
        return ""
    exact = moment(value)
    distance = value - now()
    short = away(distance) if abs(distance) < _RELATIVE_FOR else day(value)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        value.isoformat(timespec="seconds"), exact, short
    )


def octets(value: int | None) -> str:
    """Write an amount of data, decimal as packages are sold: 1.5 GB."""
    if value is None:
        return ""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if value >= size:
            return _digits(f"{value / size:.2f}") + f" {unit}"
    return _digits(str(value)) + " B"


def bits(value: int | None) -> str:
    """Write a rate of a line: 10 Mbit/s; None = no limit."""
    if value is None:
        return str(_("no limit"))
    for unit, size in (("Gbit/s", 10**9), ("Mbit/s", 10**6), ("kbit/s", 10**3)):
        if value >= size:
            return _digits(f"{Decimal(value) / size:f}") + f" {unit}"
    return _digits(str(value)) + " bit/s"


def percent(value: Decimal) -> str:
    """Write a percentage without the decimals that say nothing: 5, 7.5."""
    return _digits(f"{value.normalize():f}")


def rate(value: Decimal | None) -> str:
    """Write a price of a unit with as many decimals as it has, two at least: 0.125."""
    if value is None:
        return ""
    plain = value.normalize()
    return _digits(f"{plain if plain.as_tuple().exponent < -2 else round(value, 2):f}")  # type: ignore[operator]  # no NaN is a price


def bill_line(text: str) -> str:
    """Write what a line of a bill is for, its period in the reader's language."""
    if language() != "bn":
        return text
    return period_words.in_bangla(text, lambda at, time: day(at) + _digits(time))


def actor(value: str | None) -> str:
    """Write who acted: an operator by his name alone."""
    kind, _, name = (value or "").partition(":")
    return name if kind == "operator" and name else value or ""


def _digits(text: str) -> str:
    return to_bangla_digits(text) if language() == "bn" else text
