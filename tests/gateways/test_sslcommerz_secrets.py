"""The store's password: in no log, no error, no record, although it is in addresses."""

import logging
import threading
import traceback
from collections.abc import Callable, Iterator

import httpx
import pytest

from billing_core.gateways.contract import (
    GatewayError,
    GatewaySettingError,
    GatewayUnknownError,
)
from billing_core.gateways.sslcommerz import (
    PLAIN_NAMES,
    SECRET_NAMES,
    SslcommerzSettings,
    read_settings,
)
from simulators.gateways.server import make_gateway_server
from simulators.gateways.sslcommerz import SslcommerzState, create_app
from tests.gateways.sslcommerz_shop import (
    BASE,
    OTHER_PASSWORD,
    PASSWORD,
    STORE,
    Shop,
    a_gateway,
    a_refund,
    an_order,
)

FAULTS = (
    "create_lost",
    "create_500",
    "create_html",
    "validate_lost",
    "validate_500",
    "validate_html",
    "validate_empty",
    "query_lost",
    "store_inactive",
    "invalid_transaction",
    "refund_lost",
)


def error_of(step: Callable[[], object]) -> GatewayError | None:
    try:
        step()
    except GatewayError as error:
        return error
    return None


def everything_of(error: BaseException) -> str:
    """All that a log, a traceback or a tracing agent may find in an error."""
    told = "".join(traceback.format_exception(error)) + repr(error.__dict__)
    for linked in (error.__cause__, error.__context__):
        if linked is not None:
            told += repr(linked.__dict__) + everything_of(linked)
    return told


@pytest.mark.parametrize("fault", FAULTS)
def test_no_error_and_no_log_line_tells_the_password(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shop = Shop()
    paid = shop.paid()
    shop.state.faults.arm(fault)
    refund = a_refund(paid.transactions)
    steps = (shop.open, shop.ask, lambda: shop.gateway.refund(refund, now=shop.clock()))
    errors = [error for error in map(error_of, steps) if error is not None]
    assert errors
    for error in errors:
        # Chained to httpx's error, it would carry the request wherever it goes.
        assert error.__context__ is None
        assert PASSWORD not in everything_of(error)
        assert "store_passwd" not in everything_of(error)
    assert "HTTP Request: GET https://sslcommerz.test/validator" in caplog.text
    assert PASSWORD not in caplog.text
    assert "store_passwd" not in caplog.text


@pytest.fixture
def served() -> Iterator[str]:
    """The simulator on a real socket."""
    state = SslcommerzState({STORE: PASSWORD})
    server = make_gateway_server({"sslcommerz": create_app(state)}, port=0)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/sslcommerz"
    server.shutdown()
    thread.join()
    server.server_close()


def test_over_a_socket_the_password_arrives_and_is_logged_nowhere(
    served: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shop = Shop()
    with httpx.Client() as http:
        gateway = a_gateway(http, base=served)
        checkout = gateway.create(an_order(), now=shop.clock())
        page = http.post(checkout.url, data={"button": "pay"})
        answer = gateway.ask(
            shop.asked(an_order().reference, "500.00"), now=shop.clock()
        )
    assert page.status_code == 200
    assert answer.state == "paid"
    # Neither by our client nor by the simulated server.
    assert "validationserverAPI.php" in caplog.text
    assert PASSWORD not in caplog.text


def test_the_address_that_was_sent_does_not_print_its_query() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        raise httpx.ConnectError("refused", request=request)

    http = httpx.Client(transport=httpx.MockTransport(answer))
    with pytest.raises(GatewayUnknownError):
        a_gateway(http).ask_by_session("S1")
    (request,) = seen
    # It is sent ...
    assert PASSWORD.encode() in request.url.raw_path
    # ... and not told.
    for shown in (str(request.url), repr(request.url), repr(request)):
        assert PASSWORD not in shown
        assert shown.count("merchantTransIDvalidationAPI.php") == 1


def test_a_redirect_is_not_followed_with_the_password() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"Location": "https://elsewhere.test/"})

    http = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True)
    with pytest.raises(GatewayUnknownError, match="302"):
        a_gateway(http).ask_by_session("S1")
    assert asked == ["sslcommerz.test"]


def test_an_answer_that_repeats_the_password_is_kept_without_it() -> None:
    body = (
        '{"APIConnect": "DONE", "a": "'
        + PASSWORD
        + '", "b": [{"c": "x'
        + PASSWORD
        + '"}],'
        '"card_no": "4111111111111111", "nul": "a\\u0000b", "half": "\\ud800"}'
    )
    http = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, text=body))
    )
    told = a_gateway(http).ask_by_session("S1")
    assert PASSWORD not in str(told)
    assert told["card_no"] == "411111XXXXXX1111"
    assert (told["nul"], told["half"]) == ("ab", "?")


def test_calls_wait_ten_seconds_to_connect_and_thirty_for_an_answer() -> None:
    seen: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(500)

    http = httpx.Client(transport=httpx.MockTransport(answer), timeout=1)
    gateway = a_gateway(http)
    with pytest.raises(GatewayUnknownError):
        gateway.ask_by_session("S1")
    with pytest.raises(GatewayUnknownError):
        gateway.create(an_order(), now=Shop().clock())
    assert seen == [{"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 30.0}] * 2


# --- settings

WHOLE = {
    "sslcommerz_base_url": BASE,
    "sslcommerz_store_id": STORE,
    "sslcommerz_store_password": PASSWORD,
}


def read(**changes: str | None) -> SslcommerzSettings | None:
    values = {name: v for name, v in (WHOLE | changes).items() if v is not None}

    def find(name: str) -> tuple[str, str] | None:
        return (values[name], f"KHATA_{name.upper()}") if name in values else None

    return read_settings(find)


def test_settings_are_read_and_do_not_show_the_password() -> None:
    settings = read(sslcommerz_base_url=f" {BASE}/ ")
    assert settings == SslcommerzSettings(BASE, STORE, PASSWORD)
    assert PASSWORD not in repr(settings)
    assert PASSWORD not in repr(Shop().gateway)
    assert set(WHOLE) == {*PLAIN_NAMES, *SECRET_NAMES}


def test_no_setting_at_all_means_no_gateway() -> None:
    assert read(**dict.fromkeys(WHOLE)) is None


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_setting_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(GatewaySettingError, match=f"KHATA_{name.upper()} is missing"):
        read(**{name: None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sslcommerz_base_url", "http://sandbox.sslcommerz.test"),
        ("sslcommerz_base_url", "sandbox.sslcommerz.test"),
        ("sslcommerz_base_url", "https://"),
        ("sslcommerz_base_url", "https://x.test:99999"),
        ("sslcommerz_base_url", f"https://{STORE}:{PASSWORD}@x.test"),
        ("sslcommerz_base_url", f"https://x.test?store_passwd={PASSWORD}"),
        ("sslcommerz_store_id", "x" * 31),
        ("sslcommerz_store_id", "দোকান"),
        ("sslcommerz_store_password", OTHER_PASSWORD + "\n" + PASSWORD),
    ],
)
def test_a_setting_that_is_wrong_is_named_and_no_secret_with_it(
    name: str, value: str
) -> None:
    with pytest.raises(GatewaySettingError, match=f"KHATA_{name.upper()}") as caught:
        read(**{name: value})
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8090", "localhost", "[::1]:8090"])
def test_a_gateway_on_this_machine_may_be_asked_in_clear(host: str) -> None:
    settings = read(sslcommerz_base_url=f"http://{host}/sslcommerz")
    assert settings is not None
