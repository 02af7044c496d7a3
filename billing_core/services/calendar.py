"""What the clock asks of billing; each job makes up what was missed."""

from datetime import datetime, timedelta

from billing_core.db.bills import number_bills
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.installation import read_zone
from billing_core.db.runs import has_finished_run
from billing_core.service_days import day_bounds, service_date
from billing_core.services.billing_run import run_cycles
from billing_core.services.service_days import run_service_days
from billing_core.services.suspension import sweep_suspensions

_ACTOR = "scheduler"
# A customer who joins in the middle of a day has his first bill within the hour.
_CYCLES_EVERY = timedelta(hours=1)
_NUMBERS_AT_ONCE = 2000


def charge_the_day(conn: Connection, now: datetime) -> int:
    """Charge the service day once its midnight has come; returns to how many.

    Asked every few seconds: a scheduler that was down at midnight, or was killed in
    mid-run, charges what is missing when one leads again.
    """
    zone = read_zone(conn)
    start, _ = day_bounds(service_date(now, zone), zone)
    if has_finished_run(conn, "service_days", since=start):
        return 0
    return run_service_days(conn, now=now, zone=zone, actor=_ACTOR).billed


def bill_the_cycles(conn: Connection, now: datetime) -> int:
    """Bill the cycles that have come due; returns how many bills.

    At each midnight, since cycles begin there, and once an hour.
    """
    zone = read_zone(conn)
    midnight, _ = day_bounds(service_date(now, zone), zone)
    since = max(midnight, now - _CYCLES_EVERY)
    if has_finished_run(conn, "cycles", since=since):
        return 0
    return run_cycles(conn, as_of=now, now=now, zone=zone, actor=_ACTOR).billed


def suspend_the_overdue(conn: Connection, now: datetime) -> int:
    """Suspend who is overdue; returns how many."""
    return sweep_suspensions(conn, now).suspended


def number_new_bills(conn: Connection, _now: datetime) -> int:
    """Number the bills that logins and sessions issued; returns how many."""
    total = 0
    while done := in_transaction(
        conn, lambda: number_bills(conn, limit=_NUMBERS_AT_ONCE)
    ):
        total += done
    return total
