"""What machines ask: /healthz and /metrics; and / leads where one begins."""

from collections.abc import Iterator

from flask import Response, g, redirect, url_for
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from werkzeug.wrappers import Response as AnyResponse

from billing_core.db.overview import Overview, read_overview
from web.access import public_pages, see_who
from web.desk import connection
from web.navigation import first_place

pages = public_pages("overview")


@pages.get("/")
def index() -> AnyResponse:
    """Lead to where one begins: the first page one may see, or the login."""
    see_who()
    if "operator" in g:
        return redirect(url_for(first_place() or "account.index"), 303)
    if "customer_id" in g:
        return redirect(url_for("portal.index"), 303)
    return redirect(url_for("login.form"), 303)


@pages.get("/healthz")
def healthz() -> dict[str, object]:
    """Tell a monitor whether the database answers and a worker is at work."""
    now = read_overview(connection())
    well = now.worker_is_alive
    return {
        "status": "ok" if well else "degraded",
        "worker": "alive" if now.worker_is_alive else "no heartbeat",
        "scheduler": "alive" if now.scheduler_is_alive else "no heartbeat",
        "intake_backlog": now.intake_backlog,
    }


@pages.get("/metrics")
def metrics() -> Response:
    """Give the counts in Prometheus' form; they are the database's, not a process's."""
    registry = CollectorRegistry()
    registry.register(_Counts(read_overview(connection())))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@pages.get("/favicon.ico")
def favicon() -> AnyResponse:
    """Lead browsers that ask for it to the icon."""
    return redirect(url_for("static", filename="icon.svg"), 301)


class _Counts(Collector):
    """The overview as gauges."""

    def __init__(self, now: Overview) -> None:
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each count."""
        now = self._now
        for name, told, value in (
            ("khata_sessions_online", "Sessions that run.", now.sessions_online),
            ("khata_intake_backlog", "Packets to fold.", now.intake_backlog),
            ("khata_packets_parked", "Packets set aside.", now.packets_parked),
            ("khata_outbox_waiting", "Requests to NAS waiting.", now.outbox_waiting),
            (
                "khata_outbox_failed_last_hour",
                "Requests to NAS that failed in the last hour.",
                now.outbox_failed_last_hour,
            ),
            ("khata_worker_alive", "A worker beats.", int(now.worker_is_alive)),
            (
                "khata_scheduler_alive",
                "A scheduler beats.",
                int(now.scheduler_is_alive),
            ),
        ):
            yield GaugeMetricFamily(name, told, value=value)
        rejects = GaugeMetricFamily(
            "khata_rejects_last_hour", "Logins refused, by reason.", labels=["reason"]
        )
        for reason, count in now.rejects_last_hour:
            rejects.add_metric([reason], count)
        yield rejects
