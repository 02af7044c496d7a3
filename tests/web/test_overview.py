"""/healthz, /metrics and /, through Flask's client on a real database."""

from datetime import UTC, datetime

from billing_core.db.intake import beat
from tests.web.conftest import Browser, Site, settings_for
from web import create_app
from web.desk import close_desks


def test_healthz_tells_whether_a_worker_is_alive(site: Site) -> None:
    visitor = site.anonymous()
    assert visitor.get("/healthz").get_json()["status"] == "degraded"
    beat(site.conn, "worker", 1, datetime.now(UTC))
    assert visitor.get("/healthz").get_json()["status"] == "ok"


def test_metrics_are_in_prometheus_form(site: Site) -> None:
    site.conn.execute(
        "INSERT INTO access_reject (username, calling_station_id, reason)"
        " VALUES ('x', '', 'BAD_CREDENTIALS')"
    )

    answer = site.anonymous().get("/metrics")

    assert answer.mimetype == "text/plain"
    assert "khata_sessions_online 0.0\n" in answer.text
    assert 'khata_rejects_last_hour{reason="BAD_CREDENTIALS"} 1.0\n' in answer.text


def test_pages_are_for_reading_only(site: Site) -> None:
    assert site.anonymous().post("/").status_code == 405


def test_the_first_address_leads_to_the_login_and_then_to_the_dashboard(
    site: Site,
) -> None:
    assert site.anonymous().get("/").location == "/login"
    assert site.as_admin().get("/").location == "/dashboard"


def test_a_distributor_begins_where_he_may_go(site: Site) -> None:
    seller = site.as_somebody("shop", "distributor")
    page = seller.client.get("/", follow_redirects=True)
    assert page.status_code == 200
    assert seller.get("/dashboard").status_code == 403


def test_an_absent_database_is_told_plainly() -> None:
    app = create_app(settings_for("postgresql://nobody@127.0.0.1:1/none"))
    try:
        answer = Browser(app.test_client()).get("/healthz")
    finally:
        close_desks(app)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "The database does not answer" in answer.text
