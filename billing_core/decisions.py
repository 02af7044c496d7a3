"""Who may come in, for how long and for how much: the rules of a login; pure.

Times are Unix seconds and amounts are minor units here, and the records of one login
are named tuples: it is decided within the one part of the server that is serialised
(radius.md §0.1), where each microsecond counts. What a package means is computed once
and shared (Package).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing_core.mac_addresses import parse_mac
from billing_core.service_days import (
    DayPrice,
    covered_until_minor,
    day_charge,
    day_end_epoch,
)
from billing_core.tariff import (
    Tariff,
    affordable_octets_minor,
    affordable_seconds_minor,
    first_increment_worth_minor,
)

# Beyond these a limit means nothing, and no NAS or column could hold it.
LIMIT_SECONDS_MAX = 2**31 - 1
LIMIT_OCTETS_MAX = 2**62

# The NAS's own limit is only the backstop of a daily customer's last covered day: at
# its end we put the sessions off one by one, or prolong those that paid. Were the limit
# midnight sharp, every customer would be back at once.
DAY_BACKSTOP_SECONDS_MIN = 300
DAY_BACKSTOP_SECONDS_MAX = 900
_SPREAD = DAY_BACKSTOP_SECONDS_MAX - DAY_BACKSTOP_SECONDS_MIN + 1


class RejectReason(StrEnum):
    """Why a login was refused: logged, and told to the customer in words."""

    UNKNOWN_CUSTOMER = "UNKNOWN_CUSTOMER"
    BAD_CREDENTIALS = "BAD_CREDENTIALS"
    SUSPENDED = "SUSPENDED"
    DISABLED = "DISABLED"
    NO_SUBSCRIPTION = "NO_SUBSCRIPTION"
    BALANCE_EXHAUSTED = "BALANCE_EXHAUSTED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    PACKAGE_EXPIRED = "PACKAGE_EXPIRED"
    TOO_MANY_SESSIONS = "TOO_MANY_SESSIONS"
    MAC_MISMATCH = "MAC_MISMATCH"
    UNKNOWN_NAS = "UNKNOWN_NAS"
    MALFORMED = "MALFORMED"
    COULD_NOT_DECIDE = "COULD_NOT_DECIDE"


@dataclass(frozen=True, slots=True, eq=False)
class Package:
    """What a login must know of a package; one object for each version of it."""

    package_id: int
    billing: str
    sessions_allowed: int
    validity_seconds: int | None = None
    rate_up_bps: int | None = None
    rate_down_bps: int | None = None
    framed_pool: str | None = None
    interim_interval_seconds: int | None = None
    idle_timeout_seconds: int | None = None
    #: Of a daily package.
    day_price: DayPrice | None = None
    #: Of a per-session package.
    tariff: Tariff | None = None


class Nas(NamedTuple):
    """What a login must know of the NAS it comes through."""

    vendor: str
    interim_interval_seconds: int


class AccessRequest(NamedTuple):
    """What a decision needs of an Access-Request."""

    username: str
    #: Decimal, as FreeRADIUS tells it.
    nas_id: str
    #: As the NAS wrote it: sessions of one device are told by it.
    calling_station_id: str
    #: A DHCP server asks about a device, by its MAC address and without a password.
    is_of_device: bool = False


class Subscription(NamedTuple):
    """What is left of what the customer is on."""

    subscription_id: int
    #: Bought, and its validity from first use has not begun.
    is_waiting: bool
    valid_until_epoch: int | None
    seconds_left: int | None
    octets_left: int | None


class RunningSession(NamedTuple):
    """A session of the customer that has not ended."""

    #: Of the same device on the same NAS: this login replaces it.
    is_superseded: bool
    #: What it was promised and has not used.
    seconds_promised: int
    octets_promised: int
    held_minor: int


class Suspension(NamedTuple):
    """Why a customer is suspended, and what his billing profile gives him then."""

    reason: str
    #: reject | pool | address_list
    state: str = "reject"
    #: Name of the pool or address list.
    target: str | None = None


class AccessState(NamedTuple):
    """What the database knows when somebody logs in."""

    customer_id: int
    status: str
    password_sealed: bytes
    framed_ip: str | None
    mac_binding: str | None
    #: The customer's own number, over the package's.
    sessions_allowed: int | None
    available_minor: int
    package: Package
    #: None = the packet came from no NAS of ours.
    nas: Nas | None
    subscription: Subscription | None
    day_is_charged: bool
    running: Sequence[RunningSession]
    #: The number of the session, if it comes to one.
    session_id: int
    #: Of a suspended customer.
    suspension: Suspension | None = None


class DayCharge(NamedTuple):
    """A service day that this login is to charge."""

    day: date
    net: Decimal
    vat: Decimal
    vat_percent: Decimal


class Accept(NamedTuple):
    """Let the customer in, within these limits; None = no such limit."""

    sessions_allowed: int
    session_timeout_seconds: int | None = None
    limit_seconds: int | None = None
    limit_octets: int | None = None
    hold_minor: int = 0
    cut_at_epoch: int | None = None
    cut_reason: RejectReason | None = None
    #: The validity starts with this login and ends then.
    new_valid_until_epoch: int | None = None
    day_charge: DayCharge | None = None
    #: Let in although suspended, to where he can see why and pay.
    restriction: Suspension | None = None


class Reject(NamedTuple):
    """Refuse the customer."""

    reason: RejectReason


Decision = Accept | Reject


def decide_access(
    state: AccessState,
    request: AccessRequest,
    now_epoch: int,
    today: date,
    zone: ZoneInfo,
) -> Decision:
    """Decide a login; today is the civil date of now in the zone."""
    if state.nas is None:
        return Reject(RejectReason.UNKNOWN_NAS)
    if state.status != "active" and not _may_see_why(state):
        return Reject(_status_reason(state))
    bound_to = state.mac_binding
    if bound_to is not None and bound_to != parse_mac(request.calling_station_id):
        return Reject(RejectReason.MAC_MISMATCH)
    package = state.package
    allowed = state.sessions_allowed or package.sessions_allowed
    free_places = allowed
    if state.running:
        free_places -= sum(not session.is_superseded for session in state.running)
        if free_places <= 0:
            return Reject(RejectReason.TOO_MANY_SESSIONS)
    if state.status != "active":
        # No money, no limit: the pool or list leads to the payment page only.
        return Accept(allowed, restriction=state.suspension)
    match package.billing:
        case "daily":
            return _decide_daily(state, allowed, now_epoch, today, zone)
        case "package":
            return _decide_package(state, allowed, free_places, now_epoch)
        case "per_session":
            return _decide_per_session(state, allowed, free_places, now_epoch)
        case "free" | "monthly":
            # A monthly customer who owes too much is suspended, not refused here.
            return Accept(allowed)
        case unknown:
            raise ValueError(f"A package cannot be billed {unknown!r}.")


def _may_see_why(state: AccessState) -> bool:
    """Tell whether a suspended customer is let in, into the suspended pool or list."""
    suspension = state.suspension
    return (
        state.status == "suspended"
        and suspension is not None
        and suspension.state != "reject"
    )


def _status_reason(state: AccessState) -> RejectReason:
    if state.status == "disabled":
        return RejectReason.DISABLED
    if state.suspension is not None and state.suspension.reason == "BALANCE_EXHAUSTED":
        # What he can do about it is to top up, not to ask.
        return RejectReason.BALANCE_EXHAUSTED
    return RejectReason.SUSPENDED


def _decide_daily(
    state: AccessState, allowed: int, now_epoch: int, today: date, zone: ZoneInfo
) -> Decision:
    """Let in who has paid for today, or can, until the last day the wallet covers."""
    day_price = state.package.day_price
    if day_price is None:
        raise ValueError("A daily package has a price.")
    last_day = covered_until_minor(
        _available(state), day_price, today, today_is_charged=state.day_is_charged
    )
    if last_day is None:
        return Reject(RejectReason.BALANCE_EXHAUSTED)
    end_epoch = day_backstop_epoch(state.customer_id, last_day, zone)
    return Accept(
        allowed,
        session_timeout_seconds=end_epoch - now_epoch,
        # At the end of today the next day is charged, or the session cut.
        cut_at_epoch=day_end_epoch(today, zone),
        cut_reason=RejectReason.BALANCE_EXHAUSTED,
        day_charge=None if state.day_is_charged else _day_charge(state.package, today),
    )


@lru_cache(maxsize=1024)
def _day_charge(package: Package, day: date) -> DayCharge | None:
    if package.day_price is None:
        return None
    parts = day_charge(package.day_price, day)
    return DayCharge(day, parts.net, parts.vat, package.day_price.vat_percent)


def day_backstop_epoch(customer_id: int, last_day: date, zone: ZoneInfo) -> int:
    """Give when a NAS by itself ends a daily session that is paid to last_day's end."""
    # 601 is prime: a step of 137 spreads neighbouring customers over all of it.
    spread = DAY_BACKSTOP_SECONDS_MIN + customer_id * 137 % _SPREAD
    return day_end_epoch(last_day, zone) + spread


def _decide_package(
    state: AccessState, allowed: int, free_places: int, now_epoch: int
) -> Decision:
    """Share what is left of the package among the sessions that may run."""
    bought = state.subscription
    if bought is None:
        return Reject(RejectReason.NO_SUBSCRIPTION)
    valid_until, new_valid_until = bought.valid_until_epoch, None
    if bought.is_waiting and valid_until is None and state.package.validity_seconds:
        valid_until = new_valid_until = now_epoch + state.package.validity_seconds
    if valid_until is not None and valid_until <= now_epoch:
        return Reject(RejectReason.PACKAGE_EXPIRED)

    seconds = octets = None
    if bought.seconds_left is not None:
        seconds = bought.seconds_left - _promised_seconds(state.running)
        seconds = min(seconds // free_places, LIMIT_SECONDS_MAX)
    if bought.octets_left is not None:
        octets = bought.octets_left - _promised_octets(state.running)
        octets = min(octets // free_places, LIMIT_OCTETS_MAX)
    if (seconds is not None and seconds <= 0) or (octets is not None and octets <= 0):
        return Reject(RejectReason.QUOTA_EXHAUSTED)

    cut_at, cut_reason = _first_of(
        (valid_until, RejectReason.PACKAGE_EXPIRED),
        (
            None if seconds is None else now_epoch + seconds,
            RejectReason.QUOTA_EXHAUSTED,
        ),
    )
    return Accept(
        allowed,
        session_timeout_seconds=_timeout(cut_at, now_epoch),
        limit_seconds=seconds,
        limit_octets=octets,
        cut_at_epoch=cut_at,
        cut_reason=cut_reason,
        new_valid_until_epoch=new_valid_until,
    )


def _decide_per_session(
    state: AccessState, allowed: int, free_places: int, now_epoch: int
) -> Decision:
    """Hold an equal share of the wallet, and let in for what it buys."""
    tariff = state.package.tariff
    if tariff is None:
        raise ValueError("A per-session package has a tariff.")
    available = _available(state)
    share = available // free_places
    to_begin = first_increment_worth_minor(tariff)
    if share < to_begin <= available:
        # Too little for an equal share to begin with: it is his who comes first.
        share = available
    # A first increment may round to nothing; who has nothing still stays out.
    if share <= 0 or share < to_begin:
        return Reject(RejectReason.BALANCE_EXHAUSTED)
    seconds = affordable_seconds_minor(tariff, share)
    octets = affordable_octets_minor(tariff, share)
    if seconds is None and octets is None:
        # Beginning is all that costs: do not hold what cannot be spent.
        return Accept(allowed, hold_minor=to_begin)
    if seconds is not None and seconds > LIMIT_SECONDS_MAX:
        seconds = LIMIT_SECONDS_MAX
    if octets is not None and octets > LIMIT_OCTETS_MAX:
        octets = LIMIT_OCTETS_MAX
    cut_at = None if seconds is None else now_epoch + seconds
    return Accept(
        allowed,
        session_timeout_seconds=seconds,
        limit_seconds=seconds,
        limit_octets=octets,
        hold_minor=share,
        cut_at_epoch=cut_at,
        cut_reason=None if cut_at is None else RejectReason.BALANCE_EXHAUSTED,
    )


def _available(state: AccessState) -> int:
    """Give the available balance, with what the replaced sessions will let go."""
    available = state.available_minor
    for session in state.running:
        if session.is_superseded:
            available += session.held_minor
    return available


def _promised_seconds(running: Sequence[RunningSession]) -> int:
    return sum(s.seconds_promised for s in running if not s.is_superseded)


def _promised_octets(running: Sequence[RunningSession]) -> int:
    return sum(s.octets_promised for s in running if not s.is_superseded)


def _first_of(
    one: tuple[int | None, RejectReason], other: tuple[int | None, RejectReason]
) -> tuple[int | None, RejectReason | None]:
    """Give the earlier of two moments that may never come."""
    if one[0] is None:
        return other if other[0] is not None else (None, None)
    if other[0] is None or one[0] <= other[0]:
        return one
    return other


def _timeout(end_epoch: int | None, now_epoch: int) -> int | None:
    return None if end_epoch is None else min(end_epoch - now_epoch, LIMIT_SECONDS_MAX)
