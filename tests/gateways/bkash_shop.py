"""A shop connected to a simulated bKash, for the tests of the bKash gateway."""

from collections.abc import Callable
from decimal import Decimal
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

import httpx

from billing_core.gateways.bkash import (
    BkashGateway,
    BkashSettings,
    Certificates,
    TokensInProcess,
    TokenStore,
)
from billing_core.gateways.contract import (
    Answer,
    Asked,
    CallbackRequest,
    Checkout,
    Order,
    RefundOrder,
)
from simulators.gateways.bkash import BkashState, create_app
from simulators.gateways.bkash_sns import TOPIC_ARN
from simulators.gateways.common import SteppedClock

BASE = "http://127.0.0.1/v1.2.0-beta"
REFERENCE = "KHATA0000000000000A1"
PASSWORD = "a-password-that-is-secret"
APP_KEY = "an-app-key-that-is-secret"
APP_SECRET = "an-app-secret-that-is-secret"


class Wire(httpx.BaseTransport):
    """Carries requests to the simulator, and remembers them."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.requests: list[httpx.Request] = []
        self.texts: list[str] = []
        #: Called before the simulator hears of a request: a wire can hang in it.
        self.on_request: Callable[[], None] | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.on_request is not None:
            self.on_request()
        response = self._inner.handle_request(request)
        response.read()
        self.texts.append(response.text)
        return response


class Shop:
    """One gateway, the bKash behind it, and a customer's browser."""

    def __init__(
        self,
        *,
        tokens: TokenStore | None = None,
        refunds: str = "v2",
        auth_scheme: str = "",
        certificates: Certificates | None = None,
    ) -> None:
        self.clock = SteppedClock()
        self.bkash = BkashState(
            clock=self.clock,
            password=PASSWORD,
            app_key=APP_KEY,
            app_secret=APP_SECRET,
        )
        self.settings = BkashSettings(
            base_url=BASE,
            username=self.bkash.username,
            password=PASSWORD,
            app_key=APP_KEY,
            app_secret=APP_SECRET,
            auth_scheme=auth_scheme,
            refund_url="http://127.0.0.1/v2/tokenized-checkout"
            if refunds == "v2"
            else None,
            topic_arn=TOPIC_ARN,
            short_code=self.bkash.short_code,
        )
        self.wire = Wire(httpx.WSGITransport(create_app(self.bkash)))
        self.browser = httpx.Client(transport=self.wire)
        self.tokens = tokens or TokensInProcess()
        self.gateway = BkashGateway(
            self.settings,
            httpx.Client(transport=self.wire),
            self.tokens,
            certificates,
        )

    @property
    def calls(self) -> dict[str, int]:
        """How often the gateway called what, tokens left out."""
        names = ("create", "execute", "query", "search")
        return {n: self.bkash.calls[n] for n in names if self.bkash.calls[n]}

    def order(self, reference: str = REFERENCE, amount: str = "500.00") -> Order:
        return Order(
            reference=reference,
            amount=Decimal(amount),
            currency="BDT",
            description="Bill of November",
            customer_name="Rahim",
            mobile="01712345678",
            mail="",
            return_url="https://isp.example/pay/return/bkash",
            notify_url="https://isp.example/pay/notify/bkash",
            client_address="203.0.113.7",
        )

    def open(self, reference: str = REFERENCE, amount: str = "500.00") -> Checkout:
        return self.gateway.create(self.order(reference, amount), now=self.clock())

    def ask(
        self,
        checkout: Checkout,
        *,
        finished: bool = False,
        tried: bool = False,
        reference: str = REFERENCE,
        amount: str = "500.00",
    ) -> Answer:
        return self.gateway.ask(
            Asked(
                reference=reference,
                payment_id=checkout.payment_id,
                amount=Decimal(amount),
                currency="BDT",
                created_at=self.bkash.payments[checkout.payment_id].created_at,
                customer_finished=finished,
                capture_tried=tried,
            ),
            now=self.clock(),
        )

    def pay(self, amount: str = "500.00") -> tuple[Checkout, Answer]:
        """Open, let the customer confirm, and capture."""
        checkout = self.open(amount=amount)
        self.bkash.customer_pays(checkout.payment_id)
        return checkout, self.ask(checkout, finished=True)

    def refund_order(
        self,
        checkout: Checkout,
        answer: Answer,
        amount: str = "100.00",
        *,
        number: int = 1,
        gateway_refund_id: str | None = None,
        others: frozenset[str] = frozenset(),
    ) -> RefundOrder:
        return RefundOrder(
            refund_reference=f"REFUND{number:014d}",
            reference=REFERENCE,
            payment_id=checkout.payment_id,
            transactions=answer.transactions,
            paid_amount=Decimal("500.00"),
            paid_at=self.clock(),
            amount=Decimal(amount),
            currency="BDT",
            reason="service was down",
            gateway_refund_id=gateway_refund_id,
            other_refund_ids=others,
        )


def returning(address: str) -> CallbackRequest:
    """What our web server sees when a browser goes to this address."""
    query = dict(parse_qsl(urlsplit(address).query))
    return CallbackRequest(MappingProxyType(query), {}, b"", {})


def answering(
    respond: Callable[[httpx.Request], httpx.Response],
) -> tuple[BkashGateway, list[httpx.Request]]:
    """A gateway whose bKash answers as told, once a token was granted."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        if "/token/" in request.url.path:
            body = {"statusCode": "0000", "id_token": "token-that-is-secret"}
            return httpx.Response(200, json=body)
        seen.append(request)
        return respond(request)

    shop = Shop()
    client = httpx.Client(transport=httpx.MockTransport(handle))
    return BkashGateway(shop.settings, client, TokensInProcess()), seen
