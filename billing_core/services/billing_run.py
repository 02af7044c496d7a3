"""The billing run: cycle bills of monthly customers, idempotent and resumable."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from billing_core.billing_terms import BillDraft, CustomerFacts, Parked
from billing_core.bills import draft_bills_by_hand, draft_cycle_bills, not_due_before
from billing_core.cycles import local_midnight, payment_dates
from billing_core.db import cycles as cycles_db
from billing_core.db import runs as runs_db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.sessions import lock_wallets_only, read_wallets_with_money
from billing_core.errors import BillingError
from billing_core.service_days import service_date
from billing_core.services.issuing import issue_bills
from billing_core.services.settlement import settle_from_wallets

# Customers a transaction: bounds the memory and how long wallets stay locked.
_CHUNK = 2000

Progress = Callable[[int], None]


class FutureRunError(BillingError):
    """A run is for now or for a day that was missed, not for days to come."""

    def __init__(self, as_of: datetime, now: datetime) -> None:
        super().__init__(
            f"{as_of.isoformat()} is in the future (now {now.isoformat()})"
        )


@dataclass(slots=True)
class RunResult:
    """What a run did, or would do."""

    run_id: int | None
    billed: int = 0
    parked: int = 0
    drafts: list[BillDraft] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Chunk:
    billed: int
    parked: int
    drafts: list[BillDraft]


def run_cycles(
    conn: Connection,
    *,
    as_of: datetime,
    now: datetime,
    zone: ZoneInfo,
    actor: str,
    profile_id: int | None = None,
    progress: Progress | None = None,
    chunk: int = _CHUNK,
) -> RunResult:
    """Bill every period that is due as of a moment; returns what was billed.

    Chunk by chunk of customers, each one transaction: lock wallets, draft (pure),
    issue, settle. Killed at any point and started again it bills what is missing, and
    two at once bill each period once: what a customer is billed to is read under his
    wallet's lock. A customer that cannot be billed is parked and the run goes on.
    """
    if as_of > now:
        raise FutureRunError(as_of, now)
    run_id = runs_db.start_run(conn, "cycles", as_of=as_of, now=now, note=actor)
    began, result = time.monotonic(), RunResult(run_id)
    customers = cycles_db.find_cycle_customers(
        conn, as_of=as_of, profile_id=profile_id, chunk=chunk
    )
    for found in customers:

        def work(found: list[int] = found) -> _Chunk:
            done = _bill_chunk(
                conn, found, as_of=as_of, now=now, zone=zone, actor=actor
            )
            runs_db.note_progress(
                conn,
                run_id,
                billed=done.billed,
                parked=done.parked,
                errors=0,
                reached=found[-1],
            )
            return done

        done = in_transaction(conn, work)
        result.billed += done.billed
        result.parked += done.parked
        if progress is not None:
            progress(len(found))
    # `now` is that of all of the run: when it ended is told by how long it took.
    took = timedelta(seconds=time.monotonic() - began)
    runs_db.finish_run(conn, run_id, now + took)
    return result


def preview_cycles(
    conn: Connection,
    *,
    as_of: datetime,
    zone: ZoneInfo,
    profile_id: int | None = None,
    limit: int,
) -> RunResult:
    """Return the bills that a run would issue, up to a number; writes nothing."""
    result = RunResult(None)
    customers = cycles_db.find_cycle_customers(
        conn, as_of=as_of, profile_id=profile_id, chunk=_CHUNK
    )
    for found in customers:
        drafts, parked = _draft(conn, found, as_of=as_of, now=as_of, zone=zone)
        result.drafts += drafts
        result.billed += len(drafts)
        result.parked += len(parked)
        if len(result.drafts) >= limit:
            break
    return result


def bill_by_hand(
    conn: Connection,
    customer_id: int,
    *,
    as_of: datetime,
    now: datetime,
    zone: ZoneInfo,
    actor: str,
) -> int:
    """Bill one customer what is due, also where nothing bills by itself."""

    def work() -> int:
        done = _bill_chunk(
            conn,
            [customer_id],
            as_of=as_of,
            now=now,
            zone=zone,
            actor=actor,
            by_hand=True,
        )
        return done.billed

    return in_transaction(conn, work)


def _bill_chunk(
    conn: Connection,
    customer_ids: list[int],
    *,
    as_of: datetime,
    now: datetime,
    zone: ZoneInfo,
    actor: str,
    by_hand: bool = False,
) -> _Chunk:
    lock_wallets_only(conn, customer_ids)
    drafts, parked = _draft(
        conn, customer_ids, as_of=as_of, now=now, zone=zone, by_hand=by_hand
    )
    if parked:
        runs_db.park_customers(conn, [(p.customer_id, p.reason) for p in parked])
    if drafts:
        issue_bills(conn, drafts, now=now, actor=actor)
        billed = {draft.customer_id for draft in drafts}
        wallets = read_wallets_with_money(conn, billed)
        settle_from_wallets(conn, wallets, now=now, actor=actor)
    return _Chunk(len(drafts), len(parked), drafts)


def _draft(
    conn: Connection,
    customer_ids: list[int],
    *,
    as_of: datetime,
    now: datetime,
    zone: ZoneInfo,
    by_hand: bool = False,
) -> tuple[list[BillDraft], list[Parked]]:
    packages = cycles_db.read_cycle_packages(conn)
    profiles = cycles_db.read_cycle_profiles(conn)
    rows = cycles_db.read_cycle_facts(conn, customer_ids)
    stretches = cycles_db.read_unbilled_stretches(conn, customer_ids)
    draft_bills = draft_bills_by_hand if by_hand else draft_cycle_bills
    drafts: list[BillDraft] = []
    parked: list[Parked] = []
    for row in rows:
        facts = CustomerFacts(
            row.customer_id,
            row.status,
            row.is_paused,
            packages[row.package_id],
            profiles[row.profile_id] if row.profile_id is not None else None,
            row.special_price,
            row.discount_percent,
            row.activated_at,
            row.billed_until,
            stretches.get(row.customer_id, ()),
        )
        found = draft_bills(facts, as_of, zone)
        if isinstance(found, Parked):
            parked.append(found)
        else:
            drafts += found
    # By the civil day: a run some minutes after midnight is not late.
    today = local_midnight(service_date(now, zone), zone)
    dates: dict[int | None, tuple[datetime, datetime | None]] = {
        profile_id: payment_dates(today, profile.schedule, zone)
        for profile_id, profile in profiles.items()
    }
    return not_due_before(drafts, dates), parked
