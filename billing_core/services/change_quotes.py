"""What a change of package or billing profile costs, and whether it can be."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.billing_terms import (
    DAILY,
    FREE,
    MONTHLY,
    OWED_DAY,
    CyclePackage,
    CycleProfile,
)
from billing_core.changes import quote_package_change, quote_profile_change
from billing_core.cycles import minute_of
from billing_core.db import changes as db
from billing_core.db import corrections as corrections_db
from billing_core.db import customers as customers_db
from billing_core.db.changes import Standing
from billing_core.db.connect import Connection
from billing_core.db.packages import UnknownPackageError
from billing_core.kinds import BY_PACKAGE, check_terms
from billing_core.quotes import ChangeError, ChangeQuote
from billing_core.services.corrections import DEBTS, OTHER_CHARGE

#: Bills for the service of a monthly customer.
_SERVICE = sorted(DEBTS - {OTHER_CHARGE, OWED_DAY})
#: Bills for the service of a daily one.
_DAYS = ["service_day", OWED_DAY]


def quote_package(
    conn: Connection,
    standing: Standing,
    package: CyclePackage,
    special_price: Decimal | None,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> ChangeQuote:
    """Quote another package or special price; refuse what is no change."""
    facts = standing.facts
    old = facts.package
    if (package, special_price) == (old, facts.special_price):
        raise ChangeError(f"The package is {package.name} already.")
    if BY_PACKAGE in (old.billing, package.billing) and customers_db.read_subscription(
        conn, facts.customer_id
    ):
        raise ChangeError(
            f"What was bought of {old.name} is not used up: sell the next package with"
            f" khata customer buy {standing.username}."
        )
    if old.billing != MONTHLY or _bills_nothing(standing):
        return _nothing(now, facts.billed_until)
    billed = db.read_billed_parts(conn, facts.customer_id, _SERVICE, now)
    return quote_package_change(facts, package, special_price, billed, now, zone)


def quote_profile(
    conn: Connection,
    standing: Standing,
    profile: CycleProfile,
    package: CyclePackage,
    *,
    now: datetime,
    zone: ZoneInfo,
) -> ChangeQuote:
    """Quote another billing profile, with the package to be on then."""
    facts = standing.facts
    was_never_billed = facts.profile is None and facts.billed_until is None
    if was_never_billed and MONTHLY == facts.package.billing == profile.billing_type:
        # His first profile: the next run bills from his first day on.
        return _nothing(now, None)
    kinds = _DAYS if facts.package.billing == DAILY else _SERVICE
    billed = db.read_billed_parts(conn, facts.customer_id, kinds, now)
    quote = quote_profile_change(facts, profile, package, billed, now, zone)
    if profile.billing_type != FREE:
        return quote
    open_ids = set(corrections_db.list_open_bill_ids(conn, facts.customer_id))
    return quote._replace(
        credits=tuple(c for c in quote.credits if c.bill_id not in open_ids),
        charges=(),
        periods=(),
    )


def _bills_nothing(standing: Standing) -> bool:
    """Tell whether a monthly package is not billed, or was not yet, by any profile."""
    profile = standing.facts.profile
    if profile is None:
        return standing.facts.billed_until is None
    return profile.billing_type == FREE


def _nothing(now: datetime, billed_until: datetime | None) -> ChangeQuote:
    now = minute_of(now)
    return ChangeQuote((), (), (), now, now, billed_until)


def package_named(standing: Standing, name: str) -> CyclePackage:
    """Return the package of a name."""
    package = standing.packages.get(name)
    if package is None:
        raise UnknownPackageError(name)
    return package


def check_fits(
    standing: Standing, package: CyclePackage, profile: CycleProfile | None
) -> None:
    """Refuse what is not for his kind, and a profile that is not its package's."""
    check_terms(
        standing.kind,
        package.name,
        package.billing,
        profile.name if profile else None,
        profile.billing_type if profile else None,
    )


def check_billing_stays(standing: Standing, package: CyclePackage) -> None:
    """Refuse a package that is billed otherwise: that is a change of profile."""
    old = standing.facts.package
    if MONTHLY in (old.billing, package.billing) and old.billing != package.billing:
        raise ChangeError(
            f"Package {package.name} is {package.billing} and {old.name} is"
            f" {old.billing}: change how he is billed, with khata customer profile"
            f" {standing.username} PROFILE --package {package.name}."
        )
