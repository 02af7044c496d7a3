"""Say in sentences, and by the bills it would issue, what a billing profile does."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask_babel import gettext as _

from billing_core.billing_terms import (
    CyclePackage,
    CycleProfile,
    Parked,
)
from billing_core.cycles import Schedule
from billing_core.db.connect import Connection
from billing_core.db.cycles import read_vat_profiles
from billing_core.db.packages import Package, list_packages
from billing_core.db.profiles import NewProfile
from billing_core.money import VatSplit
from billing_core.profile_preview import PreviewBill, join_moment, preview_bills
from billing_core.service_days import DayPrice, day_charge
from billing_core.vat import VatProfile
from web.filters import money, number
from web.refusals import parked

_BILLS = 3
_DAY_SECONDS = 86400
#: What is taken where no package was chosen.
_SAMPLE_PRICE = Decimal(1000)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a profile does."""

    sentences: list[str]
    package: str
    joins_on: date
    #: The first bills of who joins then; of a daily profile none.
    bills: list[PreviewBill] = field(default_factory=list)
    #: What his first day costs, where he pays by the day.
    day: VatSplit | None = None
    #: Why nothing can be billed like this.
    refused: str = ""


def explain(
    conn: Connection,
    profile: NewProfile,
    *,
    package_name: str | None,
    joins_on: date,
    zone: ZoneInfo,
) -> Explanation:
    """Say what a profile does to who joins on a day, by the rules that bill."""
    package = _package(conn, profile, package_name)
    vat = read_vat_profiles(conn).get(profile.vat_profile_id or 0)
    sentences = [*_billing(profile), *_suspending(profile), *_vat(vat)]
    if profile.billing_type == "daily":
        return Explanation(
            sentences, package.name, joins_on, day=_day(package, joins_on)
        )
    if profile.billing_type == "free":
        return Explanation(sentences, "", joins_on)
    found = preview_bills(
        _cycle_profile(profile, vat),
        _cycle_package(package),
        join_moment(joins_on, zone),
        zone,
        count=_BILLS,
    )
    if isinstance(found, Parked):
        why = parked(found.reason)
        return Explanation(sentences, package.name, joins_on, refused=why)
    return Explanation(sentences, package.name, joins_on, found)


def _billing(profile: NewProfile) -> list[str]:
    if profile.billing_type == "free":
        return [_("Nothing is billed, and service never stops over money.")]
    if profile.billing_type == "daily":
        return [
            _("Each day on which he logged in is charged from the wallet.")
            if profile.daily_charge == "days_used"
            else _("Each day of service is charged from the wallet."),
            _(
                "A day that the wallet does not cover stops service; a top-up brings it"
                " back at once."
            ),
        ]
    said = [_begins(profile)]
    said.append(
        _("A cycle is billed at its start.")
        if profile.in_advance
        else _("A cycle is billed at its end.")
    )
    if profile.cycle_ends_with_month and profile.bill_day is not None:
        said.append(
            _(
                "The bill waits for day %(day)s of the month.",
                day=number(profile.bill_day),
            )
        )
    if not profile.auto_bill or profile.bill_trigger == "manual":
        said.append(_("Nothing is billed by itself: somebody bills by hand."))
    said.append(
        _("A part of a cycle costs its minutes' share of the price.")
        if profile.proration == "by_minute"
        else _("A part of a cycle costs the whole price.")
    )
    said.append(
        _("A bill is due on the day on which it is issued.")
        if not profile.due_days
        else _(
            "Days from a bill until it is due: %(days)s.", days=number(profile.due_days)
        )
    )
    return said


def _begins(profile: NewProfile) -> str:
    if profile.cycle_ends_with_month:
        said = _("Cycles are calendar months.")
    elif profile.bill_trigger == "first":
        said = _("A cycle begins on the 1st of each month.")
    elif profile.bill_trigger == "day" and profile.bill_day is not None:
        said = _(
            "A cycle begins on day %(day)s of each month.",
            day=number(profile.bill_day),
        )
    else:
        said = _("A cycle begins on the day of the month on which he joined.")
    return str(said)


def _suspending(profile: NewProfile) -> list[str]:
    if profile.billing_type == "free":
        return []
    said = []
    if profile.billing_type == "monthly":
        said.append(
            _("Overdue bills never stop service.")
            if not profile.auto_suspend
            else _("Who has not paid when the bill is due is suspended.")
            if not profile.grace_days
            else _(
                "Days from then until who has not paid is suspended: %(days)s.",
                days=number(profile.grace_days),
            )
        )
        if profile.auto_suspend and profile.due_threshold:
            said.append(
                _(
                    "He is suspended as soon as more than %(amount)s is due.",
                    amount=money(profile.due_threshold),
                )
            )
        said.append(
            _("Suspended time is billed, too.")
            if profile.bill_while_suspended
            else _("Suspended time is not billed.")
        )
    if not profile.auto_activate:
        said.append(_("After he has paid somebody has to activate him by hand."))
    states = {
        "reject": _("While suspended his login is refused."),
        "pool": _(
            "While suspended he gets an address of pool %(name)s.",
            name=profile.suspended_pool,
        ),
        "address_list": _(
            "While suspended he is on address list %(name)s.",
            name=profile.suspended_address_list,
        ),
    }
    return [*said, states[profile.suspended_state]]


def _vat(vat: VatProfile | None) -> list[str]:
    if vat is None:
        return []
    if vat.inclusive:
        return [_("Prices have the VAT of %(name)s in them.", name=vat.name)]
    return [_("The VAT of %(name)s comes on top of prices.", name=vat.name)]


def _package(conn: Connection, profile: NewProfile, name: str | None) -> Package:
    for package in list_packages(conn):
        if package.name == name and package.billing == profile.billing_type:
            return package
    return Package(
        package_id=0,
        name=_("a package of %(price)s", price=money(_SAMPLE_PRICE)),
        billing=profile.billing_type,
        price=_SAMPLE_PRICE,
        validity_seconds=30 * _DAY_SECONDS,
    )


def _day(package: Package, on: date) -> VatSplit:
    days = (package.validity_seconds or 30 * _DAY_SECONDS) // _DAY_SECONDS
    price = DayPrice(package.price, days, package.vat_percent, package.vat_inclusive)
    return day_charge(price, on)


def _cycle_package(package: Package) -> CyclePackage:
    return CyclePackage(
        package.package_id,
        package.name,
        package.billing,
        package.price,
        package.vat_percent,
        package.vat_inclusive,
    )


def _cycle_profile(profile: NewProfile, vat: VatProfile | None) -> CycleProfile:
    return CycleProfile(
        profile_id=0,
        name=profile.name,
        billing_type=profile.billing_type,
        schedule=Schedule(
            trigger=profile.bill_trigger,
            bill_day=profile.bill_day,
            in_advance=profile.in_advance,
            cycle_ends_with_month=profile.cycle_ends_with_month,
            due_days=profile.due_days,
            grace_days=profile.grace_days,
            auto_suspend=profile.auto_suspend,
        ),
        auto_bill=profile.auto_bill,
        bill_while_suspended=profile.bill_while_suspended,
        proration=profile.proration,
        vat=vat,
    )
