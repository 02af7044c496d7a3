"""Messages of Amazon SNS, by which bKash tells of payments to a merchant's wallet.

Any AWS account can send a rightly signed message to our address. So a message counts
only if it is of the one topic that bKash told the operator, and nothing is asked of any
address before that is seen. Retries keep their MessageId.
"""

import base64
import binascii
import json
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from billing_core.gateways.contract import GatewayUnknownError

log = logging.getLogger(__name__)

#: Fetches what is at an address; None = nothing is there.
Fetch = Callable[[str], bytes | None]

_NOTIFICATION = "Notification"
_CONFIRMATION = "SubscriptionConfirmation"
# What is signed, in this order, of each kind (Amazon SNS developer guide).
_SIGNED = {
    _NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    _CONFIRMATION: (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}
_HOST = re.compile(r"sns\.[a-zA-Z0-9-]{3,}\.amazonaws\.com(\.cn)?")
_BODY_MAX = 256 * 1024
_CERTIFICATE_MAX = 64 * 1024
_CERTIFICATES_MAX = 8
_TIMEOUT = httpx.Timeout(10.0)


@dataclass(frozen=True, slots=True)
class SnsMessage:
    """A message of our topic that is rightly signed."""

    #: "" = it is no confirmation of a subscription.
    subscribe_url: str
    #: What bKash says, field by field; still no reason to credit anything.
    notice: Mapping[str, str]

    @property
    def is_confirmation(self) -> bool:
        """Tell whether SNS asks if we want this topic's messages."""
        return self.subscribe_url != ""


class Certificates:
    """Amazon's certificates by address: each fetched once, from Amazon only."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: OrderedDict[str, x509.Certificate] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def fetched_with(cls, client: httpx.Client) -> "Certificates":
        """Fetch them over HTTPS."""
        return cls(lambda url: _get(client, url))

    def at(self, url: str) -> x509.Certificate | None:
        """Give the certificate at an address of Amazon's; None = there is none."""
        if not is_amazons(url, suffix=".pem"):
            return None
        with self._lock:
            if url in self._known:
                return self._known[url]
        found = _read_certificate(self._fetch(url))
        if found is not None:
            with self._lock:
                self._known[url] = found
                if len(self._known) > _CERTIFICATES_MAX:
                    self._known.popitem(last=False)
        return found

    def confirm(self, message: SnsMessage) -> bool:
        """Call the address that confirms a subscription, if it is Amazon's."""
        url = message.subscribe_url
        return is_amazons(url) and self._fetch(url) is not None


def read_message(
    body: bytes, topic_arn: str | None, certificates: Certificates
) -> SnsMessage | None:
    """Read a message of our topic; None = it is not ours, and the log says why.

    GatewayUnknownError where Amazon, asked for its certificate, gives no answer: then
    nobody knows, and SNS is to send it again.
    """
    fields = _fields(body)
    why = _why_not_ours(fields, topic_arn, certificates)
    if why:
        log.warning("bkash.webhook.refused why=%s", why)
        return None
    if fields["Type"] == _CONFIRMATION:
        return SnsMessage(fields["SubscribeURL"], {})
    # bKash's notice is JSON in a text.
    return SnsMessage("", _fields(fields["Message"].encode()))


def is_amazons(url: str, *, suffix: str = "") -> bool:
    """Tell whether an address is on Amazon SNS's own hosts, over HTTPS."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and _HOST.fullmatch(host) is not None
        and port in (None, 443)
        and parts.username is None
        and parts.password is None
        and url.isascii()
        and url.isprintable()
        and parts.path.endswith(suffix)
        and (not suffix or not (parts.query or parts.fragment))
    )


def _fields(body: bytes) -> dict[str, str]:
    if len(body) > _BODY_MAX:
        return {}
    try:
        found = json.loads(body, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def _why_not_ours(
    fields: Mapping[str, str], topic_arn: str | None, certificates: Certificates
) -> str:
    """Say in a word why a message is not our topic's; "" = it is."""
    kind = fields.get("Type", "")
    if topic_arn is None or fields.get("TopicArn") != topic_arn:
        return "topic"
    if kind not in _SIGNED:
        return "type"
    if not fields.get("MessageId"):
        return "message_id"
    if kind == _CONFIRMATION and not is_amazons(fields.get("SubscribeURL", "")):
        return "subscribe_url"
    return "" if _is_signed(fields, kind, certificates) else "signature"


def _is_signed(
    fields: Mapping[str, str], kind: str, certificates: Certificates
) -> bool:
    algorithm = {"1": SHA1(), "2": SHA256()}.get(fields.get("SignatureVersion", ""))  # noqa: S303 - what SNS signs version 1 with
    names = [n for n in _SIGNED[kind] if n in fields or n != "Subject"]
    if algorithm is None or any(name not in fields for name in names):
        return False
    try:
        signature = base64.b64decode(fields.get("Signature", ""), validate=True)
        signed = "".join(f"{name}\n{fields[name]}\n" for name in names).encode()
        at = datetime.fromisoformat(fields["Timestamp"]).astimezone(UTC)
    except (binascii.Error, ValueError, OverflowError):
        return False
    certificate = certificates.at(fields.get("SigningCertURL", ""))
    if certificate is None:
        return False
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    # The signed time stands for ours: a message may be tried again for hours.
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        return False
    try:
        key.verify(signature, signed, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        return False
    return True


def _read_certificate(pem: bytes | None) -> x509.Certificate | None:
    if pem is None or len(pem) > _CERTIFICATE_MAX:
        return None
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        return None


def _get(client: httpx.Client, url: str) -> bytes | None:
    """Fetch what is at an address; whether Amazon has it must be known."""
    try:
        # A redirect could lead anywhere.
        response = client.get(url, timeout=_TIMEOUT, follow_redirects=False)
    except httpx.InvalidURL:
        return None
    except httpx.HTTPError as error:
        why = type(error).__name__
        raise GatewayUnknownError(f"Amazon did not answer ({why}).") from None
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise GatewayUnknownError(f"Amazon answered {response.status_code}.")
    return response.content if response.status_code == httpx.codes.OK else None
