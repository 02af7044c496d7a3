"""Who may come in, for how long and for how much: the rules of a login; pure."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from zoneinfo import ZoneInfo

from billing_core.access import (
    Accept,
    AccessRequest,
    AccessState,
    DayCharge,
    Decision,
    Package,
    Reject,
    RejectReason,
    RunningSession,
)
from billing_core.mac_addresses import parse_mac
from billing_core.service_days import (
    covered_until_minor,
    day_charge,
    day_end_epoch,
)
from billing_core.tariff import (
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
            return Accept(allowed, is_reduced=_is_reduced(state, now_epoch))
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


def _is_reduced(state: AccessState, now_epoch: int) -> bool:
    until = state.reduced_until_epoch
    is_beyond = until is not None and now_epoch < until
    return is_beyond and state.package.reduced_rates is not None


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
        is_reduced=_is_reduced(state, now_epoch),
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
