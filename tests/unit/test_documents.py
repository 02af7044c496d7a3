"""Documents: what they tell in both languages, and what gets into them."""

import hashlib
import io
import re
import socket
import subprocess
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFilter
from pypdf import PdfReader
from weasyprint.urls import FatalURLFetchingError

from billing_core import documents
from billing_core.document_settings import (
    DocumentSettingError,
    Provider,
    read_provider,
)
from billing_core.documents.pages import (
    FAMILY,
    BundledOnly,
    PageError,
    render_pdf,
)
from billing_core.documents.papers import GivenBack, TakenBack
from billing_core.documents.words import words_in
from billing_core.documents.writing import (
    write_bill,
    write_credit_note,
    write_receipt,
)
from tests.papers import (
    ISSUER,
    LINE,
    WITHOUT_NUMBER,
    D,
    a_bill,
    a_credit_note,
    a_receipt,
    dhaka,
    text_of,
)

PICTURES = Path(__file__).parents[1] / "pictures"
HOSTILE = '</title><script>x</script><img src="http://127.0.0.1:9/x"><b>&amp; {{ 7*7 }}'


@pytest.mark.parametrize("language", ["en", "bn"])
def test_a_bill_is_found_by_its_number_amount_date_and_customer(language: str) -> None:
    text = text_of(render_pdf(write_bill(a_bill(), [LINE], WITHOUT_NUMBER, language)))
    for told in (
        *("B-00000012", "BDT 1,25,000.00", "1,19,047.62", "5,952.38"),
        *("rahim-42", "Abdur Rahim", "01711-223344", "27 Mirpur Road", "Example Net"),
        *{
            "en": ("8 Nov 2026", LINE.description),
            "bn": ("08/11/2026", "Home 50: 01/11/2026", "30/11/2026"),
        }[language],
    ):
        assert told in text
    assert "Mushak" not in text
    assert "BIN" not in text


def test_the_last_day_of_a_period_is_its_last_day_and_moments_are_the_zones() -> None:
    text = text_of(render_pdf(write_bill(a_bill(), [LINE], ISSUER, "en")))
    assert "1 Nov 2026 – 30 Nov 2026" in text  # noqa: RUF001 - as it is printed
    assert "1 Nov 2026, 09:00" in text


def test_a_tax_invoice_has_what_the_law_asks_for() -> None:
    bill = a_bill(registration_number="009999999-0101")
    text = text_of(render_pdf(write_bill(bill, [LINE], ISSUER, "en")))
    for told in (
        *("Tax invoice", "Mushak-6.3", "BIN 009999999-0101", "12 Road 5, Dhanmondi"),
        *("Supplementary duty", "Unit price", "VAT 5%", "Signature and seal"),
        *("Officer in charge", "Rahima Khatun, Accounts"),
    ):
        assert told in text
    # The profile's number stands over the installation's own.
    assert "001234567" not in text


def test_abroad_a_tax_invoice_names_no_form_of_bangladesh() -> None:
    issuer = replace(ISSUER, currency="INR")
    text = text_of(render_pdf(write_bill(a_bill(), [LINE], issuer, "en")))
    assert "Tax invoice" in text
    assert "INR 1,25,000.00" in text
    assert "Mushak" not in text


def test_a_bill_without_vat_is_no_tax_invoice() -> None:
    line = replace(LINE, net=LINE.gross, vat=D("0.00"), vat_percent=D("0.00"))
    bill = a_bill(net=LINE.gross, vat=D("0.00"))
    text = text_of(render_pdf(write_bill(bill, [line], ISSUER, "en")))
    assert "Tax invoice" not in text
    assert "VAT" not in text
    assert "BDT 1,25,000.00" in text


def test_each_rate_has_its_own_sum() -> None:
    lines = [LINE, replace(LINE, vat_percent=D("15.00"), vat=D("17857.14")), LINE]
    page = write_bill(a_bill(), lines, ISSUER, "en")
    text = text_of(render_pdf(page))
    assert "VAT 5% 11,904.76" in text
    assert "VAT 15% 17,857.14" in text


@pytest.mark.parametrize(
    ("changes", "told", "not_told"),
    [
        ({"voided_at": dhaka(11, 20)}, "declared void on 20 Nov 2026", "Pay before"),
        ({"due_at": None}, "Taken from the account balance", "Pay before"),
        ({}, "Pay before", "VOID"),
    ],
)
def test_a_bill_says_what_is_to_be_done(
    changes: dict[str, object], told: str, not_told: str
) -> None:
    text = text_of(render_pdf(write_bill(a_bill(**changes), [LINE], ISSUER, "en")))
    assert told in text
    assert not_told not in text


def test_a_long_bill_repeats_its_head_and_counts_its_pages() -> None:
    page = write_bill(a_bill(), [LINE] * 120, ISSUER, "en")
    pages = PdfReader(io.BytesIO(render_pdf(page))).pages
    assert len(pages) > 2
    for number, one in enumerate(pages[:-1], 1):
        text = one.extract_text()
        assert "Description" in text
        assert f"{number} / {len(pages)}" in text


@pytest.mark.parametrize("language", ["en", "bn"])
def test_a_receipt_tells_what_the_money_did(language: str) -> None:
    text = text_of(render_pdf(write_receipt(a_receipt(), ISSUER, language)))
    for told in ("R12", "BDT 1,000.00", "50.00", "B-00000012", "600.00", "450.00"):
        assert told in text
    assert "nila" in text


def test_a_receipt_shows_that_it_was_taken_back_and_given_back() -> None:
    receipt = a_receipt(
        taken_back=TakenBack(dhaka(11, 12), "typed twice"),
        refunds=(
            GivenBack(3, D("200.00"), dhaka(11, 9), "line down", is_done=True),
            GivenBack(4, D("100.00"), dhaka(11, 10), "moved", is_done=False),
        ),
    )
    text = text_of(render_pdf(write_receipt(receipt, ISSUER, "en")))
    for told in (
        *(
            "REVERSED",
            "12 Nov 2026",
            "typed twice",
            "line down",
            "given back",
            "200.00",
        ),
        *("moved", "on its way", "100.00"),
    ):
        assert told in text
    assert "Thank you" not in text


@pytest.mark.parametrize("language", ["en", "bn"])
def test_a_credit_note_names_its_bill_and_reason(language: str) -> None:
    text = text_of(render_pdf(write_credit_note(a_credit_note(), ISSUER, language)))
    for told in ("CN-00000003", "B-00000012", "line was down", "95.24", "BDT 100.00"):
        assert told in text


@pytest.mark.parametrize("language", ["en", "bn"])
def test_what_people_typed_is_text_and_nothing_else(language: str) -> None:
    typed = {"name": HOSTILE, "username": HOSTILE, "mobile": HOSTILE}
    provider = Provider(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    issuer = replace(ISSUER, provider=provider)
    receipt = a_receipt(
        customer=replace(a_receipt().customer, **typed, address=HOSTILE),
        received_by=HOSTILE,
        reference=HOSTILE,
        note=HOSTILE,
        taken_back=TakenBack(dhaka(11, 12), HOSTILE),
        refunds=(GivenBack(3, D(1), dhaka(11, 9), HOSTILE, is_done=True),),
    )
    line = replace(LINE, description=HOSTILE, unit=HOSTILE)
    bill = a_bill(**typed, address=HOSTILE, registration_number=HOSTILE)
    note = a_credit_note(**typed, address=HOSTILE, reason=HOSTILE)
    for page in (
        write_bill(bill, [line], issuer, language),
        write_bill(replace(bill, vat=D(0)), [line], issuer, language),
        write_receipt(receipt, issuer, language),
        write_credit_note(note, issuer, language),
    ):
        assert "<script" not in page
        assert "<img" not in page
        # Were any of it an element, its address would end the work.
        reader = PdfReader(io.BytesIO(render_pdf(page)))
        text = "".join(one.extract_text() for one in reader.pages)
        assert "{{ 7*7 }}" in text.replace("\n", "")
        assert "/JavaScript" not in reader.trailer["/Root"]


def test_a_name_without_end_stays_on_the_page() -> None:
    name = "W" * 120
    page = write_bill(a_bill(name=name, username=name), [LINE], ISSUER, "en")
    looked = subprocess.run(
        ["pdftotext", "-bbox", "-", "-"],
        input=render_pdf(page),
        capture_output=True,
        check=True,
    ).stdout.decode()
    ends = [float(end) for end in re.findall(r'xMax="([0-9.]+)"', looked)]
    assert "WWWW" in looked
    # A4, less its margin.
    assert max(ends) < 595.3 - 42


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "http://127.0.0.1/",
        "https://example.net/font.ttf",
        "ftp://127.0.0.1/x",
        "data:text/plain,x",
        "bundled:OFL.txt",
        "bundled:../pages.py",
        "bundled:/etc/passwd",
        "NotoSans-Regular.ttf",
    ],
)
def test_nothing_is_fetched_but_the_fonts(address: str) -> None:
    with pytest.raises(FatalURLFetchingError):
        BundledOnly().fetch(address)


def test_a_page_that_asks_for_another_address_is_not_made_and_nobody_is_asked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        for asks in (
            f'<img src="http://127.0.0.1:{port}/x">',
            f'<link rel="stylesheet" href="http://127.0.0.1:{port}/x">',
            f'<p style="background: url(http://127.0.0.1:{port}/x)">x</p>',
            '<img src="file:///etc/hostname">',
            '<link rel="attachment" href="file:///etc/hostname">',
        ):
            with pytest.raises(PageError, match="were not laid out"):
                render_pdf(asks)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_only_the_bundled_fonts_are_used() -> None:
    """Else a bill looks as the machine it was made on happens to look."""
    page = write_bill(a_bill(name="আব্দুর রহিম ৳"), [LINE], ISSUER, "bn")
    (only,) = PdfReader(io.BytesIO(render_pdf(page))).pages
    fonts = {
        str(font.get_object()["/BaseFont"]).partition("+")[2]
        for font in only["/Resources"]["/Font"].values()
    }
    assert {font.split("-")[0] for font in fonts} == {"Khata"}


# Signs on the wrong side, conjuncts, the sign of the Taka, Bangla digits.
BANGLA = "কর্তৃপক্ষ শিক্ষার্থী<br>ক্ষুদ্র স্ত্রী বিদ্যুৎ<br>৳ ১,২৩৪.৫০ <b>রসিদ</b>"


def a_picture(text: str, folder: Path) -> Image.Image:
    """Print a text with the fonts of documents, and look at it."""
    style = "@page { size: 130mm 60mm; margin: 4mm }"
    style += f" body {{ margin: 0; font: 26pt/1.7 {FAMILY} }}"
    pdf = folder / "bangla.pdf"
    pdf.write_bytes(render_pdf(f'<html lang="bn"><style>{style}</style>{text}'))
    subprocess.run(
        [
            "pdftoppm",
            "-r",
            "60",
            "-gray",
            "-png",
            "-singlefile",
            pdf,
            pdf.with_suffix(""),
        ],
        check=True,
    )
    return Image.open(pdf.with_suffix(".png")).convert("L")


def unlike(one: Image.Image, other: Image.Image) -> float:
    """Tell how much of the ink of two pictures is not in the same place."""
    assert one.size == other.size
    # Edges may fall between pixels otherwise with another version of the viewer.
    soft = [picture.filter(ImageFilter.GaussianBlur(1)) for picture in (one, other)]
    difference = ImageChops.difference(*soft)
    ink = sum(n * (255 - grey) for grey, n in enumerate(soft[0].histogram()))
    return sum(n * grey for grey, n in enumerate(difference.histogram())) / ink


def test_bangla_is_shaped_as_it_is_read(tmp_path: Path) -> None:
    """Without shaping it is unreadable, and no program complains."""
    expected = Image.open(PICTURES / "bangla.png").convert("L")
    assert unlike(expected, a_picture(BANGLA, tmp_path)) < 0.1


def test_the_picture_tells_shaped_from_unshaped(tmp_path: Path) -> None:
    expected = Image.open(PICTURES / "bangla.png").convert("L")
    # A non-joiner after each letter and sign keeps them from forming conjuncts.
    apart = "".join(
        f"{sign}\u200c"
        if unicodedata.category(sign)[0] in "LM" and sign > "\x7f"
        else sign
        for sign in BANGLA
    )
    assert unlike(expected, a_picture(apart, tmp_path)) > 0.3


def test_every_word_is_there_in_both_languages() -> None:
    english, bangla = words_in("en"), words_in("bn")
    assert english.keys() == bangla.keys()
    for name, word in bangla.items():
        assert word.strip(), name
        assert word.count("{}") == english[name].count("{}"), name
        is_bangla = any("\u0980" <= letter <= "\u09ff" for letter in word)
        assert is_bangla or name == "method_sslcommerz", name


# What each version of the templates consisted of. Who changes them raises
# TEMPLATE_VERSION and adds a line: documents say by which version they were made.
VERSIONS = {1: "15c5dcdbde05b72d"}


def test_whoever_changes_what_documents_look_like_raises_their_version() -> None:
    folder = Path(documents.__file__).parent
    files = [*sorted((folder / "templates").iterdir()), folder / "words.py"]
    made_of = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    assert VERSIONS[documents.TEMPLATE_VERSION] == made_of[:16]


def test_settings_of_the_provider_are_read() -> None:
    values = {
        "provider_address": " 12 Road 5 \n\n Dhaka ",
        "provider_contact": "01700-000000",
        "provider_bin": "001234567-0101",
        "provider_officer": "Rahima",
    }

    def find(name: str) -> tuple[str, str] | None:
        return (values[name], name) if name in values else None

    assert read_provider(find, "Example Net") == Provider(
        "Example Net", "12 Road 5\nDhaka", "01700-000000", "001234567-0101", "Rahima"
    )
    for wrong in ("x" * 201, "a\x00b"):
        values["provider_address"] = wrong
        with pytest.raises(DocumentSettingError, match="provider_address"):
            read_provider(find, "")
