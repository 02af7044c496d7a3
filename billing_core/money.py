"""Money: an exact amount in one currency, and the one place that rounds."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from billing_core.errors import BillingError

MINOR_UNIT = Decimal("0.01")
ZERO = Decimal("0.00")
# numeric(16,2) in the database.
AMOUNT_MAX = Decimal("99999999999999.99")

_BANGLA_DIGITS = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")
# Commas group thousands (1,234,567) or lakhs (12,34,567) and nothing else: to somebody
# whose comma is the decimal point, 12,50 would be a hundred times what was meant.
_TYPED = re.compile(
    r"[-+]?(?:(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{2,3})*,[0-9]{3})(?:\.[0-9]*)?|\.[0-9]+)"
)


class AmountError(BillingError):
    """This is not an amount of money."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text!r} is not an amount of money: {why}.")


class CurrencyMismatchError(BillingError):
    """Amounts of different currencies do not add up."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other} cannot be added or compared.")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount of one currency, rounded to its minor unit."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        """Refuse floats and amounts finer than the minor unit."""
        if not isinstance(self.amount, Decimal):
            raise AmountError(repr(self.amount), "it must be a Decimal, never a float")
        if not self.amount.is_finite():
            raise AmountError(str(self.amount), "it must be finite")
        if self.amount != round_money(self.amount):
            raise AmountError(str(self.amount), "it is finer than the minor unit")

    def __str__(self) -> str:
        """Show it as people write it: 500.00 BDT."""
        return f"{self.amount:.2f} {self.currency}"


def add(a: Money, b: Money) -> Money:
    """Add two amounts of the same currency."""
    if a.currency != b.currency:
        raise CurrencyMismatchError(a.currency, b.currency)
    return Money(a.amount + b.amount, a.currency)


def round_money(amount: Decimal) -> Decimal:
    """Round half up to the minor unit; every rounding of money happens here."""
    return amount.quantize(MINOR_UNIT, rounding=ROUND_HALF_UP)


def parse_amount(text: str) -> Decimal:
    """Read what a person typed: Bangla digits and grouping commas, at most 2 decimals.

    Finer amounts are refused, not rounded: rounding would change what was meant.
    """
    plain = text.strip().translate(_BANGLA_DIGITS)
    if not _TYPED.fullmatch(plain):
        raise AmountError(text, "write it like 1,500.00")
    amount = Decimal(plain.replace(",", ""))
    if abs(amount) > AMOUNT_MAX:
        raise AmountError(text, "it is too large")
    if amount != round_money(amount):
        raise AmountError(text, "it has more than two decimals")
    return round_money(amount)


@dataclass(frozen=True, slots=True)
class VatSplit:
    """What an amount is made of; net + vat = gross, always."""

    net: Decimal
    vat: Decimal
    gross: Decimal


def split_vat(amount: Decimal, vat_percent: Decimal, *, inclusive: bool) -> VatSplit:
    """Split a rounded amount into net and VAT; exclusive adds the VAT on top."""
    if inclusive:
        net = round_money(amount * 100 / (100 + vat_percent))
        return VatSplit(net, amount - net, amount)
    vat = round_money(amount * vat_percent / 100)
    return VatSplit(amount, vat, amount + vat)
