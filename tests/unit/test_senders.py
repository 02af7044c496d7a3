"""Mail and SMS leave for real servers on loopback, and every answer is understood."""

# ruff: noqa: RUF001 - Bangla digits are meant.

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from billing_core.channels import (
    ChannelError,
    Letter,
    MailServer,
    SmsGateway,
    read_mail_server,
    read_sms_gateway,
)
from billing_core.senders import send_mail, send_sms
from billing_core.settings import SettingsError, load_settings
from tests.message_ends import (
    Mailbox,
    Phones,
    a_certificate,
    a_mail_server,
    an_sms_gateway,
)
from tests.unit.test_settings import WHOLE, in_file

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
BANGLA = "আপনার ব্যালেন্স ১২.৫০ টাকা।"
SENDER = "শাপলা নেট <billing@example.net>"


def a_letter(**changes: str) -> Letter:
    facts = {
        "recipient": "rahim@example.org",
        "title": "আপনার ব্যালেন্স কম",
        "body": f"{BANGLA}\n.\nA dot alone ends no mail.\n",
        "reference": "khata.1.2",
    }
    return Letter(**(facts | changes))


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with a_mail_server(Mailbox()) as served:
        yield served


@pytest.fixture
def phones() -> Iterator[Phones]:
    with an_sms_gateway(Phones()) as served:
        yield served


def server_of(box: Mailbox, *, scheme: str = "smtp", rest: str = "") -> MailServer:
    user = "khata:s%40crable@" if box.passwords else ""
    return read_mail_server(f"{scheme}://{user}127.0.0.1:{box.port}{rest}", SENDER)


def test_a_mail_arrives_as_it_was_written(box: Mailbox) -> None:
    outcome = send_mail(server_of(box), a_letter(), NOW)

    assert outcome.result == "sent"
    (mail,) = box.mails
    assert box.recipients == ["rahim@example.org"]
    assert mail["Subject"] == "আপনার ব্যালেন্স কম"
    assert mail["From"].addresses[0].display_name == "শাপলা নেট"
    assert mail["Message-ID"] == "<khata.1.2@example.net>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == NOW
    assert mail.get_content().replace("\r\n", "\n") == a_letter().body


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_mail_goes_over_tls_with_a_login(scheme: str, tmp_path: Path) -> None:
    pem, tls = a_certificate(tmp_path)
    made = Mailbox(
        tls=tls, is_implicit_tls=scheme == "smtps", passwords={"khata": "s@crable"}
    )
    with a_mail_server(made) as box:
        server = server_of(box, scheme=scheme, rest=f"?ca={pem}")
        assert send_mail(server, a_letter(), NOW).result == "sent"

    assert box.secured == [True]


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
def test_a_certificate_of_somebody_else_ends_it_before_the_password(
    scheme: str, tmp_path: Path
) -> None:
    _, tls = a_certificate(tmp_path)
    made = Mailbox(
        tls=tls, is_implicit_tls=scheme == "smtps", passwords={"khata": "s@crable"}
    )
    with a_mail_server(made) as box:
        outcome = send_mail(server_of(box, scheme=scheme), a_letter(), NOW)

    assert (outcome.result, outcome.is_retryable) == ("refused", True)
    assert "certificate" in outcome.error
    assert box.mails == []


def test_a_server_without_starttls_gets_no_mail_in_clear(box: Mailbox) -> None:
    outcome = send_mail(server_of(box, scheme="smtp+starttls"), a_letter(), NOW)

    assert (outcome.result, outcome.is_retryable) == ("refused", True)
    assert box.mails == []


def test_a_wrong_password_is_refused_and_not_repeated_in_the_error(
    box: Mailbox,
) -> None:
    box.passwords = {"khata": "another"}

    outcome = send_mail(server_of(box), a_letter(), NOW)

    assert (outcome.result, outcome.is_retryable) == ("refused", True)
    assert "535" in outcome.error
    assert "s@crable" not in outcome.error


@pytest.mark.parametrize("at", ["MAIL", "RCPT", "DATA", "content"])
@pytest.mark.parametrize(
    ("answer", "passes"), [("451 later", True), ("550 never", False)]
)
def test_a_refusal_passes_or_stays_by_its_first_digit(
    at: str, answer: str, passes: bool, box: Mailbox
) -> None:
    box.answers[at] = [answer]

    outcome = send_mail(server_of(box), a_letter(), NOW)

    assert (outcome.result, outcome.is_retryable) == ("refused", passes)
    assert outcome.error == answer
    assert box.mails == []


def test_a_mail_that_was_taken_without_a_word_is_unknown(box: Mailbox) -> None:
    box.silent = 1

    outcome = send_mail(server_of(box), a_letter(), NOW)

    assert (outcome.result, outcome.is_retryable) == ("unknown", False)
    assert len(box.mails) == 1


def test_nobody_listening_is_a_refusal_that_may_pass() -> None:
    server = read_mail_server(f"smtp://127.0.0.1:{a_closed_port()}", SENDER)

    outcome = send_mail(server, a_letter(), NOW)

    assert (outcome.result, outcome.is_retryable) == ("refused", True)
    assert outcome.error == "Connection refused"


@pytest.mark.parametrize(
    "recipient",
    [
        "rahim",
        "a@b\r\nRCPT TO:<c@d>",
        "a@b, c@d",
        "<a@b>",
        "রহিম@example.org",
        "",
        "a@b@c",
    ],
)
def test_what_is_no_address_is_never_spoken(recipient: str, box: Mailbox) -> None:
    outcome = send_mail(server_of(box), a_letter(recipient=recipient), NOW)

    assert (outcome.result, outcome.is_retryable) == ("refused", False)
    assert box.mails == []


def gateway_of(phones: Phones, **changes: Any) -> SmsGateway:
    url = changes.pop("url", "/send?to={recipient}&msg={text}&key=s3cret")
    facts: dict[str, Any] = {
        "method": None,
        "body": "",
        "headers": "",
        "expect_status": None,
        "expect_text": "",
    }
    return read_sms_gateway(f"http://127.0.0.1:{phones.port}{url}", **(facts | changes))


TRICKY = '50% & "more" <b> {recipient} #1?\\ ' + BANGLA


def an_sms(text: str = TRICKY) -> Letter:
    return Letter("+8801712345678", "", text, "khata.1.3")


def test_a_get_carries_text_and_recipient_in_its_query(phones: Phones) -> None:
    outcome = send_sms(gateway_of(phones), an_sms())

    assert outcome.result == "sent"
    ((method, path, _, body),) = phones.requests
    assert (method, body) == ("GET", "")
    assert dict(parse_qsl(urlsplit(path).query)) == {
        "to": "+8801712345678",
        "msg": TRICKY,
        "key": "s3cret",
    }


def test_a_form_is_posted(phones: Phones) -> None:
    gateway = gateway_of(phones, url="/send", body="to={recipient}&msg={text}")

    assert send_sms(gateway, an_sms()).result == "sent"

    ((method, _, headers, body),) = phones.requests
    assert method == "POST"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(body) == {"to": ["+8801712345678"], "msg": [TRICKY]}


def test_json_is_posted_with_headers(phones: Phones) -> None:
    gateway = gateway_of(
        phones,
        url="/send",
        body='{"to": "{recipient}", "msg": "{text}", "x": {}}',
        headers="Content-Type: application/json; charset=utf-8\nX-Key: s3cret\n",
    )

    assert send_sms(gateway, an_sms("line\n" + TRICKY)).result == "sent"

    ((_, _, headers, body),) = phones.requests
    assert headers["x-key"] == "s3cret"
    assert headers["content-type"] == "application/json; charset=utf-8"
    assert json.loads(body) == {
        "to": "+8801712345678",
        "msg": "line\n" + TRICKY,
        "x": {},
    }


def test_xml_is_escaped(phones: Phones) -> None:
    gateway = gateway_of(
        phones,
        url="/to/{recipient}",
        body="<m>{text}</m>",
        headers="Content-Type: text/xml",
    )

    send_sms(gateway, an_sms("a<b>&'c'"))

    ((_, path, _, body),) = phones.requests
    assert path == "/to/%2B8801712345678"
    assert body == "<m>a&lt;b&gt;&amp;&apos;c&apos;</m>"


@pytest.mark.parametrize(
    ("status", "result", "passes"),
    [
        (200, "sent", False),
        (202, "sent", False),
        (302, "refused", False),
        (400, "refused", False),
        (401, "refused", False),
        (429, "refused", True),
        (503, "refused", True),
        # Behind these it may have gone out: never sent twice.
        (500, "unknown", False),
        (502, "unknown", False),
        (504, "unknown", False),
    ],
)
def test_the_gateways_status_decides(
    status: int, result: str, passes: bool, phones: Phones
) -> None:
    phones.answers = [(status, "")]

    outcome = send_sms(gateway_of(phones), an_sms())

    assert (outcome.result, outcome.is_retryable) == (result, passes)
    assert len(phones.requests) == 1


def test_a_200_without_the_expected_text_is_a_refusal(phones: Phones) -> None:
    gateway = gateway_of(phones, expect_text="SENT", expect_status="200")
    phones.answers = [(200, "ERROR 1005 s3cret"), (202, "SENT"), (200, "SENT 1")]

    refused = send_sms(gateway, an_sms())

    assert (refused.result, refused.is_retryable) == ("refused", False)
    assert "s3cret" not in refused.error
    assert refused.answer == "ERROR 1005 s3cret"
    assert send_sms(gateway, an_sms()).result == "refused"
    assert send_sms(gateway, an_sms()).result == "sent"


def test_a_request_without_an_answer_is_unknown(phones: Phones) -> None:
    phones.silent = 1

    outcome = send_sms(gateway_of(phones), an_sms())

    assert (outcome.result, outcome.is_retryable) == ("unknown", False)
    assert "s3cret" not in outcome.error
    assert len(phones.requests) == 1


def test_no_gateway_is_a_refusal_that_may_pass() -> None:
    gateway = gateway_of(Phones(port=a_closed_port()))

    outcome = send_sms(gateway, an_sms())

    assert (outcome.result, outcome.is_retryable) == ("refused", True)


def a_closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example.net",
        "smtps://",
        "smtps://mail.example.net:99999",
        "smtps://mail.example.net/inbox",
        "smtps://khata@mail.example.net",
        "smtp://khata:s3cret@mail.example.net",
        "smtps://khata:s3cret@mail.example.net?verify=no",
        "smtps://khata:গোপন@mail.example.net",
    ],
)
def test_a_wrong_mail_server_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ChannelError) as refused:
        read_mail_server(url, SENDER)
    assert "s3cret" not in str(refused.value)


def test_a_secret_is_in_no_representation() -> None:
    server = read_mail_server("smtps://khata:s3cret@mail.example.net", SENDER)

    assert "s3cret" not in repr(server)
    assert "s3cret" not in repr(gateway_of(Phones(port=1)))


MAIL = {
    "KHATA_SMTP_URL": "smtps://khata:s3cret@mail.example.net",
    "KHATA_MAIL_FROM": "Shapla Net <billing@example.net>",
}
SMS = {"KHATA_SMS_URL": "https://sms.example.net/?k=s3cret&to={recipient}&m={text}"}


def test_without_settings_nothing_is_told(tmp_path: Path) -> None:
    settings = load_settings({**WHOLE, **in_file(tmp_path, "")}, tmp_path)

    assert (settings.mail_server, settings.sms_gateway) == (None, None)
    assert settings.reminders.channels == ()


def test_settings_name_the_ways_and_the_policy(tmp_path: Path) -> None:
    secret = tmp_path / "sms"
    secret.write_text(SMS["KHATA_SMS_URL"] + "\n")
    toml = 'sms_url_file = "sms"\ndue_soon_days = 5\nmessage_hours = "8 - 20"\n'
    toml += 'balance_low = "১,০০০"\nprovider = "শাপলা নেট"\nexpiring_days = 0\n'
    environ = {**WHOLE, **MAIL, **in_file(tmp_path, toml)}

    settings = load_settings(environ, tmp_path)

    assert settings.mail_server is not None
    assert (settings.mail_server.port, settings.mail_server.password) == (465, "s3cret")
    assert settings.sms_gateway is not None
    assert settings.sms_gateway.url == SMS["KHATA_SMS_URL"]
    policy = settings.reminders
    assert policy.channels == ("sms", "mail")
    assert (policy.due_soon_days, policy.expiring_days) == (5, 0)
    assert (policy.first_hour, policy.last_hour) == (8, 20)
    assert (str(policy.balance_low), policy.provider) == ("1000.00", "শাপলা নেট")


def test_a_blank_setting_is_not_set(tmp_path: Path) -> None:
    blank = {"KHATA_SMTP_URL": " ", "KHATA_MAIL_FROM": "", "KHATA_SMS_URL": ""}

    settings = load_settings({**WHOLE, **blank, **in_file(tmp_path, "")}, tmp_path)

    assert settings.reminders.channels == ()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"KHATA_SMTP_URL": MAIL["KHATA_SMTP_URL"]}, "KHATA_MAIL_FROM"),
        ({"KHATA_MAIL_FROM": MAIL["KHATA_MAIL_FROM"]}, "KHATA_SMTP_URL"),
        ({**MAIL, "KHATA_MAIL_FROM": "Shapla Net"}, "KHATA_MAIL_FROM"),
        ({**MAIL, "KHATA_MAIL_FROM": "a@b\nBcc: c@d"}, "KHATA_MAIL_FROM"),
        ({**MAIL, "KHATA_SMTP_URL": "s3cret"}, "KHATA_SMTP_URL"),
        ({**MAIL, "KHATA_SMTP_URL": "smtps://h?ca=/nowhere"}, "KHATA_SMTP_URL"),
        ({"KHATA_SMS_BODY": "s3cret {text}"}, "KHATA_SMS_BODY"),
        ({"KHATA_SMS_URL": "https://sms/?s3cret={recipient}"}, "KHATA_SMS_URL"),
        ({"KHATA_SMS_URL": "ftp://sms/{recipient}{text}"}, "KHATA_SMS_URL"),
        ({"KHATA_SMS_URL": "https://{recipient}/{text}"}, "KHATA_SMS_URL"),
        ({"KHATA_SMS_URL": "https://sms/ {recipient}{text}"}, "KHATA_SMS_URL"),
        ({**SMS, "KHATA_SMS_METHOD": "PUT"}, "KHATA_SMS"),
        ({**SMS, "KHATA_SMS_METHOD": "GET", "KHATA_SMS_BODY": "x"}, "KHATA_SMS"),
        ({**SMS, "KHATA_SMS_HEADERS": "s3cret"}, "KHATA_SMS"),
        ({**SMS, "KHATA_SMS_EXPECT_STATUS": "ok"}, "KHATA_SMS"),
        ({**SMS, "KHATA_SMS_URL_FILE": "/nowhere"}, "KHATA_SMS_URL"),
        ({"KHATA_DUE_SOON_DAYS": "-1"}, "KHATA_DUE_SOON_DAYS"),
        ({"KHATA_EXPIRING_DAYS": "61"}, "KHATA_EXPIRING_DAYS"),
        ({"KHATA_BALANCE_LOW": "12,50"}, "KHATA_BALANCE_LOW"),
        ({"KHATA_BALANCE_LOW": "-1"}, "KHATA_BALANCE_LOW"),
        ({"KHATA_MESSAGE_HOURS": "21-9"}, "KHATA_MESSAGE_HOURS"),
        ({"KHATA_MESSAGE_HOURS": "9-25"}, "KHATA_MESSAGE_HOURS"),
        ({"KHATA_PROVIDER": "x" * 61}, "KHATA_PROVIDER"),
    ],
)
def test_a_wrong_setting_names_itself_and_no_secret(
    given: dict[str, str], named: str, tmp_path: Path
) -> None:
    environ = {**WHOLE, **in_file(tmp_path, ""), **given}

    with pytest.raises(SettingsError, match=named) as refused:
        load_settings(environ, tmp_path)

    assert "s3cret" not in str(refused.value)
