"""Where messages arrive in tests: a mail server and an SMS gateway, on loopback."""

import base64
import datetime as dt
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(slots=True)
class Mailbox:
    """A mail server's mind: what it was given, and how it answers."""

    mails: list[EmailMessage] = field(default_factory=list)
    #: Envelope recipients, one for each mail.
    recipients: list[str] = field(default_factory=list)
    #: user → password; without any, nobody has to log in.
    passwords: dict[str, str] = field(default_factory=dict)
    #: Answers in place of its own: a verb, or "content" for a mail's end → lines.
    answers: dict[str, list[str]] = field(default_factory=dict)
    #: Take this many mails and hang up without a word about each.
    silent: int = 0
    tls: ssl.SSLContext | None = None
    is_implicit_tls: bool = False
    #: Whether each mail came over TLS.
    secured: list[bool] = field(default_factory=list)
    port: int = 0


class _MailHandler(socketserver.StreamRequestHandler):
    """Speaks the part of RFC 5321, 3207 and 4954 that a submission needs."""

    def handle(self) -> None:
        box = cast(_MailServer, self.server).box
        self.is_secure = False
        if box.is_implicit_tls:
            self._secure(box)
        self._say("220 test ESMTP")
        logged_in, recipient = not box.passwords, ""
        while line := self.rfile.readline().decode().strip():
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            if scripted := box.answers.get(verb):
                self._say(scripted.pop(0))
            elif verb == "EHLO":
                self._say("250-test")
                if box.tls and not self.is_secure:
                    self._say("250-STARTTLS")
                self._say("250 AUTH PLAIN" if box.passwords else "250 8BITMIME")
            elif verb == "STARTTLS" and box.tls:
                self._say("220 go")
                self._secure(box)
            elif verb == "AUTH":
                _, user, password = base64.b64decode(rest.split()[1]).split(b"\0")
                logged_in = box.passwords.get(user.decode()) == password.decode()
                self._say("235 ok" if logged_in else f"535 {password.decode()} no")
            elif verb in ("MAIL", "RCPT") and not logged_in:
                self._say("530 log in")
            elif verb == "RCPT":
                recipient = rest.partition("<")[2].partition(">")[0]
                self._say("250 ok")
            elif verb == "DATA":
                self._say("354 go")
                if not self._take(box, recipient):
                    return
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _take(self, box: Mailbox, recipient: str) -> bool:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        if scripted := box.answers.get("content"):
            self._say(scripted.pop(0))
            return True
        box.mails.append(
            cast(EmailMessage, message_from_bytes(b"".join(lines), policy=default))
        )
        box.recipients.append(recipient)
        box.secured.append(self.is_secure)
        if box.silent:
            box.silent -= 1
            return False
        self._say("250 taken")
        return True

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _secure(self, box: Mailbox) -> None:
        assert box.tls is not None
        self.connection = box.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.is_secure = True

    def finish(self) -> None:
        super().finish()
        self.connection.close()


class _MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    block_on_close = True

    def __init__(self, box: Mailbox) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.box = box

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up, or dislikes our certificate, is part of the test."""


@contextmanager
def a_mail_server(box: Mailbox) -> Iterator[Mailbox]:
    """Serve a mailbox on a port of its own."""
    with _MailServer(box) as server, _served(server):
        box.port = server.server_address[1]
        yield box


@dataclass(slots=True)
class Phones:
    """An SMS gateway's mind: what it was asked, and how it answers."""

    #: (method, path with query, headers, body)
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)
    #: (status, body) in turn; then "200 SENT".
    answers: list[tuple[int, str]] = field(default_factory=list)
    #: Take this many requests and hang up without an answer.
    silent: int = 0
    #: Answers wait while this is not set.
    may_answer: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def __post_init__(self) -> None:
        self.may_answer.set()


class _PhonesHandler(BaseHTTPRequestHandler):
    def _serve(self) -> None:
        phones = cast(_PhonesServer, self.server).phones
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        phones.requests.append((self.command, self.path, headers, body))
        phones.may_answer.wait(5)
        if phones.silent:
            phones.silent -= 1
            self.close_connection = True
            return
        status, answer = phones.answers.pop(0) if phones.answers else (200, "SENT")
        self.send_response(status)
        if status in (301, 302, 307):
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(answer.encode())))
        self.end_headers()
        self.wfile.write(answer.encode())

    do_GET = do_POST = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


class _PhonesServer(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, phones: Phones) -> None:
        super().__init__(("127.0.0.1", 0), _PhonesHandler)
        self.phones = phones


@contextmanager
def an_sms_gateway(phones: Phones) -> Iterator[Phones]:
    """Serve phones on a port of their own."""
    with _PhonesServer(phones) as server, _served(server):
        phones.port = server.server_address[1]
        yield phones


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def a_certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for 127.0.0.1; returns its PEM and what serves it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, key_pem)
    return pem, context
