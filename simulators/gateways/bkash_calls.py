"""The calls of the *simulated* bKash: create, execute, query, search, refunds."""

import json
import re
from datetime import timedelta
from decimal import Decimal

from flask import Response, jsonify, request

from simulators.gateways.bkash_answers import (
    created,
    executed,
    queried,
    refunded_v1,
    refunded_v2,
    refunds_v2,
    searched,
)
from simulators.gateways.bkash_state import (
    WALLET_WITH_DEBIT_BLOCK,
    WALLET_WITHOUT_MONEY,
    BkashState,
    Payment,
)

Body = dict[str, object]
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,2})?")
_REFUNDS_MAX = 10
_TEXTS = {
    "2001": "Invalid App Key",
    "2002": "Invalid Payment ID",
    "2006": "Invalid Amount",
    "2007": "Invalid Currency",
    "2008": "Invalid Intent",
    "2023": "Insufficient Balance",
    "2031": "Invalid merchant invoice number",
    "2033": "Transaction not found",
    "2037": "The debit party is not in a state to do this",
    "2048": "Invalid Payer Reference",
    "2049": "Invalid Merchant Callback URL",
    "2056": "Invalid Payment State",
    "2060": "The execution prerequisite is not met",
    "2062": "The payment has already been completed",
    "2063": "Invalid Mode",
    "2065": "Mandatory field is missing",
    "2069": "The transaction has already been cancelled",
    "2071": "The transaction is not refundable after the allowed days",
    "2072": "The refund amount is not valid",
    "2073": "SKU is missing",
    "2077": "trxID is not valid",
    "2078": "Reason is missing",
    "2117": "The payment execution has already been done",
    "503": "System is undergoing maintenance. Please try again later",
    "9999": "System Error",
}


def create(state: BkashState, body: Body) -> Response:
    """Open a checkout."""
    code = _why_no_checkout(body)
    if code:
        return answer_code(code)
    names = ("merchantInvoiceNumber", "payerReference", "amount", "callbackURL")
    order = {name: str(body[name]) for name in names}
    if state.faults.strikes("create_503", order["merchantInvoiceNumber"]):
        return answer_code("503")
    payment = state.open(order)
    if _strikes(state, "create_times_out", payment):
        return _silence(state)
    if _strikes(state, "create_says_other_amount", payment):
        payment.amount += 1
    return jsonify(created(payment, f"{request.url_root}pay"))


def _why_no_checkout(body: Body) -> str:
    """Name the code that refuses an order; "" = it is taken."""
    needed = ("mode", "payerReference", "callbackURL", "amount", "currency", "intent")
    if any(body.get(name) in (None, "") for name in needed):
        return "2065"
    amount, payer = body["amount"], body["payerReference"]
    if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount):
        return "2006"
    rules = {
        "2006": Decimal(amount) >= 1,
        "2007": body["currency"] == "BDT",
        "2008": body["intent"] == "sale",
        "2031": 0 < len(str(body.get("merchantInvoiceNumber", ""))) <= 255,
        "2048": isinstance(payer, str) and len(payer) <= 255,
        "2049": str(body["callbackURL"]).startswith(("https://", "http://127.0.0.1")),
        "2063": body["mode"] == "0011",
    }
    return next((code for code, is_kept in rules.items() if not is_kept), "")


def execute(state: BkashState, body: Body) -> Response:
    """Capture what the customer confirmed."""
    payment = state.payments.get(str(body.get("paymentID")))
    if payment is None:
        return answer_code("2002")
    if _strikes(state, "execute_never_arrives", payment):
        return _silence(state)
    if _strikes(state, "execute_9999", payment):
        return answer_code("9999")
    with state.lock:
        code = _why_not_executed(state, payment)
        if not code:
            state.capture(payment)
    if code:
        return answer_code(code)
    return _lost_answer(state, payment) or jsonify(executed(state, payment))


def _why_not_executed(state: BkashState, payment: Payment) -> str:
    """Name the code that refuses to capture; "" = the money moves."""
    if payment.state == "Completed":
        for code in ("2117", "2056"):
            if _strikes(state, f"second_execute_{code}", payment):
                return code
        return "2062"
    if payment.state == "Confirmed" and payment.wallet == WALLET_WITHOUT_MONEY:
        payment.state = "Failed"
        return "2023"
    if payment.state == "Confirmed" and payment.wallet == WALLET_WITH_DEBIT_BLOCK:
        payment.state = "Failed"
        return "2037"
    return {"Initiated": "2060", "Cancelled": "2069", "Failed": "2056"}.get(
        payment.state, ""
    )


def _lost_answer(state: BkashState, payment: Payment) -> Response | None:
    """Give what comes instead of the answer to a capture that was done."""
    if _strikes(state, "execute_times_out", payment):
        return _silence(state)
    if _strikes(state, "execute_504", payment):
        return answer_message(504, "Endpoint request timed out")
    if _strikes(state, "execute_empty", payment):
        return Response("", 200)
    if _strikes(state, "execute_html", payment):
        return Response("<html><body>Bad Gateway</body></html>", 200)
    if _strikes(state, "execute_9999_captured", payment):
        return answer_code("9999")
    if _strikes(state, "execute_error_shape", payment):
        return jsonify(errorCode="503", errorMessage=_TEXTS["503"])
    return None


def query(state: BkashState, body: Body) -> Response:
    """Tell the state of a payment."""
    payment = state.payments.get(str(body.get("paymentID")))
    if payment is None:
        return answer_code("2002")
    if _strikes(state, "query_times_out", payment):
        return _silence(state)
    if _strikes(state, "query_9999", payment):
        return answer_code("9999")
    return jsonify(queried(state, payment))


def search(state: BkashState, body: Body) -> Response:
    """Tell what a trxID is."""
    for payment in state.payments.values():
        for refund in payment.refunds:
            if refund.trx_id == body.get("trxID"):
                return jsonify(searched(state, payment, refund))
        if payment.trx_id and payment.trx_id == body.get("trxID"):
            return jsonify(searched(state, payment, None))
    return answer_code("2033")


def refund_v1(state: BkashState, body: Body) -> Response:
    """Give money back, or tell how far that is."""
    payment = state.payments.get(str(body.get("paymentID")))
    if "amount" not in body:  # the same address tells how far a refund is
        if payment is None or not payment.refunds:
            return answer_code("2033")
        return jsonify(refunded_v1(payment, payment.refunds[-1]))
    code = _why_no_refund(state, payment, body.get("trxID"), body, "amount")
    if code or payment is None:
        return answer_code(code)
    refund = state.give_back(
        payment, Decimal(str(body["amount"])), str(body["sku"]), str(body["reason"])
    )
    if _strikes(state, "refund_times_out", payment):
        return _silence(state)
    return jsonify(refunded_v1(payment, refund))


def refund_v2(state: BkashState, body: Body) -> Response:
    """Give money back."""
    payment = state.payments.get(str(body.get("paymentId")))
    code = _why_no_refund(state, payment, body.get("trxId"), body, "refundAmount")
    if code or payment is None:
        return _code_v2(code)
    amount = Decimal(str(body["refundAmount"]))
    refund = state.give_back(payment, amount, str(body["sku"]), str(body["reason"]))
    if _strikes(state, "refund_times_out", payment):
        return _silence(state)
    return jsonify(refunded_v2(payment, refund))


def refund_status_v2(state: BkashState, body: Body) -> Response:
    """Tell what went back of a payment."""
    payment = state.payments.get(str(body.get("paymentId")))
    if payment is None or payment.trx_id != body.get("trxId"):
        return _code_v2("2077")
    return jsonify(refunds_v2(payment))


def _why_no_refund(
    state: BkashState, payment: Payment | None, trx_id: object, body: Body, name: str
) -> str:
    if payment is None or not payment.trx_id or payment.trx_id != trx_id:
        return "2077"
    amount = body.get(name)
    if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount):
        return "2072"
    if not 0 < Decimal(amount) <= payment.refundable:
        return "2072"
    if len(payment.refunds) >= _REFUNDS_MAX:
        return "2072"
    if not body.get("sku"):
        return "2073"
    if not body.get("reason"):
        return "2078"
    paid_at = payment.executed_at or payment.created_at
    too_old = state.clock() - paid_at > timedelta(days=state.refund_days)
    return "2071" if too_old else ""


def _strikes(state: BkashState, fault: str, payment: Payment) -> bool:
    return state.faults.strikes(fault, payment.invoice, payment.payment_id)


def _silence(state: BkashState) -> Response:
    state.silence()
    return answer_message(504, "Endpoint request timed out")


def answer_code(code: str) -> Response:
    """Answer with one of bKash's codes, at HTTP 200."""
    return jsonify(statusCode=code, statusMessage=_TEXTS[code])


def _code_v2(code: str) -> Response:
    body = {
        "internalCode": f"refund_{code}",
        "externalCode": code,
        "errorMessageEn": _TEXTS[code],
        "errorMessageBn": "সিমুলেটেড",
    }
    return Response(json.dumps(body), 400, mimetype="application/json")


def answer_message(status: int, text: str) -> Response:
    """Answer as the gateway in front of bKash does."""
    return Response(json.dumps({"message": text}), status, mimetype="application/json")
