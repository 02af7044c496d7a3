"""Each message in each language: written without a gap, and short where it costs."""

import itertools
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from jinja2 import UndefinedError

import billing_core.messages
from billing_core.messages import Locality, write_message
from billing_core.reminders import CHANNELS, LANGUAGES, Event
from billing_core.suspension import SuspendReason

LOCALITY = Locality(ZoneInfo("Asia/Dhaka"), "BDT")
SIGNED = Locality(ZoneInfo("Asia/Dhaka"), "BDT", "Shapla Net")
# Midnight of 1 December in Dhaka, still November in UTC.
DUE = datetime(2026, 11, 30, 18, tzinfo=UTC)
FACTS: dict[str, object] = {
    "name": "Rahim Uddin",
    "number": "B-00001234",
    "gross": Decimal("1234567.50"),
    "open_amount": Decimal("1234567.50"),
    "period_start": datetime(2026, 10, 31, 18, tzinfo=UTC),
    "period_end": DUE,
    "due_at": DUE,
    "suspend_at": DUE,
    "reason": "PAYMENT_DUE",
    "due": Decimal("1234567.50"),
    "available": Decimal("12.50"),
    "next_day_price": Decimal("20.00"),
    "package": "Home 10M",
    "valid_until": datetime(2026, 11, 24, 12, 30, tzinfo=UTC),
    "percent": 83,
    "code": "482915",
    "minutes": 5,
    "amount": Decimal("1234567.50"),
    "address": "https://pay.example/pay/link/MTIzNA.abcdefghijklmnopqrstuvwxyz",
    "expires_at": DUE,
}
# What may be absent, and what decides which words are used.
VARIANTS: list[dict[str, object]] = [
    {},
    {"open_amount": Decimal(0), "suspend_at": None, "next_day_price": None},
    {"due_at": None, "valid_until": None},
    *({"reason": reason.value} for reason in SuspendReason),
]
ALL = list(itertools.product(Event, CHANNELS, LANGUAGES))
# The basic characters of GSM 03.38 that texts use: 160 of them are one SMS.
GSM = re.compile(r"[A-Za-z0-9 @$!\"#%&'()*+,\-./:;<=>?_\n]*")
BANGLA = re.compile("[\u0980-\u09ff]")


def facts_for(event: Event, variant: dict[str, object]) -> dict[str, object]:
    facts = FACTS | variant
    # These are never told of without.
    if event in (Event.DUE_SOON, Event.OVERDUE):
        facts["due_at"] = DUE
    if event == Event.PACKAGE_EXPIRING:
        facts["valid_until"] = FACTS["valid_until"]
    return facts


def test_there_is_a_template_for_each_message_and_none_beside() -> None:
    folder = Path(billing_core.messages.__file__).parent

    assert {path.name for path in folder.glob("*.txt")} == {
        f"{event.value}.{channel}.{language}.txt" for event, channel, language in ALL
    }


@pytest.mark.parametrize(("event", "channel", "language"), ALL)
def test_every_message_is_whole_in_every_variant(
    event: Event, channel: str, language: str
) -> None:
    for variant in VARIANTS:
        text = write_message(
            event.value, channel, language, facts_for(event, variant), LOCALITY
        )
        whole = f"{text.title}\n{text.body}"
        assert text.body.strip()
        assert "None" not in whole
        assert not re.search(r" [.,।;]|  |\{|\}|\n\n\n|\(\)", whole), whole
        assert bool(text.title) == (channel == "mail")
        assert "\n" not in (text.body if channel == "sms" else text.title)
        assert bool(BANGLA.search(text.body)) == (language == "bn")
        if language == "bn":
            # Numbers are Bangla's; Latin stays what names a bill or a package, and a
            # code, which phones copy from the message.
            rest = re.sub("B-00001234|Home 10M|482915", "", whole)
            assert not re.search("[0-9]", rest), whole


@pytest.mark.parametrize("event", Event)
def test_an_english_sms_is_one_sms(event: Event) -> None:
    for variant in VARIANTS:
        text = write_message(
            event.value, "sms", "en", facts_for(event, variant), SIGNED
        )
        assert GSM.fullmatch(text.body), text.body
        assert len(text.body) <= 160, text.body


def test_money_and_dates_are_the_installations() -> None:
    english = write_message("due_soon", "sms", "en", FACTS, SIGNED).body
    bangla = write_message("due_soon", "sms", "bn", FACTS, SIGNED).body

    assert english == (
        "Reminder: please pay BDT 12,34,567.50 for bill B-00001234 before 1 Dec 2026"
        " to keep your connection. - Shapla Net"
    )
    assert bangla == (
        "সংযোগ চালু রাখতে বিল B-00001234 বাবদ ১২,৩৪,৫৬৭.৫০ টাকা অনুগ্রহ করে"
        " ১ ডিসেম্বর ২০২৬ তারিখের আগে পরিশোধ করুন। - Shapla Net"
    )


@pytest.mark.parametrize(
    ("channel", "language"), list(itertools.product(CHANNELS, LANGUAGES))
)
def test_each_reason_of_a_suspension_says_what_to_do(
    channel: str, language: str
) -> None:
    told = {
        write_message(
            "suspended", channel, language, FACTS | {"reason": reason}, LOCALITY
        ).body
        for reason in ("PAYMENT_DUE", "BALANCE_EXHAUSTED", "PAUSED", "OPERATOR")
    }

    assert len(told) == 4


def test_a_mail_has_its_first_line_as_subject_and_is_signed() -> None:
    text = write_message("bill_issued", "mail", "en", FACTS, SIGNED)

    assert text.title == "Your Internet bill B-00001234: BDT 12,34,567.50"
    assert text.body.startswith("Dear Rahim Uddin,\n\n")
    assert "Period: 1 Nov 2026 up to 1 Dec 2026\n" in text.body
    assert text.body.endswith("\n\nShapla Net\n")


def test_a_fact_that_nobody_gave_is_an_error_and_no_gap() -> None:
    with pytest.raises(UndefinedError, match="number"):
        write_message("bill_issued", "sms", "en", {"gross": Decimal(1)}, LOCALITY)


def test_a_name_cannot_write_templates_or_lines_of_an_sms() -> None:
    facts = FACTS | {"package": "{{ name }}\nHome"}

    text = write_message("data_80", "sms", "en", facts, LOCALITY)

    assert text.body.endswith("your package {{ name }} Home.")
