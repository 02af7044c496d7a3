"""The billing run: cycle bills of monthly customers, idempotent and resumable."""

from datetime import datetime
from zoneinfo import ZoneInfo

from billing_core.billing_terms import (
    PARKED_REASONS,
    BillDraft,
    CustomerFacts,
    Parked,
)
from billing_core.bills import draft_bills_by_hand, draft_cycle_bills, not_due_before
from billing_core.cycles import local_midnight, payment_dates
from billing_core.db import cycles as cycles_db
from billing_core.db import runs as runs_db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.customers import read_customer
from billing_core.db.sessions import lock_wallets_only, read_wallets_with_money
from billing_core.errors import BillingError
from billing_core.service_days import service_date
from billing_core.services.issuing import issue_bills
from billing_core.services.runs import ChunkDone, Progress, RunResult, run_in_chunks
from billing_core.services.settlement import settle_from_wallets

# Customers a transaction: bounds the memory and how long wallets stay locked.
_CHUNK = 2000


class FutureRunError(BillingError):
    """A run is for now or for a day that was missed, not for days to come."""

    def __init__(self, as_of: datetime, now: datetime) -> None:
        super().__init__(
            f"{as_of.isoformat()} is in the future (now {now.isoformat()})"
        )


class NotBillableError(BillingError):
    """A customer cannot be billed before a person has mended something."""

    def __init__(self, username: str, reason: str, hint: str = "") -> None:
        why = PARKED_REASONS.get(reason, reason)
        super().__init__(f"{username} cannot be billed: {why}{hint}.")


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

    def work(found: list[int]) -> ChunkDone:
        return _bill_chunk(conn, found, as_of=as_of, now=now, zone=zone, actor=actor)

    customers = cycles_db.find_cycle_customers(
        conn, as_of=as_of, profile_id=profile_id, chunk=chunk
    )
    return run_in_chunks(
        conn,
        "cycles",
        customers,
        work,
        as_of=as_of,
        now=now,
        actor=actor,
        profile_id=profile_id,
        progress=progress,
    )


def preview_cycles(
    conn: Connection,
    *,
    as_of: datetime,
    now: datetime,
    zone: ZoneInfo,
    profile_id: int | None = None,
    limit: int,
) -> RunResult:
    """Return the bills that a run would issue, up to a number; writes nothing.

    As of a day to come: what will be billed then, if nothing changes.
    """
    result = RunResult(None)
    customers = cycles_db.find_cycle_customers(
        conn, as_of=as_of, profile_id=profile_id, chunk=_CHUNK
    )
    for found in customers:
        drafts, parked = _draft(
            conn, found, as_of=as_of, now=max(now, as_of), zone=zone
        )
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
    """Bill one customer what is due, also where nothing bills by itself.

    Who cannot be billed is not parked: the person who asks is told why.
    """
    if as_of > now:
        raise FutureRunError(as_of, now)

    def work() -> int:
        lock_wallets_only(conn, [customer_id])
        customer = read_customer(conn, customer_id)
        if customer.parked_reason is not None:
            hint = f"; mend it, then khata bill unpark {customer.username}"
            raise NotBillableError(customer.username, customer.parked_reason, hint)
        drafts, parked = _draft(
            conn, [customer_id], as_of=as_of, now=now, zone=zone, by_hand=True
        )
        for one in parked:
            raise NotBillableError(customer.username, one.reason)
        _issue(conn, drafts, now=now, actor=actor)
        return len(drafts)

    return in_transaction(conn, work)


def _bill_chunk(
    conn: Connection,
    customer_ids: list[int],
    *,
    as_of: datetime,
    now: datetime,
    zone: ZoneInfo,
    actor: str,
) -> ChunkDone:
    lock_wallets_only(conn, customer_ids)
    drafts, parked = _draft(conn, customer_ids, as_of=as_of, now=now, zone=zone)
    if parked:
        runs_db.park_customers(conn, [(p.customer_id, p.reason) for p in parked])
    _issue(conn, drafts, now=now, actor=actor)
    return ChunkDone(len(drafts), len(parked))


def _issue(
    conn: Connection, drafts: list[BillDraft], *, now: datetime, actor: str
) -> None:
    if drafts:
        issue_bills(conn, drafts, now=now, actor=actor)
        billed = {draft.customer_id for draft in drafts}
        wallets = read_wallets_with_money(conn, billed)
        settle_from_wallets(conn, wallets, now=now, actor=actor)


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
