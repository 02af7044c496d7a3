"""Whose service will stop by a day if nothing is paid."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing_core.db import service_days as days_db
from billing_core.db import suspension as db
from billing_core.db.closing import read_day_prices
from billing_core.db.connect import Connection
from billing_core.db.service_days import DayWallet
from billing_core.db.suspension import ToBeSuspended
from billing_core.db.web_lists import Scope
from billing_core.money import ZERO
from billing_core.service_days import (
    DayPrice,
    covered_until,
    day_bounds,
    day_charge,
    service_date,
)
from billing_core.suspension import Suspend, SuspendReason, decide_service

_CHUNK = 2000
_DAY = timedelta(days=1)
#: Up to so many customers are looked at to count; of more a sample of so many is.
_LOOKED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class CountToCome:
    """How many will be suspended."""

    customers: int
    #: Not counted, but told from a sample of all customers.
    is_estimate: bool


class _Ending(NamedTuple):
    """A daily customer whose money ends."""

    wallet: DayWallet
    price: DayPrice
    #: The last day that he can pay; None = not today.
    covered: date | None
    first_unpaid: date


def end_of(day: date, zone: ZoneInfo) -> datetime:
    """Return the last moment of a day: who is suspended by a day is by then."""
    return day_bounds(day, zone)[1] - timedelta.resolution


def preview_suspensions(
    conn: Connection, by: datetime, *, now: datetime, zone: ZoneInfo, limit: int
) -> list[ToBeSuspended]:
    """Return who will be suspended by a moment if nothing is paid or billed.

    Over bills by the sweep's own rule, on the same facts; and whose money pays no more
    days. The one suspended first first, and each once.
    """
    found: list[ToBeSuspended] = []
    for customer_ids in db.find_to_suspend(conn, now=by, chunk=_CHUNK):
        reasons = _over_bills(conn, customer_ids, by)
        if reasons:
            found += db.read_to_be_suspended(conn, reasons, by=by, now=now)
    for rows in days_db.find_day_wallets(
        conn, today=service_date(now, zone), chunk=_CHUNK
    ):
        found += [
            _end_of_money(ending, now, zone)
            for ending in _over_days(conn, rows, by, now, zone)
        ]
    firsts: dict[int, ToBeSuspended] = {}
    for one in sorted(found, key=lambda one: (one.suspend_at, one.customer_id)):
        firsts.setdefault(one.customer_id, one)
    return list(firsts.values())[:limit]


def who_stops(
    conn: Connection,
    customer_ids: Sequence[int],
    by: datetime,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> set[int]:
    """Return those of these customers whom preview_suspensions finds."""
    due = db.pick_to_suspend(conn, customer_ids, now=by)
    rows = days_db.read_day_wallets(conn, customer_ids, today=service_date(now, zone))
    over_bills = {customer_id for customer_id, _ in _over_bills(conn, due, by)}
    return over_bills | {
        ending.wallet.customer_id for ending in _over_days(conn, rows, by, now, zone)
    }


def count_to_come(
    conn: Connection, scope: Scope, by: datetime, *, now: datetime, zone: ZoneInfo
) -> CountToCome:
    """Count whom preview_suspensions finds of a scope; of very many, by a sample."""
    looked, weight = db.find_active(conn, scope, limit=_LOOKED_MAX + 1), 1.0
    is_estimate = len(looked) > _LOOKED_MAX
    if is_estimate:
        looked, weight = db.sample_active(conn, scope, wanted=_LOOKED_MAX)
    found = sum(
        len(who_stops(conn, looked[at : at + _CHUNK], by, now=now, zone=zone))
        for at in range(0, len(looked), _CHUNK)
    )
    count = round(found * weight)
    # A sample knows no more than two figures.
    return CountToCome(
        round(count, 2 - len(str(count))) if is_estimate else count, is_estimate
    )


def _over_bills(
    conn: Connection, customer_ids: Sequence[int], by: datetime
) -> list[tuple[int, str]]:
    if not customer_ids:
        return []
    return [
        (facts.customer_id, decision.reason.value)
        for facts in db.read_service_facts(conn, customer_ids, by)
        if isinstance(decision := decide_service(facts, by), Suspend)
    ]


def _over_days(
    conn: Connection,
    rows: Sequence[DayWallet],
    by: datetime,
    now: datetime,
    zone: ZoneInfo,
) -> list[_Ending]:
    """Tell who cannot pay a day that begins by a moment, and which is the first."""
    if not rows:
        return []
    today, last = service_date(now, zone), service_date(by, zone)
    prices = read_day_prices(conn, {row.package_id for row in rows})
    found = []
    for row in rows:
        if row.held_until is not None and row.held_until > by:
            continue
        price = prices[row.package_id][1]
        covered = covered_until(
            row.available, price, today, today_is_charged=row.today_is_charged
        )
        first_unpaid = (covered or today) + _DAY
        if first_unpaid <= last:
            found.append(_Ending(row, price, covered, first_unpaid))
    return found


def _end_of_money(ending: _Ending, now: datetime, zone: ZoneInfo) -> ToBeSuspended:
    """Tell at which midnight a daily customer cannot pay the day, and what is short."""
    row, price, covered, first_unpaid = ending
    today = service_date(now, zone)
    day = today + _DAY if row.today_is_charged or covered is None else today
    left = row.available
    while day < first_unpaid:
        left -= day_charge(price, day).gross
        day += _DAY
    stop, _ = day_bounds(first_unpaid, zone)
    return ToBeSuspended(
        row.customer_id,
        row.username,
        SuspendReason.BALANCE_EXHAUSTED.value,
        max(stop, row.held_until or stop),
        max(day_charge(price, first_unpaid).gross - left, ZERO),
    )
