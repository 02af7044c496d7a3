"""What a session's growth costs, what it may still use, and when it must be cut; pure.

Everything is by difference: the worth of the whole session less what was charged, its
counters less what was counted. So a repeat costs nothing and a late packet costs what
is missing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from billing_core.accounting import AcctSession
from billing_core.decisions import LIMIT_OCTETS_MAX, LIMIT_SECONDS_MAX
from billing_core.money import MINOR_UNIT, ZERO, VatSplit, split_vat
from billing_core.tariff import (
    Tariff,
    affordable_octets,
    affordable_seconds,
    session_worth,
)

BALANCE_EXHAUSTED = "BALANCE_EXHAUSTED"
QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
PACKAGE_EXPIRED = "PACKAGE_EXPIRED"
NO_SUBSCRIPTION = "NO_SUBSCRIPTION"

# A Disconnect that had no effect is asked for again when the session speaks after this.
_DISCONNECT_AGAIN_AFTER = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class RatedPackage:
    """What rating must know of a package."""

    package_id: int
    name: str
    billing: str
    sessions_allowed: int
    tariff: Tariff
    #: Beyond a number of octets in a cycle it is slower.
    has_fair_use: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """What a customer has bought and used of a package; None = not limited."""

    subscription_id: int
    seconds_allowed: int | None
    octets_allowed: int | None
    seconds_used: int
    octets_used: int
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Charge:
    """A rated, rounded amount of one session, not yet posted."""

    session_id: int
    # Names the charge: what the session will have been charged in all.
    charged_total: Decimal
    parts: VatSplit


def vat_of(gross: Decimal, tariff: Tariff) -> VatSplit:
    """Split what a customer pays into net and VAT, however the tariff states prices."""
    return split_vat(gross, tariff.vat_percent, inclusive=True)


def charge_growth(session: AcctSession, tariff: Tariff) -> Charge | None:
    """Charge what the session has come to be worth; its record is brought up to date.

    VAT is split by difference too, so that the parts of all charges sum to the bill's.
    """
    worth = session_worth(tariff, session.session_seconds, session.octets)
    if worth <= session.charged:
        return None
    before, after = vat_of(session.charged, tariff), vat_of(worth, tariff)
    session.charged = worth
    return Charge(
        session.session_id,
        worth,
        VatSplit(
            after.net - before.net, after.vat - before.vat, after.gross - before.gross
        ),
    )


def share_of_funds(funds: Decimal, sessions_allowed: int, others: int) -> Decimal:
    """Return what one session may hold, leaving as much to each that may still come."""
    if funds <= 0:
        return ZERO
    slots = max(sessions_allowed - others, 1)
    return (funds / slots).quantize(MINOR_UNIT, rounding=ROUND_DOWN)


def limit_by_money(session: AcctSession, tariff: Tariff, held: Decimal) -> bool:
    """Set how far the held money reaches; tell whether it is at its end.

    Both limits together may be reached before either alone; the next report or the
    predicted moment catches that.
    """
    amount = session.charged + held
    seconds = affordable_seconds(tariff, amount, session.octets)
    octets = affordable_octets(tariff, amount, session.session_seconds)
    # A little a MB makes much money reach further than any column does.
    session.limit_seconds = seconds and min(seconds, LIMIT_SECONDS_MAX)
    session.limit_octets = octets and min(octets, LIMIT_OCTETS_MAX)
    session.cut_at, session.cut_reason = _cut(session, None, BALANCE_EXHAUSTED)
    return _is_at(session.session_seconds, session.limit_seconds) or _is_at(
        session.octets, session.limit_octets
    )


def count_growth(session: AcctSession, quota: Quota) -> Quota:
    """Count the session's growth against the quota; both come back up to date."""
    seconds = session.session_seconds - session.counted_seconds
    octets = session.octets - session.counted_octets
    session.counted_seconds = session.session_seconds
    session.counted_octets = session.octets
    return replace(
        quota,
        seconds_used=quota.seconds_used + seconds,
        octets_used=quota.octets_used + octets,
    )


def count_octets(session: AcctSession) -> int:
    """Count the octets a session has grown by; its record is brought up to date."""
    grown = session.octets - session.counted_octets
    session.counted_octets = session.octets
    return grown


def limit_by_quota(
    session: AcctSession, quota: Quota, sessions_allowed: int, others: list[AcctSession]
) -> None:
    """Set what the session may use in all: its share of what is left of the package."""
    slots = max(sessions_allowed - len(others), 1)
    if quota.seconds_allowed is not None:
        promised = sum(_promised(o.limit_seconds, o.counted_seconds) for o in others)
        left = quota.seconds_allowed - quota.seconds_used - promised
        session.limit_seconds = session.session_seconds + max(left, 0) // slots
    if quota.octets_allowed is not None:
        promised = sum(_promised(o.limit_octets, o.counted_octets) for o in others)
        left = quota.octets_allowed - quota.octets_used - promised
        session.limit_octets = session.octets + max(left, 0) // slots
    session.cut_at, session.cut_reason = _cut(
        session, quota.valid_until, QUOTA_EXHAUSTED
    )


def quota_end(quota: Quota, now: datetime) -> str | None:
    """Tell why a package is at its end, or None."""
    if quota.valid_until is not None and quota.valid_until <= now:
        return PACKAGE_EXPIRED
    if _is_at(quota.seconds_used, quota.seconds_allowed) or _is_at(
        quota.octets_used, quota.octets_allowed
    ):
        return QUOTA_EXHAUSTED
    return None


def must_disconnect(session: AcctSession, now: datetime) -> bool:
    """Tell whether to ask the NAS (again) to end an exhausted session.

    An ACK is no proof: a NAS may acknowledge and go on. A session that still reports a
    minute after it was to end is asked for again.
    """
    asked = session.disconnect_requested_at
    return session.is_running and (
        asked is None or now - asked > _DISCONNECT_AGAIN_AFTER
    )


def _promised(limit: int | None, counted: int) -> int:
    return max((limit or 0) - counted, 0)


def _is_at(used: int, limit: int | None) -> bool:
    return limit is not None and used >= limit


def _cut(
    session: AcctSession, valid_until: datetime | None, reason: str
) -> tuple[datetime | None, str | None]:
    """Return the moment at which a session reaches its first limit, and why.

    Time and validity are exact. Octets are foretold from the last two reports, so a
    customer who slows down may be asked to log in again a little early: it is that or
    giving service that is not paid on a NAS that knows no octet limit.
    """
    moments: list[tuple[datetime, str]] = []
    if session.limit_seconds is not None:
        seconds = timedelta(seconds=min(session.limit_seconds, 10 * 366 * 86400))
        moments.append((session.started_at + seconds, reason))
    foretold = session.octets_per_second > 0 and not session.nas_limits_octets
    if session.limit_octets is not None and foretold:
        left = session.limit_octets - session.octets
        seconds_left = left / session.octets_per_second
        if 0 <= seconds_left < session.interim_interval_seconds:
            moments.append(
                (session.last_event_at + timedelta(seconds=seconds_left), reason)
            )
    if valid_until is not None:
        moments.append((valid_until, PACKAGE_EXPIRED))
    return min(moments) if moments else (None, None)
