"""A distributor's page: his cards, what he earned, and redeeming them for customers."""

from datetime import timedelta
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.cards import Outcome
from billing_core.db import web_cards as db
from billing_core.db.customers import UnknownCustomerError, find_customer_id
from billing_core.db.web_customers import is_customer_of
from billing_core.permissions import DISTRIBUTOR, Permission
from billing_core.services.cards.redeeming import Redemption, Tries, redeem
from billing_core.services.throttle import Limit, admit_try
from web.access import Page, current_operator, operator_pages
from web.desk import desk
from web.filters import moment, money
from web.forms import DataRequired, Length, OperatorForm, StringField
from web.refusals import told

pages = operator_pages("sell_cards", "/sell-cards", needs=Permission.SELL_CARDS)

_SHOWN = 50
_UNKNOWN_TRIES, _UNKNOWN_WITHIN = 30, timedelta(hours=1)


class RedeemForm(OperatorForm):
    """A card for a customer."""

    username = StringField(_l("Customer's username"), [DataRequired(), Length(max=253)])
    pin = StringField(
        _l("PIN"),
        [DataRequired(), Length(max=100)],
        description=_l("17 digits; spaces do not matter."),
    )


@pages.route("", methods=["GET", "POST"])
def index() -> Page:
    """Show his cards, and redeem one for a customer."""
    at, form, me = desk(), RedeemForm(), current_operator()
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            done = _redeem(form)
            if done is not None and done.is_credited:
                flash(_credited(form.username.data, done))
                return redirect(url_for("sell_cards.index"), 303)
            if done is not None:
                form.pin.errors = [_refused(done)]
                status = 429 if done.outcome == Outcome.LOCKED else 422
                if done.outcome != Outcome.MISTYPED:
                    form.pin.data = ""
    page = render_template(
        "cards/sell.html",
        form=form,
        batches=db.list_batches(at.conn, [me.username], now=at.now, limit=_SHOWN),
        sales=db.read_sales(at.conn, me.username, now=at.now),
        sold=db.list_sold(at.conn, me.username, limit=_SHOWN),
        has_keys=at.settings.card_keys is not None,
    )
    return page, status


def _redeem(form: RedeemForm) -> Redemption | None:
    """Redeem the card, if the customer is one of his; None = the form says why not."""
    at, me = desk(), current_operator()
    customer_id = _customer(form.username.data)
    if customer_id is None:
        # Nobody finds out usernames by trying them.
        limit = Limit(f"sell-cards:{me.username}", _UNKNOWN_TRIES, _UNKNOWN_WITHIN)
        admit_try(at.conn, [limit], at.now)
        form.username.errors = [_("You have no such customer.")]
        return None
    if at.settings.card_keys is None:
        form.form_errors.append(_("This provider has no recharge cards."))
        return None
    tries = Tries(
        customer_id,
        actor=at.actor,
        client_address=request.remote_addr,
        distributor=me.username,
    )
    return redeem(at.conn, at.settings.card_keys, form.pin.data, tries, now=at.now)


def _customer(username: str) -> int | None:
    at, me = desk(), current_operator()
    try:
        customer_id = find_customer_id(at.conn, username)
    except UnknownCustomerError:
        return None
    scope = me.scope
    if me.role == DISTRIBUTOR:
        # A shop has no customers: it serves those of whom it works for.
        scope = db.list_shop_scope(at.conn, me.operator_id) or None
    return customer_id if is_customer_of(at.conn, customer_id, scope) else None


def _credited(username: str, done: Redemption) -> Any:
    facts = {"name": username, "amount": money(done.amount), "package": done.package}
    if done.package and not done.not_bought:
        return _("%(name)s has %(package)s now.", **facts)
    if done.package:
        return _(
            "%(name)s got %(amount)s; %(package)s could not be bought: %(why)s",
            why=told(done.not_bought),
            **facts,
        )
    return _("%(name)s got %(amount)s.", **facts)


def _refused(done: Redemption) -> Any:
    if done.outcome == Outcome.LOCKED:
        until = moment(done.locked_until)
        return _("Too many wrong PINs: try again after %(time)s.", time=until)
    if done.outcome == Outcome.MISTYPED:
        return _("This PIN is mistyped: look at it again, digit by digit.")
    if done.outcome == Outcome.REPEATED:
        return _("The customer has used this card before.")
    return _("This card is not taken.")
