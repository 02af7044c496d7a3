"""Service days of daily prepaid customers: civil days of the ISP's zone; pure.

A package costs its price for validity_days days. What one day costs is the difference
of the rounded worth up to that day and the day before, counted from a fixed day, so
that any validity_days days in a row cost exactly the price.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache
from itertools import accumulate
from zoneinfo import ZoneInfo

from billing_core.errors import BillingError
from billing_core.money import VatSplit, round_money, split_vat

VALIDITY_DAYS_MAX = 3660
# No session needs to know further ahead; what the wallet holds then is asked again.
COVERED_DAYS_MAX = 366


class DayPriceError(BillingError):
    """A daily price cannot be computed with."""


@dataclass(frozen=True, slots=True)
class DayPrice:
    """The price of validity_days consecutive service days."""

    price: Decimal
    validity_days: int
    vat_percent: Decimal = Decimal(0)
    vat_inclusive: bool = True
    #: Gross minor units of the first 0, 1, … 2 * validity_days days; see _sums_of.
    sums: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse an impossible price, and derive the running sums."""
        object.__setattr__(self, "sums", _sums_of(self))

    @property
    def whole(self) -> Decimal:
        """Return what all its days in a row cost; VAT on top is rounded day by day."""
        return Decimal(self.sums[self.validity_days]).scaleb(-2)


def service_date(now: datetime, zone: ZoneInfo) -> date:
    """Give the civil date of a moment."""
    return now.astimezone(zone).date()


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give the moments a service day starts and ends (exclusive), in UTC."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


@lru_cache(maxsize=1024)
def day_end_epoch(day: date, zone: ZoneInfo) -> int:
    """Give the Unix second at which a service day has ended."""
    return int(_midnight(day + timedelta(days=1), zone).timestamp())


def day_amount(price: Decimal, validity_days: int, day: date) -> Decimal:
    """Give one day's part of a price; validity_days days in a row sum to the price."""
    index = day.toordinal() % validity_days
    return _worth(price, validity_days, index + 1) - _worth(price, validity_days, index)


def day_charge(day_price: DayPrice, day: date) -> VatSplit:
    """Give what one service day costs: net, VAT and gross."""
    return split_vat(
        day_amount(day_price.price, day_price.validity_days, day),
        day_price.vat_percent,
        inclusive=day_price.vat_inclusive,
    )


def covered_until(
    available: Decimal, day_price: DayPrice, today: date, *, today_is_charged: bool
) -> date | None:
    """Give the last day the wallet pays for, a year ahead at most; None = not today."""
    minor = int(available.scaleb(2).to_integral_value(ROUND_FLOOR))
    return covered_until_minor(
        minor, day_price, today, today_is_charged=today_is_charged
    )


def covered_until_minor(
    minor: int, day_price: DayPrice, today: date, *, today_is_charged: bool
) -> date | None:
    """Give covered_until of an amount in minor units."""
    first = today.toordinal() + today_is_charged
    days = _affordable_days(minor, day_price, first)
    covered = days if today_is_charged else days - 1
    if covered < 0:
        return None
    return today + timedelta(days=min(covered, COVERED_DAYS_MAX))


def _affordable_days(minor: int, day_price: DayPrice, first_ordinal: int) -> int:
    """Give how many days in a row, from the first on, an amount pays for."""
    if minor < 0:
        return 0
    sums, days = day_price.sums, day_price.validity_days
    whole, rest = divmod(minor, sums[days])
    index = first_ordinal % days
    return whole * days + bisect_right(sums, sums[index] + rest) - 1 - index


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # Where the clock jumps over midnight, fold=0 gives the moment of the jump; where it
    # shows midnight twice, the first: days tile without gap or overlap.
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _worth(price: Decimal, validity_days: int, days: int) -> Decimal:
    return round_money(price * days / validity_days)


def _sums_of(day_price: DayPrice) -> tuple[int, ...]:
    days = day_price.validity_days
    if not 1 <= days <= VALIDITY_DAYS_MAX:
        raise DayPriceError(f"A daily package lasts 1 to {VALIDITY_DAYS_MAX} days.")
    if day_price.price <= 0 or day_price.price != round_money(day_price.price):
        raise DayPriceError(f"A daily package cannot cost {day_price.price}.")
    if day_price.vat_percent < 0:
        raise DayPriceError(f"VAT cannot be {day_price.vat_percent} percent.")
    # The ordinals of one round begin at a multiple of validity_days.
    one_round = [
        int(day_charge(day_price, date.fromordinal(ordinal)).gross.scaleb(2))
        for ordinal in range(days, 2 * days)
    ]
    return tuple(accumulate(one_round * 2, initial=0))
