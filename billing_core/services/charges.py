"""Bill by hand: other charges, and the period of a void bill again."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.billing_terms import (
    ACTIVE,
    CYCLE,
    PARKED_REASONS,
    BillDraft,
    BillLineDraft,
    Parked,
)
from billing_core.bills import draft_bills_by_hand, not_due_before, vat_terms
from billing_core.cycles import minute_of, payment_dates
from billing_core.db import customers as customers_db
from billing_core.db import cycles as cycles_db
from billing_core.db import ledger as ledger_db
from billing_core.db.changes import Standing, read_ended_stretches, read_standing
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.corrections import BillStanding, find_bill, read_bill
from billing_core.db.profiles import find_vat_profile
from billing_core.db.sessions import lock_wallets
from billing_core.money import split_vat
from billing_core.service_days import service_date
from billing_core.services.arrival import money_came
from billing_core.services.corrections import (
    OTHER_CHARGE,
    CorrectionError,
    log_on_bill,
    with_bill,
)
from billing_core.services.issuing import issue_bills
from billing_core.vat import rate_on

# Parts the subject of a bill made again: the period's start, the void bill's id.
_AGAIN = "/"
# Eighty years of months: the void bill may be an old one.
_PERIODS_MAX = 1000


def charge_customer(
    conn: Connection,
    username: str,
    amount: Decimal,
    *,
    description: str,
    vat_profile: str | None,
    key: str,
    actor: str,
    now: datetime,
    zone: ZoneInfo,
) -> BillStanding:
    """Bill a customer something else than service; returns the bill.

    Due as his profile says. VAT as the named profile says, else as for his service. The
    same key again returns the first bill.
    """
    if amount <= 0:
        raise CorrectionError(f"A charge is more than 0, not {amount}.")
    if not description.strip():
        raise CorrectionError("Say what is charged.")

    def work() -> BillStanding:
        customer_id = customers_db.find_customer_id(conn, username)
        lock_wallets(conn, [customer_id])
        first = ledger_db.find_bill(conn, customer_id, kind=OTHER_CHARGE, subject=key)
        if first is not None:
            return read_bill(conn, customer_id, first)
        standing = read_standing(conn, customer_id)
        vat = _vat_of_charge(conn, standing, vat_profile, now, zone)
        parts = split_vat(amount, vat[0], inclusive=vat[1])
        line = BillLineDraft(
            description, Decimal(1), "charge", parts.net, vat[0], parts.vat, parts.gross
        )
        number = issue_charge(
            conn,
            standing,
            line,
            kind=OTHER_CHARGE,
            subject=key,
            period=(minute_of(now), minute_of(now)),
            actor=actor,
            now=now,
            zone=zone,
        )
        customers_db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="charged",
            note=f"{parts.gross}: {description}",
        )
        money_came(conn, customer_id, now=now, actor=actor)
        return read_bill(conn, *find_bill(conn, number))

    return in_transaction(conn, work)


def bill_again(
    conn: Connection, bill_name: str, *, actor: str, now: datetime, zone: ZoneInfo
) -> str:
    """Bill the period of a void cycle bill anew; returns the new bill's number.

    At the price and VAT that hold now for this customer and period; once a void bill.
    """

    def work(bill: BillStanding) -> str:
        if bill.kind != CYCLE or bill.status != "void":
            raise CorrectionError(
                f"Bill {bill.name} is a {bill.status} bill of kind {bill.kind}: only"
                " the period of a void cycle bill is billed again."
            )
        start = bill.subject.partition(_AGAIN)[0]
        subject = f"{start}{_AGAIN}{bill.bill_id}"
        if ledger_db.find_bill(conn, bill.customer_id, kind=CYCLE, subject=subject):
            raise CorrectionError(f"Bill {bill.name} was billed again already.")
        draft = _draft_again(conn, bill, start, now=now, zone=zone)
        (number,) = issue_bills(
            conn,
            [draft._replace(subject=subject, billed_until=None)],
            now=now,
            actor=actor,
        )
        log_on_bill(conn, bill, "billed again", f"{bill.name} as {number}", actor, now)
        money_came(conn, bill.customer_id, now=now, actor=actor)
        return number

    return with_bill(conn, bill_name, work)


def _draft_again(
    conn: Connection, bill: BillStanding, start: str, *, now: datetime, zone: ZoneInfo
) -> BillDraft:
    """Draft the period of a void bill at the terms that hold now; due from now on."""
    facts = read_standing(conn, bill.customer_id).facts._replace(
        # Whatever he is now, that time was his.
        status=ACTIVE,
        is_paused=False,
        billed_until=datetime.fromisoformat(start),
        left_out=read_ended_stretches(conn, bill.customer_id),
    )
    drafts = draft_bills_by_hand(facts, now, zone, _PERIODS_MAX)
    if isinstance(drafts, Parked):
        why = PARKED_REASONS[drafts.reason]
        raise CorrectionError(f"Bill {bill.name} cannot be billed again: {why}.")
    # Another profile since may have other cycles: those are billed by themselves.
    same = [
        draft
        for draft in drafts
        if draft.subject == start and draft.period_end <= bill.period_end
    ]
    if not same or facts.profile is None:
        raise CorrectionError(
            f"On the profile that {bill.username} is on now, nothing is to be"
            f" billed for the period of bill {bill.name}."
        )
    dates = payment_dates(now, facts.profile.schedule, zone)
    (draft,) = not_due_before(same, {facts.profile.profile_id: dates})
    return draft


def issue_charge(
    conn: Connection,
    standing: Standing,
    line: BillLineDraft,
    *,
    kind: str,
    subject: str,
    period: tuple[datetime, datetime],
    actor: str,
    now: datetime,
    zone: ZoneInfo,
) -> str:
    """Issue a bill of one line under the wallet's lock; returns its number."""
    facts = standing.facts
    due_at, suspend_at = now, None
    if facts.profile is not None:
        due_at, suspend_at = payment_dates(now, facts.profile.schedule, zone)
    draft = BillDraft(
        facts.customer_id,
        kind,
        subject,
        *period,
        line.net,
        line.vat,
        line.gross,
        due_at,
        suspend_at,
        facts.package.package_id,
        facts.profile.profile_id if facts.profile else None,
        None,
        (line,),
    )
    (number,) = issue_bills(conn, [draft], now=now, actor=actor)
    return number


def _vat_of_charge(
    conn: Connection,
    standing: Standing,
    vat_profile: str | None,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[Decimal, bool]:
    """Return the VAT rate of a charge of today, and whether the amount includes it."""
    facts, day = standing.facts, service_date(now, zone)
    if vat_profile is not None:
        vat_profile_id = find_vat_profile(conn, vat_profile)
        named = cycles_db.read_vat_profiles(conn)[vat_profile_id]
        percent = rate_on(named, day)
        vat = None if percent is None else (percent, named.inclusive)
    elif facts.profile is not None:
        vat = vat_terms(facts.profile, facts.package, day)
    else:
        vat = facts.package.vat_percent, facts.package.vat_inclusive
    if vat is None:
        raise CorrectionError(f"VAT has no rate on {day}.")
    return vat
