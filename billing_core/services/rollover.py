"""Carry daily sessions over midnight: charge the new service day, or cut."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from billing_core.accounting import AcctSession
from billing_core.charging import BALANCE_EXHAUSTED, must_disconnect
from billing_core.db import closing as db
from billing_core.db.connect import Connection
from billing_core.db.service_days import read_holds
from billing_core.service_days import day_bounds, day_charge, service_date
from billing_core.services.closing import change_running
from billing_core.services.owed_days import OwedDay, owe_days
from billing_core.services.rating import Batch

# Customers a transaction, so that midnight is many short waits and no long one.
_CHUNK = 200
# A session that nobody looked after for longer is stale, not owing.
_MISSED_DAYS_MAX = timedelta(days=31)


def roll_service_days(conn: Connection, now: datetime, zone: ZoneInfo) -> int:
    """Charge the days that daily sessions ran into up to today; returns how many.

    1. find them by the moment up to which their session is paid
    2. under their wallets' locks, charge and bill each day since to who can pay it:
       more than today when no worker ran at a midnight; who is held owes it
    3. move the moment to the day's end; cut who cannot pay
    """
    today = service_date(now, zone)
    _, end = day_bounds(today, zone)
    paid: set[int] = set()

    def charge(batch: Batch) -> None:
        paid.clear()
        paid.update(_charge_due_days(conn, batch, now, zone))

    def carry_over(batch: Batch, session: AcctSession) -> bool:
        is_due = session.cut_at is not None and session.cut_at <= now
        if not is_due or not must_disconnect(session, now):
            return False
        if session.customer_id in paid:
            session.cut_at = end
        else:
            batch.due[session.session_id] = BALANCE_EXHAUSTED
        return True

    return change_running(
        conn,
        lambda: db.find_days_due(conn, now, limit=_CHUNK),
        carry_over,
        now,
        prepare=charge,
    )


def _charge_due_days(
    conn: Connection, batch: Batch, now: datetime, zone: ZoneInfo
) -> set[int]:
    """Charge the days that are due, oldest first; return who has paid up to today."""
    today = service_date(now, zone)
    packages = {s.package_id for many in batch.running.values() for s in many}
    prices = db.read_day_prices(conn, packages)
    due = _find_due(batch, prices.keys(), now, zone)
    holds = read_holds(conn, due, now) if due else {}
    day = min((first for first, _ in due.values()), default=today)
    while due and day <= today:
        charged = db.read_days_charged(conn, due, day)
        charges, owed = [], []
        for customer_id, (first, package_id) in list(due.items()):
            if first > day or customer_id in charged:
                continue
            name, price = prices[package_id]
            parts = day_charge(price, day)
            wallet = batch.wallets[customer_id]
            if wallet.available >= parts.gross:
                charges.append((customer_id, name, price.vat_percent, parts))
                wallet.posted -= parts.gross
            elif customer_id in holds:
                what = (package_id, name, price.vat_percent, parts)
                owed.append(OwedDay(customer_id, *what, holds[customer_id]))
            else:
                del due[customer_id]
        if charges:
            db.charge_service_days(conn, day, charges, now=now, actor="worker")
        if owed:
            owe_days(
                conn, batch.wallets, owed, day=day, zone=zone, now=now, actor="worker"
            )
        day += timedelta(days=1)
    # Who had today charged before is as good as who paid it now.
    return set(due) | db.read_days_charged(conn, batch.wallets, today)


def _find_due(
    batch: Batch, daily_packages: Collection[int], now: datetime, zone: ZoneInfo
) -> dict[int, tuple[date, int]]:
    """Give, of each customer, the first day that is due and the package he is on."""
    earliest = service_date(now, zone) - _MISSED_DAYS_MAX
    due: dict[int, tuple[date, int]] = {}
    for customer_id, sessions in batch.running.items():
        if batch.wallets[customer_id].suspend_reason is not None:
            continue
        firsts = [
            (max(service_date(session.cut_at, zone), earliest), session.package_id)
            for session in sessions
            if session.package_id in daily_packages
            and session.cut_at is not None
            and session.cut_at <= now
        ]
        if firsts:
            due[customer_id] = min(firsts)
    return due
