"""The portal's home: how a customer stands, and what he does next."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from flask import render_template, url_for
from flask_babel import gettext as _

from billing_core.billing_terms import DAILY, MONTHLY
from billing_core.db.closing import read_day_prices, read_days_charged
from billing_core.db.customers import Customer, Subscription, read_subscription
from billing_core.db.fair_use import read_use
from billing_core.db.packages import find_package
from billing_core.db.reports import list_sessions
from billing_core.db.web_portal import (
    UnsettledAttempt,
    list_unsettled_attempts,
    read_usage,
)
from billing_core.kinds import HOTSPOT, PER_SESSION
from billing_core.service_days import covered_until, service_date
from billing_core.services.redirected import amount_to_pay
from web.access import current_customer, portal_pages
from web.desk import Desk, desk
from web.filters import money
from web.forms import day_starts
from web.portal_connect import is_valid, waits_to_connect
from web.portal_words import standing

pages = portal_pages("portal", "/portal")

_SOON = timedelta(days=3)
#: A gateway's checkout that nobody finished by then is no news any more.
UNSETTLED_FOR = timedelta(days=2)
_LOW_BALANCE = Decimal(20)


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: one button."""

    label: str
    address: str
    is_urgent: bool


@pages.get("")
def index() -> str:
    """Show how it stands, and what to do next."""
    at, customer = desk(), current_customer()
    subscription = read_subscription(at.conn, customer.customer_id)
    up, down = read_usage(at.conn, customer.customer_id, _period_start(at))
    return render_template(
        "portal/home.html",
        customer=customer,
        standing=standing(customer),
        subscription=subscription,
        is_valid=is_valid(subscription, at.now),
        lasts_until=_lasts_until(at, customer),
        next_bill=_next_bill(customer, at.now),
        usage=(up, down),
        fair_use=read_use(at.conn, customer.customer_id, now=at.now),
        sessions=list_sessions(
            at.conn, customer_id=customer.customer_id, running=True, limit=20
        ),
        can_connect=waits_to_connect(customer),
        unsettled=unsettled(at, customer.customer_id),
        step=next_step(at, customer, subscription),
    )


def unsettled(at: Desk, customer_id: int) -> list[UnsettledAttempt]:
    """Return the payments that a customer waits for."""
    since = at.now - UNSETTLED_FOR
    return list_unsettled_attempts(at.conn, customer_id, since=since, limit=5)


def next_step(
    at: Desk, customer: Customer, subscription: Subscription | None
) -> Step | None:
    """Say what a customer does next; None = nothing."""
    if customer.status == "disabled":
        return None
    wanted = amount_to_pay(at.conn, customer.customer_id, customer.suspend_reason)
    if wanted is not None:
        return _pay(_("Pay %(amount)s", amount=money(wanted)), wanted, True)
    if customer.due > 0:
        label = _("Pay %(amount)s", amount=money(customer.due))
        return _pay(label, customer.due, False)
    if customer.status != "active":
        return None
    if customer.kind == HOTSPOT and customer.billing != PER_SESSION:
        return _buying(at, subscription)
    if customer.billing == DAILY:
        lasts = _lasts_until(at, customer)
        soon = service_date(at.now + _SOON, at.settings.zone)
        if lasts is None or lasts < soon:
            return _pay(_("Top up"), None, lasts is None)
    if customer.billing == PER_SESSION and customer.available < _LOW_BALANCE:
        return _pay(_("Top up"), None, customer.available <= 0)
    return None


def _pay(label: str, amount: Decimal | None, is_urgent: bool) -> Step:
    return Step(label, url_for("portal_pay.form", amount=amount), is_urgent)


def _buying(at: Desk, subscription: Subscription | None) -> Step | None:
    packages = url_for("portal_packages.index")
    if subscription is None or not is_valid(subscription, at.now):
        return Step(_("Buy a package"), packages, True)
    ends = subscription.valid_until
    if ends is None or ends > at.now + _SOON:
        return None
    if find_package(at.conn, subscription.package).is_withdrawn:
        # Buying another one ends this one: not before it is over.
        return None
    package_id = subscription.package_id
    renew = url_for("portal_packages.show", package_id=package_id)
    return Step(_("Renew %(package)s", package=subscription.package), renew, False)


def _lasts_until(at: Desk, customer: Customer) -> date | None:
    """Return the last day that a daily customer's wallet pays for."""
    if customer.billing != DAILY:
        return None
    prices = read_day_prices(at.conn, [customer.package_id])
    if customer.package_id not in prices:
        return None
    today = service_date(at.now, at.settings.zone)
    charged = read_days_charged(at.conn, [customer.customer_id], today)
    return covered_until(
        customer.available,
        prices[customer.package_id][1],
        today,
        today_is_charged=customer.customer_id in charged,
    )


def _next_bill(customer: Customer, now: datetime) -> datetime | None:
    """Return when a monthly customer's next bill comes; None = nobody knows yet.

    Who was suspended may not have been billed for a while: the next run says from when.
    """
    until = customer.billed_until
    if customer.billing != MONTHLY or until is None or until <= now:
        return None
    return until


def _period_start(at: Desk) -> datetime:
    first = at.now.astimezone(at.settings.zone).date().replace(day=1)
    begun = day_starts(first)
    assert begun is not None  # noqa: S101 - a day was given
    return begun
