"""Turn the rows of authorization.sql, text as libpq gives it, into records; pure.

psycopg's own row factories would do this too, at several times the cost.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from billing_core.access import (
    AccessState,
    Nas,
    Package,
    RunningSession,
    Subscription,
    Suspension,
)
from billing_core.fair_use import Rates
from billing_core.service_days import DayPrice
from billing_core.tariff import Tariff

Value = bytes | None
Row = tuple[Value, ...]

_SECONDS_A_DAY = 86_400


class RowError(ValueError):
    """The database holds what cannot be there."""


def state_of(row: Row, package: Package, nas: Nas | None) -> AccessState:
    """Read a row of load_access_state; running sessions are read apart."""
    (
        _,
        customer_id,
        status,
        password_sealed,
        hotspot_key_sealed,
        framed_ip,
        mac_binding,
        sessions_allowed,
        reduced_until,
        available,
        subscription_id,
        subscription_state,
        valid_until,
        seconds_left,
        octets_left,
        day_is_charged,
        _,
        session_id,
    ) = row
    if (
        customer_id is None
        or status is None
        or password_sealed is None
        or available is None
        or session_id is None
    ):
        raise RowError("a customer is incomplete")
    subscription = None
    if subscription_id is not None:
        subscription = Subscription(
            int(subscription_id),
            subscription_state == b"waiting",
            None if valid_until is None else _epoch(valid_until),
            None if seconds_left is None else int(seconds_left),
            None if octets_left is None else int(octets_left),
        )
    return AccessState(
        int(customer_id),
        status.decode(),
        _octets(password_sealed),
        None if framed_ip is None else framed_ip.decode(),
        None if mac_binding is None else mac_binding.decode(),
        None if sessions_allowed is None else int(sessions_allowed),
        _minor(available),
        package,
        nas,
        subscription,
        day_is_charged == b"t",
        (),
        int(session_id),
        hotspot_key_sealed=(
            None if hotspot_key_sealed is None else _octets(hotspot_key_sealed)
        ),
        reduced_until_epoch=None if reduced_until is None else _epoch(reduced_until),
    )


@lru_cache(maxsize=10_000)
def package_of(row: Row) -> Package:
    """Read a row of load_package; the same row gives the same object."""
    texts = [None if value is None else value.decode() for value in row]
    package_id, billing, sessions_allowed, validity_seconds, *rest = texts
    rate_up, rate_down, reduced_up, reduced_down, *rest = rest
    framed_pool, interim, idle, price, *prices = rest
    if package_id is None or billing is None or sessions_allowed is None:
        raise RowError("a package is incomplete")
    validity = _integer(validity_seconds)
    vat_percent, vat_inclusive = Decimal(prices[-2] or 0), prices[-1] == "t"
    reduced = day_price = tariff = None
    if reduced_up is not None or reduced_down is not None:
        reduced = Rates(_integer(reduced_up), _integer(reduced_down))
    if billing == "daily":
        days = (validity or 0) // _SECONDS_A_DAY
        day_price = DayPrice(Decimal(price or 0), days, vat_percent, vat_inclusive)
    elif billing == "per_session":
        tariff = _tariff(prices, vat_percent, vat_inclusive=vat_inclusive)
    return Package(
        int(package_id),
        billing,
        int(sessions_allowed),
        validity_seconds=validity,
        rate_up_bps=_integer(rate_up),
        rate_down_bps=_integer(rate_down),
        reduced_rates=reduced,
        framed_pool=framed_pool,
        interim_interval_seconds=_integer(interim),
        idle_timeout_seconds=_integer(idle),
        day_price=day_price,
        tariff=tariff,
    )


def has_running(row: Row) -> bool:
    """Tell of a row of load_access_state whether sessions run."""
    return row[-2] == b"t"


def running_of(row: Row) -> tuple[RunningSession, ...]:
    """Read a row of load_running: texts of four words, {"t 0 0 1.50","f 60 0 0.00"}."""
    array = row[0] or b"{}"
    sessions = []
    for element in array[1:-1].split(b",") if array != b"{}" else ():
        superseded, seconds, octets, held = element.strip(b'"').split()
        sessions.append(
            RunningSession(superseded == b"t", int(seconds), int(octets), _minor(held))
        )
    return tuple(sessions)


def suspension_of(row: Row) -> Suspension:
    """Read a row of load_suspension: why, state, and a name that may have spaces."""
    reason, state, *target = (row[0] or b"").decode().split(" ", 2)
    return Suspension(reason, state, target[0] if target else None)


def nas_of(row: Row) -> Nas:
    """Read a row of load_nas."""
    vendor, interim_interval_seconds = row
    if vendor is None or interim_interval_seconds is None:
        raise RowError("a NAS is incomplete")
    return Nas(vendor.decode(), int(interim_interval_seconds))


def _tariff(
    prices: Sequence[str | None], vat_percent: Decimal, *, vat_inclusive: bool
) -> Tariff:
    setup, per_minute, per_mb, seconds, octets, minimum, free, *_ = prices
    return Tariff(
        setup_fee=Decimal(setup or 0),
        price_per_minute=Decimal(per_minute or 0),
        price_per_mb=Decimal(per_mb or 0),
        increment_seconds=_integer(seconds) or 1,
        increment_octets=_integer(octets) or 1,
        minimum_charge=Decimal(minimum or 0),
        free_seconds=_integer(free) or 0,
        vat_percent=vat_percent,
        vat_inclusive=vat_inclusive,
    )


def _octets(hexed: bytes) -> bytes:
    """Read a bytea as libpq gives it: a backslash, x and hex."""
    return bytes.fromhex(hexed[2:].decode())


def _minor(amount: bytes) -> int:
    """Read a numeric(16,2), as 12.50, in minor units."""
    if amount[-3:-2] != b".":
        raise RowError(f"{amount!r} is no amount with two decimals")
    return int(amount[:-3] + amount[-2:])


def _epoch(timestamp: bytes) -> int | None:
    """Read a timestamptz in UTC; infinity is no end."""
    text = timestamp.decode()
    if text == "infinity":
        return None
    return int(datetime.fromisoformat(text).timestamp())


def _integer(text: str | None) -> int | None:
    return None if text is None else int(text)
