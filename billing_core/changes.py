"""What a change of package or billing profile credits and charges; pure."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.billing_terms import (
    BY_MINUTE,
    DAILY,
    FREE,
    MONTHLY,
    CustomerFacts,
    CyclePackage,
    CycleProfile,
)
from billing_core.bills import BILLS_MAX
from billing_core.cycles import (
    boundary_after,
    boundary_day,
    boundary_until,
    is_boundary,
)
from billing_core.proration import Stretch
from billing_core.quotes import (
    Before,
    BilledPart,
    ChangeError,
    ChangeQuote,
    charges_for,
    credit_for,
    make_quote,
    no_quote,
    stand_before,
    unbilled_service,
    unused_credits,
)


def quote_package_change(
    facts: CustomerFacts,
    new_package: CyclePackage,
    new_special_price: Decimal | None,
    billed: Sequence[BilledPart],
    now: datetime,
    zone: ZoneInfo,
    bills_max: int = BILLS_MAX,
) -> ChangeQuote:
    """Quote a change between monthly packages, from this minute on.

    Without proration the cycle of the change costs the new package's whole price: the
    old one's is credited whole, or, when not billed yet, is never billed.
    """
    change = stand_before(facts, billed, now, zone, bills_max)
    profile, now = _monthly_profile(facts, new_package), change.now
    new = facts._replace(package=new_package, special_price=new_special_price)
    if (new_package, new_special_price) == (facts.package, facts.special_price):
        raise ChangeError(f"The package is {new_package.name} already.")
    by_minute = profile.proration == BY_MINUTE
    day = boundary_day(profile.schedule, facts.activated_at, zone)
    used = unbilled_service(facts, now if by_minute else boundary_until(now, day, zone))
    unused = [
        (max(part.start, now) if by_minute else part.start, part)
        for part in change.billed
    ]
    rest = [(start, part.end) for start, part in unused]
    return make_quote(
        change,
        [credit_for(change, part, start) for start, part in unused],
        [
            *charges_for(change, facts, profile, used),
            *charges_for(change, new, profile, rest),
        ],
        [*used, *rest],
        facts.billed_until,
        tuple(Stretch(*part) for part in used),
    )


def quote_profile_change(
    facts: CustomerFacts,
    new_profile: CycleProfile,
    new_package: CyclePackage,
    billed: Sequence[BilledPart],
    now: datetime,
    zone: ZoneInfo,
    bills_max: int = BILLS_MAX,
) -> ChangeQuote:
    """Quote a change of billing profile; new_package may be the one there is.

    From monthly to free or daily: what is unused is credited, what is used is charged.
    From free to monthly: nothing until the next cycle begins. From daily to monthly:
    from the end of the days paid for to the next cycle. Between monthly profiles: from
    the old end of what is billed to the day the new profile bills from, or back.
    """
    change = stand_before(facts, billed, now, zone, bills_max)
    if new_profile.billing_type not in (FREE, new_package.billing):
        raise ChangeError(
            f"Profile {new_profile.name} is {new_profile.billing_type}, "
            f"but package {new_package.name} is {new_package.billing}."
        )
    old_profile, becomes_monthly = facts.profile, new_profile.billing_type == MONTHLY
    if old_profile is None and facts.package.billing == MONTHLY:
        raise ChangeError("Without a profile nobody knows what was to be billed.")
    if old_profile is None or old_profile.billing_type != MONTHLY:
        new = facts._replace(package=new_package)
        return (
            _begin_cycles(change, new, new_profile)
            if becomes_monthly
            else no_quote(change, None)
        )
    if not becomes_monthly:
        return _end_cycles(change, old_profile)
    if new_package.package_id != facts.package.package_id:
        raise ChangeError("Change the package and the monthly profile one by one.")
    return _move_cycles(change, old_profile, new_profile)


def _begin_cycles(
    change: Before, new: CustomerFacts, profile: CycleProfile
) -> ChangeQuote:
    was_daily = change.facts.package.billing == DAILY
    start = max([change.now, *(part.end for part in change.billed if was_daily)])
    day = boundary_day(profile.schedule, new.activated_at, change.zone)
    if not was_daily:
        return no_quote(change, boundary_after(start, day, change.zone))
    if is_boundary(start, day, change.zone):
        return no_quote(change, start)
    end = boundary_after(start, day, change.zone)
    bridge = [(start, end)]
    charges = charges_for(change, new, profile, bridge)
    return make_quote(change, [], charges, bridge, end)


def _end_cycles(change: Before, profile: CycleProfile) -> ChangeQuote:
    used = unbilled_service(change.facts, change.now)
    charges = charges_for(change, change.facts, profile, used)
    return make_quote(
        change, unused_credits(change, profile, change.now), charges, used, None
    )


def _move_cycles(
    change: Before, old_profile: CycleProfile, new_profile: CycleProfile
) -> ChangeQuote:
    facts, now, zone = change.facts, change.now, change.zone
    billed_until = facts.billed_until
    if billed_until is None:
        return no_quote(change, None)
    day = boundary_day(new_profile.schedule, facts.activated_at, zone)
    begun = boundary_until(now, day, zone)
    # In advance the cycle that has begun is billed, in arrears those before it; what
    # is billed already of a later one is never taken back only to be billed again.
    in_arrears = not new_profile.schedule.in_advance and begun >= billed_until
    target = begun if in_arrears else boundary_after(now, day, zone)
    bridge = unbilled_service(facts, target)
    charges = charges_for(change, facts, new_profile, bridge)
    credits = unused_credits(change, old_profile, target)
    return make_quote(change, credits, charges, bridge, target)


def _monthly_profile(facts: CustomerFacts, new_package: CyclePackage) -> CycleProfile:
    profile = facts.profile
    if profile is None or profile.billing_type != MONTHLY:
        raise ChangeError("Only a customer with a monthly profile has cycles to quote.")
    for package in (facts.package, new_package):
        if package.billing != MONTHLY:
            raise ChangeError(f"Package {package.name} is not monthly.")
    return profile
