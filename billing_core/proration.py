"""What part of a cycle costs: its share of the price by real elapsed minutes; pure.

The worth of a cycle up to a moment is rounded once; a part costs the difference of two
worths. So the parts of a cycle sum to its price, however often it is cut, and a day
with a clock change costs the hours it really had.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from billing_core.errors import BillingError
from billing_core.money import round_money

_MINUTE = timedelta(minutes=1)


class ProrationError(BillingError):
    """This is not a part of that."""


class Stretch(NamedTuple):
    """Time that no cycle bill covers; without an end it is still going on."""

    start: datetime
    end: datetime | None


def minutes_between(start: datetime, end: datetime) -> int:
    """Give the whole minutes that really elapse between two moments."""
    return (end - start) // _MINUTE


def worth_until(
    price: Decimal, cycle_start: datetime, cycle_end: datetime, moment: datetime
) -> Decimal:
    """Give what a cycle of this price is worth from its start up to a moment."""
    if not cycle_start <= moment <= cycle_end or cycle_start == cycle_end:
        raise ProrationError(
            f"{moment.isoformat()} is not within the cycle from "
            f"{cycle_start.isoformat()} to {cycle_end.isoformat()}."
        )
    whole = minutes_between(cycle_start, cycle_end)
    return round_money(price * minutes_between(cycle_start, moment) / whole)


def part_price(
    price: Decimal,
    cycle_start: datetime,
    cycle_end: datetime,
    start: datetime,
    end: datetime,
) -> Decimal:
    """Give what the part `[start, end)` of a cycle costs."""
    return worth_until(price, cycle_start, cycle_end, end) - worth_until(
        price, cycle_start, cycle_end, start
    )


def unused_part(
    amount: Decimal, start: datetime, end: datetime, now: datetime
) -> Decimal:
    """Give what is left at a moment of an amount charged for `[start, end)`."""
    return amount - worth_until(amount, start, end, min(max(now, start), end))


def split_price(
    price: Decimal,
    cycle_start: datetime,
    cycle_end: datetime,
    cuts: Iterable[datetime],
) -> list[Decimal]:
    """Split a cycle's price at moments within it; the parts sum to the price."""
    moments = [cycle_start, *sorted(cuts), cycle_end]
    return [
        part_price(price, cycle_start, cycle_end, start, end)
        for start, end in pairwise(moments)
    ]


def outside(
    start: datetime, end: datetime, left_out: Sequence[Stretch]
) -> list[tuple[datetime, datetime]]:
    """Give the parts of `[start, end)` that lie outside every stretch."""
    parts = []
    for gap in sorted(left_out, key=lambda gap: gap.start):
        if gap.start >= end:
            break
        if gap.start > start:
            parts.append((start, gap.start))
        start = end if gap.end is None else max(start, gap.end)
    if start < end:
        parts.append((start, end))
    return parts
