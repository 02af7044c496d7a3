"""The simulated bKash as a server: over sockets, mounted beside the others."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest

from billing_core.gateways.bkash import BkashGateway, TokensInProcess, read_settings
from billing_core.gateways.contract import Asked, PaidState, RefundState
from simulators.gateways.bkash import BkashState, create_app
from simulators.gateways.common import SteppedClock, notice_page
from simulators.gateways.server import make_gateway_server
from tests.gateways.bkash_shop import REFERENCE, Shop, returning


@pytest.fixture
def served() -> Iterator[tuple[BkashState, str]]:
    """A simulated bKash and its address on loopback."""
    state = BkashState(clock=SteppedClock())
    server = make_gateway_server({"bkash": create_app(state)}, port=0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state, f"http://127.0.0.1:{server.server_port}/bkash"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def gateway_of(state: BkashState, address: str, client: httpx.Client) -> BkashGateway:
    values = {
        "bkash_base_url": f"{address}/v1.2.0-beta",
        "bkash_username": state.username,
        "bkash_password": state.password,
        "bkash_app_key": state.app_key,
        "bkash_app_secret": state.app_secret,
    }
    settings = read_settings(lambda n: (values[n], n) if n in values else None)
    assert settings is not None
    return BkashGateway(settings, client, TokensInProcess())


def test_a_customer_walks_through_it_and_is_refunded(
    served: tuple[BkashState, str],
) -> None:
    state, address = served
    now, order = state.clock(), Shop().order()
    with httpx.Client() as client:
        gateway = gateway_of(state, address, client)
        checkout = gateway.create(order, now=now)
        assert checkout.url.startswith(f"{address}/pay?")
        page = client.get(checkout.url).text
        assert "SIMULATED bKash" in page
        assert "500.00 BDT" in page
        back = client.post(checkout.url, data={"button": "pay"}).headers["Location"]
        hint = gateway.read_callback(returning(back))
        assert hint.payment_id == checkout.payment_id
        asked = Asked(
            REFERENCE,
            checkout.payment_id,
            order.amount,
            "BDT",
            now,
            customer_finished=True,
        )
        answer = gateway.ask(asked, now=now)
        assert answer.state is PaidState.PAID
        refund = gateway.refund(Shop().refund_order(checkout, answer), now=now)
        assert refund.state is RefundState.DONE
    assert state.payment_of(REFERENCE).refundable == Decimal("400.00")


def test_faults_are_armed_from_outside(served: tuple[BkashState, str]) -> None:
    state, address = served
    knobs = f"{address}/simulated/faults"
    with httpx.Client() as client:
        armed = {"fault": "create_503", "payment": REFERENCE, "times": "1"}
        assert client.post(knobs, data=armed).json()["armed"] == [
            {"fault": "create_503", "payment": REFERENCE, "times": 1}
        ]
        assert "execute_times_out" in client.get(knobs).json()["known"]
        assert client.post(knobs, data={"fault": "none such"}).status_code == 404
        assert state.faults.strikes("create_503", REFERENCE)
        assert not state.faults.strikes("create_503", REFERENCE)
        client.post(knobs, data={"fault": "create_503"})
        client.delete(knobs, params={"fault": "create_503"})
    assert not state.faults.strikes("create_503")


@pytest.mark.parametrize(("button", "claims"), [("fail", "failed"), ("cancel", "")])
def test_the_page_fails_cancels_and_refuses_the_rest(
    button: str, claims: str, served: tuple[BkashState, str]
) -> None:
    state, address = served
    with httpx.Client() as client:
        gateway = gateway_of(state, address, client)
        checkout = gateway.create(Shop().order(), now=state.clock())
        back = client.post(checkout.url, data={"button": button}).headers["Location"]
        claim = gateway.read_callback(returning(back)).claims
        assert claim == (claims or "cancelled")
        assert client.post(checkout.url, data={"button": "?"}).status_code == 400
        assert client.get(f"{address}/pay?paymentId=none").status_code == 404
    assert state.payment_of(REFERENCE).state in ("Failed", "Cancelled")


def test_what_a_customer_sees_cannot_break_out_of_the_page() -> None:
    assert "<script>" not in notice_page("bKash", "<script>alert(1)</script>")
    shop = Shop()
    checkout = shop.open(reference='"><script>x')
    assert "<script>" not in shop.browser.get(checkout.url).text
