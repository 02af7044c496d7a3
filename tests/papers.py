"""Build papers, and read the PDF that was made of them."""

import io
import re
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pypdf import PdfReader

from billing_core.document_settings import Provider
from billing_core.documents.papers import (
    BillPaper,
    CreditNotePaper,
    Customer,
    PaidBill,
    PaperLine,
    ReceiptPaper,
)
from billing_core.documents.writing import Issuer

D = Decimal
DHAKA = ZoneInfo("Asia/Dhaka")
ISSUER = Issuer(
    Provider(
        "Example Net",
        "12 Road 5, Dhanmondi\nDhaka 1205",
        "01700-000000",
        "001234567-0101",
        "Rahima Khatun, Accounts",
    ),
    "BDT",
    DHAKA,
)
WITHOUT_NUMBER = replace(
    ISSUER, provider=replace(ISSUER.provider, registration_number="")
)
LINE = PaperLine(
    "Home 50: 2026-11-01 to 2026-11-30",
    D("1.000000"),
    "cycle",
    D("119047.62"),
    D("5.00"),
    D("5952.38"),
    D("125000.00"),
)
_RAHIM: dict[str, Any] = {
    "customer_id": 1,
    "username": "rahim-42",
    "name": "Abdur Rahim",
    "mobile": "01711-223344",
    "address": "27 Mirpur Road\nDhaka 1216",
    "language": "en",
}


def dhaka(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=DHAKA)


def a_bill(**changes: Any) -> BillPaper:
    facts: dict[str, Any] = {
        "bill_id": 1,
        "number": "B-00000012",
        "period_start": dhaka(11, 1),
        "period_end": dhaka(12, 1),
        "issued_at": dhaka(11, 1, 9),
        "due_at": dhaka(11, 8),
        "net": LINE.net,
        "vat": LINE.vat,
        "gross": LINE.gross,
        "voided_at": None,
        "registration_number": "",
    }
    return BillPaper(**(_RAHIM | facts | changes))


def a_receipt(**changes: Any) -> ReceiptPaper:
    facts: dict[str, Any] = {
        "customer": Customer(**_RAHIM),
        "number": "R12",
        "method": "cash",
        "amount": D("1000.00"),
        "discount": D("50.00"),
        "received_at": dhaka(11, 5, 15),
        "received_by": "nila",
        "reference": "",
        "note": "old customer",
        "bills": (PaidBill("B-00000012", dhaka(11, 1), dhaka(12, 1), D("600.00")),),
        "to_balance": D("450.00"),
        "refunds": (),
        "taken_back": None,
    }
    return ReceiptPaper(**(facts | changes))


def a_credit_note(**changes: Any) -> CreditNotePaper:
    facts: dict[str, Any] = {
        "number": "CN-00000003",
        "issued_at": dhaka(11, 9, 11),
        "net": D("95.24"),
        "vat": D("4.76"),
        "gross": D("100.00"),
        "reason": "line was down",
        "bill_number": "B-00000012",
        "bill_issued_at": dhaka(11, 1, 9),
        "registration_number": "",
    }
    return CreditNotePaper(**(_RAHIM | facts | changes))


def text_of(pdf: bytes) -> str:
    """Return the text of a PDF, its white space made even."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))
