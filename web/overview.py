"""The first page: counts, and no customer's name; plus /healthz and /metrics."""

from flask import Blueprint, Response, current_app, render_template

from billing_core.db.connect import connect
from billing_core.db.overview import Overview, read_overview
from billing_core.settings import Settings

pages = Blueprint("overview", __name__)


@pages.get("/")
def index() -> str:
    """Show how many are online, who was refused for what, and what waits."""
    return render_template("overview.html", now=_read(), zone=_settings().zone.key)


@pages.get("/healthz")
def healthz() -> dict[str, object]:
    """Tell a monitor whether the database answers and a worker is at work."""
    now = _read()
    well = now.worker_is_alive
    body: dict[str, object] = {
        "status": "ok" if well else "degraded",
        "worker": "alive" if now.worker_is_alive else "no heartbeat",
        "scheduler": "alive" if now.scheduler_is_alive else "no heartbeat",
        "intake_backlog": now.intake_backlog,
    }
    return body


@pages.get("/metrics")
def metrics() -> Response:
    """Give the counts in Prometheus' text form."""
    now = _read()
    lines = [
        f"khata_sessions_online {now.sessions_online}",
        f"khata_intake_backlog {now.intake_backlog}",
        f"khata_packets_parked {now.packets_parked}",
        f"khata_outbox_waiting {now.outbox_waiting}",
        f"khata_outbox_failed_last_hour {now.outbox_failed_last_hour}",
        *(
            f'khata_rejects_last_hour{{reason="{reason}"}} {count}'
            for reason, count in now.rejects_last_hour
        ),
    ]
    return Response("\n".join(lines) + "\n", mimetype="text/plain")


def _settings() -> Settings:
    settings = current_app.config["KHATA"]
    assert isinstance(settings, Settings)  # noqa: S101 - narrows the type
    return settings


def _read() -> Overview:
    with connect(
        _settings().database_url, application="web", connect_timeout_seconds=2
    ) as conn:
        return read_overview(conn)
