"""What every page sends along, and what it never shows."""

import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

import web
from billing_core.gateway_settings import PaymentSettings
from billing_core.log_lines import LineFormatter
from tests.web.conftest import Site, settings_for
from web import create_app
from web.desk import close_desks

TEMPLATES = sorted((Path(web.__file__).parent / "templates").rglob("*.html"))


def test_every_page_says_what_may_run_on_it(site: Site) -> None:
    for browser, path in (
        (site.anonymous(), "/login"),
        (site.as_admin(), "/dashboard"),
        (site.as_admin(), "/nothing-here"),
    ):
        headers = browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert len(headers["X-Request-Id"]) >= 8


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_no_template_holds_script_or_style_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r'<style|\sstyle=|\son[a-z]+="|javascript:', text)


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(site: Site) -> None:
    site.operator_id("boss", "admin")
    visitor = site.anonymous()
    answer = visitor.post(
        "/login", {"username": "boss", "password": "correct horse battery"}
    )
    (given,) = [
        c for c in answer.headers.getlist("Set-Cookie") if c.startswith("khata_session")
    ]
    assert "HttpOnly" in given
    assert "SameSite=Lax" in given


def test_over_tls_cookies_never_leave_it(site: Site) -> None:
    site.operator_id("boss", "admin")
    client = site.app.test_client()
    page = client.get("/login", base_url="https://isp.example").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    answer = client.post(
        "/login",
        base_url="https://isp.example",
        headers={"Referer": "https://isp.example/login"},
        data={
            "csrf_token": token[1],
            "username": "boss",
            "password": "correct horse battery",
        },
    )
    assert answer.status_code == 303
    assert all("Secure" in c for c in answer.headers.getlist("Set-Cookie"))
    assert "Strict-Transport-Security" in answer.headers


def test_behind_a_proxy_that_nobody_told_of_cookies_stay_in_tls_too(
    database_url: str,
) -> None:
    """It ends TLS and sends X-Forwarded-Proto, which is not believed by itself."""
    settings = replace(
        settings_for(database_url),
        payments=PaymentSettings(public_url="https://isp.example", verification={}),
    )
    app = create_app(settings)
    for host, expected in (("isp.example", True), ("10.0.0.5:8080", False)):
        given = app.test_client().get("/login", base_url=f"http://{host}")
        cookies = given.headers.getlist("Set-Cookie")
        assert cookies
        assert all(("Secure" in each) is expected for each in cookies)
        assert ("Strict-Transport-Security" in given.headers) is expected
    close_desks(app)


def test_what_a_visitor_sends_begins_no_line_of_the_log() -> None:
    text = "web.answer actor=customer:x\n2026 INFO web.answer actor=boss\x1b[2J"
    record = logging.LogRecord("web", logging.INFO, "", 0, text, None, None)
    line = LineFormatter("%(name)s %(message)s").format(record)
    assert "\n" not in line
    assert "\x1b" not in line
    assert r"customer:x\n2026 INFO" in line
    record.msg = "গ্রাহক"
    assert LineFormatter("%(message)s").format(record) == "গ্রাহক"


@pytest.mark.parametrize(
    "path",
    [
        "/customers?after=²",
        "/bills?after=²-1",
        "/bills?after=1-99999999999999999999999",
        "/bills?after=99999999999999999999999-1",
        "/customers?rows=²",
        "/verify?after=99999999999999999999",
        "/customers/99999999999999999999",
        "/bills/1/99999999999999999999",
        "/customers?q=%00",
        "/bills?q=B-²",
    ],
)
def test_a_number_that_is_none_is_told_and_breaks_nothing(
    site: Site, path: str
) -> None:
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert site.as_admin().get(path).status_code < 500


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/bills", "issued_from"),
        ("/bills", "due_to"),
        ("/bills/export.csv", "issued_to"),
        ("/bills-summary", "until"),
        ("/payments", "received_to"),
        ("/customers", "suspended_by"),
        ("/rejects", "since"),
        ("/audit-log", "until"),
    ],
)
def test_a_day_at_an_end_of_the_calendar_is_told_at_its_field(
    site: Site, path: str, field: str
) -> None:
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    admin = site.as_admin()
    for day in ("0001-01-01", "9999-12-31"):
        answer = admin.get(f"{path}?{field}={day}")
        assert answer.status_code == 400, day
        assert "That year is too far away." in answer.text
        assert f'value="{day}"' in answer.text, "what was typed stands there still"


def test_a_nul_in_a_form_is_told_and_breaks_nothing(site: Site) -> None:
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    login = {"username": "bo\0ss", "password": "correct horse battery"}
    assert site.anonymous().post("/login", login).status_code in (400, 422)


def test_a_request_id_of_a_proxy_is_kept_and_a_strange_one_is_not(site: Site) -> None:
    visitor = site.anonymous()
    for given, kept in (("abc-DEF_12345", True), ("x\tinjected y", False)):
        answer = visitor.get("/login", headers={"X-Request-Id": given})
        assert (answer.headers["X-Request-Id"] == given) is kept


def test_what_breaks_is_told_with_its_number_and_no_inner_word(site: Site) -> None:
    site.conn.execute("ALTER TABLE billing_run RENAME TO gone")
    site.app.config["PROPAGATE_EXCEPTIONS"] = False
    page = site.as_admin().get("/dashboard")
    assert page.status_code == 500
    assert page.headers["X-Request-Id"] in page.text
    assert "billing_run" not in page.text


def test_a_page_that_is_not_there_says_so_kindly(site: Site) -> None:
    page = site.as_admin().get("/no/such/page")
    assert page.status_code == 404
    assert "There is no such page" in page.text


def test_an_upload_without_end_is_refused(site: Site) -> None:
    answer = site.as_admin().client.post("/login", data={"username": "x" * 9_000_000})
    assert answer.status_code == 413
