"""Whose service will stop by a day if nothing is paid."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from billing_core.db import service_days as days_db
from billing_core.db import suspension as db
from billing_core.db.closing import read_day_prices
from billing_core.db.connect import Connection
from billing_core.db.suspension import ToBeSuspended
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


def preview_suspensions(
    conn: Connection, by: datetime, *, now: datetime, zone: ZoneInfo, limit: int
) -> list[ToBeSuspended]:
    """Return who will be suspended by a moment if nothing is paid or billed.

    Over bills by the sweep's own rule, on the same facts; and whose money pays no more
    days. The one suspended first first.
    """
    found = [*_over_bills(conn, by, now), *_over_days(conn, by, now, zone)]
    return sorted(found, key=lambda one: (one.suspend_at, one.customer_id))[:limit]


def _over_bills(conn: Connection, by: datetime, now: datetime) -> list[ToBeSuspended]:
    found: list[ToBeSuspended] = []
    for customer_ids in db.find_to_suspend(conn, now=by, chunk=_CHUNK):
        reasons = [
            (facts.customer_id, decision.reason.value)
            for facts in db.read_service_facts(conn, customer_ids, by)
            if isinstance(decision := decide_service(facts, by), Suspend)
        ]
        if reasons:
            found += db.read_to_be_suspended(conn, reasons, by=by, now=now)
    return found


def _over_days(
    conn: Connection, by: datetime, now: datetime, zone: ZoneInfo
) -> list[ToBeSuspended]:
    today = service_date(now, zone)
    found: list[ToBeSuspended] = []
    for rows in days_db.find_day_wallets(conn, today=today, chunk=_CHUNK):
        prices = read_day_prices(conn, {row.package_id for row in rows})
        for row in rows:
            one = _end_of_money(row, prices[row.package_id][1], now, zone)
            if one.suspend_at <= by:
                found.append(one)
    return found


def _end_of_money(
    row: days_db.DayWallet, price: DayPrice, now: datetime, zone: ZoneInfo
) -> ToBeSuspended:
    """Tell at which midnight a daily customer cannot pay the day, and what is short."""
    today = service_date(now, zone)
    last = covered_until(
        row.available, price, today, today_is_charged=row.today_is_charged
    )
    first_unpaid = (last or today) + _DAY
    day = today + _DAY if row.today_is_charged or last is None else today
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
