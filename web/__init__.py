"""The web app: operators' pages, the customers' portal, payment pages, /metrics."""

from flask import Flask

from billing_core.settings import Settings, load_settings
from web import (
    access,
    back_office,
    bill_actions,
    bill_links,
    bills,
    bills_summary,
    customer_bills,
    customer_identity,
    customer_money,
    customer_records,
    customer_service,
    customer_terms,
    customers,
    dashboard,
    errors,
    filters,
    following,
    language,
    login,
    navigation,
    overview,
    pay,
    payment_actions,
    payments,
    portal_site,
    profiles,
    unmatched,
    verify,
    verify_actions,
    verify_matching,
)
from web.desk import open_desks
from web.secure import log_with_request_ids, secure

#: One blueprint a module. A page of your own: CONTRIBUTING.md, "a page".
BLUEPRINTS = (
    overview.pages,
    pay.pages,
    login.pages,
    login.account,
    dashboard.pages,
    customers.pages,
    customer_bills.pages,
    customer_money.pages,
    customer_records.pages,
    customer_service.pages,
    customer_terms.pages,
    customer_identity.pages,
    bills.pages,
    bill_actions.pages,
    bill_links.pages,
    verify.pages,
    verify_actions.pages,
    verify_matching.pages,
    unmatched.pages,
    payments.pages,
    payment_actions.pages,
    bills_summary.pages,
    profiles.pages,
    *back_office.BLUEPRINTS,
    *portal_site.BLUEPRINTS,
)


def create_app(settings: Settings | None = None) -> Flask:
    """Make the app; every page is behind access.guard."""
    settings = settings or load_settings()
    log_with_request_ids(settings.log_level)
    app = Flask(__name__)
    open_desks(app, settings)
    secure(app, settings)
    access.guard(app)
    following.register(app)
    language.speak(app)
    filters.register(app)
    navigation.register(app)
    errors.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app
