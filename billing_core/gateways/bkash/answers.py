"""Read bKash's answers: five shapes of failure, odd dates, amounts as text.

A failure is ``statusCode`` and ``statusMessage`` at HTTP 200; ``errorCode`` and
``errorMessage``; ``message`` or ``msg`` of the gateway in front of bKash;
``internalCode``, ``externalCode`` and ``errorMessageEn`` of refunds v2; or no JSON.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import NoReturn

from billing_core.gateways.bkash.codes import SUCCESS

_OK = 200
#: What an answer of bKash may hold, and nobody keeps.
_SECRET_FIELDS = frozenset({"id_token", "refresh_token", "app_key", "app_secret"})
_CODE_FIELDS = ("statusCode", "errorCode", "externalCode", "internalCode")
_TEXT_FIELDS = ("statusMessage", "errorMessage", "errorMessageEn", "message", "msg")
_TEXT_MAX = 200
# 2025-12-09T16:12:43:828 GMT+0600: a colon before the milliseconds.
_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[:.](\d{1,6}))?"
    r"\s*(?:GMT|UTC)?\s*(?:([+-])(\d\d):?(\d\d)|Z)?",
    re.ASCII,
)
_NOTICE_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)
# Times without an offset are taken as Dhaka's, which has no DST.
_DHAKA = timezone(timedelta(hours=6))
_AMOUNT = re.compile(r"-?\d{1,16}(\.\d{1,10})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, read as far as it can be; no field of it is a secret."""

    status: int
    #: 0000 and so on; "" = the answer has none.
    code: str
    #: bKash's own words.
    text: str
    fields: Mapping[str, object]

    @property
    def is_success(self) -> bool:
        """Tell whether bKash did what was asked, and says so in full."""
        # A `message` beside it comes from in front of bKash: nobody knows (as bKash's
        # own plugin has it).
        return (
            self.status == _OK and self.code == SUCCESS and "message" not in self.fields
        )

    @property
    def has_code(self) -> bool:
        """Tell whether bKash itself answered, and not what stands before it."""
        return self.status == _OK and self.code != ""

    def word(self, *names: str) -> str:
        """Give the first of these fields that is there; "" = none is."""
        for name in names:
            value = self.fields.get(name)
            if isinstance(value, str) and value.strip():
                return value.strip()
        return ""

    def amount(self, *names: str) -> Decimal | None:
        """Give an amount exactly as it was told; None = there is none."""
        return read_amount(self.word(*names))

    def told(self) -> str:
        """Say in a few words what came back, for a person."""
        if self.code or self.text:
            return " ".join(filter(None, (self.code, self.text)))
        return f"HTTP {self.status} without a readable answer"


def read_reply(status: int, body: str, hidden: Sequence[str]) -> Reply:
    """Read an answer; whatever it is, there is a Reply, and nothing hidden in it."""
    fields = _clean_object(_read_object(body), hidden)
    reply = Reply(status, "", "", fields)
    return Reply(
        status, reply.word(*_CODE_FIELDS), reply.word(*_TEXT_FIELDS)[:_TEXT_MAX], fields
    )


def read_secrets(body: str) -> tuple[str, str]:
    """Take (id_token, refresh_token) of the answer to a grant."""
    found = _read_object(body)
    one, other = found.get("id_token"), found.get("refresh_token")
    return (
        one if isinstance(one, str) else "",
        other if isinstance(other, str) else "",
    )


def read_amount(text: str) -> Decimal | None:
    """Read "15", "100.00" or "5.0000"; finer than poisha stays as it is."""
    try:
        return Decimal(text) if _AMOUNT.fullmatch(text) else None
    except InvalidOperation:
        return None


def read_time(text: str) -> datetime | None:
    """Read a time as bKash writes it; None = it is none."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    *date, fraction, sign, hours, minutes = match.groups()
    zone: timezone = UTC if text.rstrip().endswith("Z") else _DHAKA
    try:
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            zone = timezone(-offset if sign == "-" else offset)
        year, month, day, hour, minute, second = map(int, date)
        micro = int((fraction or "0").ljust(6, "0"))
        told = datetime(year, month, day, hour, minute, second, micro, zone)
        return told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def read_notice_time(text: str) -> datetime | None:
    """Read the time of a notice: 20180419122246, Dhaka's without saying so."""
    match = _NOTICE_DATE.fullmatch(text)
    if match is None:
        return None
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        told = datetime(year, month, day, hour, minute, second, tzinfo=_DHAKA)
        return told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _read_object(body: str) -> dict[str, object]:
    try:
        # Numbers stay the text that was sent: exact, and JSON can hold them again.
        found = json.loads(
            body, parse_float=str, parse_int=str, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _clean_object(found: dict[str, object], hidden: Sequence[str]) -> dict[str, object]:
    """Drop what must not be kept or cannot be."""
    return {
        str(_clean(key, hidden)): _clean(value, hidden)
        for key, value in found.items()
        if key not in _SECRET_FIELDS
    }


def _clean(value: object, hidden: Sequence[str]) -> object:
    if isinstance(value, dict):
        return _clean_object(value, hidden)
    if isinstance(value, list):
        return [_clean(item, hidden) for item in value]
    if not isinstance(value, str):
        return value
    # PostgreSQL's jsonb holds neither NUL nor half of a surrogate pair.
    text = value.replace("\0", "").encode("utf-8", "replace").decode()
    for secret in hidden:
        text = text.replace(secret, "[hidden]")
    return text
