"""bKash Tokenized Checkout behind the one Protocol of contract.py."""

from datetime import datetime

import httpx

from billing_core.gateways.bkash import callbacks, payments, refunds
from billing_core.gateways.bkash.client import BkashClient
from billing_core.gateways.bkash.settings import BkashSettings
from billing_core.gateways.bkash.sns import Certificates, SnsMessage, read_message
from billing_core.gateways.bkash.tokens import TokenStore
from billing_core.gateways.contract import (
    Answer,
    Asked,
    CallbackRequest,
    Checkout,
    Hint,
    Order,
    RefundAnswer,
    RefundOrder,
)


class BkashGateway:
    """One merchant account; safe to use from several threads."""

    def __init__(
        self,
        settings: BkashSettings,
        client: httpx.Client,
        tokens: TokenStore,
        certificates: Certificates | None = None,
    ) -> None:
        self._settings = settings
        self._client = BkashClient(settings, client, tokens)
        self._certificates = certificates or Certificates.fetched_with(client)

    @property
    def name(self) -> str:
        """Name it as payment_attempt.gateway does."""
        return "bkash"

    def create(self, order: Order, *, now: datetime) -> Checkout:
        """Open a checkout; GatewayRefusedError if bKash will not."""
        return payments.create(self._client, order, now=now)

    def ask(self, asked: Asked, *, now: datetime) -> Answer:
        """Capture what the customer has confirmed, or ask what became of it."""
        return payments.ask(self._client, asked, now=now)

    def search(self, transaction_id: str, *, now: datetime) -> Answer:
        """Ask what money a trxID is, which a customer typed in."""
        return payments.search(self._client, transaction_id, now=now)

    def refund(self, order: RefundOrder, *, now: datetime) -> RefundAnswer:
        """Give money back once; after GatewayUnknownError ask, never repeat."""
        return refunds.refund(self._client, order, now=now)

    def ask_refund(self, order: RefundOrder, *, now: datetime) -> RefundAnswer:
        """Ask what became of a refund."""
        return refunds.ask_refund(self._client, order, now=now)

    def read_callback(self, request: CallbackRequest) -> Hint:
        """Read what a browser or an SNS message claims; bKash is not asked.

        The certificate of an SNS message is fetched once, from Amazon.
        """
        if callbacks.is_from_sns(request):
            message = self._message(request)
            return callbacks.hint_of_webhook(message, self._settings.short_code)
        return callbacks.hint_of_return(request)

    def confirm_subscription(self, request: CallbackRequest) -> bool:
        """Confirm to SNS that we want our topic's messages; False = it was not ours.

        To be called when ``read_callback`` says that the hint claims "subscription".
        """
        message = self._message(request)
        return message is not None and self._certificates.confirm(message)

    def _message(self, request: CallbackRequest) -> SnsMessage | None:
        return read_message(request.body, self._settings.topic_arn, self._certificates)
