"""What a hotspot's login page sends: where somebody waits, and a card's PIN.

A card comes with the customer's own login. No cookie is read and none is given: what a
request may do is what the username and password in it may do, so a form of another site
(the NAS' page is one) is as good as ours, and no session can be ridden. See
docs/decisions/.
"""

from typing import ClassVar

from flask import redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l

from billing_core.cards import Outcome
from billing_core.db.customers import read_customer
from billing_core.db.web_portal import list_nas_addresses
from billing_core.errors import BillingError
from billing_core.hotspot import log_in_link, login_address
from billing_core.services.cards.redeeming import Tries, redeem
from billing_core.services.customer_logins import check_customer_password
from billing_core.services.throttle import TooManyTriesError
from web.access import Page, public_pages
from web.desk import Desk, desk
from web.forms import (
    DataRequired,
    HiddenField,
    Length,
    OperatorForm,
    PasswordField,
    StringField,
)
from web.hotspot_place import remember
from web.portal_recharge import said_of
from web.portal_words import tell
from web.secure import csrf

pages = public_pages("hotspot", "/hotspot")
#: Fields of the form on the NAS' page, and what ours calls them.
ROUTER_FIELDS = {
    "username": "username",
    "password": "password",
    "pin": "pin",
    "link-login-only": "link_login_only",
    "chap-id": "chap_id",
    "chap-challenge": "chap_challenge",
}
#: Fields of the form that leads to the portal, and what its button may ask for.
PLACE_FIELDS = ("link-login-only", "mac", "chap-id", "chap-challenge")
LEADS_TO = {"packages": "portal_packages.index", "account": "portal.index"}


class CardForm(OperatorForm):
    """A card and who uses it."""

    class Meta(OperatorForm.Meta):
        """Without a token: see above."""

        csrf: ClassVar[bool] = False

    username = StringField(
        _l("Username or mobile number"), [DataRequired(), Length(max=128)]
    )
    password = PasswordField(_l("Password"), [DataRequired(), Length(max=128)])
    pin = StringField(_l("Card PIN"), [DataRequired(), Length(max=100)])
    link_login_only = HiddenField(validators=[Length(max=300)])
    chap_id = HiddenField(validators=[Length(max=50)])
    chap_challenge = HiddenField(validators=[Length(max=200)])


@pages.get("/here")
def here() -> Page:
    """Remember the hotspot that somebody waits at, and lead to the portal."""
    remember({name: request.args.get(name, "") for name in PLACE_FIELDS})
    wanted = LEADS_TO.get(request.args.get("to", ""), "portal.index")
    return redirect(url_for(wanted), 303)


@pages.get("/card")
def form() -> Page:
    """Ask for a card's PIN and whose it is."""
    return _page(CardForm())


@pages.post("/card")
# The NAS' login page is another site and knows no token of ours.
@csrf.exempt  # type: ignore[untyped-decorator]  # the library has no types
def use_card() -> Page:
    """Redeem a card, then lead the browser back to the hotspot, logged in."""
    given = request.form.to_dict()
    for name, ours in ROUTER_FIELDS.items():
        if name in given:
            given[ours] = given.pop(name)
    sent, at = CardForm(data=given, formdata=None), desk()
    if at.settings.card_keys is None or not sent.validate():
        return _page(sent, 422)
    try:
        customer_id = check_customer_password(
            at.conn,
            sent.username.data,
            sent.password.data,
            secret_key=at.settings.secret_key,
            address=request.remote_addr or "",
            now=at.now,
        )
    except BillingError as error:
        tell(sent, error)
        return _page(sent, 429 if isinstance(error, TooManyTriesError) else 422)
    username = read_customer(at.conn, customer_id).username
    tries = Tries(customer_id, f"customer:{username}", request.remote_addr)
    done = redeem(at.conn, at.settings.card_keys, sent.pin.data, tries, now=at.now)
    said = said_of(done)
    if not done.is_credited and done.outcome != Outcome.REPEATED:
        sent.pin.errors = [said]
        return _page(sent, 429 if done.outcome == Outcome.LOCKED else 422)
    login, link = _way_back(at, sent, username)
    return render_template(
        "portal/hotspot_done.html", said=said, login=login, link=link
    )


def _way_back(at: Desk, sent: CardForm, username: str) -> tuple[str | None, str | None]:
    """Return the hotspot's login page, and the address that logs in there."""
    hosts = at.settings.hotspot_hosts
    nas = list_nas_addresses(at.conn)
    page = login_address(sent.link_login_only.data or "", hosts, nas)
    if page is None:
        return None, None
    return page, log_in_link(
        page,
        username,
        sent.password.data,
        sent.chap_id.data or "",
        sent.chap_challenge.data or "",
    )


def _page(sent: CardForm, status: int = 200) -> Page:
    has_cards = desk().settings.card_keys is not None
    return render_template(
        "portal/hotspot_card.html", form=sent, has_cards=has_cards
    ), status
