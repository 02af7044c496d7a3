"""Settings: what they are and where each comes from, and whether they work.

They live in the environment and khata.toml, and nowhere else: these pages show them,
never a secret, and try them; what is changed is changed there.
"""

from datetime import timedelta
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.reminders import CHANNELS, LANGUAGES, Event
from billing_core.services.message_tests import example_message, send_test_message
from billing_core.services.payments.trying import Trial, try_gateway
from billing_core.services.throttle import Limit, admit_try
from billing_core.settings import SettingPlace, SettingsError, list_places
from web.access import Page, current_operator, operator_pages
from web.desk import desk
from web.forms import (
    LANGUAGE_CHOICES,
    DataRequired,
    Length,
    OperatorForm,
    SelectField,
    StringField,
    refuse,
)
from web.pay import gateways

pages = operator_pages("settings", "/settings", needs=Permission.MANAGE_SETTINGS)

GATEWAYS = {"bkash": "bKash", "nagad": "Nagad", "sslcommerz": "SSLCommerz"}
#: By how a setting's name begins, first that fits.
_AREAS = {
    "bkash_": "bKash",
    "nagad_": "Nagad",
    "sslcommerz_": "SSLCommerz",
    "public_url": _l("Payments"),
    "transfer_": _l("Payments"),
    "card_": _l("Recharge cards"),
    "hotspot_": _l("Hotspot"),
    "smtp_": _l("Messages"),
    "mail_": _l("Messages"),
    "sms_": _l("Messages"),
    "due_soon_": _l("Messages"),
    "expiring_": _l("Messages"),
    "balance_low": _l("Messages"),
    "message_": _l("Messages"),
    "provider": _l("Provider"),
}
# Nobody's phone is flooded from here.
_TESTS, _TESTS_WITHIN = 20, timedelta(hours=1)


class TestForm(OperatorForm):
    """Where a test message goes."""

    # No class of tests, whatever its name looks like to pytest.
    __test__ = False

    recipient = StringField(_l("To"), [DataRequired(), Length(max=200)])
    language = SelectField(_l("Language"), choices=LANGUAGE_CHOICES)


@pages.get("")
def index() -> str:
    """Show the settings by area, and what can be tried."""
    at = desk()
    problem, places = "", []
    try:
        places = list_places()
    except SettingsError as error:
        problem = str(error)
    return render_template(
        "settings/index.html",
        settings=at.settings,
        gateways=GATEWAYS,
        areas=_by_area(places),
        unset=[place for place in places if not place.place],
        problem=problem,
        hosts={
            "mail": at.settings.mail_server and at.settings.mail_server.host,
            "sms": at.settings.sms_gateway and _host(at.settings.sms_gateway.url),
        },
    )


@pages.get("/messages")
def messages() -> str:
    """Show what customers are told of each event, in both languages."""
    at = desk()
    chosen = request.args.get("event", Event.BILL_ISSUED.value)
    if chosen not in set(Event):
        abort(404)
    texts = {
        (channel, language): example_message(
            at.settings, chosen, channel, language, at.now
        )
        for channel in CHANNELS
        for language in LANGUAGES
    }
    return render_template(
        "settings/messages.html",
        events=[event.value for event in Event],
        chosen=chosen,
        texts=texts,
        channels=CHANNELS,
        tongues=LANGUAGES,
    )


@pages.route("/channels/<any(sms, mail):channel>/test", methods=["GET", "POST"])
def test_channel(channel: str) -> Page:
    """Send a test message, and show what the other side answered."""
    at, form, outcome = desk(), TestForm(), None
    if request.method == "POST" and form.validate():
        _admit("messages")
        try:
            outcome = send_test_message(
                at.settings, channel, form.recipient.data, form.language.data, at.now
            )
        except BillingError as error:
            refuse(form, error)
        if outcome is not None and outcome.result != "sent":
            form.form_errors.append(outcome.error)
    page = render_template(
        "settings/channel.html", form=form, channel=channel, outcome=outcome
    )
    return (page, 422) if form.errors else page


@pages.post("/gateways/<any(bkash, nagad, sslcommerz):name>/test")
def test_gateway(name: str) -> Page:
    """Ask a gateway about a payment that never was, and say what that shows."""
    at = desk()
    gateway = gateways().get(name)
    if gateway is None:
        abort(404)
    _admit("gateways")
    trial = try_gateway(
        at.conn, gateway, currency=at.settings.currency, actor=at.actor, now=at.now
    )
    flash(
        f"{GATEWAYS[name]}: {_told(trial)}",
        "error" if trial.outcome in ("refused", "silent") else "message",
    )
    return redirect(url_for("settings.index") + "#gateways", 303)


def _told(trial: Trial) -> Any:
    if trial.outcome == "accepted":
        return _(
            "it answered, and took our keys. It was asked about a payment that never"
            " was; nothing was created."
        )
    if trial.outcome == "answered":
        return _(
            "it can be reached. It tells anybody of a payment, so our keys were not"
            " checked: the first checkout does that."
        )
    if trial.outcome == "refused":
        return _("it does not take our keys: %(words)s", words=trial.words)
    return _("no answer that can be read: %(words)s", words=trial.words)


def _admit(what: str) -> None:
    limit = Limit(f"tests-{what}:{current_operator().username}", _TESTS, _TESTS_WITHIN)
    admit_try(desk().conn, [limit], desk().now)


def _by_area(places: list[SettingPlace]) -> dict[str, list[SettingPlace]]:
    """Sort what is set by what it is about."""
    found: dict[str, list[SettingPlace]] = {}
    for place in places:
        if place.place:
            areas = (a for start, a in _AREAS.items() if place.name.startswith(start))
            area = str(next(areas, _l("Installation")))
            found.setdefault(area, []).append(place)
    return found


def _host(url: str) -> str:
    """Return the host of an address; the rest of it may hold a key."""
    return (
        url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
    )
