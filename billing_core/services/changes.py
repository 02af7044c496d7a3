"""Change what a customer is on: his package, his billing profile."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.billing_terms import FREE, MONTHLY, CyclePackage, CycleProfile
from billing_core.db import changes as db
from billing_core.db import corrections as corrections_db
from billing_core.db import suspension as suspension_db
from billing_core.db.changes import Standing
from billing_core.db.connect import Connection
from billing_core.db.packages import find_package_on_sale
from billing_core.db.profiles import UnknownProfileError
from billing_core.money import ZERO, VatSplit
from billing_core.quotes import ChangeError, ChangeQuote, CreditDraft
from billing_core.services.arrival import money_came
from billing_core.services.change_quotes import (
    check_billing_stays,
    check_fits,
    package_named,
    quote_package,
    quote_profile,
)
from billing_core.services.charges import issue_charge
from billing_core.services.corrections import (
    PACKAGE_CHANGE,
    PROFILE_CHANGE,
    credit_locked,
)
from billing_core.services.forgiving import forgive_open_bills
from billing_core.services.prices import check_special_price, log_terms, with_customer
from billing_core.services.session_packages import follow_package


@dataclass(slots=True)
class Change:
    """What a change does: as a preview tells it, and as it was then made."""

    package: str
    profile: str | None
    special_price: Decimal | None
    quote: ChangeQuote
    #: Open bills that are forgiven: number or id, and what was open.
    forgiven: list[tuple[str, Decimal]]
    #: Numbers of what was issued; empty in a preview.
    credit_notes: list[str] = field(default_factory=list)
    bills: list[str] = field(default_factory=list)
    #: Running sessions that are being ended, so that they come back on the package:
    #: those that could not be told by CoA.
    disconnects: int = 0


@dataclass(frozen=True, slots=True)
class _Plan:
    kind: str
    package: CyclePackage
    profile: CycleProfile | None
    special_price: Decimal | None
    quote: ChangeQuote
    #: A customer who becomes free owes nothing.
    forgives: bool = False


def change_package(
    conn: Connection,
    username: str,
    package_name: str,
    *,
    special_price: Decimal | None = None,
    preview: bool = False,
    actor: str,
    now: datetime,
    zone: ZoneInfo,
) -> Change:
    """Put a customer on another package, of the same billing, from this minute on.

    What is unused of a billed cycle is credited and charged anew at the new price. A
    day that is paid stays as it is. A special price is for the new package; without
    one, the old package's own ends.
    """

    def plan(standing: Standing) -> _Plan:
        package = package_named(standing, package_name)
        if package.name != standing.facts.package.name:
            find_package_on_sale(conn, package.name)
        profile = standing.facts.profile
        check_billing_stays(standing, package)
        check_fits(standing, package, profile)
        if special_price is not None:
            check_special_price(package.name, package.billing, special_price)
        quote = quote_package(
            conn, standing, package, special_price, now=now, zone=zone
        )
        return _Plan(PACKAGE_CHANGE, package, profile, special_price, quote)

    return _change(
        conn, username, plan, preview=preview, actor=actor, now=now, zone=zone
    )


def change_profile(
    conn: Connection,
    username: str,
    profile_name: str,
    *,
    package_name: str | None = None,
    preview: bool = False,
    actor: str,
    now: datetime,
    zone: ZoneInfo,
) -> Change:
    """Put a customer on another billing profile, with another package if it must be.

    To free: open bills are void and nothing is charged; what is unused of paid ones is
    credited. To daily: what is unused is credited, what is used is charged, and open
    bills stay owed. To monthly: see changes.quote_profile_change.
    """

    def plan(standing: Standing) -> _Plan:
        facts = standing.facts
        profile = standing.profiles.get(profile_name)
        if profile is None:
            raise UnknownProfileError("billing", profile_name)
        package = (
            package_named(standing, package_name) if package_name else facts.package
        )
        if (profile, package) == (facts.profile, facts.package):
            raise ChangeError(f"The billing profile is {profile_name} already.")
        check_fits(standing, package, profile)
        quote = quote_profile(conn, standing, profile, package, now=now, zone=zone)
        keeps_price = package == facts.package and package.billing == MONTHLY
        return _Plan(
            PROFILE_CHANGE,
            package,
            profile,
            facts.special_price if keeps_price else None,
            quote,
            forgives=profile.billing_type == FREE,
        )

    return _change(
        conn, username, plan, preview=preview, actor=actor, now=now, zone=zone
    )


def _change(
    conn: Connection,
    username: str,
    plan_for: Callable[[Standing], _Plan],
    *,
    preview: bool,
    actor: str,
    now: datetime,
    zone: ZoneInfo,
) -> Change:
    """Quote a change and, unless it is a preview, make it, in one transaction.

    1. lock the wallet, read what he is on and what of it is billed; quote
    2. issue the credit notes; void open bills if he becomes free
    3. put him on the new terms; note what no cycle bill may charge again
    4. bill the charges; let the wallet settle; decide his service anew
    5. let running sessions have the package's terms, or end them
    """

    def work(standing: Standing) -> Change:
        plan = plan_for(standing)
        customer_id = standing.facts.customer_id
        change = Change(
            plan.package.name,
            plan.profile.name if plan.profile else None,
            plan.special_price,
            plan.quote,
            _forgiven(conn, customer_id) if plan.forgives else [],
        )
        if preview:
            return change
        reason = _say(standing, plan)
        for credit in plan.quote.credits:
            number = _give_back(conn, customer_id, credit, actor=actor, now=now)
            change.credit_notes.append(number)
        if plan.forgives:
            forgive_open_bills(conn, customer_id, reason=reason, actor=actor, now=now)
        _put_on(conn, customer_id, plan, now)
        change.bills = _bill(conn, standing, plan, actor=actor, now=now, zone=zone)
        log_terms(conn, customer_id, plan.kind.replace("_", " "), reason, actor, now)
        # Before money gives sessions their limits, which are of the new package.
        change.disconnects = follow_package(
            conn, customer_id, plan.package.package_id, now
        )
        money_came(conn, customer_id, now=now, actor=actor)
        return change

    return with_customer(conn, username, work)


def _give_back(
    conn: Connection,
    customer_id: int,
    credit: CreditDraft,
    *,
    actor: str,
    now: datetime,
) -> str:
    bill = corrections_db.read_bill(conn, customer_id, credit.bill_id)
    # Several roundings of one bill never give back more VAT than it had.
    vat = min(credit.vat, bill.vat - bill.credited_vat)
    return credit_locked(
        conn,
        bill,
        VatSplit(credit.gross - vat, vat, credit.gross),
        reason=credit.description,
        key=f"change:{bill.bill_id}:{bill.credited}",
        actor=actor,
        now=now,
        credited_from=credit.since,
    )


def _put_on(conn: Connection, customer_id: int, plan: _Plan, now: datetime) -> None:
    profile = plan.profile
    db.set_terms(
        conn,
        customer_id,
        package_id=plan.package.package_id,
        profile_id=profile.profile_id if profile else None,
        special_price=plan.special_price,
        billed_until=plan.quote.billed_until,
    )
    if plan.quote.left_out:
        db.leave_out(conn, customer_id, plan.quote.left_out)
    if profile is not None:
        # Suspended time is billed as his profile says, from now on.
        follow = (
            suspension_db.bill_suspended_from
            if profile.bill_while_suspended
            else suspension_db.bill_suspended_until
        )
        follow(conn, profile.profile_id, now, customer_id=customer_id)


def _bill(
    conn: Connection,
    standing: Standing,
    plan: _Plan,
    *,
    actor: str,
    now: datetime,
    zone: ZoneInfo,
) -> list[str]:
    """Bill each charge by itself, so that each may be credited by its own period."""
    # Due as the profile says that he is on from now; a free one bills nothing.
    billed_as = standing.facts._replace(package=plan.package, profile=plan.profile)
    whose = Standing(
        standing.username,
        standing.kind,
        billed_as,
        standing.packages,
        standing.profiles,
    )
    numbers = []
    for line, period in zip(plan.quote.charges, plan.quote.periods, strict=True):
        start = period[0].isoformat()
        before = corrections_db.count_bills(
            conn, billed_as.customer_id, kind=plan.kind, subject=start
        )
        number = issue_charge(
            conn,
            whose,
            line,
            kind=plan.kind,
            subject=f"{start}/{before + 1}",
            period=period,
            actor=actor,
            now=now,
            zone=zone,
        )
        numbers.append(number)
    return numbers


def _forgiven(conn: Connection, customer_id: int) -> list[tuple[str, Decimal]]:
    bills = [
        corrections_db.read_bill(conn, customer_id, bill_id)
        for bill_id in corrections_db.list_open_bill_ids(conn, customer_id)
    ]
    return [(bill.name, bill.open_amount) for bill in bills]


def _say(standing: Standing, plan: _Plan) -> str:
    """Say in the log what became of what."""
    facts = standing.facts
    old = facts.profile.name if facts.profile else "no profile"
    new = plan.profile.name if plan.profile else "no profile"
    words = [f"{facts.package.name} -> {plan.package.name}"]
    if old != new:
        words.append(f"{old} -> {new}")
    if plan.special_price is not None:
        words.append(f"special price {plan.special_price}")
    if plan.quote.credit != ZERO or plan.quote.charge != ZERO:
        words.append(f"credited {plan.quote.credit}, charged {plan.quote.charge}")
    return "; ".join(words)
