"""Read the settings of messages to customers; all of them may be left out."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from billing_core import channels
from billing_core.channels import ChannelError, MailServer, SmsGateway
from billing_core.errors import BillingError
from billing_core.money import ZERO, AmountError, parse_amount
from billing_core.reminders import NOTHING_TOLD, ReminderPolicy

#: An SMS gateway's key may stand in its URL, its body or a header.
SECRET_NAMES = ("smtp_url", "sms_url", "sms_body", "sms_headers")
PLAIN_NAMES = (
    "mail_from",
    "sms_method",
    "sms_expect",
    "sms_expect_status",
    "due_soon_days",
    "expiring_days",
    "balance_low",
    "message_hours",
    "provider",
)
_DAYS_MAX = 60
_PROVIDER_MAX = 60

#: Gives (value, label) of a setting, or nothing.
Find = Callable[[str], tuple[str, str] | None]


class MessageSettingError(BillingError):
    """A setting of messages is wrong; the message names it, and no secret."""


def read_mail_server(find: Find) -> MailServer | None:
    """Read KHATA_SMTP_URL and KHATA_MAIL_FROM; neither = no mail."""
    url, sender = find("smtp_url"), find("mail_from")
    if url is None and sender is None:
        return None
    if url is None or sender is None:
        missing = "KHATA_MAIL_FROM" if sender is None else "KHATA_SMTP_URL"
        raise MessageSettingError(f"{missing} is missing: mail needs both.")
    try:
        channels.read_sender(sender[0])
    except ChannelError as error:
        raise MessageSettingError(f"{sender[1]}: {error}.") from None
    try:
        server = channels.read_mail_server(url[0].strip(), sender[0])
    except ChannelError as error:
        raise MessageSettingError(f"{url[1]}: {error}.") from None
    if server.ca_file is not None and not Path(server.ca_file).is_file():
        raise MessageSettingError(f"{url[1]}: there is no file {server.ca_file}.")
    return server


def read_sms_gateway(find: Find) -> SmsGateway | None:
    """Read KHATA_SMS_…; without KHATA_SMS_URL no SMS."""
    url = find("sms_url")
    values = {name: find(name) for name in (*SECRET_NAMES, *PLAIN_NAMES)}
    if url is None:
        for name, value in values.items():
            if name.startswith("sms_") and value is not None:
                raise MessageSettingError(f"{value[1]}: it needs KHATA_SMS_URL.")
        return None

    def text(name: str) -> str | None:
        found = values[name]
        return None if found is None else found[0].strip()

    try:
        return channels.read_sms_gateway(
            url[0].strip(),
            method=text("sms_method"),
            body=text("sms_body") or "",
            headers=text("sms_headers") or "",
            expect_status=text("sms_expect_status"),
            expect_text=text("sms_expect") or "",
        )
    except ChannelError as error:
        raise MessageSettingError(
            f"KHATA_SMS_… ({url[1]} and what belongs to it): {error}."
        ) from None


def read_policy(
    find: Find, mail_server: MailServer | None, sms_gateway: SmsGateway | None
) -> ReminderPolicy:
    """Read what is told, and when."""
    ways = {"sms": sms_gateway, "mail": mail_server}
    first_hour, last_hour = _hours(find)
    provider = find("provider")
    name = "" if provider is None else provider[0].strip()
    if provider is not None and (not name.isprintable() or len(name) > _PROVIDER_MAX):
        raise MessageSettingError(
            f"{provider[1]}: use a name of up to {_PROVIDER_MAX} characters."
        )
    return ReminderPolicy(
        channels=tuple(way for way, is_there in ways.items() if is_there is not None),
        due_soon_days=_days(find, "due_soon_days"),
        expiring_days=_days(find, "expiring_days"),
        balance_low=_amount(find),
        first_hour=first_hour,
        last_hour=last_hour,
        provider=name,
    )


def _days(find: Find, name: str) -> int:
    found = find(name)
    if found is None:
        return int(getattr(NOTHING_TOLD, name))
    value, label = found[0].strip(), found[1]
    if not re.fullmatch("[0-9]{1,2}", value) or int(value) > _DAYS_MAX:
        raise MessageSettingError(
            f"{label}={value}: use a number of days from 0 (not told) to {_DAYS_MAX}."
        )
    return int(value)


def _amount(find: Find) -> Decimal:
    found = find("balance_low")
    if found is None:
        return ZERO
    try:
        amount = parse_amount(found[0])
    except AmountError as error:
        raise MessageSettingError(f"{found[1]}: {error}") from None
    if amount < 0:
        raise MessageSettingError(f"{found[1]}: use 0 (not told) or more.")
    return amount


def _hours(find: Find) -> tuple[int, int]:
    found = find("message_hours")
    if found is None:
        return NOTHING_TOLD.first_hour, NOTHING_TOLD.last_hour
    match = re.fullmatch(r"([0-9]{1,2})\s*-\s*([0-9]{1,2})", found[0].strip())
    first, last = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 0 <= first < last <= 24:
        raise MessageSettingError(f"{found[1]}: write hours like 9-21.")
    return first, last
