"""A *simulated* bKash: Tokenized Checkout v1.2.0-beta and refunds v2 over HTTP.

state = BkashState(clock=SteppedClock())
client = httpx.Client(transport=httpx.WSGITransport(create_app(state)))
...                                  # base_url: http://127.0.0.1/v1.2.0-beta
for address in state.customer_pays(reference):
    ...                              # what the browser is sent to
"""

import re
from collections.abc import Callable

from flask import Flask, Response, abort, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from simulators.gateways import bkash_calls as calls
from simulators.gateways.bkash_calls import Body, answer_code, answer_message
from simulators.gateways.bkash_state import (
    FAULTS,
    WALLET,
    WALLET_WITH_DEBIT_BLOCK,
    WALLET_WITHOUT_MONEY,
    BkashState,
)
from simulators.gateways.bkash_state import Payment as BkashPayment
from simulators.gateways.common import customer_page, leading_page, new_app, notice_page

__all__ = [
    "FAULTS",
    "WALLET",
    "WALLET_WITHOUT_MONEY",
    "WALLET_WITH_DEBIT_BLOCK",
    "BkashPayment",
    "BkashState",
    "create_app",
]
Call = Callable[[BkashState, Body], Response]


def create_app(state: BkashState) -> Flask:
    """Make the WSGI app of one simulated bKash."""
    app = new_app("simulated_bkash", state.faults)
    base = "/v1.2.0-beta/tokenized/checkout"
    for path, call in {
        "/create": calls.create,
        "/execute": calls.execute,
        "/payment/status": calls.query,
        "/general/searchTransaction": calls.search,
        "/payment/refund": calls.refund_v1,
    }.items():
        _mount(app, state, base + path, call)
    v2 = "/v2/tokenized-checkout/refund/payment"
    _mount(app, state, f"{v2}/transaction", calls.refund_v2)
    _mount(app, state, f"{v2}/status", calls.refund_status_v2)

    @app.post(f"{base}/token/grant")
    def grant() -> Response:
        return _grant(state)

    @app.post(f"{base}/token/refresh")
    def refresh() -> Response:
        return _refresh(state)

    @app.route("/pay", methods=["GET", "POST"])
    def pay() -> AnyResponse:
        return _pay(state)

    return app


def _mount(app: Flask, state: BkashState, path: str, call: Call) -> None:
    name = call.__name__

    def view() -> Response:
        with state.lock:
            state.calls[name] += 1
            unauthorized = _why_unauthorized(state)
        if unauthorized is not None:
            return unauthorized
        body = request.get_json(silent=True)
        if not isinstance(body, dict):
            return answer_code("2065")
        return call(state, body)

    app.add_url_rule(path, name, view, methods=["POST"])


def _why_unauthorized(state: BkashState) -> Response | None:
    token = request.headers.get("Authorization", "")
    for scheme in (
        ("Bearer ", "") if state.auth_scheme is None else (state.auth_scheme,)
    ):
        if token.startswith(scheme) and token.removeprefix(scheme) in state.tokens:
            token = token.removeprefix(scheme)
            break
    else:
        return answer_message(401, "Unauthorized")
    if state.faults.strikes("unauthorized") or state.clock() >= state.tokens[token]:
        return answer_message(401, "The incoming token has expired")
    if request.headers.get("X-APP-Key") != state.app_key:
        return answer_message(403, "Forbidden")
    return None


def _grant(state: BkashState) -> Response:
    with state.lock:
        state.calls["grant"] += 1
        refused = _why_no_token(state)
        if refused is not None:
            return refused
        state.grants.append(state.clock())
        return _token(state, gives_refresh_token=True)


def _refresh(state: BkashState) -> Response:
    with state.lock:
        state.calls["refresh"] += 1
        refused = _why_no_token(state)
        if refused is not None:
            return refused
        token = str((request.get_json(silent=True) or {}).get("refresh_token"))
        if token not in state.refresh_tokens or state.faults.strikes("refresh_fails"):
            return answer_code("9999")
        keeps = state.faults.strikes("refresh_keeps_its_token")
        if not keeps:
            state.refresh_tokens.discard(token)
        return _token(state, gives_refresh_token=not keeps)


def _why_no_token(state: BkashState) -> Response | None:
    missing = [name for name in ("password", "username") if name not in request.headers]
    if missing:
        names = ", ".join(missing)
        return answer_message(400, f"Missing required request parameters: [{names}]")
    body = request.get_json(silent=True) or {}
    theirs = {
        **{name: request.headers[name] for name in ("username", "password")},
        **{name: body.get(name) for name in ("app_key", "app_secret")},
    }
    is_ours = all(value == getattr(state, name) for name, value in theirs.items())
    return None if is_ours else answer_code("2001")


def _token(state: BkashState, *, gives_refresh_token: bool) -> Response:
    token, refresh_token = state.new_token()
    seconds: object = state.token_seconds
    if state.faults.strikes("expires_in_text"):
        seconds = str(seconds)
    answer = {
        "statusCode": "0000",
        "statusMessage": "Successful",
        "id_token": token,
        "token_type": "Bearer",
        "expires_in": seconds,
    }
    return jsonify(
        answer | ({"refresh_token": refresh_token} if gives_refresh_token else {})
    )


def _pay(state: BkashState) -> AnyResponse:
    payment = state.payments.get(request.args.get("paymentId", ""))
    if payment is None:
        abort(Response(notice_page("bKash", "There is no such payment."), 404))
    if request.method == "GET":
        return Response(_page(payment))
    act = {
        "pay": lambda: state.customer_pays(
            payment.payment_id, request.form.get("wallet", WALLET)
        ),
        "fail": lambda: state.customer_fails(payment.payment_id),
        "cancel": lambda: state.customer_cancels(payment.payment_id),
    }.get(request.form.get("button", ""))
    if act is None:
        abort(400)
    addresses = act()
    if not addresses:
        return Response(notice_page("bKash", "The browser was closed here."))
    if len(addresses) == 1:
        return redirect(addresses[0], 303)
    return Response(leading_page("bKash", addresses))


def _page(payment: BkashPayment) -> str:
    is_number = re.fullmatch(r"01\d{9}", payment.payer_reference)
    return customer_page(
        "bKash",
        facts=[
            ("Amount", f"{payment.amount:.2f} BDT"),
            ("Invoice", payment.invoice),
        ],
        fields=[("wallet", "Wallet", payment.payer_reference if is_number else WALLET)],
        buttons=[
            ("pay", "Confirm with PIN"),
            ("fail", "Wrong PIN, too often"),
            ("cancel", "Cancel"),
        ],
    )
