"""Write money and numbers as people in Bangladesh do: lakh grouping; pure."""

from decimal import Decimal

from billing_core.money import round_money

_BANGLA_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")
_LATIN_DIGITS = str.maketrans("০১২৩৪৫৬৭৮৯", "0123456789")


def to_bangla_digits(text: str) -> str:
    """Write the digits of a text in Bangla."""
    return text.translate(_BANGLA_DIGITS)


def to_latin_digits(text: str) -> str:
    """Write the Bangla digits of a text as Latin ones."""
    return text.translate(_LATIN_DIGITS)


def format_amount(amount: Decimal) -> str:
    """Write an amount with two decimals, grouped 12,34,567.50."""
    rounded = round_money(amount)
    sign = "-" if rounded < 0 else ""
    whole, _, fraction = f"{abs(rounded):.2f}".partition(".")
    groups = [whole[-3:]]
    rest = whole[:-3]
    while rest:
        groups.append(rest[-2:])
        rest = rest[:-2]
    return f"{sign}{','.join(reversed(groups))}.{fraction}"


def format_money(amount: Decimal, currency: str, language: str) -> str:
    """Write an amount with its currency, in English or Bangla.

    English keeps to ASCII: one ৳ would make an SMS of 160 characters three of them.
    """
    if language == "bn":
        unit = "টাকা" if currency == "BDT" else currency
        return f"{to_bangla_digits(format_amount(amount))} {unit}"
    return f"{currency} {format_amount(amount)}"
