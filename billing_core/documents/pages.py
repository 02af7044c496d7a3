"""Lay out HTML as PDF pages that are made of nothing but what is bundled here."""

from collections.abc import Mapping
from pathlib import Path

from weasyprint import HTML  # type: ignore[import-untyped]  # it has no stubs
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

#: Put this into a page's stylesheet, and name FAMILY as its font.
FONT_FACES = "".join(
    f'@font-face {{ font-family: "{family}"; font-weight: {weight};'
    f' src: url("{_SCHEME}{file}") }}\n'
    for (family, weight), file in _FACES.items()
)
#: Digits and Latin letters of the first, Bangla and the sign of the Taka of the second.
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
    """Lay out a page of HTML."""
    try:
        rendered = HTML(string=page, url_fetcher=BundledOnly()).write_pdf()
    except FatalURLFetchingError as error:
        raise PageError(f"The pages were not laid out: {error}.") from error
    if not isinstance(rendered, bytes):
        raise PageError("The pages could not be laid out.")
    return rendered
