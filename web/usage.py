"""The chart of what a customer's sessions carried, with its table."""

from datetime import timedelta

from flask_babel import gettext as _

from billing_core.db.web_customers import usage_by_day
from web.charts import Chart, Series
from web.desk import Desk
from web.filters import day, octets
from web.forms import day_starts

_USAGE_DAYS = 30


def usage_chart(at: Desk, customer_id: int) -> Chart | None:
    """Draw a customer's last thirty days; None = there was nothing."""
    zone = at.settings.zone
    today = at.now.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in range(_USAGE_DAYS - 1, -1, -1)]
    since = day_starts(days[0])
    assert since is not None  # noqa: S101 - a day was given
    found = {
        u.day: u for u in usage_by_day(at.conn, customer_id, since=since, zone=zone)
    }
    if not found:
        return None
    downs = [found[d].down_octets if d in found else 0 for d in days]
    ups = [found[d].up_octets if d in found else 0 for d in days]
    starts = [day_starts(d) for d in days]
    return Chart(
        title=_("Data, last 30 days"),
        form="bars",
        moments=[int(s.timestamp()) for s in starts if s is not None],
        series=[
            Series(_("down"), downs, "good"),
            Series(_("up"), ups, "plain"),
        ],
        step="day",
        unit="octets",
        head=[_("Day"), _("Down"), _("Up")],
        rows=[
            [day(d), octets(down), octets(up)]
            for d, down, up in zip(
                reversed(days), reversed(downs), reversed(ups), strict=True
            )
            if down or up
        ],
    )
