"""A gateway and the simulated Nagad behind it, in one process."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import httpx

from billing_core.gateways.contract import (
    Answer,
    Asked,
    CallbackRequest,
    Checkout,
    Find,
    Gateway,
    Hint,
    Order,
    RefundOrder,
)
from billing_core.gateways.nagad import NagadGateway, NagadSettings, read_settings
from simulators.gateways.common import SteppedClock
from simulators.gateways.nagad import (
    AccountKeys,
    NagadState,
    create_app,
    new_keys,
)

KEYS: AccountKeys = new_keys()
BASE_URL = "http://127.0.0.1/api/dfs"
REFERENCE = "K7Q2M9X4T1B8W5Z3R6NA"
RETURN_URL = "https://khata.example.net/pay/return/nagad"
PAYER = "01712345678"


class Lab:
    """A gateway and the simulated Nagad behind it, in this process."""

    def __init__(self, **settings: str) -> None:
        self.clock = SteppedClock()
        self.state = NagadState(clock=self.clock, keys=KEYS)
        self.state.signature_hash = settings.get("nagad_signature_hash", "SHA256")
        self.http = httpx.Client(transport=httpx.WSGITransport(create_app(self.state)))
        self.gateway: Gateway = NagadGateway(self.settings(**settings), self.http)

    def settings(self, **changed: str) -> NagadSettings:
        values = self.state.settings(BASE_URL) | changed
        found = read_settings(find_in(values))
        assert found is not None
        return found

    def create(self, **changed: object) -> Checkout:
        return self.gateway.create(an_order(**changed), now=self.clock())

    def ask(self, checkout: Checkout) -> Answer:
        return self.gateway.ask(asked_about(checkout.payment_id), now=self.clock())

    def paid(self) -> Checkout:
        checkout = self.create()
        self.state.pay(checkout.payment_id, payer=PAYER)
        return checkout

    def press(self, checkout: Checkout, button: str) -> httpx.Response:
        """Let a customer look at the page and press a button on it."""
        assert self.http.get(checkout.url).status_code == 200
        return self.http.post(checkout.url, data={"button": button, "payer": PAYER})

    def hint(self, answer: httpx.Response) -> Hint:
        """Read what the browser brings back to us."""
        assert answer.status_code == 302
        return self.gateway.read_callback(came_back(answer.headers["location"]))


def find_in(values: dict[str, str]) -> Find:
    def find(name: str) -> tuple[str, str] | None:
        return (values[name], f"KHATA_{name.upper()}") if name in values else None

    return find


def an_order(**changed: object) -> Order:
    order = Order(
        reference=REFERENCE,
        amount=Decimal("525.00"),
        currency="BDT",
        description="Internet bill 1042",
        customer_name="Rahim",
        mobile=PAYER,
        mail="",
        return_url=RETURN_URL,
        notify_url="https://khata.example.net/pay/notify/nagad",
        client_address="103.4.145.10",
    )
    return replace(order, **changed)  # type: ignore[arg-type]  # fields of the record


def asked_about(payment_id: str | None) -> Asked:
    return Asked(
        reference=REFERENCE,
        payment_id=payment_id,
        amount=Decimal("525.00"),
        currency="BDT",
        created_at=datetime(2026, 11, 24, 6, tzinfo=UTC),
    )


def a_refund(checkout: Checkout, **changed: object) -> RefundOrder:
    order = RefundOrder(
        refund_reference="RF1",
        reference=REFERENCE,
        payment_id=checkout.payment_id,
        transactions=(),
        paid_amount=Decimal("525.00"),
        paid_at=datetime(2026, 11, 24, 6, tzinfo=UTC),
        amount=Decimal("525.00"),
        currency="BDT",
        reason="paid twice",
    )
    return replace(order, **changed)  # type: ignore[arg-type]  # fields of the record


def came_back(location: str) -> CallbackRequest:
    assert location.startswith(RETURN_URL)
    query = dict(parse_qsl(urlsplit(location).query, keep_blank_values=True))
    return CallbackRequest(query=query, form={}, body=b"", headers={})
