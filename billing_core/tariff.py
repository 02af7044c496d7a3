"""What a rated session is worth, and how far an amount reaches; pure.

A session's worth is computed from its whole usage and rounded once:

    exact = set-up fee + minutes * price per minute + MB * price per MB
    worth = round(max(exact, minimum) * VAT factor)      VAT factor 1 when inclusive

Seconds count after the free ones, rounded up to the increment; octets likewise; a
minute is 60 seconds and a MB 10^6 octets, in + out. Until something chargeable was used
(a second after the free ones, or an octet that has a price) the session is worth
nothing. The caller charges the difference to what it charged before, so rounding never
adds up.

Everything is computed in integers, in parts of a minor unit that hold a rate of six
digits exactly: the result equals the Decimal definition, at a tenth of its cost.
"""

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from billing_core.errors import BillingError

# One unit of currency in the integers used here: lcm(60 * 10^6, 10^6 * 10^6), so that a
# millionth of a unit a minute or a MB is a whole number for each second and octet.
_PARTS = 3 * 10**12
_PARTS_PER_MINOR_UNIT = _PARTS // 100
_PARTS_PER_SECOND_RATE = _PARTS // (60 * 10**6)
_PARTS_PER_OCTET_RATE = _PARTS // 10**12


class TariffError(BillingError):
    """A tariff cannot be computed with."""

    def __init__(self, name: str, value: object, why: str) -> None:
        super().__init__(f"Tariff {name} {value}: {why}.")


@dataclass(frozen=True, slots=True)
class Tariff:
    """The prices of a rated session; free of its package, so that it compares by value.

    Rates have at most 6 decimals, fees and VAT at most 2.
    """

    setup_fee: Decimal = Decimal(0)
    price_per_minute: Decimal = Decimal(0)
    price_per_mb: Decimal = Decimal(0)
    increment_seconds: int = 1
    increment_octets: int = 1
    minimum_charge: Decimal = Decimal(0)
    free_seconds: int = 0
    vat_percent: Decimal = Decimal(0)
    vat_inclusive: bool = True
    #: Derived integers, see _parts_of.
    parts: tuple[int, int, int, int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be computed exactly, and derive the integers."""
        object.__setattr__(self, "parts", _parts_of(self))


def session_worth(tariff: Tariff, seconds: int, octets: int) -> Decimal:
    """Give the gross worth of a session's whole usage; never falls as usage grows."""
    return Decimal(session_worth_minor(tariff, seconds, octets)).scaleb(-2)


def session_worth_minor(tariff: Tariff, seconds: int, octets: int) -> int:
    """Give session_worth in minor units, as an integer."""
    setup, second_increment, octet_increment, minimum, vat_factor = tariff.parts
    chargeable_seconds = seconds - tariff.free_seconds
    exact = setup
    if chargeable_seconds > 0:
        exact += -(-chargeable_seconds // tariff.increment_seconds) * second_increment
    elif octets <= 0 or not octet_increment:
        return 0
    if octets > 0:
        exact += -(-octets // tariff.increment_octets) * octet_increment
    exact = max(exact, minimum) * vat_factor
    # Half up: exact is never negative.
    denominator = 10_000 * _PARTS_PER_MINOR_UNIT
    return (2 * exact + denominator) // (2 * denominator)


def first_increment_worth_minor(tariff: Tariff) -> int:
    """Give what it costs to begin, in minor units: one increment of each dimension."""
    return session_worth_minor(tariff, tariff.free_seconds + 1, 1)


def affordable_seconds(tariff: Tariff, amount: Decimal, octets: int = 0) -> int | None:
    """Give the most seconds that, with octets used, amount pays; None = unlimited."""
    return affordable_seconds_minor(tariff, _whole_minor_units(amount), octets)


def affordable_seconds_minor(tariff: Tariff, minor: int, octets: int = 0) -> int | None:
    """Give affordable_seconds of an amount in minor units."""
    if minor < 0:
        return 0
    used = -(-octets // tariff.increment_octets) * tariff.parts[2]
    increments = _affordable_increments(tariff, minor, tariff.parts[1], used)
    if increments is None:
        return None
    return tariff.free_seconds + increments * tariff.increment_seconds


def affordable_octets(tariff: Tariff, amount: Decimal, seconds: int = 0) -> int | None:
    """Give the most octets that, with seconds used, amount pays; None = unlimited."""
    return affordable_octets_minor(tariff, _whole_minor_units(amount), seconds)


def affordable_octets_minor(tariff: Tariff, minor: int, seconds: int = 0) -> int | None:
    """Give affordable_octets of an amount in minor units."""
    if minor < 0:
        return 0
    if not tariff.parts[2]:
        return None
    chargeable = max(seconds - tariff.free_seconds, 0)
    used = -(-chargeable // tariff.increment_seconds) * tariff.parts[1]
    increments = _affordable_increments(tariff, minor, tariff.parts[2], used)
    return None if increments is None else increments * tariff.increment_octets


def _affordable_increments(
    tariff: Tariff, minor: int, price: int, used: int
) -> int | None:
    setup, _, _, minimum, vat_factor = tariff.parts
    # The largest exact total that still rounds to at most this many minor units.
    half_open_end = (2 * minor + 1) * 10_000 * _PARTS_PER_MINOR_UNIT
    exact_max = -(-half_open_end // (2 * vat_factor)) - 1
    if max(setup, minimum) > exact_max:
        return 0
    if not price:
        return None
    return max(exact_max - setup - used, 0) // price


def _whole_minor_units(amount: Decimal) -> int:
    return int(amount.scaleb(2).to_integral_value(ROUND_FLOOR))


def _parts_of(tariff: Tariff) -> tuple[int, int, int, int, int]:
    """Give set-up fee, price of a second and octet increment, minimum, VAT factor."""
    _refuse_below("increment_seconds", tariff.increment_seconds, 1)
    _refuse_below("increment_octets", tariff.increment_octets, 1)
    _refuse_below("free_seconds", tariff.free_seconds, 0)
    vat_hundredths = _scaled("vat_percent", tariff.vat_percent, 2)
    return (
        _scaled("setup_fee", tariff.setup_fee, 2) * _PARTS_PER_MINOR_UNIT,
        _scaled("price_per_minute", tariff.price_per_minute, 6)
        * _PARTS_PER_SECOND_RATE
        * tariff.increment_seconds,
        _scaled("price_per_mb", tariff.price_per_mb, 6)
        * _PARTS_PER_OCTET_RATE
        * tariff.increment_octets,
        _scaled("minimum_charge", tariff.minimum_charge, 2) * _PARTS_PER_MINOR_UNIT,
        10_000 if tariff.vat_inclusive else 10_000 + vat_hundredths,
    )


def _refuse_below(name: str, value: int, least: int) -> None:
    if value < least:
        raise TariffError(name, value, f"it must be at least {least}")


def _scaled(name: str, value: Decimal, digits: int) -> int:
    if not value.is_finite() or value < 0:
        raise TariffError(name, value, "it must not be negative")
    scaled = value.scaleb(digits)
    whole = scaled.to_integral_value(ROUND_CEILING)
    if whole != scaled:
        raise TariffError(name, value, f"it has more than {digits} decimals")
    return int(whole)
