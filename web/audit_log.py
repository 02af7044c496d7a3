"""The audit log: who did what, to customers, cards, operators and settings."""

from flask import render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import web_logs as db
from billing_core.db.customers import UnknownCustomerError, find_customer_id
from billing_core.permissions import Permission
from web import exports, lists
from web.access import Page, operator_pages
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
    refuse,
)
from web.log_words import known, logged

pages = operator_pages("audit_log", "/audit-log", needs=Permission.VIEW_LOGS)


class LogFilterForm(FilterForm):
    """Which entries."""

    what = SelectField(_l("What was done"), [Optional()], default="")
    actor = StringField(
        _l("Who did it"),
        [Optional(), Length(max=80)],
        description=_l("An operator's username, or scheduler, cli:root."),
    )
    customer = StringField(_l("To customer"), [Optional(), Length(max=253)])
    log = SelectField(_l("Log"), [Optional()], default="")
    since = DateField(_l("From"), [Optional()])
    until = DateField(_l("To"), [Optional()])


@pages.get("")
def index() -> Page:
    """List what was done, newest first."""
    form = _filter_form()
    wanted = _wanted(form) if form.validate() else None
    if wanted is None:
        return render_template("audit_log.html", form=form, slice=None), 400
    size = lists.page_size()
    rows = db.list_events(
        desk().conn, wanted, after=lists.after_time_and_id(), limit=size + 1
    )
    last = rows[size - 1] if len(rows) > size else None
    key = lists.time_and_id(last.at, last.rank) if last else None
    return render_template(
        "audit_log.html", form=form, slice=lists.cut(rows, key, size)
    )


@pages.get("/export.<any(csv, xlsx):suffix>")
def export(suffix: str) -> Page:
    """Hand out every entry of the filter."""
    at, form = desk(), _filter_form()
    wanted = _wanted(form) if form.validate() else None
    if wanted is None:
        return render_template("audit_log.html", form=form, slice=None), 400
    name = f"audit-log-{at.now.astimezone(at.settings.zone):%Y-%m-%d}"
    return exports.hand_out(suffix, name, _COLUMNS, db.stream_events(at.conn, wanted))


def _filter_form() -> LogFilterForm:
    form = LogFilterForm.from_address()
    assert isinstance(form, LogFilterForm)  # noqa: S101 - narrows the type
    labels = {"customers": _("customers"), "operators": _("operators")}
    labels["cards"] = _("cards")
    form.log.choices = choices_of(labels.items(), any_label=_("all"))
    kinds = sorted(((what, logged(what)) for what in known()), key=lambda kind: kind[1])
    form.what.choices = choices_of(kinds, any_label=_("any"))
    return form


def _wanted(form: LogFilterForm) -> db.LogFilter | None:
    """Return what the form asks for; None = no customer has that username."""
    customer_id = None
    if form.customer.data:
        try:
            customer_id = find_customer_id(desk().conn, form.customer.data)
        except UnknownCustomerError as error:
            refuse(form, error, "customer")
            return None
    actor = form.actor.data or None
    if actor is not None and ":" not in actor and actor != "scheduler":
        actor = f"operator:{actor}"
    return db.LogFilter(
        actor=actor,
        what=form.what.data or None,
        customer_id=customer_id,
        since=day_starts(form.since.data),
        until=day_starts(form.until.data, after_days=1),
        log=form.log.data or None,
    )


_COLUMNS = (
    exports.Column("at", lambda r: r.at),
    exports.Column("what", lambda r: r.what),
    exports.Column("customer", lambda r: r.username),
    exports.Column("reason", lambda r: r.reason),
    exports.Column("note", lambda r: r.note),
    exports.Column("by", lambda r: r.actor),
)
