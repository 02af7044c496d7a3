"""Redeem a recharge card in the portal."""

from typing import Any

from flask import flash, redirect, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.cards import CardKeys, Outcome
from billing_core.services.cards.redeeming import Redemption, Tries, redeem
from web.access import Page, current_customer, current_customer_id, portal_pages
from web.desk import Desk, desk
from web.filters import moment, money
from web.forms import DataRequired, Length, OperatorForm, StringField
from web.portal_connect import after_buying

pages = portal_pages("portal_recharge", "/portal/recharge")


class CardForm(OperatorForm):
    """A card's PIN."""

    pin = StringField(
        _l("PIN"),
        [DataRequired(), Length(max=100)],
        description=_l("The 17 digits under the scratch strip; spaces do not matter."),
    )


@pages.route("", methods=["GET", "POST"])
def form() -> Page:
    """Ask for a PIN, and put its card's money into the wallet."""
    at, sent = desk(), CardForm()
    keys = at.settings.card_keys
    if keys is None:
        return render_template("portal/recharge.html", form=None)
    status = 200
    if request.method == "POST":
        status = 422
        if sent.validate():
            done = try_card(at, keys, current_customer_id(), sent.pin.data)
            if done.is_credited:
                flash(said_of(done))
                return redirect(after_buying(current_customer()), 303)
            sent.pin.errors = [said_of(done)]
            status = 429 if done.outcome == Outcome.LOCKED else 422
    return render_template("portal/recharge.html", form=sent), status


def try_card(at: Desk, keys: CardKeys, customer_id: int, pin: str) -> Redemption:
    """Try a PIN for a customer, from the address that the web server saw."""
    tries = Tries(customer_id, at.actor, request.remote_addr)
    return redeem(at.conn, keys, pin, tries, now=at.now)


def said_of(done: Redemption) -> str:
    """Say what became of a card, and no more than its holder may know."""
    return str(_said_of(done))


def _said_of(done: Redemption) -> Any:
    if done.outcome == Outcome.CREDITED:
        worth = money(done.amount)
        if done.package is None:
            return _("%(amount)s is in your balance now.", amount=worth)
        if done.not_bought:
            return _(
                "%(amount)s is in your balance now; %(package)s could not be bought.",
                amount=worth,
                package=done.package,
            )
        return _("%(package)s is yours now.", package=done.package)
    if done.outcome == Outcome.LOCKED:
        return _(
            "Too many wrong PINs: try again after %(time)s.",
            time=moment(done.locked_until),
        )
    if done.outcome == Outcome.REPEATED:
        return _("You have used this card already: its money is in your balance.")
    if done.outcome == Outcome.MISTYPED:
        return _("This PIN is mistyped: look at it again, digit by digit.")
    return _("This card is not accepted: ask where you bought it.")
