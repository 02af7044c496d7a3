"""Send one mail or SMS, and say what became of it.

Nothing may be sent twice. So there is a third outcome beside sent and refused: the
message was handed over and no answer came. It may have been taken, and is not sent
again.
"""

import http.client
import json
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import quote, quote_plus, urlsplit
from xml.sax.saxutils import escape

from billing_core.channels import (
    Letter,
    MailServer,
    Outcome,
    SmsGateway,
    is_mail_address,
)

TIMEOUT_SECONDS = 10.0
_ANSWER_MAX = 16 * 1024
_TOLD_MAX = 200
# "Later, please": RFC 6585 §4, RFC 9110 §15.6.4.
_TOO_MANY, _UNAVAILABLE = 429, 503
Escape = Callable[[str], str]
_MARK = re.compile(r"\{(recipient|text)\}")


def send_mail(server: MailServer, letter: Letter, now: datetime) -> Outcome:
    """Hand a mail to the server; 5yz is final, all else may pass (RFC 5321 §4.2.1)."""
    if not is_mail_address(letter.recipient):
        return Outcome("refused", "that is no mail address")
    content = _mail(server, letter, now)
    try:
        smtp = _connect(server)
    except smtplib.SMTPAuthenticationError as error:
        return Outcome("refused", f"login refused: {error.smtp_code}", True)
    except (smtplib.SMTPException, OSError) as error:
        return Outcome("refused", _reason(error), True)
    try:
        return _hand_over(smtp, server, letter, content)
    finally:
        _quit(smtp)


def _connect(server: MailServer) -> smtplib.SMTP:
    """Connect, secure and log in; a certificate that does not fit ends it."""
    own_name = server.sender.domain
    if server.scheme == "smtps":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host,
            server.port,
            local_hostname=own_name,
            timeout=TIMEOUT_SECONDS,
            context=_tls(server),
        )
    else:
        smtp = smtplib.SMTP(
            server.host, server.port, local_hostname=own_name, timeout=TIMEOUT_SECONDS
        )
    try:
        if server.scheme == "smtp+starttls":
            # Without STARTTLS it raises: nothing goes in clear instead.
            smtp.starttls(context=_tls(server))
        if server.username is not None and server.password is not None:
            smtp.login(server.username, server.password)
        else:
            smtp.ehlo_or_helo_if_needed()
    except BaseException:
        smtp.close()
        raise
    return smtp


def _tls(server: MailServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def _hand_over(
    smtp: smtplib.SMTP, server: MailServer, letter: Letter, content: bytes
) -> Outcome:
    try:
        for code, said in (
            smtp.mail(server.sender.addr_spec),
            smtp.rcpt(letter.recipient),
        ):
            if code not in (250, 251):
                return _refused(code, said)
    except (smtplib.SMTPException, OSError) as error:
        return Outcome("refused", _reason(error), True)
    try:
        code, said = smtp.data(content)
    except smtplib.SMTPDataError as error:
        # DATA itself was refused: nothing of the mail has left.
        return _refused(error.smtp_code, error.smtp_error)
    except (smtplib.SMTPException, OSError) as error:
        return Outcome("unknown", f"no answer to the mail: {_reason(error)}")
    return Outcome("sent") if code == 250 else _refused(code, said)


def _refused(code: int, said: bytes | str) -> Outcome:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return Outcome("refused", f"{code} {_printable(text)}", code < 500)


def _quit(smtp: smtplib.SMTP) -> None:
    try:
        smtp.quit()
    except (smtplib.SMTPException, OSError):
        smtp.close()


def _mail(server: MailServer, letter: Letter, now: datetime) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = server.sender
    mail["To"] = letter.recipient
    mail["Subject"] = " ".join(letter.title.split())
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{letter.reference}@{server.sender.domain}>"
    # RFC 3834 §5: nobody's holiday answers to it.
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.body)
    return mail.as_bytes()


def send_sms(gateway: SmsGateway, letter: Letter) -> Outcome:
    """Ask the gateway for one SMS; what it answers decides.

    Redirects are not followed: a POST would arrive as a GET without its text.
    """
    parts = urlsplit(gateway.url)
    connection = _http(parts.scheme, parts.hostname or "", parts.port)
    target = _fill(parts.path or "/", letter, lambda value: quote(value, safe=""))
    if parts.query:
        target += "?" + _fill(parts.query, letter, quote_plus)
    body = _fill(gateway.body, letter, _escape_for(gateway.content_type)).encode()
    try:
        try:
            connection.connect()
        except OSError as error:
            return Outcome("refused", _reason(error), True)
        try:
            headers = {"Content-Type": gateway.content_type} if body else {}
            connection.request(
                gateway.method,
                target,
                body=body or None,
                headers=headers | dict(gateway.headers),
            )
            response = connection.getresponse()
            answer = _read(response)
        except (OSError, http.client.HTTPException) as error:
            return Outcome("unknown", f"no answer to the request: {_reason(error)}")
    finally:
        connection.close()
    return _judge(gateway, response.status, answer)


def _http(scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
    if scheme == "https":
        return http.client.HTTPSConnection(
            host,
            port,
            timeout=TIMEOUT_SECONDS,
            context=ssl.create_default_context(),
        )
    return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)


def _read(response: http.client.HTTPResponse) -> str:
    """Read the answer, bounded in size and time: one octet a second is no answer."""
    until = time.monotonic() + TIMEOUT_SECONDS
    parts: list[bytes] = []
    while sum(map(len, parts)) < _ANSWER_MAX and (part := response.read1(4096)):
        parts.append(part)
        if time.monotonic() > until:
            raise TimeoutError("the answer takes too long")
    return b"".join(parts).decode("utf-8", "replace")


def _judge(gateway: SmsGateway, status: int, answer: str) -> Outcome:
    told = _printable(answer)
    expected = gateway.expect_status
    is_status_right = status == expected if expected else 200 <= status < 300
    if not is_status_right:
        # Behind a 500, 502 or 504 (RFC 9110 §15.6) the SMS may have gone out.
        is_unknown = status >= 500 and status != _UNAVAILABLE
        return Outcome(
            "unknown" if is_unknown else "refused",
            f"HTTP {status}",
            status in (_TOO_MANY, _UNAVAILABLE),
            told,
        )
    if gateway.expect_text not in answer:
        return Outcome(
            "refused", f"HTTP {status} without the expected text", False, told
        )
    return Outcome("sent", answer=told)


def _fill(template: str, letter: Letter, escaped: Escape) -> str:
    """Put recipient and text in, escaped; marks inside the text stay text."""
    values = {"recipient": letter.recipient, "text": letter.body}
    return _MARK.sub(lambda match: escaped(values[match[1]]), template)


def _escape_for(content_type: str) -> Escape:
    if content_type.endswith("json"):
        return lambda value: json.dumps(value, ensure_ascii=False)[1:-1]
    if content_type.endswith("xml"):
        return lambda value: escape(value, {'"': "&quot;", "'": "&apos;"})
    if content_type == "application/x-www-form-urlencoded":
        return quote_plus
    return str


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)[:_TOLD_MAX].strip()


def _reason(error: Exception) -> str:
    """Say what went wrong by its kind: a message could quote what was sent."""
    if isinstance(error, TimeoutError | socket.timeout):
        return "it takes too long"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not fit: {error.verify_message}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"it answered {error.smtp_code}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
