"""Who the customers of the small provider are."""

from datetime import date
from decimal import Decimal

from tests.time_travel.model import Terms


def _monthly(price: str, **changes: object) -> Terms:
    return Terms("monthly", Decimal(price), **changes)  # type: ignore[arg-type] # terms by name


_RATES = (
    (date(2020, 1, 1), Decimal(5)),
    (date(2026, 7, 1), Decimal("7.5")),
)

CAST = (
    # Monthly: each trigger, in advance and in arrears, and every other switch.
    _monthly("600"),
    _monthly("799.99", due_days=3, grace_days=2),
    _monthly("500", in_advance=False),
    _monthly("1000", vat=Decimal(5), inclusive=False),
    _monthly("650", by_minute=False, due_days=0),
    _monthly("600", trigger="first"),
    _monthly("333.33", trigger="first", grace_days=5, vat=Decimal(15)),
    _monthly("720", trigger="first", in_advance=False, due_days=10),
    _monthly("600", trigger="first", by_minute=False, in_advance=False),
    _monthly("800", trigger="first", auto_activate=False),
    _monthly("450", trigger="first", auto_suspend=False),
    _monthly("900", trigger="first", threshold=Decimal(800), due_days=60),
    _monthly("550", trigger="first", bill_while_suspended=True),
    _monthly("605", trigger="first", special=Decimal("512.35")),
    _monthly("605", trigger="first", discount=Decimal("12.5"), vat=Decimal(5)),
    _monthly("700", trigger="first", vat_rates=_RATES, inclusive=False),
    _monthly("700", trigger="day", bill_day=5),
    _monthly("610", trigger="day", bill_day=31, grace_days=1),
    _monthly("610", trigger="day", bill_day=29, in_advance=False),
    _monthly("820", trigger="day", bill_day=30, vat_rates=_RATES),
    _monthly("620", trigger="day", bill_day=10, ends_with_month=True),
    _monthly("620", trigger="day", bill_day=31, ends_with_month=True, grace_days=3),
    _monthly("630", trigger="day", bill_day=7, ends_with_month=True, in_advance=False),
    _monthly("640", ends_with_month=True),
    _monthly("640", ends_with_month=True, in_advance=False, due_days=4),
    _monthly("990", trigger="manual"),
    _monthly("990", auto_bill=False),
    _monthly("480", bill_while_suspended=True, in_advance=False),
    # Daily: prices that do not divide, VAT on top and within.
    Terms("daily", Decimal(300)),
    Terms("daily", Decimal(1000), vat=Decimal(5)),
    Terms("daily", Decimal(100), days=7, vat=Decimal(15), inclusive=False),
    Terms("daily", Decimal(500)),
    Terms("daily", Decimal(650), vat=Decimal(5), inclusive=False),
    Terms("daily", Decimal(450)),
    # With a least number of days, and by the days that are used.
    Terms("daily", Decimal(330), days_min=5),
    Terms("daily", Decimal(380), vat=Decimal(5), every_day=False),
    Terms("free"),
    Terms("free"),
    # Hotspot, by the minute and by the package.
    Terms("per_session", Decimal("0.75"), vat=Decimal(5)),
    Terms("per_session", Decimal(1)),
    Terms("package", Decimal(50), days=7, vat=Decimal(5)),
    Terms("package", Decimal("120"), days=30, vat=Decimal(15), inclusive=False),
)
