"""Nagad's checkout: initialize, complete, verify and refund.

Both ways the text is encrypted for the receiver and signed by the sender. What verify
answers is neither: TLS proves it, and our row is compared with it.
"""

import ipaddress
import re
import secrets
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote, urlencode, urlsplit

import httpx

from billing_core.gateways.contract import (
    Answer,
    Asked,
    CallbackRequest,
    Checkout,
    GatewayRefusedError,
    GatewayUnknownError,
    Hint,
    Order,
    RefundAnswer,
    RefundOrder,
    RefundState,
)
from billing_core.gateways.nagad import answers
from billing_core.gateways.nagad.envelope import clip_to_room, compact, seal, unseal
from billing_core.gateways.nagad.settings import (
    SANDBOX_HOST,
    NagadSettings,
    is_loopback,
)
from billing_core.gateways.nagad.wire import Json, call, clean
from billing_core.money import round_money

_VERSION = "v-0.2.0"
# ISO 4217 numeric: the only currency that Nagad knows.
_CURRENCY, _CURRENCY_CODE = "BDT", "050"
# Longer ones overflow the RSA block, other characters the address.
_ORDER_ID = re.compile("[0-9A-Za-z]{1,20}")
_CHALLENGE_OCTETS = 20
_SERVICE_NAME_MAX = 100


class NagadGateway:
    """Nagad's merchant checkout as a Gateway."""

    name = "nagad"

    def __init__(self, settings: NagadSettings, client: httpx.Client) -> None:
        self._settings = settings
        self._client = client

    def create(self, order: Order, *, now: datetime) -> Checkout:
        """Open a checkout: initialize names the order, complete its amount."""
        _check_order(order)
        headers = self._headers(order.client_address)
        opened = self._initialize(order, headers, now)
        payment_id = answers.text(opened, "paymentReferenceId")
        try:
            page = self._complete(order, opened, payment_id, headers)
        except GatewayUnknownError as error:
            raise GatewayUnknownError(str(error), payment_id=payment_id) from None
        # Without the challenge: it has done its work.
        kept: Json = {
            "paymentReferenceId": payment_id,
            "acceptDateTime": answers.text(opened, "acceptDateTime"),
            "status": "Success",
            "callBackUrl": page,
        }
        return Checkout(payment_id, page, answers.without_nul(kept))

    def _initialize(self, order: Order, headers: dict[str, str], now: datetime) -> Json:
        merchant_id = self._settings.merchant_id
        moment = now.astimezone(answers.DHAKA).strftime("%Y%m%d%H%M%S")
        body = seal(
            self._settings,
            {
                "merchantId": merchant_id,
                "datetime": moment,
                "orderId": order.reference,
                "challenge": secrets.token_hex(_CHALLENGE_OCTETS),
            },
        )
        body = {"dateTime": moment, **body}
        if self._settings.account_number:
            body = {"accountNumber": self._settings.account_number, **body}
        opened = unseal(
            self._settings,
            self._post(
                f"/check-out/initialize/{merchant_id}/{order.reference}", body, headers
            ),
        )
        payment_id = answers.text(opened, "paymentReferenceId")
        if not answers.is_payment_id(payment_id) or not answers.text(
            opened, "challenge"
        ):
            raise GatewayUnknownError("Nagad gave no payment reference or challenge.")
        if not answers.names_order(payment_id, merchant_id, order.reference):
            raise GatewayUnknownError("Nagad's payment reference is of another order.")
        return opened

    def _complete(
        self, order: Order, opened: Json, payment_id: str, headers: dict[str, str]
    ) -> str:
        sealed = seal(
            self._settings,
            {
                "merchantId": self._settings.merchant_id,
                "orderId": order.reference,
                "currencyCode": _CURRENCY_CODE,
                "amount": f"{order.amount:.2f}",
                "challenge": answers.text(opened, "challenge"),
            },
        )
        answer = self._post(
            f"/check-out/complete/{in_path(payment_id)}",
            {
                **sealed,
                "merchantCallbackURL": order.return_url,
                "additionalMerchantInfo": {
                    "serviceName": order.description[:_SERVICE_NAME_MAX]
                },
            },
            headers,
        )
        status = answers.text(answer, "status")
        page = answers.text(answer, "callBackUrl")
        if status.lower() != "success" or not self._may_send_to(page):
            raise GatewayUnknownError(
                f"Nagad gave no page to pay at: status {clean(status)!r}."
            )
        return page

    def _may_send_to(self, page: str) -> bool:
        """Tell whether customers are sent there: TLS, but for sandbox and simulator."""
        try:
            parts = urlsplit(page)
            host = parts.hostname
        except ValueError:
            return False
        if not host or not page.isprintable() or " " in page:
            return False
        plain = host == SANDBOX_HOST or is_loopback(host)
        return parts.scheme == "https" or (
            parts.scheme == "http"
            and plain
            and self._settings.base_url.startswith("http://")
        )

    def ask(self, asked: Asked, *, now: datetime) -> Answer:
        """Ask what became of a checkout; asking changes nothing at Nagad."""
        if asked.payment_id is None:
            raise GatewayUnknownError(
                "Nagad gave no payment reference for this attempt, and knows it by "
                "nothing else; without one the customer had no page to pay at."
            )
        return answers.read_verify(
            self._verify(asked.payment_id), self._settings.merchant_id
        )

    def _verify(self, payment_id: str) -> Json:
        try:
            return call(
                self._client,
                "GET",
                f"{self._settings.base_url}/verify/payment/{in_path(payment_id)}",
                headers=self._headers(""),
            )
        except GatewayRefusedError as error:
            if _says_unknown_reference(error.code):
                raise
            # Its codes are not published: a no that we cannot read decides nothing.
            raise GatewayUnknownError(str(error)) from None

    def read_callback(self, request: CallbackRequest) -> Hint:
        """Read what a browser brings back; Nagad's server calls nobody."""
        return answers.read_callback(request)

    def refund(self, order: RefundOrder, *, now: datetime) -> RefundAnswer:
        """Give money back once."""
        try:
            answer = self._cancel(order)
        except GatewayRefusedError as error:
            return RefundAnswer(
                state=RefundState.REFUSED,
                gateway_refund_id=None,
                amount=None,
                reason=str(error),
                raw={"code": error.code, "words": str(error)},
            )
        return answers.read_refund(unseal(self._settings, answer))

    def _cancel(self, order: RefundOrder) -> Json:
        _check_amount(order.amount, order.currency)
        # Of the payment, not of today: Nagad looks it up by its day.
        day = order.paid_at.astimezone(answers.DHAKA).strftime("%Y%m%d")
        fields = {
            "merchantId": self._settings.merchant_id,
            "originalRequestDate": day,
            "originalAmount": f"{order.paid_amount:.2f}",
            "cancelAmount": f"{order.amount:.2f}",
            "referenceNo": order.refund_reference,
            "referenceMessage": "",
        }
        # Cut to the room that is left: it is for people, nothing depends on it.
        fields["referenceMessage"] = clip_to_room(self._settings, order.reason, fields)
        where = urlencode(
            {"paymentRefId": order.payment_id, "orderId": order.reference},
            quote_via=quote,
        )
        return self._post(
            f"/purchase/cancel?{where}",
            seal(self._settings, fields, name="sensitiveDataCancelRequest"),
            self._headers(""),
        )

    def ask_refund(self, order: RefundOrder, *, now: datetime) -> RefundAnswer:
        """Ask what became of a refund: Nagad tells it with the payment."""
        return answers.read_refund_in_verify(self._verify(order.payment_id), order)

    def _headers(self, client_address: str) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "X-KM-Api-Version": _VERSION,
            "X-KM-IP-V4": public_ipv4(client_address, self._settings.client_ipv4),
            "X-KM-Client-Type": "PC_WEB",
            "X-KM-MC-Id": self._settings.merchant_id,
        }

    def _post(self, path: str, body: Json, headers: dict[str, str]) -> Json:
        url = f"{self._settings.base_url}{path}"
        return call(self._client, "POST", url, headers=headers, body=compact(body))


def in_path(payment_id: str) -> str:
    """Encode a paymentReferenceId for an address: base64 has = and may have / and +."""
    return quote(payment_id, safe="")


def public_ipv4(address: str, fallback: str) -> str:
    """Give the customer's address where Nagad can use it, else the fallback.

    Nagad's header takes IPv4 only; loopback and the private addresses that providers
    hand out say nothing to it.
    """
    try:
        known = ipaddress.ip_address(address.strip())
    except ValueError:
        return fallback
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is None:
            return fallback
        known = known.ipv4_mapped
    return str(known) if known.is_global else fallback


def _check_order(order: Order) -> None:
    _check_amount(order.amount, order.currency)
    if not _ORDER_ID.fullmatch(order.reference):
        raise GatewayRefusedError(
            "Nagad takes order numbers of 1 to 20 letters and digits.", ours=True
        )


def _check_amount(amount: Decimal, currency: str) -> None:
    if currency != _CURRENCY:
        raise GatewayRefusedError("Nagad takes BDT only.", ours=True)
    if amount <= 0 or amount != round_money(amount):
        raise GatewayRefusedError(
            "Nagad takes amounts above zero with two decimals.", ours=True
        )


def _says_unknown_reference(code: str) -> bool:
    return code == "404" or "invalidreference" in re.sub("[^a-z]", "", code.lower())
