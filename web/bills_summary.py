"""Bills Summary: billed, collected, outstanding per operator and package; ages."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from flask import render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import web_summary as db
from billing_core.db.operators import list_operators
from billing_core.db.packages import list_packages
from billing_core.db.web_customers import OWN, Scope
from billing_core.money import ZERO
from billing_core.permissions import Permission
from web import exports
from web.access import Page, current_operator, may, operator_pages
from web.charts import Chart, Series
from web.desk import Desk, desk
from web.filters import amount, day
from web.forms import (
    DateField,
    FilterForm,
    Optional,
    SelectField,
    choices_of,
    day_starts,
)

pages = operator_pages("bills_summary", "/bills-summary", needs=Permission.VIEW_REPORTS)

_DAYS_MAX = 366
#: Days overdue at which a bill goes on to the next group.
_AGES = (90, 60, 30)


class SummaryForm(FilterForm):
    """Which days and whose customers."""

    since = DateField(_l("From"), [Optional()])
    until = DateField(_l("To"), [Optional()])
    operator = SelectField(_l("Operator"), [Optional()], default="")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the summary, and where the bills behind it are."""

    label: str
    figures: db.Figures
    bills: str | None
    open_bills: str | None
    #: Money that came in meanwhile; None = it is nobody's in particular.
    received: Decimal | None = None
    payments: str | None = None


@dataclass(frozen=True, slots=True)
class AgeLine:
    """What is open of one age."""

    label: str
    bills: int
    open_amount: Decimal
    #: Where the bills behind it are; None = no filter tells them.
    address: str | None


@dataclass(frozen=True, slots=True)
class _Range:
    first: date
    last: date
    operator: str

    def bills(self, **more: str) -> str | None:
        """Return where the bills of this range are; None = he may not see them."""
        if not may(Permission.VIEW_BILLS):
            return None
        arguments = {
            "issued_from": self.first.isoformat(),
            "issued_to": self.last.isoformat(),
            "operator": self.operator or None,
            **more,
        }
        return url_for("bills.index", **arguments)  # type: ignore[arg-type]  # any name

    def payments(self, operator: str) -> str | None:
        """Return where the payments of this range are; None = he may not see them."""
        if not may(Permission.TAKE_PAYMENTS):
            return None
        return url_for(
            "payments.index",
            received_from=self.first.isoformat(),
            received_to=self.last.isoformat(),
            operator=operator or None,
            standing="stands",
        )


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
    operators = _by_operator(at, scope, summary, wanted)
    packages = _by_package(at, summary, wanted)
    return render_template(
        "bills_summary.html",
        form=form,
        wanted=wanted,
        operators=operators,
        packages=packages,
        total=sum(summary.bills.values(), db.Figures()),
        received=sum(summary.received.values(), ZERO),
        all_bills=wanted.bills(),
        open_bills=wanted.bills(status="open"),
        all_payments=wanted.payments(wanted.operator),
        ages=_ages(at, scope, wanted),
        chart=_chart(summary, wanted),
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
    lines = [
        *(("operator", line) for line in _by_operator(at, scope, summary, wanted)),
        *(("package", line) for line in _by_package(at, summary, wanted)),
    ]
    name = f"bills-summary-{wanted.first}-to-{wanted.last}"
    return exports.hand_out(suffix, name, _COLUMNS, (line for line in lines))


def _read(at: Desk, scope: Scope, wanted: _Range) -> db.Summary:
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


def _by_operator(
    at: Desk, scope: Scope, summary: db.Summary, wanted: _Range
) -> list[Line]:
    names = {
        o.operator_id: o.name or o.username for o in list_operators(at.conn, scope)
    }
    names[OWN] = _("the provider's own")
    figures = summary.by_operator()
    return [
        Line(
            label=names.get(key, str(key)),
            figures=figures.get(key, db.Figures()),
            bills=wanted.bills(operator=str(key)),
            open_bills=wanted.bills(operator=str(key), status="open"),
            received=summary.received.get(key, ZERO),
            payments=wanted.payments(str(key)),
        )
        for key in sorted(
            {*figures, *summary.received}, key=lambda k: (k != OWN, names.get(k, ""))
        )
    ]


def _by_package(at: Desk, summary: db.Summary, wanted: _Range) -> list[Line]:
    names = {p.package_id: p.name for p in list_packages(at.conn)}
    return [
        Line(
            label=names.get(key, str(key)),
            figures=figures,
            bills=wanted.bills(package=str(key)),
            open_bills=wanted.bills(package=str(key), status="open"),
        )
        for key, figures in sorted(
            summary.by_package().items(), key=lambda item: -item[1].billed
        )
    ]


def _ages(at: Desk, scope: Scope, wanted: _Range) -> list[AgeLine]:
    """Sum up what is open now, whenever it was issued, by how long it is overdue."""
    today = at.now.astimezone(at.settings.zone).date()
    edges = [today - timedelta(days=back) for back in (*_AGES, 0)]
    found = {
        age.bucket: age
        for age in db.age_open_bills(
            at.conn,
            scope,
            operator_id=int(wanted.operator) if wanted.operator else None,
            edges=[e for e in map(day_starts, edges) if e is not None],
        )
    }
    labels = [
        _("more than 90 days overdue"),
        _("61 to 90 days overdue"),
        _("31 to 60 days overdue"),
        _("1 to 30 days overdue"),
        _("not due yet"),
    ]
    lines = []
    for bucket in range(len(edges), -1, -1):
        age = found.get(bucket, db.Age(bucket, 0, ZERO))
        address = url_for(
            "bills.index",
            status="open",
            due_from=edges[bucket - 1].isoformat() if bucket else None,
            due_to=(edges[bucket] - timedelta(days=1)).isoformat()
            if bucket < len(edges)
            else None,
            operator=wanted.operator or None,
        )
        where = address if may(Permission.VIEW_BILLS) else None
        lines.append(AgeLine(labels[bucket], age.bills, age.open_amount, where))
    undated = found.get(None)
    if undated is not None:
        label = _("without a due date")
        lines.append(AgeLine(label, undated.bills, undated.open_amount, None))
    return lines


def _chart(summary: db.Summary, wanted: _Range) -> Chart:
    days = [
        wanted.first + timedelta(days=n)
        for n in range((wanted.last - wanted.first).days + 1)
    ]
    billed = [summary.billed_by_day.get(d, ZERO) for d in days]
    received = [summary.received_by_day.get(d, ZERO) for d in days]
    moments = [m for m in map(day_starts, days) if m is not None]
    return Chart(
        title=_("Billed and received by day"),
        form="bars",
        moments=[int(m.timestamp()) for m in moments],
        series=[
            Series(_("billed"), [float(b) for b in billed], "plain"),
            Series(_("received"), [float(r) for r in received], "good"),
        ],
        step="day",
        unit="money",
        head=[_("Day"), _("Billed"), _("Received")],
        rows=[
            [day(d), amount(b), amount(r)]
            for d, b, r in zip(days, billed, received, strict=True)
        ][::-1],
    )


def _filter_form() -> SummaryForm:
    at, me = desk(), current_operator()
    form = SummaryForm.from_address()
    assert isinstance(form, SummaryForm)  # noqa: S101 - narrows the type
    own = [(OWN, _("the provider's own"))] if me.scope is None else []
    sellers = [
        (o.operator_id, o.name or o.username)
        for o in list_operators(at.conn, me.scope)
        if o.role in ("operator", "sub_operator")
    ]
    form.operator.choices = choices_of([*own, *sellers], any_label=_("all"))
    return form


def _wanted(form: SummaryForm, at: Desk) -> _Range | None:
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
    return _Range(first, last, form.operator.data or "")


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
