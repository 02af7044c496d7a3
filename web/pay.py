"""Public pages of payments: links, and where gateways send browsers and notices."""

import threading
from dataclasses import replace

from flask import (
    Response,
    abort,
    current_app,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask import session as page_cookie
from flask_babel import lazy_gettext as _l

from billing_core.db import payments as payments_db
from billing_core.db.receipts import credited_amount
from billing_core.errors import BillingError
from billing_core.gateways.contract import CallbackRequest, Gateway
from billing_core.references import is_reference
from billing_core.services.payment_links import (
    LinkDeadError,
    LinkSpentError,
    OpenedLink,
    open_link,
    pay_by_link,
)
from billing_core.services.payments import open_gateways
from billing_core.services.payments.hints import find_hinted, keep_notice
from billing_core.services.payments.starting import Site
from web import access
from web.access import Page, public_pages
from web.desk import connection, now, settings
from web.following import follow, in_page, taking_notice, wait_a_moment
from web.hotspot_place import place
from web.portal_connect import leads_after
from web.portal_words import in_words
from web.secure import csrf, let_forms_lead_to_gateways

pages = public_pages("pay", "/pay")

#: How customers know the gateways, in the order in which they are offered.
NAMES = {
    "bkash": _l("bKash"),
    "nagad": _l("Nagad"),
    "sslcommerz": _l("Card or bank (SSLCommerz)"),
}
#: How soon the page of a payment that is not settled looks again.
_REFRESH_SECONDS = {"created": 5, "pending": 5, "confirmed": 30, "review": 30}
#: Of one who waits at a hotspot's login page.
_REFRESH_SECONDS_WAITING = 5
_opening = threading.Lock()


def gateways() -> dict[str, Gateway]:
    """Return the gateways of this process, made by its first payment."""
    with _opening:
        made: dict[str, Gateway] | None = current_app.extensions.get("khata_gateways")
        if made is None:
            made = open_gateways(settings())
            current_app.extensions["khata_gateways"] = made
    return made


def site() -> Site:
    """Return where gateways find us."""
    return Site(settings().payments.public_url or "")


def offered() -> list[tuple[str, object]]:
    """Return (name, what customers call it) of the gateways that can be chosen."""
    return [(name, label) for name, label in NAMES.items() if name in gateways()]


@pages.get("/link/<token>")
def link(token: str) -> Page:
    """Show what a link is for, and how it can be paid."""
    return _with_link(token, None)


@pages.post("/link/<token>")
def pay_link(token: str) -> Page:
    """Begin the payment of a link, and lead to the gateway's page."""
    gateway = gateways().get(request.form.get("gateway", ""))
    if gateway is None:
        abort(400)
    try:
        with in_page():
            started = pay_by_link(
                connection(),
                token,
                gateway,
                secret_key=settings().secret_key,
                site=site(),
                client_address=request.remote_addr or "",
                now=now(),
            )
    except (LinkDeadError, LinkSpentError):
        return _with_link(token, None)
    except BillingError as error:
        return _with_link(token, error)
    let_forms_lead_to_gateways()
    return redirect(started.checkout_url, 303)


@pages.route("/return/<name>", methods=["GET", "POST"])
# A gateway's page posts across sites: no cookie of ours comes with it.
@csrf.exempt  # type: ignore[untyped-decorator]  # the library has no types
def come_back(name: str) -> Page:
    """Take a browser back from a gateway: ask the gateway, then show what is so.

    The page shows what is so after a moment, and looks again: a gateway that takes
    long keeps nobody here.
    """
    # A browser brings fields: what is only in headers, and a body, is no hint of his.
    gateway, callback = _gateway(name), replace(_callback(), headers={}, body=b"")
    hint = gateway.read_callback(callback)
    attempt = find_hinted(connection(), gateway, hint)
    if attempt is None:
        abort(404)
    following = follow(gateway, hint, callback)
    if following is not None:
        wait_a_moment(following)
    return redirect(url_for("pay.result", reference=attempt.reference), 303)


@pages.post("/notify/<name>")
# A gateway's server knows no form of ours.
@csrf.exempt  # type: ignore[untyped-decorator]  # the library has no types
def notify(name: str) -> Page:
    """Thank a gateway's server for its notice, and follow it.

    It gives up on who keeps it waiting, and what it says is only a hint: the answer
    leaves before the gateway is asked. Money that it tells of by itself is written down
    first: who was thanked does not tell again.
    """
    gateway, callback = _gateway(name), _callback()
    try:
        with taking_notice():
            hint = gateway.read_callback(callback)
    except BillingError:
        # Amazon's certificate cannot be had now: SNS sends it again.
        return Response("Try again\n", 503, mimetype="text/plain")
    keep_notice(connection(), gateway, hint, now=now())
    follow(gateway, hint, callback)
    return Response("OK\n", mimetype="text/plain")


@pages.get("/result/<reference>")
def result(reference: str) -> Page:
    """Show how a payment stands to whoever has its reference: no name, no number."""
    if not is_reference(reference):
        abort(404)
    attempt_id = payments_db.find_by_reference(connection(), reference)
    if attempt_id is None:
        abort(404)
    # Whoever pays from the portal goes on in it, and in his language.
    access.see_who()
    attempt = payments_db.read_attempt(connection(), attempt_id)
    waits_at = place()
    refresh_seconds = _REFRESH_SECONDS.get(attempt.state)
    if refresh_seconds is not None and waits_at is not None:
        # He stands there until it is approved.
        refresh_seconds = _REFRESH_SECONDS_WAITING
    return render_template(
        "pay/result.html",
        state=attempt.state,
        amount=credited_amount(connection(), attempt_id) or attempt.amount,
        reference=reference,
        says_cancelled=attempt.customer_cancelled_at is not None,
        refresh_seconds=refresh_seconds,
        connects=leads_after(attempt),
        hotspot=None if waits_at is None else waits_at.login,
    )


def _with_link(token: str, error: BillingError | None) -> Page:
    try:
        opened = open_link(
            connection(), token, secret_key=settings().secret_key, now=now()
        )
    except LinkSpentError as spent:
        return redirect(url_for("pay.result", reference=spent.reference), 303)
    except LinkDeadError:
        return render_template("pay/dead_link.html"), 410
    except BillingError as why:
        told = in_words(why)
        return render_template("pay/link.html", wanted=None, error=told, ways=[]), 422
    _speak_his_language(opened)
    let_forms_lead_to_gateways()
    page = render_template(
        "pay/link.html",
        wanted=opened.wanted,
        error=None if error is None else in_words(error),
        ways=offered(),
    )
    return page, 200 if error is None else 422


def _speak_his_language(opened: OpenedLink) -> None:
    """Speak the customer's language, unless the visitor chose one."""
    if "language" not in page_cookie:
        g.language = opened.link.language


def _gateway(name: str) -> Gateway:
    gateway = gateways().get(name)
    if gateway is None:
        abort(404)
    return gateway


def _callback() -> CallbackRequest:
    # The body first: reading the form would use it up, and a signature is over it.
    body = request.get_data()
    return CallbackRequest(
        query=request.args.to_dict(),
        form=request.form.to_dict(),
        body=body,
        headers=dict(request.headers.items()),
    )
