"""The catalogues: all that people read has its Bangla, and says the same."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask import g

import billing_core
import web
from billing_core.services.refunds import RefundError
from billing_core.services.throttle import TooManyTriesError
from tests.web.conftest import Site
from web import refusals

WEB = Path(web.__file__).parent
FOLDER = WEB / "translations"
CATALOGUES = FOLDER / "bn" / "LC_MESSAGES"
#: Each catalogue: how its words are found, and where.
DOMAINS = {
    "messages": ("babel.cfg", WEB),
    "refusals": ("refusals.cfg", Path(billing_core.__file__).parent),
}
KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "_l": None}
_PLACE = re.compile(r"%\([a-z_0-9]+\)s|%%")
# Words that are the same in both languages: names, formats and what is only filled in.
_SAME = {"+ %(fee)s", "CoA", "NAS", "PPPoE"}


def catalogue(domain: str) -> Catalog:
    with (CATALOGUES / f"{domain}.po").open("rb") as file:
        return read_po(file, locale="bn")


def words_of(domain: str) -> Iterator[str]:
    mapping, folder = DOMAINS[domain]
    with (FOLDER / mapping).open(encoding="utf-8") as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(folder, methods, options, keywords=KEYWORDS)
    for _file, _line, message, _comments, _context in found:
        assert isinstance(message, str)
        yield message


@pytest.mark.parametrize("domain", DOMAINS)
def test_all_that_people_read_is_in_bangla_too(domain: str) -> None:
    known = catalogue(domain)
    missing = {
        text
        for text in words_of(domain)
        if (found := known.get(text)) is None or not found.string or found.fuzzy
    }
    assert missing == set(), "bin/translations, then fill these in the .po"


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_filled_in_stands_in_a_translation_too(domain: str) -> None:
    for message in catalogue(domain):
        if message.id and message.string:
            assert sorted(_PLACE.findall(str(message.id))) == sorted(
                _PLACE.findall(str(message.string))
            ), message.id


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_translation_is_bangla(domain: str) -> None:
    for message in catalogue(domain):
        if message.id and message.id not in _SAME:
            said = _PLACE.sub("", str(message.string))
            assert re.search("[ঀ-৿।]", said), message.id


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_compiled_catalogue_is_that_of_the_text(domain: str) -> None:
    with (CATALOGUES / f"{domain}.mo").open("rb") as file:
        compiled = {m.id: m.string for m in read_mo(file) if m.id}
    written = {m.id: m.string for m in catalogue(domain) if m.id and m.string}
    assert compiled == written, "run bin/translations"


def test_each_refusal_is_recognised_by_its_own_words() -> None:
    for message in catalogue("refusals"):
        english, bangla = str(message.id), str(message.string)
        if not english:
            continue
        filled = {n: f"<{n}>" for n in re.findall(r"%\((\w+)\)s", english)}
        assert refusals.in_bangla(english % filled) == bangla % filled


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RefundError("Refund F7 is done already."), "ফেরত F7 আগেই ফেরত দেওয়া।"),
        (
            RefundError("Of receipt 12 up to 1523.55 can be given back, not 2156.75."),
            "রসিদ 12-এর সর্বোচ্চ ১,৫২৩.৫৫ ফেরত দেওয়া যায়, ২,১৫৬.৭৫ নয়।",
        ),
        (
            "'1,5' is not an amount of money: write it like 1,500.00.",
            "'1,5' টাকার অঙ্ক নয়: এভাবে লিখুন: 1,500.00।",
        ),
        ("There is no VAT profile x.", "ভ্যাট প্রোফাইল x নেই।"),
        (RefundError("আগেই বাংলায়।"), "আগেই বাংলায়।"),
        ("What nobody knows.", "What nobody knows."),
    ],
)
def test_a_refusal_is_told_in_the_readers_language(
    site: Site, error: RefundError | str, told: str
) -> None:
    with site.app.test_request_context("/"):
        g.language = "bn"
        assert refusals.told(error) == told
        g.language = "en"
        assert refusals.told(error) == str(error)


def test_what_is_refused_on_a_page_is_refused_in_bangla(site: Site) -> None:
    admin = site.as_admin()
    admin.post("/language", {"language": "bn"})
    page = admin.post("/packages/new/monthly", {"name": "x", "price": "1,5"})
    assert "টাকার অঙ্ক নয়" in page.text


def test_too_many_tries_are_told_in_bangla(site: Site) -> None:
    with site.app.test_request_context("/"):
        g.language = "bn"
        told = refusals.told(TooManyTriesError(timedelta(minutes=5)))
    assert told == "অনেকবার চেষ্টা: ৫ মিনিট পরে আবার চেষ্টা করুন।"
