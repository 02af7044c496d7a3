"""The pages for MikroTik hotspots: what they send is what the portal reads."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from web.hotspot import LEADS_TO, PLACE_FIELDS, ROUTER_FIELDS

FOLDER = Path(__file__).parents[2] / "docs" / "hotspot"
PAGES = sorted(FOLDER.glob("*.html"))


class Forms(HTMLParser):
    """Collects each form's address and the names of its fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, set[str]] = {}
        self.leads_to: set[str] = set()
        self._here = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form or a field of it."""
        given = dict(attrs)
        if tag == "form":
            self._here = given["action"] or ""
            self.forms.setdefault(self._here, set())
        elif tag == "input":
            self.forms[self._here].add(given.get("name") or "")
        elif tag == "button" and given.get("name"):
            self.leads_to.add(given.get("value") or "")


def test_routeros_finds_the_pages_it_asks_for() -> None:
    assert [page.name for page in PAGES] == [
        "error.html",
        "login.html",
        "logout.html",
        "status.html",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_each_condition_ends_and_nothing_is_fetched_from_elsewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.count("$(if ") == text.count("$(endif)")
    for address in re.findall(r'(?:src|href|action)="([^"]+)"', text):
        assert address.startswith(
            ("/hotspot.css", "/md5.js", "$(link-", "https://PORTAL/")
        ), address
    assert (FOLDER / "hotspot.css").is_file()


def test_the_card_form_sends_what_the_portal_reads() -> None:
    parser = Forms()
    parser.feed((FOLDER / "login.html").read_text(encoding="utf-8"))
    assert parser.forms["https://PORTAL/hotspot/card"] == set(ROUTER_FIELDS)
    assert parser.forms["$(link-login-only)"] == {"username", "password", "dst"}


@pytest.mark.parametrize("name", ["login.html", "logout.html"])
def test_the_way_to_the_portal_tells_what_leads_back(name: str) -> None:
    parser = Forms()
    parser.feed((FOLDER / name).read_text(encoding="utf-8"))
    sent = parser.forms["https://PORTAL/hotspot/here"]
    assert {"link-login-only", "mac"} <= sent <= set(PLACE_FIELDS)
    assert parser.leads_to <= set(LEADS_TO)
