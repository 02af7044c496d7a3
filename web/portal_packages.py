"""Packages in the portal: see what there is, buy and renew."""

from decimal import Decimal

from flask import abort, flash, redirect, render_template, request
from flask_babel import gettext as _

from billing_core.billing_terms import DAILY
from billing_core.db.customers import Customer, read_subscription
from billing_core.db.packages import Package, list_packages
from billing_core.errors import BillingError
from billing_core.kinds import BY_PACKAGE, HOTSPOT
from billing_core.money import split_vat
from billing_core.services.changes import change_package
from billing_core.services.payments.starting import start_payment
from billing_core.services.purchases import buy_package
from web.access import Page, current_customer, portal_pages
from web.desk import desk
from web.following import in_page
from web.forms import HiddenField, KeyedForm
from web.pay import gateways, offered, site
from web.portal_connect import after_buying
from web.portal_words import tell
from web.secure import let_forms_lead_to_gateways

pages = portal_pages("portal_packages", "/portal/packages")

_WALLET = "wallet"


class BuyForm(KeyedForm):
    """Buy it at the price that was shown."""

    price = HiddenField()


@pages.get("")
def index() -> str:
    """List the packages that are for this customer."""
    customer = current_customer()
    return render_template(
        "portal/packages.html",
        customer=customer,
        packages=_packages_for(customer),
        can_buy=can_buy(customer),
    )


@pages.route("/<int:package_id>", methods=["GET", "POST"])
def show(package_id: int) -> Page:
    """Show one package; buy it from the wallet or by a payment."""
    customer = current_customer()
    package = _find(customer, package_id)
    is_for_sale = can_buy(customer) and not package.is_withdrawn
    sent = BuyForm(price=package.gross_price)
    if request.method == "POST":
        if not is_for_sale:
            abort(403)
        if sent.validate():
            done = _buy(customer, package, sent)
            if done is not None:
                return done
    let_forms_lead_to_gateways()
    parts = split_vat(
        package.price, package.vat_percent, inclusive=package.vat_inclusive
    )
    page = render_template(
        "portal/package.html",
        form=sent,
        customer=customer,
        package=package,
        vat=parts.vat,
        subscription=read_subscription(desk().conn, customer.customer_id),
        can_buy=is_for_sale,
        is_covered=customer.available >= package.gross_price,
        is_his=package.package_id == customer.package_id,
        is_daily=package.billing == DAILY,
        ways=offered(),
    )
    return page, 422 if sent.errors or sent.form_errors else 200


def can_buy(customer: Customer) -> bool:
    """Tell whether a customer chooses his package himself.

    Who is billed by the month asks his provider: a change moves money of bills that
    are out.
    """
    if customer.status != "active":
        return False
    return customer.kind == HOTSPOT or customer.billing == DAILY


def _packages_for(customer: Customer) -> list[Package]:
    wanted = BY_PACKAGE if customer.kind == HOTSPOT else customer.billing
    found = [
        p
        for p in list_packages(desk().conn)
        # What is sold no more still is his who has it.
        if p.billing == wanted
        and (not p.is_withdrawn or p.package_id == customer.package_id)
    ]
    return sorted(found, key=lambda p: (p.gross_price, p.name))


def _find(customer: Customer, package_id: int) -> Package:
    found = [p for p in _packages_for(customer) if p.package_id == package_id]
    if not found:
        abort(404)
    return found[0]


def _buy(customer: Customer, package: Package, sent: BuyForm) -> Page | None:
    """Buy it as the button says; None = it did not go, and the form says why."""
    if sent.price.data != str(package.gross_price):
        sent.price.data = str(package.gross_price)
        sent.form_errors.append(_("The price has changed: look at it once more."))
        return None
    way = request.form.get("way", "")
    try:
        if way == _WALLET:
            return _buy_from_wallet(customer, package, sent.key.data)
        return _pay_for(customer, package, way)
    except BillingError as error:
        tell(sent, error)
        return None


def _buy_from_wallet(customer: Customer, package: Package, key: str) -> Page:
    at = desk()
    if package.billing == BY_PACKAGE:
        buy_package(
            at.conn,
            customer.username,
            package.name,
            key=f"portal:{key}",
            actor=at.actor,
            now=at.now,
        )
    elif package.package_id != customer.package_id:
        change_package(
            at.conn,
            customer.username,
            package.name,
            actor=at.actor,
            now=at.now,
            zone=at.settings.zone,
        )
    flash(_("%(package)s is yours now.", package=package.name))
    return redirect(after_buying(current_customer()), 303)


def _pay_for(customer: Customer, package: Package, way: str) -> Page:
    gateway, at = gateways().get(way), desk()
    if gateway is None:
        abort(400)
    price: Decimal = package.gross_price
    with in_page():
        started = start_payment(
            at.conn,
            gateway,
            customer_id=customer.customer_id,
            amount=price,
            purpose="package",
            bill_id=None,
            package_id=package.package_id,
            site=site(),
            client_address=request.remote_addr or "",
            actor=at.actor,
            now=at.now,
        )
    let_forms_lead_to_gateways()
    return redirect(started.checkout_url, 303)
