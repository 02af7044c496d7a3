"""Carry daily sessions over midnight: charge the new service day, or cut."""

from datetime import datetime
from zoneinfo import ZoneInfo

from billing_core.accounting import AcctSession
from billing_core.charging import BALANCE_EXHAUSTED, must_disconnect
from billing_core.db import closing as db
from billing_core.db.connect import Connection
from billing_core.service_days import day_bounds, day_charge, service_date
from billing_core.services.closing import change_running
from billing_core.services.rating import Batch

# Customers a transaction, so that midnight is many short waits and no long one.
_CHUNK = 200


def roll_service_days(conn: Connection, now: datetime, zone: ZoneInfo) -> int:
    """Charge today to customers whose daily sessions ran into it; returns how many.

    1. find them by the moment up to which their session is paid
    2. under their wallets' locks, charge and bill the day to who can pay it
    3. move the moment to the day's end; cut who cannot pay
    """
    day = service_date(now, zone)
    _, end = day_bounds(day, zone)
    paid: set[int] = set()

    def charge(batch: Batch) -> None:
        sessions = [s for many in batch.running.values() for s in many]
        prices = db.read_day_prices(conn, {s.package_id for s in sessions})
        paid.clear()
        paid.update(db.read_days_charged(conn, batch.wallets, day))
        charges = []
        for session in sessions:
            wallet = batch.wallets[session.customer_id]
            is_due = session.cut_at is not None and session.cut_at <= now
            if session.package_id not in prices or not is_due:
                continue
            if session.customer_id in paid or wallet.suspend_reason is not None:
                continue
            name, price = prices[session.package_id]
            parts = day_charge(price, day)
            if wallet.available >= parts.gross:
                charges.append((session.customer_id, name, price.vat_percent, parts))
                wallet.posted -= parts.gross
                paid.add(session.customer_id)
        if charges:
            db.charge_service_days(conn, day, charges, now=now, actor="worker")

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
