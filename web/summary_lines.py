"""The lines of Bills Summary, each with the way to the bills and payments behind it."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from flask import url_for
from flask_babel import gettext as _

from billing_core.db import web_summary as db
from billing_core.db.packages import list_packages
from billing_core.db.web_lists import OWN, Scope
from billing_core.money import ZERO
from billing_core.permissions import Permission
from web.access import may
from web.charts import Chart, Series
from web.desk import Desk
from web.filters import amount, day
from web.forms import day_starts
from web.sellers import sellers

#: Days overdue at which a bill goes on to the next group.
_AGES = (90, 60, 30)


@dataclass(frozen=True, slots=True)
class Range:
    """Which days, and whose customers."""

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
            "status": "not_void",
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


def by_operator(summary: db.Summary, wanted: Range) -> list[Line]:
    """Return a line for each operator who has bills or payments, the provider first."""
    names, figures = sellers(), summary.by_operator()
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


def by_package(at: Desk, summary: db.Summary, wanted: Range) -> list[Line]:
    """Return a line for each package that was billed, the most first."""
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


def by_age(at: Desk, scope: Scope, wanted: Range) -> list[AgeLine]:
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


def by_day(summary: db.Summary, wanted: Range) -> Chart:
    """Draw what was billed and received on each day."""
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
