"""Packages: what is on sale, who has it, and what another price would do."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from billing_core.db import packages as db
from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.services import packages as service
from web.access import Page, operator_pages
from web.acting import Act, act
from web.desk import desk
from web.filters import money, number
from web.forms import OperatorForm, refuse
from web.package_forms import BILLINGS, form_for, package_of

pages = operator_pages("packages", "/packages", needs=Permission.MANAGE_PACKAGES)


_FAIR_USE = ("fair_use_octets", "fair_use_rate_up_bps", "fair_use_rate_down_bps")
_CONTENTS = ("quota_seconds", "quota_octets", "validity_seconds", "validity_from")


@pages.get("")
def index() -> str:
    """List the packages, with how many customers are on each."""
    at = desk()
    return render_template(
        "packages/list.html",
        rows=db.list_packages(at.conn),
        customers=db.count_package_customers(at.conn),
    )


@pages.get("/new")
def choose() -> str:
    """Ask how a new package is billed: the rest follows from it."""
    return render_template("packages/choose.html", billings=BILLINGS)


@pages.route(
    "/new/<any(monthly, daily, package, per_session, free):billing>",
    methods=["GET", "POST"],
)
def add(billing: str) -> Page:
    """Put a package on sale."""
    at, form = desk(), form_for(billing)
    if request.method == "POST" and form.validate():
        try:
            service.put_on_sale(
                at.conn, package_of(form, billing, None), actor=at.actor, now=at.now
            )
        except BillingError as error:
            refuse(form, error)
        else:
            flash(_("%(name)s is on sale.", name=form.name.data))
            return redirect(url_for("packages.index"), 303)
    page = render_template(
        "packages/form.html", form=form, one=None, billing=billing, about=BILLINGS
    )
    return (page, 422) if form.errors else page


@pages.get("/<int:package_id>")
def show(package_id: int) -> str:
    """Show one package, and what hangs on it."""
    at, one = desk(), _package(package_id)
    return render_template(
        "packages/show.html",
        one=one,
        uses=db.read_package_uses(at.conn, package_id, now=at.now),
        about=BILLINGS,
    )


@pages.route("/<int:package_id>/edit", methods=["GET", "POST"])
def edit(package_id: int) -> Page:
    """Say anew what a package is: first what that would do, then do it."""
    at, one = desk(), _package(package_id)
    form = form_for(one.billing, one)
    preview = None
    if request.method == "POST" and form.validate():
        becomes = package_of(form, one.billing, one)
        try:
            if request.form.get("step") == "make":
                service.change_package(
                    at.conn, one.name, becomes, actor=at.actor, now=at.now
                )
                flash(_("Saved."))
                return redirect(url_for("packages.show", package_id=package_id), 303)
            preview = service.preview_change(at.conn, one.name, becomes, now=at.now)
        except BillingError as error:
            refuse(form, error)
    page = render_template(
        "packages/form.html",
        form=form,
        one=one,
        billing=one.billing,
        about=BILLINGS,
        preview=preview,
        effects=_effects(preview) if preview else [],
    )
    return (page, 422) if form.errors else page


@pages.route("/<int:package_id>/withdraw", methods=["GET", "POST"])
def withdraw(package_id: int) -> Page:
    """Sell a package no more, or again."""
    at, one = desk(), _package(package_id)
    withdraws = not one.is_withdrawn

    def do() -> None:
        service.set_withdrawn(
            at.conn, one.name, is_withdrawn=withdraws, actor=at.actor, now=at.now
        )
        flash(
            _("%(name)s is not sold any more.", name=one.name)
            if withdraws
            else _("%(name)s is sold again.", name=one.name)
        )

    back = url_for("packages.show", package_id=package_id)
    uses = db.read_package_uses(at.conn, package_id, now=at.now)
    told = [_("Nobody can be put on it or buy it. Who has it keeps it, at its price.")]
    if uses.cards:
        told.append(
            _(
                "%(count)s recharge card(s) that buy it are out: from now on they put"
                " their value into the wallet instead.",
                count=number(uses.cards),
            )
        )
    asked = Act(
        title=_("Withdraw") if withdraws else _("Sell again"),
        button=_("Withdraw it") if withdraws else _("Sell it again"),
        back=back,
        crumbs=[(_("Packages"), url_for("packages.index")), (one.name, back)],
        told=told if withdraws else [_("Customers can have and buy it again.")],
        hurts=withdraws,
    )
    return act(OperatorForm(), do, asked)


def _package(package_id: int) -> db.Package:
    for package in db.list_packages(desk().conn):
        if package.package_id == package_id:
            return package
    return abort(404)


def _effects(change: service.PackageChange) -> list[str]:
    """Say what a change does to those who have the package."""
    changed, uses = change.changes, change.uses
    was, becomes = change.was.gross_price, change.becomes.gross_price
    told = []
    if not changed:
        told.append(_("Nothing is different."))
    if was != becomes:
        told.append(_price_effect(change))
        if uses.with_special_price:
            told.append(
                _(
                    "%(count)s of them have a special price, which stays.",
                    count=number(uses.with_special_price),
                )
            )
        if uses.least_card is not None and uses.least_card < becomes:
            told.append(
                _(
                    "%(count)s recharge card(s) that buy it are out, some worth only"
                    " %(worth)s: those put their value into the wallet instead.",
                    count=number(uses.cards),
                    worth=money(uses.least_card),
                )
            )
    if not changed.keys().isdisjoint({"rate_up_bps", "rate_down_bps", "framed_pool"}):
        told.append(
            _(
                "Rates and pool hold from the next login; %(count)s running session(s)"
                " keep theirs.",
                count=number(uses.sessions),
            )
        )
    if not changed.keys().isdisjoint(_FAIR_USE):
        told.append(_("Fair use is looked at anew with each customer's next report."))
    if "sessions_allowed" in changed:
        told.append(_("How many devices he may use holds from the next login."))
    if not changed.keys().isdisjoint(_CONTENTS):
        told.append(_("What was bought keeps its time and data."))
    return told


def _price_effect(change: service.PackageChange) -> str:
    told = {
        "monthly": _(
            "%(customers)s customer(s) pay %(becomes)s instead of %(was)s from their"
            " next bill on, VAT included; bills that are issued stay."
        ),
        "daily": _(
            "%(customers)s customer(s) pay %(becomes)s instead of %(was)s for its days,"
            " from the next day that is charged; paid days stay."
        ),
    }.get(
        change.was.billing,
        _(
            "It costs %(becomes)s instead of %(was)s from the next purchase on; what"
            " was bought stays. %(customers)s customer(s) have it."
        ),
    )
    return str(
        told
        % {
            "customers": number(change.uses.customers),
            "was": money(change.was.gross_price),
            "becomes": money(change.becomes.gross_price),
        }
    )
