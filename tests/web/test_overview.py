"""The first page, /healthz and /metrics, through Flask's client on a real database."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient

from billing_core.db.connect import Connection
from billing_core.db.intake import beat
from billing_core.settings import Settings
from tests.builders import KEY, Packets, a_customer, a_nas, a_package, fold, username_of
from web import create_app


def _client(database_url: str) -> FlaskClient:
    settings = Settings(
        database_url=database_url,
        secret_key=KEY,
        currency="BDT",
        zone=ZoneInfo("Asia/Dhaka"),
        var_dir=Path("var"),
        web_host="127.0.0.1",
        web_port=8080,
        log_level="INFO",
    )
    return create_app(settings).test_client()


@pytest.fixture
def client(database_url: str) -> FlaskClient:
    return _client(database_url)


def test_the_first_page_counts_and_names_nobody(
    client: FlaskClient, conn: Connection
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    username = username_of(conn, customer_id)
    p = Packets(username, a_nas(conn))
    fold(conn, p.start())
    conn.execute(
        "INSERT INTO access_reject (username, calling_station_id, reason)"
        " VALUES (%s, '', 'SUSPENDED')",
        [username],
    )

    page = client.get("/")

    assert page.status_code == 200
    assert "<strong>1</strong><span>online</span>" in page.text
    assert "SUSPENDED" in page.text
    assert username not in page.text


def test_the_first_page_warns_when_nobody_is_at_work(client: FlaskClient) -> None:
    assert "No worker is at work" in client.get("/").text


def test_healthz_tells_whether_a_worker_is_alive(
    client: FlaskClient, conn: Connection
) -> None:
    assert client.get("/healthz").get_json()["status"] == "degraded"
    beat(conn, "worker", 1, datetime.now(UTC))
    assert client.get("/healthz").get_json()["status"] == "ok"


def test_metrics_are_in_prometheus_form(client: FlaskClient, conn: Connection) -> None:
    conn.execute(
        "INSERT INTO access_reject (username, calling_station_id, reason)"
        " VALUES ('x', '', 'BAD_CREDENTIALS')"
    )

    answer = client.get("/metrics")

    assert answer.mimetype == "text/plain"
    assert "khata_sessions_online 0\n" in answer.text
    assert 'khata_rejects_last_hour{reason="BAD_CREDENTIALS"} 1\n' in answer.text


def test_pages_are_for_reading_only(client: FlaskClient) -> None:
    assert client.post("/").status_code == 405


def test_an_absent_database_is_told_plainly() -> None:
    answer = _client("postgresql://nobody@127.0.0.1:1/none").get("/healthz")

    assert answer.status_code == 503
    assert "The database does not answer" in answer.text
