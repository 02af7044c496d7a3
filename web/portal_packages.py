"""Packages in the portal: see what there is, buy and renew."""

from decimal import Decimal

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from billing_core.billing_terms import DAILY
from billing_core.db.customers import Customer, Subscription, read_subscription
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
from web.portal_connect import after_buying, is_valid
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
        kept=kept_package(customer),
        can_buy=can_buy(customer),
    )


@pages.route("/<int:package_id>", methods=["GET", "POST"])
def show(package_id: int) -> Page:
    """Show one package; buy it from the wallet or by a payment."""
    customer = current_customer()
    package, kept = _find(customer, package_id), kept_package(customer)
    if package.is_withdrawn and (request.method == "POST" or package_id != kept):
        # It was for sale on the page that he comes from.
        flash(_("%(package)s is not sold any more.", package=package.name), "error")
        return redirect(url_for("portal_packages.index"), 303)
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
        subscription=None if kept is None else _subscription(customer),
        can_buy=is_for_sale,
        is_covered=customer.available >= package.gross_price,
        is_his=package_id == kept,
        leaves_for_good=_is_withdrawn(kept) and package_id != kept,
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
    kept = kept_package(customer)
    found = [
        package
        for package in _of_his_kind(customer)
        if not package.is_withdrawn or package.package_id == kept
    ]
    return sorted(found, key=lambda p: (p.gross_price, p.name))


def _of_his_kind(customer: Customer) -> list[Package]:
    wanted = BY_PACKAGE if customer.kind == HOTSPOT else customer.billing
    return [p for p in list_packages(desk().conn) if p.billing == wanted]


def _is_withdrawn(package_id: int | None) -> bool:
    return any(
        package.is_withdrawn
        for package in list_packages(desk().conn)
        if package.package_id == package_id
    )


def kept_package(customer: Customer) -> int | None:
    """Return the package that a customer has something of, sold any more or not.

    Days go on being charged; of a hotspot package there is what is left, and nothing
    more once that is over.
    """
    if customer.billing != BY_PACKAGE:
        return customer.package_id
    subscription = _subscription(customer)
    if subscription is None or not is_valid(subscription, desk().now):
        return None
    return subscription.package_id


def _subscription(customer: Customer) -> Subscription | None:
    return read_subscription(desk().conn, customer.customer_id)


def _find(customer: Customer, package_id: int) -> Package:
    found = [p for p in _of_his_kind(customer) if p.package_id == package_id]
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
