"""Sessions that run: who is online, where from, and an end to it."""

from flask import render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import web_network as db
from billing_core.db.nas import list_nas
from billing_core.db.packages import list_packages
from billing_core.permissions import Permission
from web import exports, lists
from web.access import Page, current_operator, operator_pages
from web.desk import desk
from web.forms import (
    BooleanField,
    FilterForm,
    Length,
    Optional,
    SelectField,
    StringField,
    choices_of,
)

pages = operator_pages("online", "/online", needs=Permission.VIEW_CUSTOMERS)


class OnlineFilterForm(FilterForm):
    """Which sessions."""

    q = StringField(_l("Name, MAC or address"), [Optional(), Length(max=60)])
    nas = SelectField(_l("NAS"), [Optional()], default="")
    package = SelectField(_l("Package"), [Optional()], default="")
    silent = BooleanField(_l("Not heard of"))
    restricted = BooleanField(_l("Suspended, at the payment page"))


@pages.get("")
def index() -> Page:
    """List the sessions that run, newest first."""
    form = _form()
    if not form.validate():
        page = render_template("online.html", form=form, slice=None, totals=None)
        return page, 400
    at, scope, wanted = desk(), current_operator().scope, _wanted(form)
    size = lists.page_size()
    rows = db.list_online(
        at.conn, wanted, scope, now=at.now, after=lists.after_id(), limit=size + 1
    )
    last = str(rows[size - 1].session_id) if len(rows) > size else None
    return render_template(
        "online.html",
        form=form,
        slice=lists.cut(rows, last, size),
        totals=db.total_online(at.conn, wanted, scope, now=at.now),
    )


@pages.get("/export.<any(csv, xlsx):suffix>")
def export(suffix: str) -> Page:
    """Hand out every session of the filter."""
    form = _form()
    if not form.validate():
        page = render_template("online.html", form=form, slice=None, totals=None)
        return page, 400
    at = desk()
    rows = db.stream_online(
        at.conn, _wanted(form), current_operator().scope, now=at.now
    )
    name = f"online-{at.now.astimezone(at.settings.zone):%Y-%m-%d-%H%M}"
    return exports.hand_out(suffix, name, _COLUMNS, rows)


def _form() -> OnlineFilterForm:
    at = desk()
    form = OnlineFilterForm.from_address()
    assert isinstance(form, OnlineFilterForm)  # noqa: S101 - narrows the type
    form.nas.choices = choices_of(
        [(n.nas_id, n.name) for n in list_nas(at.conn)], any_label=_("any")
    )
    form.package.choices = choices_of(
        [(p.package_id, p.name) for p in list_packages(at.conn)], any_label=_("any")
    )
    return form


def _wanted(form: OnlineFilterForm) -> db.OnlineFilter:
    return db.OnlineFilter(
        search=form.q.data,
        nas_id=int(form.nas.data) if form.nas.data else None,
        package_id=int(form.package.data) if form.package.data else None,
        restricted=bool(form.restricted.data),
        silent=bool(form.silent.data),
    )


_COLUMNS = (
    exports.Column("username", lambda r: r.username),
    exports.Column("name", lambda r: r.name),
    exports.Column("package", lambda r: r.package),
    exports.Column("nas", lambda r: r.nas),
    exports.Column("state", lambda r: r.state),
    exports.Column("began", lambda r: r.started_at),
    exports.Column("heard of", lambda r: r.last_received_at),
    exports.Column("seconds", lambda r: r.session_seconds),
    exports.Column("down octets", lambda r: r.output_octets),
    exports.Column("up octets", lambda r: r.input_octets),
    exports.Column("address", lambda r: r.framed_ip or r.framed_ipv6),
    exports.Column("device", lambda r: r.calling_station_id),
    exports.Column("port", lambda r: r.nas_port_id),
)
