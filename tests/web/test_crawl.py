"""Every page as every role: none opens what is not for it, or shows what is not its."""

import re

import pytest
from werkzeug.routing import Rule

from billing_core.permissions import Permission, can_be_given
from tests.builders import a_customer, a_package, rows, username_of
from tests.web.conftest import Browser, Site
from web import access

# Endpoints for everybody; a new one is a decision that this list has to be told.
PUBLIC = {
    "static",
    "overview.index",
    "overview.healthz",
    "overview.metrics",
    "overview.favicon",
    "login.form",
    "login.log_in",
    "login.code_form",
    "login.log_in_by_code",
    "login.log_out",
    "login.choose_language",
}
# Public blueprints whose pages are guarded by a token or by the gateway's signature, or
# are the portal's own way in; each has tests of its own.
PUBLIC_BLUEPRINTS = {"pay", "portal_login", "hotspot", "suspended"}
SECRET_WORD = "zzz-of-uttara"


def rules(site: Site) -> list[Rule]:
    return [r for r in site.app.url_map.iter_rules() if r.endpoint not in PUBLIC]


def of_operators(site: Site) -> list[Rule]:
    return [r for r in rules(site) if audience(r) == "operators"]


def audience(rule: Rule) -> str | None:
    return access._AUDIENCES.get(rule.endpoint.rpartition(".")[0])


def address(rule: Rule, values: dict[str, object]) -> str:
    """Return an address of a rule: its arguments by these values, else 1."""

    def fill(found: re.Match[str]) -> str:
        converter, _, name = found[1].rpartition(":")
        if converter.startswith("any("):
            return converter.removeprefix("any(").partition(",")[0]
        return str(values.get(name, 1))

    return re.sub("<([^>]+)>", fill, rule.rule)


def ask(browser: Browser, rule: Rule, values: dict[str, object]) -> tuple[int, str]:
    path = address(rule, values)
    reads = "GET" in (rule.methods or ())
    answer = browser.get(path) if reads else browser.post(path)
    return answer.status_code, answer.text


def test_every_page_says_for_whom_it_is(site: Site) -> None:
    for rule in rules(site):
        assert audience(rule) in ("public", "operators", "customers"), rule.endpoint
        if audience(rule) == "public":
            assert rule.endpoint.partition(".")[0] in PUBLIC_BLUEPRINTS, rule.endpoint


def test_nobody_who_is_not_logged_in_sees_a_page(site: Site) -> None:
    visitor = site.anonymous()
    for rule in rules(site):
        if audience(rule) == "public":
            continue
        status, _text = ask(visitor, rule, {})
        assert status == 303, rule.endpoint


def test_a_customer_sees_no_page_of_operators(site: Site) -> None:
    customer = site.as_customer(a_customer(site.conn, a_package(site.conn)))
    for rule in of_operators(site):
        assert ask(customer, rule, {})[0] == 303, rule.endpoint


def test_an_operator_without_permissions_sees_only_his_account(site: Site) -> None:
    nobody = site.as_somebody("nobody", "manager")
    for rule in of_operators(site):
        status, _text = ask(nobody, rule, {})
        if rule.endpoint.startswith("account."):
            assert status in (200, 303, 422), rule.endpoint
        else:
            assert status == 403, rule.endpoint


@pytest.mark.parametrize("role", ["operator", "sub_operator", "manager"])
def test_no_page_shows_a_reseller_what_is_anothers(site: Site, role: str) -> None:
    """All ids there are, of somebody else, in each page's address."""
    uttara = site.operator_id("uttara")
    customer_id = a_customer(
        site.conn,
        a_package(site.conn),
        username=SECRET_WORD,
        name=SECRET_WORD,
        mobile=SECRET_WORD,
        zone=SECRET_WORD,
        balance="10",
    )
    site.conn.execute(
        "UPDATE customer SET operator_id = %s WHERE customer_id = %s",
        [uttara, customer_id],
    )
    site.conn.execute(
        "INSERT INTO access_reject (username, customer_id, calling_station_id, reason)"
        " VALUES (%s, %s, '', 'SUSPENDED')",
        [username_of(site.conn, customer_id), customer_id],
    )
    values: dict[str, object] = {"customer_id": customer_id, "bill_id": 1}
    everything = tuple(
        p.value
        for p in Permission
        if role == "manager" or p.value in ("correct_bills", "verify_payments")
    )
    site.operator_id("mirpur")
    parent = None if role == "operator" else "mirpur"
    given = tuple(p for p in everything if _can(role, p))
    stranger = site.as_somebody(
        f"stranger-{role.replace('_', '')}", role, given, parent
    )
    for rule in of_operators(site):
        status, text = ask(stranger, rule, values)
        assert status != 500, rule.endpoint
        assert SECRET_WORD not in text, rule.endpoint
        if "customer_id" in rule.arguments:
            assert status in (403, 404), rule.endpoint


def test_an_admin_sees_every_list(site: Site) -> None:
    admin = site.as_admin()
    for rule in of_operators(site):
        if rule.arguments or "GET" not in (rule.methods or ()):
            continue
        status, _text = ask(admin, rule, {})
        assert status in (200, 303), rule.endpoint


def test_a_crawl_changes_nothing(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    admin = site.as_admin()
    before = rows(site.conn, "SELECT count(*) FROM customer_event")
    for rule in of_operators(site):
        if "GET" in (rule.methods or ()):
            ask(admin, rule, {"customer_id": customer_id})
    assert rows(site.conn, "SELECT count(*) FROM customer_event") == before


def _can(role: str, permission: str) -> bool:
    return permission in {p.value for p in can_be_given(role)}
