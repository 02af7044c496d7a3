"""VAT profiles: rates that change on a date, and sums of lines with mixed rates; pure.

Each line keeps its own rate and is split by money.split_vat; a total is the sum of its
lines and never split again, so that lines and total agree to the minor unit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol

from billing_core.errors import BillingError
from billing_core.money import ZERO, VatSplit, round_money


class VatProfileError(BillingError):
    """A VAT profile contradicts itself."""


class Split(Protocol):
    """Anything that says what it is made of: a line of a bill, a VatSplit."""

    @property
    def net(self) -> Decimal:
        """The amount without VAT."""

    @property
    def vat(self) -> Decimal:
        """The VAT."""

    @property
    def gross(self) -> Decimal:
        """Both."""


class RatedSplit(Split, Protocol):
    """A split that remembers its rate."""

    @property
    def vat_percent(self) -> Decimal:
        """The rate in percent."""


@dataclass(frozen=True, slots=True)
class VatProfile:
    """The VAT of an ISP or a kind of customers; rates may come in any order."""

    vat_profile_id: int
    name: str
    inclusive: bool
    #: (the first civil day it holds, percent), oldest first.
    rates: tuple[tuple[date, Decimal], ...]
    registration_number: str = ""

    def __post_init__(self) -> None:
        """Refuse impossible rates, and put them in the order of time."""
        for day, percent in self.rates:
            if not _is_percentage(percent):
                raise VatProfileError(f"VAT from {day} cannot be {percent} percent.")
        if len({day for day, _ in self.rates}) != len(self.rates):
            raise VatProfileError(f"VAT profile {self.name} has a day with two rates.")
        object.__setattr__(self, "rates", tuple(sorted(self.rates)))


def rate_on(profile: VatProfile, day: date) -> Decimal | None:
    """Give the percentage in force on a civil day; None before the first rate."""
    for effective_from, percent in reversed(profile.rates):
        if effective_from <= day:
            return percent
    return None


def sum_of(lines: Iterable[Split]) -> VatSplit:
    """Add lines up, whatever their rates."""
    net = vat = ZERO
    for line in lines:
        net += line.net
        vat += line.vat
    return VatSplit(net, vat, net + vat)


def totals_by_rate(lines: Iterable[RatedSplit]) -> dict[Decimal, VatSplit]:
    """Add lines up by their rate, lowest rate first: what a tax report asks for."""
    groups: dict[Decimal, list[RatedSplit]] = {}
    for line in lines:
        groups.setdefault(line.vat_percent, []).append(line)
    return {rate: sum_of(groups[rate]) for rate in sorted(groups)}


def _is_percentage(percent: Decimal) -> bool:
    return (
        percent.is_finite() and 0 <= percent <= 100 and percent == round_money(percent)
    )
