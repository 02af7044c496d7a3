"""Charge service days of daily customers: each midnight, and when money comes."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing_core.db import bills as bills_db
from billing_core.db import service_days as days_db
from billing_core.db.closing import read_day_prices
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.sessions import Wallet, lock_wallets
from billing_core.ledger import INCOME, VAT_PAYABLE, WALLET
from billing_core.money import ZERO, VatSplit
from billing_core.service_days import (
    DayPrice,
    covered_until,
    day_bounds,
    day_charge,
    service_date,
)
from billing_core.services.owed_days import OwedDay, owe_days
from billing_core.services.runs import ChunkDone, Progress, RunResult, run_in_chunks
from billing_core.services.suspension import review_service

_CHUNK = 2000
_ONE = Decimal(1)


class _DayDue(NamedTuple):
    customer_id: int
    package_id: int
    package: str
    price: DayPrice
    parts: VatSplit


class DaysPreview(NamedTuple):
    """What a run of a service day would do."""

    day: date
    charged: int
    amount: Decimal
    #: Who cannot pay it, and would be suspended.
    not_covered: int


class _Sorted(NamedTuple):
    due: list[_DayDue]
    owed: list[OwedDay]
    not_covered: set[int]


class DayCharges(NamedTuple):
    """Whose day was charged, or is owed, and who could not pay it."""

    charged: frozenset[int]
    not_covered: frozenset[int]


def run_service_days(
    conn: Connection,
    *,
    now: datetime,
    zone: ZoneInfo,
    actor: str,
    profile_id: int | None = None,
    progress: Progress | None = None,
    chunk: int = _CHUNK,
) -> RunResult:
    """Charge today to every daily customer who pays for each day; idempotent.

    Chunk by chunk, each one transaction: lock wallets, charge who can pay and bill it,
    suspend who cannot and put his sessions off; who is held owes it. Whose day is paid
    is not touched: no session of his ends, no packet leaves.
    """
    day = service_date(now, zone)
    _, day_end = day_bounds(day, zone)

    def work(found: list[int]) -> ChunkDone:
        wallets = lock_wallets(conn, found)
        done = charge_days(
            conn, wallets, found, day=day, zone=zone, now=now, actor=actor
        )
        if done.not_covered:
            review_service(
                conn,
                sorted(done.not_covered),
                now=now,
                actor=actor,
                not_covered=done.not_covered,
            )
        return ChunkDone(len(done.charged))

    customers = days_db.find_day_customers(
        conn, day=day, day_end=day_end, profile_id=profile_id, chunk=chunk
    )
    return run_in_chunks(
        conn,
        "service_days",
        customers,
        work,
        as_of=now,
        now=now,
        actor=actor,
        profile_id=profile_id,
        progress=progress,
    )


def preview_service_days(
    conn: Connection, *, now: datetime, zone: ZoneInfo, profile_id: int | None = None
) -> DaysPreview:
    """Return whom a run of today's service day would charge; writes nothing."""
    day = service_date(now, zone)
    _, day_end = day_bounds(day, zone)
    charged, amount, not_covered = 0, ZERO, 0
    for found in days_db.find_day_customers(
        conn, day=day, day_end=day_end, profile_id=profile_id, chunk=_CHUNK
    ):

        def look(found: list[int] = found) -> _Sorted:
            return _sort_out(conn, lock_wallets(conn, found), found, day=day, now=now)

        these = in_transaction(conn, look)
        charged += len(these.due) + len(these.owed)
        amount += sum((one.parts.gross for one in these.due), ZERO)
        amount += sum((one.parts.gross for one in these.owed), ZERO)
        not_covered += len(these.not_covered)
    return DaysPreview(day, charged, amount, not_covered)


def charge_days(
    conn: Connection,
    wallets: dict[int, Wallet],
    customer_ids: Sequence[int],
    *,
    day: date,
    zone: ZoneInfo,
    now: datetime,
    actor: str,
    statuses: Sequence[str] = ("active",),
) -> DayCharges:
    """Charge one day to those of these locked customers who have it to pay and can."""
    due, owed, not_covered = _sort_out(
        conn, wallets, customer_ids, day=day, now=now, statuses=statuses
    )
    if due:
        _write(conn, due, day=day, zone=zone, now=now, actor=actor)
    if owed:
        owe_days(conn, wallets, owed, day=day, zone=zone, now=now, actor=actor)
    charged = {one.customer_id for one in due} | {one.customer_id for one in owed}
    return DayCharges(frozenset(charged), frozenset(not_covered))


def _sort_out(
    conn: Connection,
    wallets: dict[int, Wallet],
    customer_ids: Sequence[int],
    *,
    day: date,
    now: datetime,
    statuses: Sequence[str] = ("active",),
) -> _Sorted:
    """Tell who can pay the day, who owes it, who cannot; take it from the records."""
    rows = days_db.read_day_facts(conn, customer_ids, day, statuses, now)
    prices = read_day_prices(conn, {row.package_id for row in rows})
    due: list[_DayDue] = []
    owed: list[OwedDay] = []
    not_covered: set[int] = set()
    parts_of = {
        package_id: day_charge(price, day) for package_id, (_, price) in prices.items()
    }
    for row in rows:
        customer_id, package_id = row.customer_id, row.package_id
        name, price = prices[package_id]
        parts = parts_of[package_id]
        available = wallets[customer_id].available
        if available >= parts.gross and _covers(available, price, day, row.days_min):
            wallets[customer_id].posted -= parts.gross
            due.append(_DayDue(customer_id, package_id, name, price, parts))
        elif row.held_until is not None:
            hold = days_db.Hold(row.held_until, row.auto_suspend)
            percent = price.vat_percent
            owed.append(OwedDay(customer_id, package_id, name, percent, parts, hold))
        else:
            not_covered.add(customer_id)
    return _Sorted(due, owed, not_covered)


def _covers(available: Decimal, price: DayPrice, day: date, days_min: int) -> bool:
    """Tell whether money that pays for a day pays for so many in a row."""
    if days_min == 1:
        return True
    last = covered_until(available, price, day, today_is_charged=False)
    return last is not None and (last - day).days + 1 >= days_min


def _write(
    conn: Connection,
    due: Sequence[_DayDue],
    *,
    day: date,
    zone: ZoneInfo,
    now: datetime,
    actor: str,
) -> None:
    start, end = day_bounds(day, zone)
    ids = bills_db.next_bill_ids(conn, len(due))
    numbers = bills_db.take_numbers(conn, "B", len(due))
    bills, lines, entries, postings = [], [], [], []
    for one, (bill_id, entry_id), number in zip(due, ids, numbers, strict=True):
        customer_id, parts = one.customer_id, one.parts
        bills.append(
            bills_db.BillRow(
                customer_id=customer_id,
                bill_id=bill_id,
                kind="service_day",
                period_start=start,
                period_end=end,
                net=parts.net,
                vat=parts.vat,
                gross=parts.gross,
                is_paid=True,
                subject=day.isoformat(),
                number=number,
                due_at=None,
                suspend_at=None,
                package_id=one.package_id,
                profile_id=None,
            )
        )
        lines.append(_line(one, bill_id))
        entries.append(
            bills_db.EntryRow(
                customer_id, entry_id, "service_day", f"service_day:{day}"
            )
        )
        legs = (
            (WALLET, parts.gross),
            (INCOME, -parts.net),
            (VAT_PAYABLE, -parts.vat),
        )
        postings += [
            bills_db.PostingRow(customer_id, entry_id, line_no, account, amount)
            for line_no, (account, amount) in enumerate(legs, 1)
            if amount
        ]
    with conn.pipeline():
        bills_db.insert_entries(conn, entries, postings, now=now, actor=actor)
        bills_db.insert_bills(conn, bills, lines, now)
        days_db.insert_service_days(conn, day, bills, [entry_id for _, entry_id in ids])


def _line(one: _DayDue, bill_id: int) -> bills_db.LineRow:
    return bills_db.LineRow(
        customer_id=one.customer_id,
        bill_id=bill_id,
        line_no=1,
        description=one.package,
        quantity=_ONE,
        unit="day",
        net=one.parts.net,
        vat_percent=one.price.vat_percent,
        vat=one.parts.vat,
        gross=one.parts.gross,
    )
