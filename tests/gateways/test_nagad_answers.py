"""What Nagad's answers mean, and what is no answer."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from billing_core.gateways.contract import (
    Answer,
    GatewayRefusedError,
    GatewayUnknownError,
    PaidState,
)
from billing_core.gateways.nagad import NagadGateway
from simulators.gateways.nagad import (
    Status,
)
from tests.gateways.nagad_lab import REFERENCE, Lab, a_refund, an_order, asked_about


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("firewall", r"firewall .*support ID 1234567890123456789"),
        ("null", "without a JSON object"),
        ("server_error", "HTTP 500"),
        ("system_error", "System Error"),
    ],
)
@pytest.mark.parametrize("step", ["create", "ask", "refund", "ask_refund"])
def test_what_is_no_answer_is_unknown_at_each_step(
    lab: Lab, fault: str, says: str, step: str
) -> None:
    checkout = lab.paid()
    steps: dict[str, Callable[[], object]] = {
        "create": lambda: lab.create(reference="K7Q2M9X4T1B8W5Z3R6NB"),
        "ask": lambda: lab.ask(checkout),
        "refund": lambda: lab.gateway.refund(a_refund(checkout), now=lab.clock()),
        "ask_refund": lambda: lab.gateway.ask_refund(
            a_refund(checkout), now=lab.clock()
        ),
    }
    lab.state.faults.arm(fault)
    with pytest.raises(GatewayUnknownError, match=says):
        steps[step]()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b"[]"),
        httpx.Response(200, content=b'"Success"'),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, content=b'{"status": "Succ'),
        httpx.Response(200, content=b"\xff\xfe\x00"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"status": None}),
        httpx.Response(200, json={"status": ["Success"]}),
        httpx.Response(302, headers={"location": "https://elsewhere.example/"}),
        httpx.Response(403, text="Forbidden"),
        httpx.Response(404, text="not here"),
        httpx.Response(429, json={"message": "slow down"}),
        httpx.Response(502, text="Bad Gateway"),
        httpx.Response(503, json={"reason": "maintenance"}),
        httpx.Response(400, json={"reason": "30011", "message": "something"}),
        httpx.Response(200, json={"devMessage": "x", "status": "Success"}),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.content[:20]!r}",
)
def test_an_answer_to_verify_that_says_nothing_decides_nothing(
    lab: Lab, answer: httpx.Response
) -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    gateway = NagadGateway(lab.settings(), http)
    with pytest.raises(GatewayUnknownError):
        gateway.ask(asked_about("cmVm"), now=lab.clock())


def test_a_redirect_is_not_followed_to_somebody_elses_answer(lab: Lab) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "127.0.0.1":
            return httpx.Response(302, headers={"location": "https://elsewhere/"})
        return httpx.Response(200, json={"status": "Success"})

    http = httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=True)
    with pytest.raises(GatewayUnknownError, match="HTTP 302"):
        NagadGateway(lab.settings(), http).ask(asked_about("cmVm"), now=lab.clock())


def test_a_verify_that_is_never_answered_can_be_repeated(lab: Lab) -> None:
    checkout = lab.paid()
    lab.state.faults.arm("silent_verify", REFERENCE, times=1)
    with pytest.raises(GatewayUnknownError, match="ReadTimeout"):
        lab.ask(checkout)
    assert lab.ask(checkout).state is PaidState.PAID


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectTimeout("x"),
        httpx.ConnectError("x"),
        httpx.ReadTimeout("x"),
        httpx.RemoteProtocolError("x"),
        httpx.DecodingError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_broken_connection_is_unknown(lab: Lab, error: httpx.HTTPError) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    gateway = NagadGateway(
        lab.settings(), httpx.Client(transport=httpx.MockTransport(fail))
    )
    with pytest.raises(GatewayUnknownError, match=type(error).__name__):
        gateway.ask(asked_about("cmVm"), now=lab.clock())
    with pytest.raises(GatewayUnknownError):
        gateway.create(an_order(), now=lab.clock())


def test_each_call_waits_ten_seconds_to_connect_and_thirty_for_an_answer(
    lab: Lab,
) -> None:
    seen: list[dict[str, float]] = []
    lab.http.event_hooks = {"request": [lambda r: seen.append(r.extensions["timeout"])]}
    checkout = lab.paid()
    lab.ask(checkout)
    lab.gateway.refund(a_refund(checkout), now=lab.clock())
    assert len(seen) == 4
    for limits in seen:
        assert (limits["connect"], limits["read"]) == (10.0, 30.0)


def test_a_reference_that_nagad_does_not_know_is_refused(lab: Lab) -> None:
    with pytest.raises(GatewayRefusedError, match="InvalidReferenceId"):
        lab.gateway.ask(asked_about("bm90aGluZw=="), now=lab.clock())


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("OrderInitiated", PaidState.WAITING),
        ("Ready", PaidState.WAITING),
        ("InProgress", PaidState.WAITING),
        ("TransactionInProgress", PaidState.WAITING),
        ("OtpSent", PaidState.WAITING),
        ("OtpVerified", PaidState.WAITING),
        ("PinGiven", PaidState.WAITING),
        ("Success", PaidState.PAID),
        ("PartialCancelled", PaidState.PAID),
        ("Aborted", PaidState.FAILED),
        ("Cancelled", PaidState.FAILED),
        ("Refunded", PaidState.FAILED),
        ("Failed", PaidState.FAILED),
    ],
)
def test_every_status_has_its_meaning(lab: Lab, status: str, state: PaidState) -> None:
    answer = httpx.Response(
        200,
        json={"status": status, "statusCode": "000", "amount": "1", "orderId": "A"},
    )
    http = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    gateway = NagadGateway(lab.settings(), http)
    assert gateway.ask(asked_about("cmVm"), now=lab.clock()).state is state


@pytest.mark.parametrize(
    ("button", "claims", "status"),
    [("fail", "failed", Status.FAILED), ("abort", "cancelled", Status.ABORTED)],
)
def test_a_customer_who_does_not_pay_has_not_paid(
    lab: Lab, button: str, claims: str, status: Status
) -> None:
    checkout = lab.create()
    assert lab.hint(lab.press(checkout, button)).claims == claims
    answer = lab.ask(checkout)
    assert answer.state is PaidState.FAILED
    assert answer.reason == str(status)
    assert answer.transactions == ()


def test_a_status_that_nobody_knows_decides_nothing(lab: Lab) -> None:
    checkout = lab.paid()
    lab.state.faults.arm("odd_status")
    with pytest.raises(GatewayUnknownError, match="Sleeping"):
        lab.ask(checkout)


@pytest.mark.parametrize(
    ("fault", "flag"),
    [
        ("odd_status_code", "status code '003'"),
        ("no_issuer_ref", "without issuerPaymentRefNo"),
    ],
)
def test_a_success_that_is_not_whole_is_left_to_a_person(
    lab: Lab, fault: str, flag: str
) -> None:
    checkout = lab.paid()
    lab.state.faults.arm(fault)
    answer = lab.ask(checkout)
    assert answer.state is PaidState.PAID
    assert any(flag in text for text in answer.flags)


@pytest.mark.parametrize("amount", [None, "", "many", "-1", "1e3", "NaN", True, [1]])
def test_a_success_without_an_amount_is_left_to_a_person(
    lab: Lab, amount: object
) -> None:
    said = {"status": "Success", "statusCode": "000", "issuerPaymentRefNo": "1"}
    answer = httpx.Response(200, json=said | {"amount": amount})
    http = httpx.Client(transport=httpx.MockTransport(lambda _: answer))
    found = NagadGateway(lab.settings(), http).ask(asked_about("cmVm"), now=lab.clock())
    assert found.amount is None
    assert found.flags == ("Success without an amount",)
    # Named by nothing: compared with our row, each of these differs.
    assert (found.reference, found.payment_id, found.merchant) == ("", "", "")


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("short_amount", lambda answer: answer.amount == Decimal(524)),
        ("other_merchant", lambda answer: answer.merchant == "683000000000999"),
        (
            "other_order_verified",
            lambda answer: answer.reference == "SomebodyElsesOrder00",
        ),
        (
            "reused_issuer_ref",
            lambda answer: answer.transactions[0].value == "00000001",
        ),
    ],
)
def test_what_nagad_says_is_told_not_what_was_hoped(
    lab: Lab, fault: str, check: Callable[[Answer], bool]
) -> None:
    checkout = lab.paid()
    lab.state.faults.arm(fault)
    answer = lab.ask(checkout)
    assert answer.merchant_expected == lab.state.merchant_id
    assert check(answer)


def test_an_amount_in_any_writing_is_the_same_amount_and_never_a_float(
    lab: Lab,
) -> None:
    checkout = lab.paid()
    assert lab.ask(checkout).raw["amount"] == "525"
    assert lab.ask(checkout).amount == Decimal("525.00")
    lab.state.faults.arm("number_amount")
    answer = lab.ask(checkout)
    assert answer.raw["amount"] == "525.0000"
    assert answer.amount == Decimal("525.00")


def test_an_answer_can_be_stored_whatever_stands_in_it(lab: Lab) -> None:
    """jsonb takes neither NUL nor half a surrogate pair."""
    said = (
        rb'{"status":"Ready","orderId":"A\u0000B","x":[{"y":"\ud800z"}],'
        b'"n":1.10,"b":null}'
    )
    http = httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=said))
    )
    answer = NagadGateway(lab.settings(), http).ask(
        asked_about("cmVm"), now=lab.clock()
    )
    assert answer.reference == "AB"
    assert answer.raw == {
        "status": "Ready",
        "orderId": "AB",
        "x": [{"y": "?z"}],
        "n": "1.10",
        "b": None,
    }


def test_times_are_dhakas(lab: Lab) -> None:
    checkout = lab.create()
    lab.clock.forward(hours=13)
    lab.state.pay(checkout.payment_id)
    answer = lab.ask(checkout)
    assert answer.raw["issuerPaymentDateTime"] == "2026-11-25 01:00:00.0"
    assert answer.paid_at == datetime(2026, 11, 24, 19, tzinfo=UTC)
    assert answer.paid_at.tzinfo is UTC
