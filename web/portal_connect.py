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
from billing_core.db.reports import list_sessions
from billing_core.hotspot import key_links
from billing_core.kinds import BY_PACKAGE, HOTSPOT, PER_SESSION
from billing_core.services.hotspot_keys import give_key
from web import access
from web.access import Page, current_customer, portal_pages
from web.desk import desk
from web.hotspot_place import lead_once, place

pages = portal_pages("portal_connect", "/portal/connect")


@pages.get("")
def index() -> Page:
    """Lead to the hotspot, logged in there; by itself the first time."""
    at, customer, waits_at = desk(), current_customer(), place()
    if waits_at is None or not may_connect(customer):
        return redirect(url_for("portal.index"), 303)
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
    return render_template(
        "portal/connect.html", link=link, lead=lead if lead_once() else None
    )


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


def visitor_waits(customer_id: int) -> bool:
    """Tell it on a public page: of this customer, and he is logged in here."""
    access.see_who()
    if g.get("customer_id") != customer_id:
        return False
    return waits_to_connect(read_customer(desk().conn, customer_id))


def after_buying(customer: Customer) -> str:
    """Return the page that follows when something was bought at once."""
    waits = waits_to_connect(customer)
    return url_for("portal_connect.index" if waits else "portal.index")


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
