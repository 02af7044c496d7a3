"""Where suspended customers are led: why it stopped, how much, and how to pay.

Not logged in, the address of the request may tell whose line it is; see
services/redirected.py for what that is worth.
"""

from flask import g, redirect, render_template, request, session, url_for

from billing_core.errors import BillingError
from billing_core.services.redirected import (
    Redirected,
    amount_to_pay,
    find_redirected,
    link_for,
)
from web import access
from web.access import Page
from web.desk import desk
from web.forms import OperatorForm
from web.pay import offered
from web.portal_words import tell, why_suspended

pages = access.public_pages("suspended", "/portal/suspended")


class PayForm(OperatorForm):
    """Nothing but the button."""


@pages.get("")
def index() -> Page:
    """Say why it stopped, to whom that can be said."""
    access.see_who()
    if "customer_id" in g:
        return _to_himself()
    return _to_the_line(PayForm())


@pages.post("")
def pay() -> Page:
    """Lead to a link that pays what this line needs, and opens nothing else."""
    at, address, sent = desk(), request.remote_addr or "", PayForm()
    found = find_redirected(at.conn, address, at.now)
    if found is None or found.amount is None:
        return redirect(url_for("suspended.index"), 303)
    try:
        link = link_for(
            at.conn, found, address, secret_key=at.settings.secret_key, now=at.now
        )
    except BillingError as error:
        tell(sent, error)
        return _to_the_line(sent)
    return redirect(url_for("pay.link", token=link.token), 303)


def _to_himself() -> Page:
    customer, at = access.current_customer(), desk()
    if customer.status == "active":
        return redirect(url_for("portal.index"), 303)
    reason = customer.suspend_reason
    return render_template(
        "portal/suspended.html",
        why=why_suspended(reason),
        amount=amount_to_pay(at.conn, customer.customer_id, reason),
        is_logged_in=True,
        form=None,
    )


def _to_the_line(sent: PayForm) -> Page:
    at = desk()
    found = find_redirected(at.conn, request.remote_addr or "", at.now)
    if found is not None:
        _speak_its_language(found)
    page = render_template(
        "portal/suspended.html",
        why=None if found is None else why_suspended(found.reason),
        amount=None if found is None else found.amount,
        is_logged_in=False,
        form=sent if found is not None and offered() else None,
    )
    return page, 422 if sent.form_errors else 200


def _speak_its_language(found: Redirected) -> None:
    if "language" not in session:
        g.language = found.language
