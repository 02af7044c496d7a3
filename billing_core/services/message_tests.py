"""Try the ways that messages go, and look at what they say, with a made-up customer."""

from datetime import datetime, timedelta
from decimal import Decimal

from billing_core.channels import Letter, Outcome
from billing_core.errors import BillingError
from billing_core.messages import Locality, Text, write_message
from billing_core.reminders import Event
from billing_core.senders import send_mail, send_sms
from billing_core.settings import Settings


class NoChannelError(BillingError):
    """There is no such way for messages here."""

    def __init__(self, channel: str) -> None:
        super().__init__(
            "Mail needs KHATA_SMTP_URL and KHATA_MAIL_FROM."
            if channel == "mail"
            else "SMS needs KHATA_SMS_URL."
        )


def example_message(
    settings: Settings,
    event: str,
    channel: str,
    language: str,
    now: datetime,
    *,
    reason: str = "PAYMENT_DUE",
) -> Text:
    """Write what a made-up customer would be told of an event."""
    facts = _example(now) | {"reason": reason}
    locality = Locality(settings.zone, settings.currency, settings.reminders.provider)
    return write_message(event, channel, language, facts, locality)


def send_test_message(
    settings: Settings, channel: str, recipient: str, language: str, now: datetime
) -> Outcome:
    """Send one message now, and return what the other side answered."""
    text = example_message(settings, Event.RESTORED.value, channel, language, now)
    reference = f"khata.test.{int(now.timestamp())}"
    letter = Letter(recipient, text.title, text.body, reference)
    if channel == "mail" and settings.mail_server is not None:
        return send_mail(settings.mail_server, letter, now)
    if channel == "sms" and settings.sms_gateway is not None:
        return send_sms(settings.sms_gateway, letter)
    raise NoChannelError(channel)


def _example(now: datetime) -> dict[str, object]:
    return {
        "name": "Rahim Uddin",
        "number": "B-00001234",
        "gross": Decimal("1200.00"),
        "open_amount": Decimal("1200.00"),
        "period_start": now,
        "period_end": now + timedelta(days=30),
        "due_at": now + timedelta(days=7),
        "suspend_at": now + timedelta(days=10),
        "due": Decimal("1200.00"),
        "available": Decimal("12.50"),
        "next_day_price": Decimal("20.00"),
        "package": "Home 10M",
        "valid_until": now + timedelta(days=2),
        "percent": 80,
        "code": "482915",
        "minutes": 5,
        "amount": Decimal("1200.00"),
        "address": "https://pay.example.com/pay/link/MTIz.AbCdEf",
        "expires_at": now + timedelta(days=7),
    }
