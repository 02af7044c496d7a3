"""The ways that messages leave: how settings write them, and what goes and comes."""

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from billing_core.errors import BillingError

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_MAIL_ADDRESS = re.compile(r"[^\s@<>(),;:\\\"]+@[^\s@<>(),;:\\\"]+")
_HEADER = re.compile(r"([A-Za-z0-9-]+):[ \t]*([\x20-\x7e]*)")
_SPACE = re.compile(r"[\x00-\x20\x7f]")


class ChannelError(BillingError):
    """A way to send messages is not written as it must be; never says the value."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over (RFC 5321), and from whom it comes."""

    host: str
    port: int
    #: smtp = in clear, smtp+starttls (RFC 3207), smtps = TLS from the first octet.
    scheme: str
    username: str | None
    password: str | None
    #: PEM file of who signed the server's certificate; None = the system's.
    ca_file: str | None
    sender: Address

    def __repr__(self) -> str:  # a traceback or a log line must not show the secret
        return f"MailServer(host={self.host!r}, port={self.port})"


@dataclass(frozen=True, slots=True)
class SmsGateway:
    """One HTTP request for each SMS; {recipient} and {text} stand in URL or body."""

    url: str
    method: str = "GET"
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    #: None = any of 200 to 299.
    expect_status: int | None = None
    #: The answer must have this in it; many gateways say "200" to what they refuse.
    expect_text: str = ""

    def __repr__(self) -> str:  # a gateway's key stands in its URL, body or headers
        return f"SmsGateway(host={urlsplit(self.url).hostname!r})"

    @property
    def content_type(self) -> str:
        """Name the form of the body."""
        for name, value in self.headers:
            if name.lower() == "content-type":
                return value.partition(";")[0].strip().lower()
        return "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message ready to leave."""

    recipient: str
    #: Mail's subject; an SMS has none.
    title: str
    body: str
    #: The same in each attempt, so that a mail system can know a repeat.
    reference: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a letter."""

    #: sent; refused: it did not leave; unknown: it may have.
    result: Literal["sent", "refused", "unknown"]
    #: For the list of messages: no secret is in it.
    error: str = ""
    #: Refused in a way that may pass.
    is_retryable: bool = False
    #: What the gateway answered; for the eyes of who tests it, and kept nowhere.
    answer: str = ""


def read_mail_server(url: str, sender: str) -> MailServer:
    """Read smtp+starttls://user:password@host:587?ca=/path, and the From address."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ChannelError("use smtps://…, smtp+starttls://… or smtp://…")
    try:
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except ValueError:
        raise ChannelError("its port is not a number up to 65535") from None
    if not host or parts.path not in ("", "/"):
        raise ChannelError("write scheme://user:password@host:port, and no path")
    options = dict(parse_qsl(parts.query))
    if options.keys() - {"ca"}:
        raise ChannelError("the only option is ?ca=/path/of/a/certificate.pem")
    if (parts.username is None) != (parts.password is None):
        raise ChannelError("give both user and password, or none")
    if not url.isascii() or not unquote(parts.netloc).isascii():
        raise ChannelError("it has characters beyond ASCII")
    if parts.password is not None and parts.scheme == "smtp" and host not in _LOOPBACK:
        raise ChannelError("a password needs smtps://… or smtp+starttls://…")
    return MailServer(
        host=host,
        port=port,
        scheme=parts.scheme,
        username=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        ca_file=options.get("ca"),
        sender=read_sender(sender),
    )


def read_sender(text: str) -> Address:
    """Read who mail comes from: Name <address>, or an address."""
    name, address = parseaddr(text)
    if not is_mail_address(address) or "\n" in text or "\r" in text:
        raise ChannelError("write an address, as in Example Net <billing@example.net>")
    return Address(name, addr_spec=address)


def is_mail_address(text: str) -> bool:
    """Tell whether mail can be addressed so (in ASCII: RFC 5321 without SMTPUTF8)."""
    return text.isascii() and _MAIL_ADDRESS.fullmatch(text) is not None


def read_sms_gateway(
    url: str,
    *,
    method: str | None,
    body: str,
    headers: str,
    expect_status: str | None,
    expect_text: str,
) -> SmsGateway:
    """Read how an SMS gateway is asked and what it answers when it took the SMS."""
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        has_host = False
    if not has_host or parts.scheme not in ("http", "https"):
        raise ChannelError("write http(s)://host/path?…")
    if _SPACE.search(url) or not url.isascii():
        raise ChannelError("write spaces and what is not ASCII as %XX")
    if "{recipient}" in parts.netloc or "{text}" in parts.netloc:
        raise ChannelError("{recipient} and {text} stand after the host")
    for mark in ("{recipient}", "{text}"):
        if mark not in url + body:
            raise ChannelError(f"{mark} stands neither in the URL nor in the body")
    verb = (method or ("POST" if body else "GET")).upper()
    if verb not in ("GET", "POST"):
        raise ChannelError("the method is GET or POST")
    if body and verb == "GET":
        raise ChannelError("a GET has no body: use POST")
    if expect_status is not None and not re.fullmatch("[1-5][0-9]{2}", expect_status):
        raise ChannelError("the status is a number like 200")
    return SmsGateway(
        url=url,
        method=verb,
        body=body,
        headers=_headers(headers),
        expect_status=None if expect_status is None else int(expect_status),
        expect_text=expect_text,
    )


def _headers(text: str) -> tuple[tuple[str, str], ...]:
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        match = _HEADER.fullmatch(line)
        if match is None:
            raise ChannelError("write the headers one a line, each Name: value")
        found.append((match[1], match[2].strip()))
    return tuple(found)
