"""What a customer is on, and at what price: package, billing profile, credit."""

from collections.abc import Callable
from decimal import Decimal

from flask import flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import DecimalField

from billing_core.billing_terms import MONTHLY
from billing_core.db.customers import Customer
from billing_core.db.packages import list_packages
from billing_core.errors import BillingError
from billing_core.money import ZERO
from billing_core.permissions import Permission
from billing_core.quotes import ChangeError
from billing_core.services import changes, credit_limits, prices
from web.access import Page, keep_for, may, my_customer, operator_pages, require
from web.acting import FieldError, act
from web.customer_acting import asked_of, back_to, crumbs_of
from web.desk import desk
from web.filters import money
from web.forms import (
    AmountField,
    DataRequired,
    NumberRange,
    OperatorForm,
    Optional,
    PositiveAmount,
    SelectField,
    choices_of,
    refuse,
)
from web.giving import packages_to_give, profiles_to_give

pages = operator_pages(
    "customer_terms",
    "/customers/<int:customer_id>",
    needs=Permission.CHANGE_PACKAGES,
)


class PackageForm(OperatorForm):
    """Another package."""

    package = SelectField(_l("Package"), [DataRequired()])
    special_price = AmountField(
        _l("Special price"),
        [Optional(), PositiveAmount()],
        description=_l("Of a cycle, for him alone; empty: as the package costs."),
    )


class ProfileForm(OperatorForm):
    """Another billing profile."""

    profile = SelectField(_l("Billing profile"), [DataRequired()])
    package = SelectField(_l("Package"), default="", description=_l("If another."))


class PriceForm(OperatorForm):
    """What a cycle costs him alone."""

    special_price = AmountField(
        _l("Special price"),
        [Optional(), PositiveAmount()],
        description=_l("Of a cycle, for him alone; empty: as the package costs."),
    )
    discount = DecimalField(
        _l("Discount, percent"),
        [Optional(), NumberRange(0, 100)],
        places=None,
        description=_l("Off each cycle; empty: none."),
    )


class CreditForm(OperatorForm):
    """How much he may owe his wallet."""

    limit = AmountField(
        _l("Credit limit"),
        [Optional()],
        description=_l("So far below 0 his wallet may go; empty: not at all."),
    )


@pages.route("/package", methods=["GET", "POST"])
def package(customer_id: int) -> Page:
    """Put him on another package: first what it costs, then the change."""
    at, customer, form = desk(), my_customer(customer_id), PackageForm()
    form.package.choices = choices_of(
        (p.name, f"{p.name} · {money(p.price)}")
        for p in list_packages(at.conn)
        if p.billing == customer.billing
        and (not p.is_withdrawn or p.name == customer.package)
    )
    keep_for(Permission.GIVE_DISCOUNTS, form, "special_price")
    if request.method == "GET":
        form.package.data = customer.package

    special = form.special_price if may(Permission.GIVE_DISCOUNTS) else None

    def change(*, preview: bool) -> changes.Change:
        return changes.change_package(
            at.conn,
            customer.username,
            form.package.data,
            special_price=special.amount if special else None,
            preview=preview,
            actor=at.actor,
            now=at.now,
            zone=at.settings.zone,
        )

    return _change(customer, form, change, title=_("Change package"))


@pages.route("/profile", methods=["GET", "POST"])
def profile(customer_id: int) -> Page:
    """Put him on another billing profile: first what it costs, then the change."""
    at, customer, form = desk(), my_customer(customer_id), ProfileForm()
    form.profile.choices = choices_of((p.name, p.name) for p in profiles_to_give())
    form.package.choices = choices_of(
        ((p.name, f"{p.name} · {money(p.price)}") for p in packages_to_give()),
        any_label=customer.package,
    )
    if request.method == "GET":
        form.profile.data = customer.profile

    def change(*, preview: bool) -> changes.Change:
        return changes.change_profile(
            at.conn,
            customer.username,
            form.profile.data,
            package_name=form.package.data or None,
            preview=preview,
            actor=at.actor,
            now=at.now,
            zone=at.settings.zone,
        )

    return _change(customer, form, change, title=_("Change billing profile"))


@pages.route("/price", methods=["GET", "POST"])
def price(customer_id: int) -> Page:
    """Give him a price of his own from his next bill on, or none."""
    require(Permission.GIVE_DISCOUNTS)
    at, customer = desk(), my_customer(customer_id)
    form = PriceForm(
        special_price=f"{customer.special_price:.2f}" if customer.special_price else "",
        discount=customer.discount_percent or None,
    )
    if customer.billing != MONTHLY and not customer.special_price:
        del form["special_price"]

    def do() -> None:
        percent = form.discount.data or ZERO
        try:
            prices.check_discount(percent)
        except ChangeError as error:
            raise FieldError("discount", str(error)) from None
        special = form.special_price.amount if "special_price" in form else None
        prices.set_price(
            at.conn, customer.username, special, percent, actor=at.actor, now=at.now
        )
        flash(_("The price holds from his next bill on."))

    asked = asked_of(
        customer,
        title=_("Price"),
        button=_("Save"),
        told=_told_of_price(customer),
    )
    return act(form, do, asked, field="special_price")


@pages.route("/credit", methods=["GET", "POST"])
def credit(customer_id: int) -> Page:
    """Let him owe so much."""
    require(Permission.GIVE_DISCOUNTS)
    at, customer = desk(), my_customer(customer_id)
    form = CreditForm(limit=f"{customer.credit_limit:.2f}")

    def do() -> None:
        limit = form.limit.amount or ZERO
        credit_limits.set_credit_limit(
            at.conn, customer.username, limit, actor=at.actor, now=at.now
        )
        flash(
            _("He may owe %(amount)s.", amount=money(limit))
            if limit
            else _("He may owe nothing.")
        )

    asked = asked_of(
        customer,
        title=_("Credit limit"),
        button=_("Save"),
        told=[
            _(
                "In his wallet: %(posted)s; held by sessions: %(reserved)s.",
                posted=money(customer.posted),
                reserved=money(customer.reserved),
            ),
            _(
                "He spends it on service days, packages and sessions. An open bill is"
                " never paid on credit."
            ),
        ],
    )
    return act(form, do, asked, field="limit")


def _told_of_price(customer: Customer) -> list[str]:
    if customer.billing != MONTHLY:
        return [_("His package is not billed by the cycle: it has no discount.")]
    costs = next(
        (p.price for p in list_packages(desk().conn) if p.name == customer.package),
        Decimal(0),
    )
    return [
        _("%(package)s costs %(price)s.", package=customer.package, price=money(costs)),
        _(
            "What is billed already stays. To credit and charge it anew, change his"
            " package and name the special price there."
        ),
    ]


def _change(
    customer: Customer,
    form: OperatorForm,
    change: Callable[..., changes.Change],
    *,
    title: str,
) -> Page:
    """Show what a change credits and charges; the second button makes it."""
    preview, back = None, back_to(customer.customer_id)
    if request.method == "POST" and form.validate():
        try:
            if request.form.get("step") == "make":
                made = change(preview=False)
                flash(
                    _(
                        "He is on %(package)s; %(credit)s credited,"
                        " %(charge)s charged.",
                        package=made.package,
                        credit=money(made.quote.credit),
                        charge=money(made.quote.charge),
                    )
                )
                return redirect(back, 303)
            preview = change(preview=True)
        except BillingError as error:
            refuse(form, error)
    page = render_template(
        "customers/change.html",
        customer=customer,
        crumbs=crumbs_of(customer),
        back=back,
        form=form,
        title=title,
        preview=preview,
    )
    return (page, 422) if form.errors else page
