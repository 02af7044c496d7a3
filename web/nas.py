"""NAS: how each does, what it was asked and answered, and what is said of it."""

from datetime import timedelta

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import IntegerField
from wtforms.validators import InputRequired

from billing_core.db import nas as db
from billing_core.db import web_network as network_db
from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.routeros import routeros_lines
from billing_core.services import nas as service
from web.access import Page, operator_pages
from web.acting import Act, act
from web.desk import desk
from web.forms import (
    BooleanField,
    DataRequired,
    Length,
    NumberRange,
    OperatorForm,
    Optional,
    PasswordField,
    SelectField,
    StringField,
    choices_of,
    refuse,
)

pages = operator_pages("nas", "/nas", needs=Permission.MANAGE_NETWORK)

_LATELY = timedelta(hours=24)
_SHOWN = 50
_VENDORS = {
    "mikrotik": "MikroTik RouterOS",
    "rfc": "RFC (Cisco, Juniper, Huawei, …)",
    "coovachilli": "CoovaChilli",
    "accel-ppp": "accel-ppp",
}
_COA = {
    "all": _l("Disconnect and CoA"),
    "disconnect": _l("Disconnect only"),
    "none": _l("neither"),
}


class NasForm(OperatorForm):
    """What an engineer says of a NAS."""

    name = StringField(_l("Name"), [DataRequired(), Length(max=100)])
    address = StringField(
        _l("Address"),
        [DataRequired(), Length(max=45)],
        description=_l("Where its RADIUS packets come from."),
    )
    vendor = SelectField(_l("Vendor"), choices=choices_of(_VENDORS.items()))
    secret = PasswordField(_l("Shared secret"), [Length(max=200)])
    coa = SelectField(_l("Takes"), choices=choices_of(_COA.items()), default="all")
    coa_port = IntegerField(
        _l("CoA port"), [Optional(), NumberRange(1, 65535)], default=3799
    )
    coa_address = StringField(
        _l("CoA address"),
        [Optional(), Length(max=45)],
        description=_l("If not the address above."),
    )
    coa_secret = PasswordField(
        _l("CoA secret"), [Length(max=200)], description=_l("If it differs.")
    )
    interim_minutes = IntegerField(
        _l("Minutes between its reports"),
        [InputRequired(), NumberRange(1, 60)],
        default=5,
        description=_l("Balances are watched as closely as this."),
    )
    coa_identification = StringField(
        _l("Sessions are identified by"),
        [Optional(), Length(max=200)],
        description=_l("Attributes, with commas; empty: what this vendor matches."),
    )
    octets_swapped = BooleanField(_l("Reports upload as download"))
    no_event_timestamp = BooleanField(_l("CoA without Event-Timestamp"))
    no_message_authenticator = BooleanField(_l("CoA without Message-Authenticator"))


@pages.get("")
def index() -> str:
    """List the NAS with how each does, and addresses that nobody knows."""
    at = desk()
    return render_template(
        "nas/list.html",
        rows=db.list_nas(at.conn),
        health=network_db.read_nas_health(at.conn, since=at.now - _LATELY, now=at.now),
        unknown=network_db.list_unknown_nas(
            at.conn, since=at.now - _LATELY, limit=_SHOWN
        ),
        vendors=_VENDORS,
    )


@pages.get("/<int:nas_id>")
def show(nas_id: int) -> str:
    """Show one NAS: what is said of it, the lines to type, what it answered."""
    at, one = desk(), _nas(nas_id)
    since = at.now - _LATELY
    return render_template(
        "nas/show.html",
        one=one,
        health=network_db.read_nas_health(at.conn, since=since, now=at.now)[nas_id],
        requests=network_db.list_requests_to(
            at.conn, nas_id, since=since, limit=_SHOWN
        ),
        vendors=_VENDORS,
        lines=_lines(one),
    )


@pages.route("/new", methods=["GET", "POST"])
def add() -> Page:
    """Register a NAS."""
    at = desk()
    form = NasForm(address=request.args.get("address", ""))
    form.secret.flags.required = True
    if request.method == "POST" and form.validate():
        if not form.secret.data:
            form.secret.errors = [_("It needs the secret that the NAS has.")]
        else:
            try:
                nas_id = service.register_nas(
                    at.conn, _new(form), actor=at.actor, now=at.now
                )
            except BillingError as error:
                refuse(form, error)
            else:
                flash(_("%(name)s may ask.", name=form.name.data))
                return redirect(url_for("nas.show", nas_id=nas_id), 303)
    page = render_template("nas/form.html", form=form, one=None)
    return (page, 422) if form.errors else page


@pages.route("/<int:nas_id>/edit", methods=["GET", "POST"])
def edit(nas_id: int) -> Page:
    """Say anew what a NAS is."""
    at, one = desk(), _nas(nas_id)
    form = NasForm(data=_as_form(one))
    if request.method == "POST" and form.validate():
        typed = (form.coa_identification.data or "").replace(" ", "")
        if form.vendor.data != one.vendor and typed == ",".join(one.coa_identification):
            # It was the old vendor's, not typed for the new one.
            form.coa_identification.data = ""
        try:
            service.change_nas(at.conn, nas_id, _new(form), actor=at.actor, now=at.now)
        except BillingError as error:
            refuse(form, error)
        else:
            flash(_("Saved; it holds within a minute."))
            return redirect(url_for("nas.show", nas_id=nas_id), 303)
    page = render_template("nas/form.html", form=form, one=one)
    return (page, 422) if form.errors else page


@pages.route("/<int:nas_id>/disable", methods=["GET", "POST"])
def disable(nas_id: int) -> Page:
    """Let nobody in from a NAS, or again."""
    at, one = desk(), _nas(nas_id)
    disables = not one.is_disabled

    def do() -> None:
        service.set_disabled(
            at.conn, nas_id, is_disabled=disables, actor=at.actor, now=at.now
        )
        flash(
            _("Nobody logs in from %(name)s any more.", name=one.name)
            if disables
            else _("%(name)s may ask again.", name=one.name)
        )

    back = url_for("nas.show", nas_id=nas_id)
    if disables:
        title, button = _("Disable"), _("Disable it")
        told = _(
            "From now on logins from it are refused. Sessions that run on it go on, are"
            " counted and can be ended."
        )
    else:
        title, button = _("Enable"), _("Enable it")
        told = _("Customers may log in from it again.")
    asked = Act(
        title=title,
        button=button,
        back=back,
        crumbs=[(_("NAS"), url_for("nas.index")), (one.name, back)],
        told=[told],
        hurts=disables,
    )
    return act(OperatorForm(), do, asked)


def _nas(nas_id: int) -> db.NasTraits:
    found = db.read_nas_traits(desk().conn)
    if nas_id not in found:
        abort(404)
    return found[nas_id]


def _lines(one: db.NasTraits) -> list[str]:
    if one.vendor != "mikrotik":
        return []
    return routeros_lines(
        router=one.address,
        coa_port=one.coa_port,
        interim_interval_seconds=one.interim_interval_seconds,
    )


def _new(form: NasForm) -> db.NewNas:
    named = [part.strip() for part in (form.coa_identification.data or "").split(",")]
    takes = form.coa.data
    return db.NewNas(
        name=form.name.data,
        address=form.address.data,
        secret=form.secret.data or "",
        vendor=form.vendor.data,
        coa_address=form.coa_address.data or None,
        coa_port=None if takes == "none" else form.coa_port.data or 3799,
        # Empty: as it was; a new NAS has none of its own.
        coa_secret=form.coa_secret.data or "",
        accepts_coa=takes == "all",
        coa_event_timestamp=not form.no_event_timestamp.data,
        coa_message_authenticator=not form.no_message_authenticator.data,
        coa_identification=tuple(filter(None, named)) or None,
        octets_swapped=form.octets_swapped.data,
        interim_interval_seconds=form.interim_minutes.data * 60,
    )


def _as_form(one: db.NasTraits) -> dict[str, object]:
    takes = "none" if one.coa_port is None else "disconnect"
    return {
        "name": one.name,
        "address": one.address,
        "vendor": one.vendor,
        "coa": "all" if takes == "disconnect" and one.accepts_coa else takes,
        "coa_port": one.coa_port or 3799,
        "coa_address": one.coa_address or "",
        "interim_minutes": max(1, one.interim_interval_seconds // 60),
        "coa_identification": ", ".join(one.coa_identification),
        "octets_swapped": one.octets_swapped,
        "no_event_timestamp": not one.coa_event_timestamp,
        "no_message_authenticator": not one.coa_message_authenticator,
    }
