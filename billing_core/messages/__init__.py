"""Write messages to customers from the templates in this folder.

A template is `<event>.<channel>.<language>.txt`. A mail's first line is its subject; an
SMS is one line, whatever the template's lines are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from billing_core.civil_dates import format_date, format_moment
from billing_core.taka import format_money, to_bangla_digits

_FOLDER = Path(__file__).parent


class Locality(NamedTuple):
    """What an installation's messages are written in, and who signs them."""

    zone: ZoneInfo
    currency: str
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A message's words."""

    #: Mail's subject; '' for an SMS.
    title: str
    body: str


def write_message(
    event: str,
    channel: str,
    language: str,
    facts: Mapping[str, object],
    locality: Locality,
) -> Text:
    """Write one message; a fact that its template names and nobody gave is an error."""
    environment = _environment(language, locality.zone, locality.currency)
    template = environment.get_template(f"{event}.{channel}.{language}.txt")
    written = template.render(facts)
    if channel == "sms":
        body = " ".join(written.split())
        return Text("", f"{body} - {locality.provider}" if locality.provider else body)
    title, _, body = written.partition("\n")
    body = body.strip()
    signed = f"{body}\n\n{locality.provider}\n" if locality.provider else f"{body}\n"
    return Text(title.strip(), signed)


@lru_cache(maxsize=8)
def _environment(language: str, zone: ZoneInfo, currency: str) -> Environment:
    environment = Environment(  # noqa: S701 - plain text: nothing to escape
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # An installation's templates do not change under a running process.
        auto_reload=False,
    )
    environment.filters["money"] = partial(
        format_money, currency=currency, language=language
    )
    environment.filters["date"] = lambda moment: format_date(
        moment.astimezone(zone).date(), language
    )
    environment.filters["moment"] = partial(format_moment, zone=zone, language=language)
    environment.filters["digits"] = (
        (lambda value: to_bangla_digits(str(value))) if language == "bn" else str
    )
    return environment
