"""Lay out HTML as PDF pages that are made of nothing but what is bundled here."""

import threading
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from weasyprint import CSS, HTML  # type: ignore[import-untyped]  # it has no stubs
from weasyprint.text.fonts import (  # type: ignore[import-untyped]  # as above
    FontConfiguration,
)
from weasyprint.urls import (  # type: ignore[import-untyped]  # as above
    FatalURLFetchingError,
    URLFetcher,
    URLFetcherResponse,
)

from billing_core.errors import BillingError

_FOLDER = Path(__file__).parent / "fonts"
_SCHEME = "bundled:"
_FACES = {
    ("Khata", 400): "NotoSans-Regular.ttf",
    ("Khata", 700): "NotoSans-Bold.ttf",
    ("Khata Bangla", 400): "NotoSansBengali-Regular.ttf",
    ("Khata Bangla", 700): "NotoSansBengali-Bold.ttf",
}

#: What a page's stylesheet names as its font: digits and Latin letters of the first,
#: Bangla and the sign of the Taka of the second.
FAMILY = '"Khata", "Khata Bangla", sans-serif'


class PageError(BillingError):
    """These pages cannot be laid out."""


class BundledOnly(URLFetcher):  # type: ignore[misc]  # it has no types
    """Give out what is bundled, by name; refuse every other address.

    A page carries what people typed. Were one of them to smuggle an address into it, it
    would be fetched by our server, from our network or our disk.
    """

    def fetch(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> URLFetcherResponse:
        """Answer with a font, or end the work: nothing else is ever asked for."""
        name = url.removeprefix(_SCHEME)
        if name == url or name not in _FACES.values():
            raise FatalURLFetchingError(f"pages are made without {url[:100]}")
        return URLFetcherResponse(
            url, (_FOLDER / name).read_bytes(), {"Content-Type": "font/ttf"}
        )


def render_pdf(page: str) -> bytes:
    """Lay out a page of HTML with the bundled fonts; one at a time in a process."""
    try:
        with _one_at_a_time:
            rendered = HTML(string=page, url_fetcher=BundledOnly()).write_pdf(
                **_fonts()
            )
    except FatalURLFetchingError as error:
        raise PageError(f"The pages were not laid out: {error}.") from error
    if not isinstance(rendered, bytes):
        raise PageError("The pages could not be laid out.")
    return rendered


# Pango never gives back the memory of a font that a page brings along: each document
# would cost a web process 260 kB for ever. So the fonts are loaded once, and what holds
# them is not made for two threads. (The work is Python's: two would be no faster.)
_one_at_a_time = threading.Lock()


@cache
def _fonts() -> dict[str, Any]:
    fonts = FontConfiguration()
    faces = "".join(
        f'@font-face {{ font-family: "{family}"; font-weight: {weight};'
        f' src: url("{_SCHEME}{file}") }}\n'
        for (family, weight), file in _FACES.items()
    )
    stylesheet = CSS(string=faces, font_config=fonts, url_fetcher=BundledOnly())
    return {"font_config": fonts, "stylesheets": [stylesheet]}
