"""*Simulated* Amazon SNS: signs bKash's messages with a key of a test's own."""

import base64
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from simulators.gateways.bkash_state import BkashState, Payment

HOST = "https://sns.ap-southeast-1.amazonaws.com"
TOPIC_ARN = "arn:aws:sns:ap-southeast-1:354285753755:bpt_01929918378"
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class SnsPost:
    """One POST as it arrives at a shop's address."""

    headers: Mapping[str, str]
    body: bytes


class SimulatedSns:
    """Sends the messages of one topic."""

    def __init__(self, now: datetime, topic_arn: str = TOPIC_ARN) -> None:
        self.topic_arn = topic_arn
        self.certificate_url = f"{HOST}/SimpleNotificationService-simulated.pem"
        self.now = now
        self._key = rsa.generate_private_key(65537, 2048)
        self._certificate = _certificate(self._key, now)
        #: Every address that was asked for, in order.
        self.fetched: list[str] = []

    def fetch(self, url: str) -> bytes | None:
        """Give what Amazon has at an address: the certificate, or a confirmation."""
        self.fetched.append(url)
        if url.startswith(f"{HOST}/?Action=ConfirmSubscription"):
            return b"<ConfirmSubscriptionResponse/>"
        return self._certificate if url.endswith(".pem") else None

    def notice(self, state: BkashState, payment: Payment) -> dict[str, str]:
        """Say what bKash says of a payment, to a checkout or to the wallet."""
        at = payment.executed_at or state.clock()
        return {
            # Dhaka's time, without saying so.
            "dateTime": f"{at.astimezone(UTC) + timedelta(hours=6):%Y%m%d%H%M%S}",
            "debitMSISDN": f"88{payment.wallet}",
            "creditOrganizationName": "Simulated Net",
            "creditShortCode": state.short_code,
            "trxID": payment.trx_id,
            "transactionStatus": "Completed",
            "transactionType": "10002294",
            "amount": f"{payment.amount.normalize():f}",
            "currency": "BDT",
            "transactionReference": payment.payer_reference,
            "merchantInvoiceNumber": payment.invoice,
        }

    def notification(
        self,
        notice: Mapping[str, str] | str,
        *,
        version: str = "1",
        changes: Mapping[str, str] | None = None,
        after_signing: Mapping[str, str] | None = None,
    ) -> SnsPost:
        """Send a notice, changed before or after it is signed."""
        text = notice if isinstance(notice, str) else json.dumps(notice)
        fields = {"Type": "Notification", **self._common(version), "Message": text}
        return self._signed(
            fields | dict(changes or {}),
            ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
            after_signing,
        )

    def subscription(
        self,
        *,
        changes: Mapping[str, str] | None = None,
        kind: str = "SubscriptionConfirmation",
    ) -> SnsPost:
        """Ask whether the shop wants the topic's messages."""
        fields = {
            "Type": kind,
            **self._common("1"),
            "Message": f"You have chosen to subscribe to {self.topic_arn}.",
            "Token": "simulated-token",
            "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&Token=simulated-token",
        }
        return self._signed(
            fields | dict(changes or {}),
            (
                "Message",
                "MessageId",
                "SubscribeURL",
                "Timestamp",
                "Token",
                "TopicArn",
                "Type",
            ),
            None,
        )

    def _common(self, version: str) -> dict[str, str]:
        return {
            "MessageId": str(uuid.uuid4()),
            "TopicArn": self.topic_arn,
            "Timestamp": f"{self.now:%Y-%m-%dT%H:%M:%S}.000Z",
            "SignatureVersion": version,
            "SigningCertURL": self.certificate_url,
        }

    def _signed(
        self,
        fields: dict[str, str],
        names: tuple[str, ...],
        after_signing: Mapping[str, str] | None,
    ) -> SnsPost:
        text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
        # Version 1 is SHA-1 in life too.
        algorithm = hashes.SHA256() if fields["SignatureVersion"] == "2" else _sha1()
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        fields["Signature"] = base64.b64encode(signature).decode()
        fields |= after_signing or {}
        headers = {
            "x-amz-sns-message-type": fields["Type"],
            "Content-Type": "text/plain; charset=UTF-8",
        }
        return SnsPost(headers, json.dumps(fields).encode())


def _sha1() -> hashes.SHA1:
    return hashes.SHA1()  # noqa: S303 - what SNS signs version 1 with


def _certificate(key: rsa.RSAPrivateKey, now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated SNS")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - _YEAR)
        .not_valid_after(now + _YEAR)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
