"""A shop before a simulated SSLCommerz, for the tests of its gateway."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape

import httpx

from billing_core.gateways.contract import (
    Answer,
    Asked,
    CallbackRequest,
    Checkout,
    Order,
    RefundOrder,
    TransactionId,
)
from billing_core.gateways.sslcommerz import SslcommerzGateway, SslcommerzSettings
from simulators.gateways.common import SteppedClock
from simulators.gateways.sslcommerz import SslcommerzState, create_app

STORE, PASSWORD = "shaplanet", "sp-secret-0815"
OTHER_STORE, OTHER_PASSWORD = "othershop", "other-secret-4711"
BASE = "https://sslcommerz.test"
REFERENCE = "K7Q2M9X4T1R8P5W3Z6B0"
#: Of another order of ours.
SECOND = "B" * 20


@dataclass
class Shop:
    """A gateway of ours, the simulator behind it, and the clock of both."""

    clock: SteppedClock = field(default_factory=SteppedClock)

    def __post_init__(self) -> None:
        self.state = SslcommerzState(
            {STORE: PASSWORD, OTHER_STORE: OTHER_PASSWORD}, clock=self.clock
        )
        self.http = httpx.Client(
            transport=httpx.WSGITransport(create_app(self.state)), base_url=BASE
        )
        self.gateway = a_gateway(self.http)
        self.opened_at = self.clock()

    def open(self, reference: str = REFERENCE, amount: str = "500.00") -> Checkout:
        return self.gateway.create(an_order(reference, amount), now=self.clock())

    def walk(self, checkout: Checkout, button: str) -> tuple[str, dict[str, str]]:
        """Press a button on the customer's page; return what the browser then posts."""
        page = self.http.post(checkout.url, data={"button": button}).text
        action = re.search(r'action="([^"]+)"', page)
        fields = re.findall(r'name="([^"]+)" value="([^"]*)"', page)
        posted = {unescape(name): unescape(value) for name, value in fields}
        return (unescape(action[1]) if action else ""), posted

    def ask(
        self,
        reference: str = REFERENCE,
        amount: str = "500.00",
        *,
        hint_id: str | None = None,
    ) -> Answer:
        return self.gateway.ask(
            self.asked(reference, amount, hint_id=hint_id), now=self.clock()
        )

    def asked(
        self, reference: str, amount: str, *, hint_id: str | None = None
    ) -> Asked:
        return Asked(
            reference=reference,
            payment_id="a-session",
            amount=Decimal(amount),
            currency="BDT",
            created_at=self.opened_at,
            hint_id=hint_id,
        )

    def paid(self, amount: str = "500.00") -> Answer:
        """Open, pay and ask."""
        self.walk(self.open(amount=amount), "pay")
        return self.ask(amount=amount)

    def calls(self) -> list[str]:
        return [what for what, _ in self.state.asked]


def a_gateway(
    http: httpx.Client, store: str = STORE, password: str = PASSWORD, base: str = BASE
) -> SslcommerzGateway:
    return SslcommerzGateway(SslcommerzSettings(base, store, password), http)


def an_order(
    reference: str = REFERENCE, amount: str = "500.00", **changes: str
) -> Order:
    facts = {
        "currency": "BDT",
        "description": "Internet, bill 2026-000042",
        "customer_name": "রহিম উদ্দিন",
        "mobile": "01711000000",
        "mail": "rahim@example.org",
        "return_url": "https://isp.example.net/pay/return/sslcommerz",
        "notify_url": "https://isp.example.net/pay/notify/sslcommerz",
        "client_address": "203.0.113.9",
    }
    return Order(reference=reference, amount=Decimal(amount), **(facts | changes))


def a_callback(form: Mapping[str, str]) -> CallbackRequest:
    return CallbackRequest(query={}, form=form, body=b"", headers={})


def a_refund(
    transactions: tuple[TransactionId, ...],
    amount: str = "500.00",
    *,
    reference: str = "RF1",
    ref_id: str | None = None,
) -> RefundOrder:
    return RefundOrder(
        refund_reference=reference,
        reference=REFERENCE,
        payment_id="a-session",
        transactions=transactions,
        paid_amount=Decimal("500.00"),
        paid_at=datetime(2026, 11, 24, 6, tzinfo=UTC),
        amount=Decimal(amount),
        currency="BDT",
        reason="line was down",
        gateway_refund_id=ref_id,
    )


def answering(*bodies: str | httpx.Response) -> httpx.Client:
    """A client that gets these answers, one after the other."""
    left = list(bodies)

    def answer(_request: httpx.Request) -> httpx.Response:
        body = left.pop(0)
        return (
            body if isinstance(body, httpx.Response) else httpx.Response(200, text=body)
        )

    return httpx.Client(transport=httpx.MockTransport(answer))
