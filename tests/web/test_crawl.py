"""Every page as every role: none opens what is not for it. test_theirs.py goes on."""

import re

from werkzeug.routing import Rule

from tests.builders import a_customer, a_package, rows
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
# What is posted by who knows no form of ours, and is believed nothing: gateways, a NAS.
WITHOUT_TOKEN = {"pay.come_back", "pay.notify", "hotspot.use_card"}


def rules(site: Site) -> list[Rule]:
    return [r for r in site.app.url_map.iter_rules() if r.endpoint not in PUBLIC]


def of_operators(site: Site) -> list[Rule]:
    return [r for r in rules(site) if audience(r) == "operators"]


def of_customers(site: Site) -> list[Rule]:
    return [r for r in rules(site) if audience(r) == "customers"]


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


def test_a_shop_sees_its_cards_and_its_account_and_nothing_else(site: Site) -> None:
    shop = site.as_somebody("corner", "distributor")
    for rule in of_operators(site):
        status, _text = ask(shop, rule, {})
        blueprint = rule.endpoint.partition(".")[0]
        its_own = blueprint in ("account", "sell_cards")
        assert (status in (200, 303, 422)) is its_own, rule.endpoint
        assert its_own or status == 403, rule.endpoint


def test_no_form_of_another_site_does_anything(site: Site) -> None:
    """Whoever is logged in: what comes without our token is not even looked at."""
    customer_id = a_customer(site.conn, a_package(site.conn))
    who = {
        "operators": site.as_admin(),
        "customers": site.as_customer(customer_id),
        "public": site.anonymous(),
    }
    for rule in site.app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.endpoint in WITHOUT_TOKEN:
            continue
        browser = who[str(audience(rule))]
        path = address(rule, {"customer_id": customer_id})
        answer = browser.post_without_token(path, {"reason": "because"})
        assert answer.status_code == 400, rule.endpoint
        assert "out of date" in answer.text, rule.endpoint


def test_a_page_is_asked_only_in_the_way_it_is_made_for(site: Site) -> None:
    admin = site.as_admin()
    paths: dict[str, set[str]] = {}
    for rule in site.app.url_map.iter_rules():
        paths.setdefault(address(rule, {}), set()).update(rule.methods or ())
    for path, methods in paths.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = admin.client.open(path, method=method)
            assert answer.status_code == 405, f"{method} {path}"


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
