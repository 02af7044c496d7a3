"""Say why the rules refuse something in the reader's language.

The rules' errors speak English, as do the command line and the log. What they may say
is in the catalogue `refusals` (`billing_core/sentences.py` finds it); a sentence is
recognised by the words around what was filled in, and said in Bangla around the same.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from babel.messages.mofile import read_mo
from flask_babel import lazy_gettext as _l

from billing_core.billing_terms import PARKED_REASONS
from billing_core.errors import BillingError
from billing_core.sentences import PLACE
from billing_core.taka import format_amount, to_bangla_digits
from web.language import FOLDER, language
from web.words import known_codes, say

_CATALOGUE = FOLDER / "bn" / "LC_MESSAGES" / "refusals.mo"
_AMOUNT = re.compile(r"-?[0-9]+\.[0-9]{2}")
_COUNT = re.compile(r"[0-9]{1,4}")
#: What is filled in under these names is a code of the database.
_CODED = ("billing", "billing_type", "kind", "method", "role", "state", "status")
#: Figures under other names are counts; what these name is written as it is.
_NAMES = ("name", "username", "number", "serial", "reference", "key", "text", "entry")
_KINDS = {"billing": _l("Billing"), "VAT": _l("VAT")}


@dataclass(frozen=True, slots=True)
class Sentence:
    """Something that an error may say."""

    pattern: re.Pattern[str]
    bangla: str


def told(error: BillingError | str) -> str:
    """Say what an error says in the language of who reads it."""
    return str(error) if language() == "en" else in_bangla(str(error))


def parked(reason: str | None) -> str:
    """Say why billing leaves a customer out."""
    return "" if reason is None else told(PARKED_REASONS.get(reason, reason))


def in_bangla(text: str) -> str:
    """Say a sentence of the rules in Bangla; what is none of them stays as it is."""
    for sentence in _sentences():
        if found := sentence.pattern.fullmatch(text):
            filled = found.groupdict(default="")
            return sentence.bangla % {n: _part(n, v) for n, v in filled.items()}
    return text


def _part(place: str, value: str) -> str:
    name = re.sub(r"_[0-9]+$", "", place)
    if name in _CODED:
        return _said(value)
    if _COUNT.fullmatch(value) and name not in _NAMES and not name.endswith("_id"):
        return to_bangla_digits(value)
    if _AMOUNT.fullmatch(value):
        return to_bangla_digits(format_amount(Decimal(value)))
    return in_bangla(value)


def _said(code: str) -> str:
    if code in _KINDS:
        return str(_KINDS[code])
    return say(code) if code in known_codes() else code


@cache
def _sentences() -> tuple[Sentence, ...]:
    """Read the catalogue; what has most words of its own is tried first."""
    with _CATALOGUE.open("rb") as file:
        known = [(str(m.id), str(m.string)) for m in read_mo(file) if m.id]
    known.sort(key=lambda pair: -len(PLACE.sub("", pair[0])))
    return tuple(Sentence(_pattern(english), bangla) for english, bangla in known)


def _pattern(english: str) -> re.Pattern[str]:
    parts = PLACE.split(english)
    # Split by a group, every other part is a name.
    written = [
        f"(?P<{part}>.*?)" if place % 2 else re.escape(part.replace("%%", "%"))
        for place, part in enumerate(parts)
    ]
    return re.compile("".join(written), re.DOTALL)
