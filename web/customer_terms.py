"""What a customer is on: another package or billing profile, after what it costs."""

from collections.abc import Callable

from flask import flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db.customers import Customer
from billing_core.db.packages import list_packages
from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.services import changes
from web.access import Page, keep_for, may, my_customer, operator_pages
from web.customer_acting import back_to, crumbs_of
from web.desk import desk
from web.filters import money
from web.forms import (
    AmountField,
    DataRequired,
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
