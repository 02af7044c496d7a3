"""The sidebar: where everything is, for who may go there."""

from dataclasses import dataclass

from flask import Flask, current_app, g, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from billing_core.permissions import Permission
from web.access import may, may_open


@dataclass(frozen=True, slots=True)
class Place:
    """A page in the sidebar."""

    label: LazyString
    endpoint: str
    #: None = everybody who is logged in.
    needs: Permission | None


@dataclass(frozen=True, slots=True)
class Group:
    """Pages that belong together."""

    label: LazyString
    places: tuple[Place, ...]


P = Permission
#: A place whose page does not exist (yet) is left out.
GROUPS = (
    Group(_l("Overview"), (Place(_l("Dashboard"), "dashboard.index", P.VIEW_REPORTS),)),
    Group(
        _l("Bills & Payments"),
        (
            Place(_l("Customer Bills"), "bills.index", P.VIEW_BILLS),
            Place(_l("Bills Summary"), "bills_summary.index", P.VIEW_REPORTS),
            Place(_l("Billing Profile"), "profiles.index", P.MANAGE_BILLING),
            Place(_l("Verify Payments"), "verify.index", P.VERIFY_PAYMENTS),
        ),
    ),
    Group(
        _l("Accounts"),
        (Place(_l("Customer Payments"), "payments.index", P.TAKE_PAYMENTS),),
    ),
    Group(
        _l("Customers"),
        (
            Place(_l("All customers"), "customers.index", P.VIEW_CUSTOMERS),
            Place(_l("Add a customer"), "customers.add", P.ADD_CUSTOMERS),
            Place(_l("Import"), "imports.index", P.ADD_CUSTOMERS),
            Place(_l("Packages"), "packages.index", P.MANAGE_PACKAGES),
        ),
    ),
    Group(
        _l("Network"),
        (
            Place(_l("Online now"), "online.index", P.VIEW_CUSTOMERS),
            Place(_l("Rejected logins"), "rejects.index", P.VIEW_CUSTOMERS),
            Place(_l("NAS"), "nas.index", P.MANAGE_NETWORK),
        ),
    ),
    Group(
        _l("Recharge cards"),
        (
            Place(_l("Cards"), "cards.index", P.MANAGE_CARDS),
            Place(_l("Sell cards"), "sell_cards.index", P.SELL_CARDS),
        ),
    ),
    Group(
        _l("Reports"),
        (
            Place(_l("Billing runs"), "runs.index", P.VIEW_LOGS),
            Place(_l("Audit log"), "audit_log.index", P.VIEW_LOGS),
        ),
    ),
    Group(
        _l("Settings"),
        (
            Place(_l("Settings"), "settings.index", P.MANAGE_SETTINGS),
            Place(_l("Operators"), "operators.index", P.MANAGE_OPERATORS),
        ),
    ),
)


def register(app: Flask) -> None:
    """Let templates draw the sidebar."""
    app.jinja_env.globals["sidebar"] = sidebar
    app.jinja_env.globals["may"] = may
    app.context_processor(lambda: {"operator": g.get("operator")})


def sidebar() -> list[tuple[LazyString, list[tuple[Place, bool]]]]:
    """Return the groups with the places of who is logged in, and which is here."""
    groups = []
    for group in GROUPS:
        places = [
            (place, _is_here(place))
            for place in group.places
            if place.endpoint in current_app.view_functions
            and may_open(place.endpoint)
            and (place.needs is None or may(place.needs))
        ]
        if places:
            groups.append((group.label, places))
    return groups


def first_place() -> str | None:
    """Return the endpoint where who is logged in begins."""
    for _label, places in sidebar():
        return places[0][0].endpoint
    return None


def _is_here(place: Place) -> bool:
    here = str(request.endpoint)
    if here == place.endpoint:
        return True
    if here in _ENDPOINTS or not place.endpoint.endswith(".index"):
        return False
    # A detail page belongs to its list.
    blueprint = request.blueprint or ""
    return _OWNERS.get(blueprint, blueprint) == place.endpoint.partition(".")[0]


_ENDPOINTS = frozenset(place.endpoint for group in GROUPS for place in group.places)
#: Blueprints whose pages belong to another's list.
_OWNERS = {
    "customer_bills": "customers",
    "customer_identity": "customers",
    "customer_money": "customers",
    "customer_records": "customers",
    "customer_service": "customers",
    "customer_terms": "customers",
    "bill_actions": "bills",
    "card_actions": "cards",
    "payment_actions": "payments",
    "unmatched": "verify",
    "verify_actions": "verify",
    "verify_matching": "verify",
}
