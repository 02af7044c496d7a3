"""The simulated SSLCommerz as a server: it really posts its notifications."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from wsgiref.types import StartResponse, WSGIEnvironment

import httpx
import pytest
from werkzeug.serving import BaseWSGIServer
from werkzeug.wrappers import Request, Response

from billing_core.gateways.contract import Hint, PaidState
from billing_core.gateways.sslcommerz import SslcommerzGateway
from simulators.gateways.common import wall_clock
from simulators.gateways.server import make_gateway_server
from simulators.gateways.sslcommerz import SslcommerzState, create_app, post_ipn
from tests.gateways.sslcommerz_shop import (
    PASSWORD,
    REFERENCE,
    STORE,
    Shop,
    a_callback,
    a_gateway,
    an_order,
)

WAIT_SECONDS = 20


@contextmanager
def serving(server: BaseWSGIServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Walk:
    """A shop and its gateway, each on a socket, and a customer between them."""

    def __init__(self, gateway: SslcommerzGateway, gateway_url: str) -> None:
        self.gateway = gateway
        self.url = gateway_url
        self.heard: queue.Queue[dict[str, str]] = queue.Queue()
        self.checkout_url = ""

    def listen(self, environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        self.heard.put(Request(environ).form.to_dict())
        return list(Response("ok")(environ, start))

    def arm(self, fault: str) -> None:
        self.post("/simulated/faults", fault=fault)

    def post(self, path: str, **form: str) -> httpx.Response:
        answer = httpx.post(self.url + path, data=form, timeout=WAIT_SECONDS)
        return answer.raise_for_status()

    def press(self, button: str) -> str:
        return httpx.post(
            self.checkout_url, data={"button": button}, timeout=WAIT_SECONDS
        ).text

    def next_hint(self) -> Hint:
        form = self.heard.get(timeout=WAIT_SECONDS)
        return self.gateway.read_callback(a_callback(form))


@pytest.fixture
def walk() -> Iterator[Walk]:
    state = SslcommerzState({STORE: PASSWORD}, clock=wall_clock, post=post_ipn)
    simulated = make_gateway_server({"sslcommerz": create_app(state)}, port=0)
    with serving(simulated) as address, httpx.Client() as http:
        base = f"{address}/sslcommerz"
        made = Walk(a_gateway(http, base=base), base)
        with serving(make_gateway_server({"shop": made.listen}, port=0)) as shop:
            order = an_order(
                return_url=f"{shop}/shop/return", notify_url=f"{shop}/shop/notify"
            )
            made.checkout_url = made.gateway.create(order, now=wall_clock()).url
            yield made


def test_the_page_says_that_it_is_simulated_and_what_is_paid(walk: Walk) -> None:
    page = httpx.get(walk.checkout_url).text
    assert "SIMULATED SSLCommerz" in page
    assert "500.00 BDT" in page


def test_the_ipn_is_there_when_the_browser_is_sent_back(walk: Walk) -> None:
    page = walk.press("pay")
    hint = walk.next_hint()
    assert (hint.reference, hint.claims) == (REFERENCE, "success")
    assert hint.signature_is_right
    assert 'action="http://127.0.0.1' in page
    assert "submit()" in page


def test_the_ipn_of_a_customer_who_closed_his_window_arrives(walk: Walk) -> None:
    walk.arm("no_return")
    assert "<form" not in walk.press("pay")
    hint = walk.next_hint()
    asked = Shop().asked(REFERENCE, "500.00", hint_id=hint.transaction_id)
    answer = walk.gateway.ask(asked, now=wall_clock())
    assert (answer.state, answer.amount) == (PaidState.PAID, Decimal("500.00"))


@pytest.mark.parametrize(("fault", "count"), [("ipn_after", 1), ("ipn_twice", 2)])
def test_the_ipn_arrives_late_or_twice(walk: Walk, fault: str, count: int) -> None:
    walk.arm(fault)
    walk.press("pay")
    hints = [walk.next_hint() for _ in range(count)]
    assert all(hint.signature_is_right for hint in hints)


def test_an_ipn_can_be_sent_again_by_hand(walk: Walk) -> None:
    walk.press("pay")
    first = walk.next_hint()
    walk.post("/simulated/ipn", tran_id=REFERENCE)
    assert walk.next_hint() == first


def test_a_forged_ipn_arrives_and_pays_nothing(walk: Walk) -> None:
    walk.post("/simulated/ipn", tran_id=REFERENCE, forged="1", amount="500.00")
    hint = walk.next_hint()
    assert (hint.claims, hint.signature_is_right) == ("success", False)
    asked = Shop().asked(REFERENCE, "500.00", hint_id=hint.transaction_id)
    assert walk.gateway.ask(asked, now=wall_clock()).state is PaidState.WAITING


def test_a_shop_that_does_not_listen_stops_nobody(walk: Walk) -> None:
    walk.post(
        "/simulated/ipn", tran_id=REFERENCE, forged="1", url="http://127.0.0.1:1/"
    )
    walk.press("pay")
    assert walk.next_hint().signature_is_right


@pytest.mark.parametrize(("form", "status"), [({}, 400), ({"tran_id": REFERENCE}, 404)])
def test_an_ipn_of_nothing_is_not_sent(
    walk: Walk, form: dict[str, str], status: int
) -> None:
    answer = httpx.post(f"{walk.url}/simulated/ipn", data=form)
    assert answer.status_code == status


def test_nobody_pays_at_a_session_that_is_not_there(walk: Walk) -> None:
    assert httpx.get(f"{walk.url}/checkout/none").status_code == 404
