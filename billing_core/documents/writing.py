"""Write bills, credit notes and receipts as HTML; amounts are computed here.

Numbers, amounts and dates are in Latin digits in both languages: shaped Bangla comes
out of a PDF in pieces when it is searched or copied. Beside a total it stands, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from billing_core import period_words
from billing_core.civil_dates import format_date
from billing_core.document_settings import Provider
from billing_core.documents.pages import FAMILY
from billing_core.documents.papers import (
    BillPaper,
    CreditNotePaper,
    PaperLine,
    ReceiptPaper,
)
from billing_core.documents.words import words_in
from billing_core.money import ZERO, round_money
from billing_core.taka import format_amount, format_money
from billing_core.vat import totals_by_rate

_TEMPLATES = Path(__file__).parent / "templates"
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues documents, and how his installation writes money and time."""

    provider: Provider
    currency: str
    zone: ZoneInfo


def write_bill(
    bill: BillPaper, lines: Sequence[PaperLine], issuer: Issuer, language: str
) -> str:
    """Write a bill; it is a tax invoice if its issuer is registered for VAT."""
    number = bill.registration_number or issuer.provider.registration_number
    look = _Look(issuer, language)
    return _write(
        "tax_invoice.html" if number and bill.vat else "bill.html",
        look,
        {
            "bill": bill,
            "registration_number": number,
            "lines": [_line(line, look) for line in lines],
            "rates": totals_by_rate(lines).items(),
            # The form is Bangladesh's own.
            "has_form": issuer.currency == "BDT",
        },
    )


def write_credit_note(note: CreditNotePaper, issuer: Issuer, language: str) -> str:
    """Write a credit note."""
    return _write(
        "credit_note.html",
        _Look(issuer, language),
        {
            "note": note,
            "registration_number": note.registration_number
            or issuer.provider.registration_number,
        },
    )


def write_receipt(receipt: ReceiptPaper, issuer: Issuer, language: str) -> str:
    """Write the receipt of a payment."""
    look = _Look(issuer, language)
    return _write(
        "receipt.html",
        look,
        {
            "receipt": receipt,
            "registration_number": issuer.provider.registration_number,
            "method": look.words[f"method_{receipt.method}"],
        },
    )


@dataclass(frozen=True, slots=True)
class _Look:
    """How one document writes what it tells."""

    issuer: Issuer
    language: str

    @property
    def words(self) -> dict[str, str]:
        return words_in(self.language)

    def money(self, amount: Decimal) -> str:
        return format_money(amount, self.issuer.currency, "en")

    def own_money(self, amount: Decimal) -> str:
        """Write it as the language does, where that is not what money() says."""
        if self.language == "en":
            return ""
        return format_money(amount, self.issuer.currency, self.language)

    def day(self, moment: datetime) -> str:
        local = moment.astimezone(self.issuer.zone)
        if self.language == "en":
            return format_date(local.date(), "en")
        return f"{local:%d/%m/%Y}"

    def moment(self, moment: datetime) -> str:
        return f"{self.day(moment)}, {moment.astimezone(self.issuer.zone):%H:%M}"

    def period(self, start: datetime, end: datetime) -> str:
        """Write a period [start, end) by its days, the last included."""
        first, last = self.day(start), self.day(max(start, end - _TICK))
        return first if first == last else f"{first} – {last}"  # noqa: RUF001 - a dash

    def description(self, text: str) -> str:
        """Write what a line is for; it was issued in English."""
        if self.language == "en":
            return text
        return period_words.in_bangla(text, lambda day, time: f"{day:%d/%m/%Y}{time}")

    def percent(self, percent: Decimal) -> str:
        return f"{percent.normalize():f}"


def _line(line: PaperLine, look: _Look) -> Mapping[str, str]:
    unit_price = line.net / line.quantity if line.quantity else line.net
    return {
        "description": look.description(line.description),
        "quantity": f"{line.quantity.normalize():f}",
        "unit": look.words.get(f"unit_{line.unit}", line.unit),
        "unit_price": format_amount(round_money(unit_price)),
        "net": format_amount(line.net),
        "duty": format_amount(ZERO),
        "vat_percent": look.percent(line.vat_percent),
        "vat": format_amount(line.vat),
        "gross": format_amount(line.gross),
    }


def _write(name: str, look: _Look, facts: Mapping[str, object]) -> str:
    return (
        _environment()
        .get_template(name)
        .render(
            facts,
            w=look.words,
            look=look,
            language=look.language,
            provider=look.issuer.provider,
            currency=look.issuer.currency,
            family=FAMILY,
            ZERO=ZERO,
        )
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Make what reads the templates: what people typed is escaped, always."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["amount"] = format_amount
    return environment
