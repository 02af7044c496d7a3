"""The catalogues: all that people read has its Bangla, and says the same."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import wtforms
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from flask import g

import billing_core
import web
from billing_core.refunds import RefundStanding
from billing_core.services.corrections import PACKAGE_CHANGE, PROFILE_CHANGE
from billing_core.services.refunds import RefundError
from billing_core.services.throttle import TooManyTriesError
from tests.web.conftest import Site
from web import log_words, refusals
from web.language import FOLDER

WEB = Path(web.__file__).parent
CATALOGUES = FOLDER / "bn" / "LC_MESSAGES"
#: How the words of a catalogue are found, and where.
FOUND_IN = {
    "messages": ("babel.cfg", WEB),
    "refusals": ("refusals.cfg", Path(billing_core.__file__).parent),
}
DOMAINS = [*FOUND_IN, "forms"]
KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "_l": None}
_PLACE = re.compile(r"%\([a-z_0-9]+\)[sd]|%%|%s")
_SAME = {"+ %(fee)s", "CoA", "NAS", "PPPoE"}


def catalogue(domain: str) -> Catalog:
    with (CATALOGUES / f"{domain}.po").open("rb") as file:
        return read_po(file, locale="bn")


def pairs(domain: str) -> Iterator[tuple[str, str]]:
    """Yield each text with its Bangla; of one that has a plural the plural."""
    for message in catalogue(domain):
        if message.id:
            yield _one(message.id), _one(message.string)


def _one(text: object) -> str:
    return str(text[-1] if isinstance(text, list | tuple) else text)


def words_of(domain: str) -> Iterator[str]:
    if domain == "forms":
        pot = Path(wtforms.__file__).parent / "locale" / "wtforms.pot"
        with pot.open("rb") as file:
            yield from (_one(m.id) for m in read_po(file) if m.id)
        return
    mapping, folder = FOUND_IN[domain]
    with (FOLDER / mapping).open(encoding="utf-8") as text:
        methods, options = parse_mapping_cfg(text)
    found = extract_from_dir(folder, methods, options, keywords=KEYWORDS)
    yield from (_one(message) for _file, _line, message, *_rest in found)


@pytest.mark.parametrize("domain", DOMAINS)
def test_all_that_people_read_is_in_bangla_too(domain: str) -> None:
    assert not [m.id for m in catalogue(domain) if m.id and m.fuzzy]
    known = {english for english, bangla in pairs(domain) if bangla}
    missing = set(words_of(domain)) - known
    assert missing == set(), "bin/translations, then fill these in the .po"


@pytest.mark.parametrize("domain", DOMAINS)
def test_what_is_filled_in_stands_in_a_translation_too(domain: str) -> None:
    for english, bangla in pairs(domain):
        if bangla:
            assert sorted(_PLACE.findall(english)) == sorted(_PLACE.findall(bangla))


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_translation_is_bangla(domain: str) -> None:
    for english, bangla in pairs(domain):
        if english not in _SAME:
            assert re.search("[ঀ-৿।]", _PLACE.sub("", bangla)), english


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_compiled_catalogue_is_that_of_the_text(domain: str) -> None:
    with (CATALOGUES / f"{domain}.mo").open("rb") as file:
        compiled = {_one(m.id): _one(m.string) for m in read_mo(file) if m.id}
    written = {english: bangla for english, bangla in pairs(domain) if bangla}
    assert compiled == written, "run bin/translations"


def test_each_refusal_is_recognised_by_its_own_words() -> None:
    for english, bangla in pairs("refusals"):
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


def test_what_a_field_refuses_is_told_in_bangla(site: Site) -> None:
    admin = site.as_admin()
    admin.post("/language", {"language": "bn"})
    page = admin.post("/packages/new/monthly", {"sessions_allowed": "0"}).text
    assert "এটি পূরণ করুন।" in page
    assert "1 থেকে 1000-এর মধ্যে হতে হবে।" in page
    assert "required." not in page


# What no language has another word for, and what is no words at all.
_NOT_WORDS = {"Khata", "CSV", "XLSX", "PDF", "MB", "SMS", "NAS"}
_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_NOT_READ = re.compile(
    r"<(code|script|style|pre)\b.*?</\1>|\{% block body_class %\}.*?\{% endblock %\}"
    r"|billing_core/messages/.*?\.txt",
    re.DOTALL,
)
_READ_ALOUD = re.compile(r'\b(?:aria-label|title|placeholder|alt|data-label)="([^"]*)"')


@pytest.mark.parametrize("path", sorted((WEB / "templates").rglob("*.html")), ids=str)
def test_a_template_says_nothing_in_english_only(path: Path) -> None:
    text = _JINJA.sub(" ", _NOT_READ.sub(" ", path.read_text(encoding="utf-8")))
    told = [*_READ_ALOUD.findall(text), re.sub(r"&\w+;|<[^>]*>", " ", text)]
    words = set(re.findall(r"[A-Za-z]{2,}", " ".join(told)))
    assert words - _NOT_WORDS == set(), "wrap it: _()"


_TOLD_BY = ("flash", "ValidationError", "BillingError", "Act", "Chart", "Series")
_TOLD_AS = ("title", "button", "told", "description", "label", "any_label", "message")


@pytest.mark.parametrize("path", sorted(WEB.glob("*.py")), ids=lambda p: p.name)
def test_a_view_says_nothing_in_english_only(path: Path) -> None:
    bare = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            told = [k.value for k in node.keywords if k.arg in _TOLD_AS]
            if name in _TOLD_BY or name.endswith("Field") or "__init__" in name:
                told += node.args[:1]
            bare += [ast.unparse(one) for one in told if _is_bare(one)]
    assert bare == [], "wrap it: _()"


def _is_bare(node: ast.expr) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(_is_bare(part) for part in node.values)
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return re.search(r"[A-Za-z]{2}", node.value) is not None


def test_the_log_speaks_bangla_of_all_that_is_done() -> None:
    """Each `what` that services log has its words."""
    folder = Path(billing_core.__file__).parent
    files = [*folder.glob("services/**/*.py"), *folder.glob("db/*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    said = {text for call in calls for text in _told_to_a_log(call)}
    said |= {f"refund {standing}" for standing in RefundStanding}
    said |= {kind.replace("_", " ") for kind in (PACKAGE_CHANGE, PROFILE_CHANGE)}
    assert said, "no log is written any more?"
    assert said - set(log_words.known()) == set()


#: Who writes what into a log, and which of their arguments says what was done.
_LOGS = {"log_on_bill": 2, "log_terms": 2, "tell": 2, "_log": 1}


def _told_to_a_log(call: ast.Call) -> Iterator[str]:
    """Yield what a call says was done: `what`, or the argument in its place."""
    name = ast.unparse(call.func)
    place = _LOGS.get(name, len(call.args))
    told = call.args[place : place + 1]
    if re.search("log_(customer|operator)_events?$", name):
        told = [k.value for k in call.keywords if k.arg == "what"]
    for one in told:
        for part in (one.body, one.orelse) if isinstance(one, ast.IfExp) else (one,):
            if isinstance(part, ast.Constant):
                yield str(part.value)
