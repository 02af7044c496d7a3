"""Logins that were refused: why, and what to do about it."""

from datetime import timedelta

from flask import render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import web_network as db
from billing_core.db.nas import list_nas
from billing_core.mac_addresses import normalise_station
from billing_core.permissions import Permission
from web import exports, lists
from web.access import Page, current_operator, operator_pages
from web.desk import desk
from web.forms import (
    DateField,
    FilterForm,
    Length,
    Optional,
    SelectField,
    StringField,
    choices_of,
    day_starts,
)
from web.reject_words import ADVICE
from web.words import say

pages = operator_pages("rejects", "/rejects", needs=Permission.VIEW_CUSTOMERS)

_COUNTED_FOR = timedelta(hours=24)


class RejectFilterForm(FilterForm):
    """Which refused logins."""

    username = StringField(_l("Username"), [Optional(), Length(max=253)])
    reason = SelectField(_l("Reason"), [Optional()], default="")
    nas = SelectField(_l("NAS"), [Optional()], default="")
    device = StringField(_l("Device"), [Optional(), Length(max=60)])
    since = DateField(_l("From"), [Optional()])
    until = DateField(_l("To"), [Optional()])


@pages.get("")
def index() -> Page:
    """List refused logins, newest first."""
    at, scope, form = desk(), current_operator().scope, _filter_form()
    if not form.validate():
        page = render_template("rejects.html", form=form, slice=None, counts=[])
        return page, 400
    size = lists.page_size()
    rows = db.list_rejects(
        at.conn, _wanted(form), scope, after=lists.after_time_and_id(), limit=size + 1
    )
    last = rows[size - 1] if len(rows) > size else None
    key = lists.time_and_id(last.rejected_at, last.reject_id) if last else None
    return render_template(
        "rejects.html",
        form=form,
        slice=lists.cut(rows, key, size),
        counts=db.count_rejects(at.conn, scope, since=at.now - _COUNTED_FOR),
        advice=ADVICE,
    )


@pages.get("/export.<any(csv, xlsx):suffix>")
def export(suffix: str) -> Page:
    """Hand out every refused login of the filter."""
    at, form = desk(), _filter_form()
    if not form.validate():
        page = render_template("rejects.html", form=form, slice=None, counts=[])
        return page, 400
    rows = db.stream_rejects(at.conn, _wanted(form), current_operator().scope)
    name = f"rejected-logins-{at.now.astimezone(at.settings.zone):%Y-%m-%d}"
    return exports.hand_out(suffix, name, _COLUMNS, rows)


def _filter_form() -> RejectFilterForm:
    form = RejectFilterForm.from_address()
    assert isinstance(form, RejectFilterForm)  # noqa: S101 - narrows the type
    form.reason.choices = choices_of(
        [(reason, say(reason)) for reason in ADVICE], any_label=_("any")
    )
    form.nas.choices = choices_of(
        [(n.nas_id, n.name) for n in list_nas(desk().conn)], any_label=_("any")
    )
    return form


def _wanted(form: RejectFilterForm) -> db.RejectFilter:
    device = form.device.data
    return db.RejectFilter(
        username=form.username.data or None,
        reason=form.reason.data or None,
        nas_id=int(form.nas.data) if form.nas.data else None,
        mac=normalise_station(device) if device else None,
        since=day_starts(form.since.data),
        until=day_starts(form.until.data, after_days=1),
    )


_COLUMNS = (
    exports.Column("at", lambda r: r.rejected_at),
    exports.Column("username", lambda r: r.username),
    exports.Column("reason", lambda r: r.reason),
    exports.Column("device", lambda r: r.calling_station_id),
    exports.Column("nas", lambda r: r.nas),
)
