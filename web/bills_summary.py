"""Bills Summary: billed, collected, outstanding per operator and package; ages."""

from datetime import date, timedelta

from flask import render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import web_summary as db
from billing_core.db.web_lists import Scope
from billing_core.money import ZERO
from billing_core.permissions import Permission
from web import exports
from web import summary_lines as lines
from web.access import Page, current_operator, operator_pages
from web.desk import Desk, desk
from web.forms import DateField, FilterForm, Optional, SelectField, day_starts
from web.sellers import seller_choices

pages = operator_pages("bills_summary", "/bills-summary", needs=Permission.VIEW_REPORTS)

_DAYS_MAX = 366


class SummaryForm(FilterForm):
    """Which days and whose customers."""

    since = DateField(_l("From"), [Optional()])
    until = DateField(_l("To"), [Optional()])
    operator = SelectField(_l("Operator"), [Optional()], default="")


@pages.get("")
def index() -> Page:
    """Show what was billed, collected and is open."""
    form, at = _filter_form(), desk()
    wanted = _wanted(form, at)
    if wanted is None:
        page = render_template("bills_summary.html", form=form, wanted=None)
        return page, 400
    scope = current_operator().scope
    summary = _read(at, scope, wanted)
    return render_template(
        "bills_summary.html",
        form=form,
        wanted=wanted,
        operators=lines.by_operator(summary, wanted),
        packages=lines.by_package(at, summary, wanted),
        total=sum(summary.bills.values(), db.Figures()),
        received=sum(summary.received.values(), ZERO),
        all_bills=wanted.bills(),
        open_bills=wanted.bills(status="open"),
        all_payments=wanted.payments(wanted.operator),
        ages=lines.by_age(at, scope, wanted),
        chart=lines.by_day(summary, wanted),
        spans=_spans(at),
    )


@pages.get("/export.<any(csv, xlsx):suffix>")
def export(suffix: str) -> Page:
    """Hand out the summary's lines."""
    form, at = _filter_form(), desk()
    wanted = _wanted(form, at)
    if wanted is None:
        page = render_template("bills_summary.html", form=form, wanted=None)
        return page, 400
    scope = current_operator().scope
    summary = _read(at, scope, wanted)

    # Read before it is sent: what is sent knows no request any more.
    rows = [
        *(("operator", line) for line in lines.by_operator(summary, wanted)),
        *(("package", line) for line in lines.by_package(at, summary, wanted)),
    ]
    name = f"bills-summary-{wanted.first}-to-{wanted.last}"
    return exports.hand_out(suffix, name, _COLUMNS, (row for row in rows))


def _read(at: Desk, scope: Scope, wanted: lines.Range) -> db.Summary:
    since, until = day_starts(wanted.first), day_starts(wanted.last, after_days=1)
    assert since is not None  # noqa: S101 - days were given
    assert until is not None  # noqa: S101
    return db.read_summary(
        at.conn,
        scope,
        operator_id=int(wanted.operator) if wanted.operator else None,
        since=since,
        until=until,
        zone=at.settings.zone,
    )


def _filter_form() -> SummaryForm:
    form = SummaryForm.from_address()
    assert isinstance(form, SummaryForm)  # noqa: S101 - narrows the type
    form.operator.choices = seller_choices(_("all"))
    return form


def _wanted(form: SummaryForm, at: Desk) -> lines.Range | None:
    """Return the days that are wanted: by itself this month; None = that is none."""
    if not form.validate():
        return None
    today = at.now.astimezone(at.settings.zone).date()
    last = form.until.data or today
    first = form.since.data or last.replace(day=1)
    if first > last:
        form.until.errors = [_("The last day is before the first.")]
        return None
    if (last - first).days > _DAYS_MAX:
        form.since.errors = [_("Choose a year at most.")]
        return None
    form.since.data, form.until.data = first, last
    return lines.Range(first, last, form.operator.data or "")


def _spans(at: Desk) -> list[tuple[str, date, date]]:
    today = at.now.astimezone(at.settings.zone).date()
    month = today.replace(day=1)
    before = month - timedelta(days=1)
    return [
        (_("this month"), month, today),
        (_("last month"), before.replace(day=1), before),
        (_("this year"), today.replace(month=1, day=1), today),
    ]


_COLUMNS = (
    exports.Column("by", lambda r: r[0]),
    exports.Column("name", lambda r: r[1].label),
    exports.Column("bills", lambda r: r[1].figures.bills),
    exports.Column("billed", lambda r: r[1].figures.billed),
    exports.Column("collected", lambda r: r[1].figures.collected),
    exports.Column("outstanding", lambda r: r[1].figures.outstanding),
    exports.Column("received", lambda r: r[1].received),
)
