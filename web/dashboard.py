"""The dashboard: who is online, what came in, what is owed, and whether all runs."""

from collections import defaultdict
from datetime import UTC, date, timedelta
from decimal import Decimal

from flask import render_template
from flask_babel import gettext as _

from billing_core.db import web_dashboard as db
from billing_core.db.overview import read_overview
from billing_core.db.web_lists import Scope
from billing_core.permissions import Permission
from billing_core.services.suspensions_to_come import count_to_come, end_of
from web.access import current_operator, may, operator_pages
from web.charts import Chart, Series
from web.desk import Desk, desk
from web.filters import amount, day, number
from web.forms import day_starts
from web.words import say

pages = operator_pages("dashboard", "/dashboard", needs=Permission.VIEW_REPORTS)

_DAYS = 30
_HOURS = 24
_CUT_WITHIN_DAYS = 3


@pages.get("")
def index() -> str:
    """Show how it stands."""
    at, scope = desk(), current_operator().scope
    collected = _collected(at, scope)
    today = at.now.astimezone(at.settings.zone).date()
    month = sum(
        (row.amount for row in collected if row.day >= today.replace(day=1)), Decimal(0)
    )
    # To the end of a day, as the list of customers counts it that the figure leads to.
    cut_by = today + timedelta(days=_CUT_WITHIN_DAYS)
    zone = at.settings.zone
    watches = may(Permission.VIEW_LOGS)
    return render_template(
        "dashboard.html",
        standing=db.read_standing(at.conn, scope),
        to_be_cut=count_to_come(
            at.conn, scope, end_of(cut_by, zone), now=at.now, zone=zone
        ),
        cut_by=cut_by,
        first=today.replace(day=1),
        last=today,
        today=sum((r.amount for r in collected if r.day == today), Decimal(0)),
        month=month,
        charts=[_money_chart(at, collected), _login_chart(at, scope)],
        overview=read_overview(at.conn) if watches else None,
        runs=db.latest_runs(at.conn) if watches else [],
        silent=db.silent_nas(at.conn, at.now) if watches else [],
    )


def _collected(at: Desk, scope: Scope) -> list[db.Collected]:
    zone = at.settings.zone
    first = at.now.astimezone(zone).date()
    # The month so far and the last thirty days: whichever begins earlier.
    begins = min(first.replace(day=1), first - timedelta(days=_DAYS - 1))
    since = day_starts(begins)
    assert since is not None  # noqa: S101 - a day was given
    return db.collected_by_day(at.conn, scope, since=since, zone=zone)


def _money_chart(at: Desk, collected: list[db.Collected]) -> Chart:
    today = at.now.astimezone(at.settings.zone).date()
    days = [today - timedelta(days=back) for back in range(_DAYS - 1, -1, -1)]
    by_day: dict[object, dict[str, Decimal]] = defaultdict(dict)
    for row in collected:
        by_day[row.day][row.method] = row.amount
    totals = [sum(by_day[d].values(), Decimal(0)) for d in days]
    methods = sorted({row.method for row in collected if row.day >= days[0]})
    return Chart(
        title=_("Collected, last 30 days"),
        form="bars",
        moments=[_begins(d) for d in days],
        series=[Series(_("collected"), [float(t) for t in totals], "good")],
        step="day",
        unit="money",
        head=[_("Day"), *(say(m) for m in methods), _("Total")],
        rows=[
            [
                day(d),
                *(amount(by_day[d].get(m, Decimal(0))) for m in methods),
                amount(total),
            ]
            for d, total in zip(reversed(days), reversed(totals), strict=True)
        ],
    )


def _login_chart(at: Desk, scope: Scope) -> Chart:
    this_hour = at.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=back) for back in range(_HOURS - 1, -1, -1)]
    logins = db.logins_by_hour(at.conn, scope, since=hours[0])
    rejects = db.rejects_by_hour(at.conn, scope, since=hours[0])
    zone = at.settings.zone
    return Chart(
        title=_("Logins, last 24 hours"),
        form="lines",
        moments=[int(hour.timestamp()) for hour in hours],
        series=[
            Series(_("logins"), [logins.get(h, 0) for h in hours], "good"),
            Series(_("refused"), [rejects.get(h, 0) for h in hours], "bad"),
        ],
        step="hour",
        head=[_("Hour"), _("Logins"), _("Refused")],
        rows=[
            [
                f"{h.astimezone(zone):%H:%M}",
                number(logins.get(h, 0)),
                number(rejects.get(h, 0)),
            ]
            for h in reversed(hours)
        ],
    )


def _begins(d: date) -> int:
    begun = day_starts(d)
    assert begun is not None  # noqa: S101 - a day was given
    return int(begun.timestamp())
