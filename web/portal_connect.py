"""Bring a customer who waits at a hotspot on the network, without his typing anything.

The page leads his browser to the hotspot's login page with a key of his device: see
billing_core/hotspot_keys.py. It is a link and not a form, as after a card
(web/hotspot.py).
"""

from datetime import datetime

from flask import g, redirect, render_template, url_for

from billing_core.db.customers import (
    Customer,
    Subscription,
    read_customer,
    read_subscription,
)
from billing_core.db.payments import Attempt
from billing_core.db.reports import list_sessions
from billing_core.hotspot import key_links
from billing_core.kinds import BY_PACKAGE, HOTSPOT, PER_SESSION
from billing_core.payments import AttemptState
from billing_core.services.hotspot_keys import give_key
from web.access import Page, current_customer, portal_pages
from web.desk import desk
from web.hotspot_place import Place, let_lead, may_lead, place

pages = portal_pages("portal_connect", "/portal/connect")


@pages.get("")
def index() -> Page:
    """Lead to the hotspot, logged in there, if he has just paid; else ask."""
    waits_at = place()
    if waits_at is None or not may_connect(current_customer()):
        return redirect(url_for("portal.index"), 303)
    if may_lead():
        return _lead(waits_at)
    return render_template("portal/connect.html", link=None, lead=None)


@pages.post("")
def connect() -> Page:
    """Lead to the hotspot, since he pressed the button.

    Anybody can send him to the page above, from a false hotspot, too: it takes a
    payment or a press of his for a key to leave.
    """
    waits_at = place()
    if waits_at is None or not may_connect(current_customer()):
        return redirect(url_for("portal.index"), 303)
    return _lead(waits_at)


def _lead(waits_at: Place) -> Page:
    at, customer = desk(), current_customer()
    if waits_at.device is None:
        return render_template("portal/connect.html", link=waits_at.login, lead=None)
    key = give_key(
        at.conn,
        customer.customer_id,
        waits_at.device,
        secret_key=at.settings.secret_key,
        actor=at.actor,
        now=at.now,
    )
    lead, link = key_links(
        waits_at.login,
        customer.username,
        key.secret,
        waits_at.chap_id,
        waits_at.challenge,
    )
    return render_template("portal/connect.html", link=link, lead=lead)


def may_connect(customer: Customer) -> bool:
    """Tell whether a hotspot's customer would be let in now, for all that we know."""
    if customer.kind != HOTSPOT or customer.status != "active":
        return False
    if customer.billing == BY_PACKAGE:
        at = desk()
        subscription = read_subscription(at.conn, customer.customer_id)
        return is_valid(subscription, at.now)
    return customer.billing != PER_SESSION or customer.available > 0


def waits_to_connect(customer: Customer) -> bool:
    """Tell whether he came from a hotspot and only has to be led back."""
    waits_at = place()
    if waits_at is None or not may_connect(customer):
        return False
    running = list_sessions(
        desk().conn, customer_id=customer.customer_id, running=True, limit=20
    )
    # One that is older than the hotspot's login page has ended there, without our being
    # told so yet.
    return not any(
        waits_at.device in (None, session.calling_station_id)
        and session.started_at >= waits_at.since
        for session in running
    )


def leads_after(attempt: Attempt) -> bool:
    """Tell on a page that has seen who is logged in: does this payment lead him on?

    It is his, it is paid, and he began it after he had come from the hotspot.
    """
    waits_at = place()
    if (
        waits_at is None
        or attempt.state != AttemptState.PAID
        or attempt.created_at < waits_at.since
        or g.get("customer_id") != attempt.customer_id
        or not waits_to_connect(read_customer(desk().conn, attempt.customer_id))
    ):
        return False
    let_lead()
    return True


def after_buying(customer: Customer) -> str:
    """Return the page that follows when something was bought at once."""
    if not waits_to_connect(customer):
        return url_for("portal.index")
    let_lead()
    return url_for("portal_connect.index")


def is_valid(subscription: Subscription | None, now: datetime) -> bool:
    """Tell whether anything is left of a package that was bought."""
    if subscription is None:
        return False
    ends = subscription.valid_until
    used_up = any(
        allowed is not None and used >= allowed
        for used, allowed in (
            (subscription.seconds_used, subscription.seconds_allowed),
            (subscription.octets_used, subscription.octets_allowed),
        )
    )
    return not used_up and (ends is None or ends > now)
