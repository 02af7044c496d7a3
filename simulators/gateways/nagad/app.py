"""The simulated Nagad's addresses: its API and the page where a customer pays."""

from urllib.parse import quote, urlencode

from flask import Flask, Response, abort, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from simulators.gateways.common import customer_page, new_app, notice_page
from simulators.gateways.nagad import orders, refunds, telling
from simulators.gateways.nagad.state import NagadState, SimulatedOrder, Status

_API = "/api/dfs"
_ENDED = {"fail": Status.FAILED, "abort": Status.ABORTED, "cancel": Status.CANCELLED}


def create_app(state: NagadState) -> Flask:
    """Make the app of one simulated merchant account."""
    app = new_app("simulated-nagad", state.faults)
    _add_api(app, state)
    _add_page(app, state)
    return app


def _add_api(app: Flask, state: NagadState) -> None:
    @app.before_request
    def note() -> None:
        if request.path.startswith(_API):
            state.requests.append(
                (request.method, request.path, dict(request.headers.items()))
            )

    @app.post(f"{_API}/check-out/initialize/<merchant_id>/<order_id>")
    def initialize(merchant_id: str, order_id: str) -> Response:
        return orders.initialize(state, merchant_id, order_id)

    @app.post(f"{_API}/check-out/complete/<path:payment_id>")
    def complete(payment_id: str) -> Response:
        page = f"{request.root_url}check-out/{quote(payment_id, safe='')}"
        return orders.complete(state, payment_id, page)

    @app.get(f"{_API}/verify/payment/<path:payment_id>")
    def verify(payment_id: str) -> Response:
        return telling.verify(state, payment_id)

    @app.post(f"{_API}/purchase/cancel")
    def cancel() -> Response:
        return refunds.cancel(
            state, request.args.get("paymentRefId", ""), request.args.get("orderId", "")
        )

    @app.get("/simulated/settings")
    def settings() -> Response:
        return jsonify(state.settings(f"{request.root_url.rstrip('/')}{_API}"))


def _add_page(app: Flask, state: NagadState) -> None:
    def find(payment_id: str) -> SimulatedOrder:
        order = state.find(payment_id)
        if order is None or order.status is Status.ORDER_INITIATED:
            abort(Response(notice_page("Nagad", "No such order."), 404))
        return order

    @app.get("/check-out/<path:payment_id>")
    def show(payment_id: str) -> str:
        order = find(payment_id)
        if not order.can_be_paid:
            return notice_page("Nagad", f"This order is {order.status}.")
        order.status = Status.IN_PROGRESS
        return customer_page(
            "Nagad",
            facts=[
                ("Merchant", state.merchant_id),
                ("Order", order.order_id),
                ("Amount", f"BDT {order.amount}"),
            ],
            fields=[("payer", "Nagad account", "01700000001")],
            buttons=[("pay", "Pay"), ("fail", "Wrong PIN"), ("abort", "Give up")],
        )

    @app.post("/check-out/<path:payment_id>")
    def choose(payment_id: str) -> AnyResponse:
        order = find(payment_id)
        button = request.form.get("button", "")
        names = (order.order_id, payment_id)
        if button == "pay" and not state.faults.strikes("success_unpaid", *names):
            state.pay(payment_id, payer=request.form.get("payer") or "01700000001")
        elif button in _ENDED:
            state.end(payment_id, _ENDED[button])
        elif button != "pay":
            abort(400)
        if state.faults.strikes("no_callback", *names):
            return Response(notice_page("Nagad", "You may close this page."))
        says = Status.SUCCESS if button == "pay" else order.status
        return redirect(callback_url(state, order, says), 302)


def callback_url(state: NagadState, order: SimulatedOrder, says: Status) -> str:
    """Make the address that the customer's browser is sent back to."""
    names = (order.order_id, order.payment_id)
    if state.faults.strikes("failure_after_success", *names):
        says = Status.FAILED
    succeeded = says is Status.SUCCESS
    fields = {
        "merchant": state.merchant_id,
        "order_id": order.order_id,
        "payment_ref_id": order.payment_id,
        "status": str(says),
        "status_code": "00_0000_000" if succeeded else "02_0002_002",
        "message": "Successful Transaction" if succeeded else "Not paid",
    }
    if succeeded and order.issuer_ref:
        fields["issuer_payment_ref"] = order.issuer_ref
    if state.faults.strikes("shuffled_callback", *names):
        fields = dict(reversed(fields.items()))
    if state.faults.strikes("bare_callback", *names):
        query = "&".join(
            f"{name}={value.replace(' ', '%20')}" for name, value in fields.items()
        )
    else:
        query = urlencode(fields)
    joint = "&" if "?" in order.callback_url else "?"
    return f"{order.callback_url}{joint}{query}"
