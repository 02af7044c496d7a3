"""What every page sends along, and what it never shows."""

import re
from pathlib import Path

import pytest

import web
from tests.web.conftest import Site

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
