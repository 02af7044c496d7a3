"""A provider's gateways, with the *simulated* ones behind them and a wire between.

The wire can change an answer on its way, or lose it after the gateway has acted: what
no simulator can be told to do to all three in the same words.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit
from wsgiref.types import WSGIApplication

import httpx
from werkzeug.serving import make_server

from billing_core.db.connect import Connection
from billing_core.db.gateway_tokens import GatewayTokens
from billing_core.db.payments import Attempt, find_by_reference, read_attempt
from billing_core.gateway_settings import read_payments
from billing_core.gateways.contract import CallbackRequest, Gateway
from billing_core.gateways.registry import make_gateways
from simulators.gateways import bkash, nagad, sslcommerz
from simulators.gateways.common import SteppedClock
from tests.builders import KEY

PUBLIC_URL = "https://isp.example"
NAMES = ("bkash", "nagad", "sslcommerz")
#: RSA keys take a second to make: one pair of accounts for all tests of a run.
_nagad_keys = nagad.new_keys()

Change = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Wire(httpx.BaseTransport):
    """Carries requests to a simulator; can change or lose what it answers."""

    inner: httpx.BaseTransport
    #: Ends of the paths whose answers say what was paid.
    telling: tuple[str, ...]
    change: Change | None = None
    #: So many of those answers are lost, after the gateway has acted.
    loses: int = 0
    told: list[str] = field(default_factory=list)
    #: Called between the gateway's answer and us.
    on_answer: Callable[[], None] | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        response.read()
        self.told.append(response.text)
        if not any(each in request.url.path for each in self.telling):
            return response
        if self.loses:
            self.loses -= 1
            raise httpx.ReadTimeout("lost on the wire", request=request)
        if self.on_answer is not None:
            self.on_answer()
        if self.change is None or not response.text.startswith("{"):
            return response
        answer = json.loads(response.text)
        self.change(answer)
        return httpx.Response(200, json=answer)


class Simulator(Protocol):
    """What a test does at a gateway, whichever it is."""

    name: str
    app: WSGIApplication
    telling: tuple[str, ...]
    #: Fields of its answers that tell the amount, the currency, the money's id.
    amount: str
    currency: str | None
    money_id: str
    secrets: tuple[str, ...]

    def settings(self, base_url: str) -> dict[str, str]: ...

    def pay(self, attempt: Attempt) -> None: ...

    def fail(self, attempt: Attempt) -> None: ...

    def coming_back(self, attempt: Attempt, claims: str) -> CallbackRequest: ...


class Bkash:
    name = "bkash"
    telling: tuple[str, ...] = ("/execute", "/payment/status")
    amount, money_id = "amount", "trxID"
    currency: str | None = "currency"

    def __init__(self) -> None:
        self.state = bkash_state()
        self.app: WSGIApplication = bkash.create_app(self.state)
        self.secrets: tuple[str, ...] = (
            self.state.password,
            self.state.app_key,
            self.state.app_secret,
        )

    def settings(self, base_url: str) -> dict[str, str]:
        return {
            "bkash_base_url": f"{base_url}/v1.2.0-beta",
            "bkash_username": self.state.username,
            "bkash_password": self.state.password,
            "bkash_app_key": self.state.app_key,
            "bkash_app_secret": self.state.app_secret,
            "bkash_short_code": self.state.short_code,
        }

    def pay(self, attempt: Attempt) -> None:
        self.state.customer_pays(attempt.reference)

    def fail(self, attempt: Attempt) -> None:
        # A wrong PIN leaves bKash's checkout as it was; giving up ends it.
        self.state.customer_cancels(attempt.reference)

    def coming_back(self, attempt: Attempt, claims: str) -> CallbackRequest:
        status = {"success": "success", "failed": "failure", "cancelled": "cancel"}
        query = {"paymentID": attempt.gateway_payment_id, "status": status[claims]}
        return _request(query=query)


class Nagad:
    name = "nagad"
    telling: tuple[str, ...] = ("/verify/payment/",)
    amount, money_id = "amount", "issuerPaymentRefNo"
    currency: str | None = None

    def __init__(self) -> None:
        self.state = nagad.NagadState(clock=SteppedClock(), keys=_nagad_keys)
        self.app: WSGIApplication = nagad.create_app(self.state)
        key = self.state.merchant_private_key
        self.secrets: tuple[str, ...] = (key, key[200:260])

    def settings(self, base_url: str) -> dict[str, str]:
        return self.state.settings(f"{base_url}/api/dfs")

    def pay(self, attempt: Attempt) -> None:
        self.state.pay(attempt.gateway_payment_id or "")

    def fail(self, attempt: Attempt) -> None:
        self.state.end(attempt.gateway_payment_id or "", nagad.Status.FAILED)

    def coming_back(self, attempt: Attempt, claims: str) -> CallbackRequest:
        status = {"success": "Success", "failed": "Failed", "cancelled": "Aborted"}
        return _request(
            query={
                "order_id": attempt.reference,
                "payment_ref_id": attempt.gateway_payment_id,
                "status": status[claims],
            }
        )


class Sslcommerz:
    name = "sslcommerz"
    telling: tuple[str, ...] = ("/validator/api/",)
    amount, money_id = "amount", "val_id"
    currency: str | None = "currency_type"

    def __init__(self) -> None:
        self.state = sslcommerz.SslcommerzState(clock=SteppedClock())
        self.app: WSGIApplication = sslcommerz.create_app(self.state)
        self.store_id, password = next(iter(sslcommerz.STORES.items()))
        self.secrets: tuple[str, ...] = (password,)

    def settings(self, base_url: str) -> dict[str, str]:
        return {
            "sslcommerz_base_url": base_url,
            "sslcommerz_store_id": self.store_id,
            "sslcommerz_store_password": self.secrets[0],
        }

    def pay(self, attempt: Attempt) -> None:
        self.state.pay(self._session(attempt))

    def fail(self, attempt: Attempt) -> None:
        self.state.fail(self._session(attempt))

    def coming_back(self, attempt: Attempt, claims: str) -> CallbackRequest:
        session = self._session(attempt)
        if claims == "success" and session.tries and session.tries[-1].val_id:
            return _request(form=self.state.posted(session, session.tries[-1]))
        status = {"success": "VALID", "failed": "FAILED", "cancelled": "CANCELLED"}
        return _request(
            form={
                "tran_id": attempt.reference,
                "status": status[claims],
                "val_id": "FORGED" if claims == "success" else "",
            }
        )

    def _session(self, attempt: Attempt) -> sslcommerz.Session:
        (session,) = self.state.of_tran_id(self.store_id, attempt.reference)
        return session


def bkash_state() -> bkash.BkashState:
    return bkash.BkashState(
        clock=SteppedClock(),
        password="a-password-that-is-secret",
        app_key="an-app-key-that-is-secret",
        app_secret="an-app-secret-that-is-secret",
    )


def a_simulator(name: str) -> Simulator:
    made: dict[str, type[Simulator]] = {
        "bkash": Bkash,
        "nagad": Nagad,
        "sslcommerz": Sslcommerz,
    }
    return made[name]()


@dataclass(slots=True)
class Shop:
    """One gateway of a provider, as the services know it."""

    gateway: Gateway
    simulator: Simulator
    wire: Wire

    def pay(self, attempt: Attempt) -> None:
        """Let the customer pay on the gateway's page."""
        self.simulator.pay(attempt)

    def hint(self, attempt: Attempt, claims: str = "success") -> Any:
        """Return what our web server makes of a browser that comes back."""
        return self.gateway.read_callback(self.simulator.coming_back(attempt, claims))


def a_shop(name: str, database_url: str) -> Shop:
    """Connect a provider to a simulator in this process."""
    simulator = a_simulator(name)
    wire = Wire(httpx.WSGITransport(simulator.app), simulator.telling)
    gateway = gateway_of(
        name,
        simulator.settings("http://127.0.0.1"),
        database_url,
        httpx.Client(transport=wire),
    )
    return Shop(gateway, simulator, wire)


def gateway_of(
    name: str, values: Mapping[str, str], database_url: str, client: httpx.Client
) -> Gateway:
    """Make a gateway of settings as an installation does."""
    settings = {"public_url": PUBLIC_URL, **values}

    def find(setting: str) -> tuple[str, str] | None:
        value = settings.get(setting)
        return None if value is None else (value, f"KHATA_{setting.upper()}")

    tokens = GatewayTokens(database_url, KEY)
    return make_gateways(read_payments(find), tokens, client)[name]


@contextmanager
def served(app: WSGIApplication) -> Iterator[str]:
    """Serve a simulator on loopback, for processes of their own; gives its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def attempt_of(conn: Connection, reference: str) -> Attempt:
    """Return an attempt as it is now."""
    attempt_id = find_by_reference(conn, reference)
    assert attempt_id is not None
    return read_attempt(conn, attempt_id)


def at_address(address: str) -> CallbackRequest:
    """Return what our web server sees when a browser goes to an address."""
    return _request(query=dict(parse_qsl(urlsplit(address).query)))


def _request(
    query: Mapping[str, Any] | None = None, form: Mapping[str, str] | None = None
) -> CallbackRequest:
    return CallbackRequest(
        MappingProxyType(dict(query or {})), MappingProxyType(dict(form or {})), b"", {}
    )
