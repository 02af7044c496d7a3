"""The simulated Nagad's API: what it checks, what it answers.

The words of its refusals are ours: Nagad's are not published.
"""

import ipaddress
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from cryptography.hazmat.primitives import hashes
from flask import Response, jsonify, request

from simulators.gateways.nagad import sealing
from simulators.gateways.nagad.state import DHAKA, NagadState, SimulatedOrder, Status

_SKEW = timedelta(minutes=5)
_CLIENT_TYPES = {"PC_WEB", "MOBILE_WEB", "MOBILE_APP", "WALLET_WEB_VIEW", "BILL_KEY"}
_ORDER_ID = re.compile("[0-9A-Za-z]{1,20}")
_AMOUNT = re.compile(r"[0-9]+\.[0-9]{2}")
_FIREWALL = (
    "<html><head><title>Request Rejected</title></head><body>The requested URL was "
    "rejected. Please consult with your administrator.<br><br>"
    "Your support ID is: 1234567890123456789</body></html>"
)


def initialize(state: NagadState, merchant_id: str, order_id: str) -> Response:
    """Take an order by its number."""
    if (trouble := _trouble(state, order_id)) is not None:
        return trouble
    fields = _read(state, "sensitiveData")
    if isinstance(fields, Response):
        return fields
    if merchant_id != state.merchant_id or fields.get("merchantId") != merchant_id:
        return _refuse("InvalidMerchant", "Merchant is not valid.")
    if fields.get("orderId") != order_id or not _ORDER_ID.fullmatch(order_id):
        return _refuse("InvalidOrderId", "Order id is not valid.")
    if len(fields.get("challenge", "")) < 20:
        return _refuse("InvalidApiRequest", "Challenge is too short.")
    moment = _moment(fields.get("datetime", ""))
    now = state.clock()
    if state.faults.strikes("skewed_clock", order_id):
        now += timedelta(hours=1)
    if (
        moment is None
        or abs(now - moment) > _SKEW
        or _body().get("dateTime") != fields["datetime"]
    ):
        return _refuse(
            "InvalidApiRequest",
            "Please verify provided data and try again. Call 16167 for help.",
        )
    with state.lock:
        if state.has_order(order_id):
            return _refuse("DuplicateOrderId", "Order id was used before.")
        state.challenges.append(fields["challenge"])
        order = state.open(order_id)
    if state.faults.strikes("silent_initialize", order_id):
        state.silence()
    named = order
    if state.faults.strikes("other_order", order_id):
        with state.lock:
            named = state.open(f"{order_id[:-1]}0"[:20])
    return _sealed(
        state,
        order_id,
        {
            "paymentReferenceId": named.payment_id,
            "challenge": named.challenge,
            "acceptDateTime": f"{order.opened_at.astimezone(DHAKA):%Y%m%d%H%M%S}",
        },
    )


def complete(state: NagadState, payment_id: str, page: str) -> Response:
    """Take the amount of an order, and give the customer's page."""
    order = state.find(payment_id)
    names = (payment_id,) if order is None else (payment_id, order.order_id)
    if (trouble := _trouble(state, *names)) is not None:
        return trouble
    if order is None:
        return _refuse("InvalidReferenceId", "Payment reference is not valid.")
    fields = _read(state, "sensitiveData")
    if isinstance(fields, Response):
        return fields
    if (
        fields.get("merchantId") != state.merchant_id
        or fields.get("orderId") != order.order_id
        or fields.get("challenge") != order.challenge
    ):
        return _refuse("InvalidApiRequest", "Challenge, merchant or order is wrong.")
    if fields.get("currencyCode") != "050":
        return _refuse("InvalidCurrency", "Currency is not valid.")
    callback, amount = _body().get("merchantCallbackURL"), fields.get("amount", "")
    if (
        not isinstance(callback, str)
        or not callback.startswith(("http://", "https://"))
        or not _AMOUNT.fullmatch(amount)
        or not Decimal(amount)
        or order.status is not Status.ORDER_INITIATED
    ):
        return _refuse("InvalidPurchaseInformation", "Purchase is not valid.")
    info = _body().get("additionalMerchantInfo")
    with state.lock:
        order.amount, order.callback_url = Decimal(amount), callback
        order.merchant_info = None if info is None else json.dumps(info)
        order.status = Status.READY
    if state.faults.strikes("silent_complete", *names):
        state.silence()
    if state.faults.strikes("plain_page", *names):
        page = "http://pay.example.net/check-out/1"
    return jsonify(callBackUrl=page, status="Success")


def verify(state: NagadState, payment_id: str) -> Response:
    """Tell what became of an order: plain, unsigned, to whoever asks."""
    order = state.find(payment_id)
    names = (payment_id,) if order is None else (payment_id, order.order_id)
    if (trouble := _trouble(state, *names)) is not None:
        return trouble
    if state.faults.strikes("silent_verify", *names):
        state.silence()
    if order is None:
        return _refuse("InvalidReferenceId", "Payment reference is not valid.")
    with state.lock:
        answer = _told(state, order)
    for fault, change in _LIES.items():
        if state.faults.strikes(fault, *names):
            answer |= change
    if state.faults.strikes("short_amount", *names):
        answer["amount"] = _plain(order.amount - 1)
    if state.faults.strikes("number_amount", *names):
        # A JSON number with a fraction, as floats are written.
        return Response(
            json.dumps(answer | {"amount": 0}).replace(
                '"amount": 0', f'"amount": {order.amount:.4f}'
            ),
            mimetype="application/json",
        )
    return jsonify(answer)


_LIES: Mapping[str, Mapping[str, str | None]] = {
    "other_merchant": {"merchantId": "683000000000999"},
    "other_order_verified": {"orderId": "SomebodyElsesOrder00"},
    "reused_issuer_ref": {"issuerPaymentRefNo": "00000001"},
    "no_issuer_ref": {"issuerPaymentRefNo": None},
    "odd_status_code": {"statusCode": "003"},
    "odd_status": {"status": "Sleeping"},
}


def _told(state: NagadState, order: SimulatedOrder) -> dict[str, str | None]:
    paid = order.paid_at is not None
    return {
        "merchantId": state.merchant_id,
        "orderId": order.order_id,
        "paymentRefId": order.payment_id,
        "amount": _plain(order.amount),
        "clientMobileNo": order.payer or None,
        "merchantMobileNo": "01900000000",
        "orderDateTime": _spoken(order.opened_at),
        "issuerPaymentDateTime": _spoken(order.paid_at),
        "issuerPaymentRefNo": order.issuer_ref or None,
        "additionalMerchantInfo": order.merchant_info,
        "status": str(order.status),
        "statusCode": "000" if paid else None,
        "cancelIssuerDateTime": _spoken(order.cancelled_at),
        "cancelIssuerRefNo": order.cancel_ref or None,
    }


def cancel(state: NagadState, payment_id: str, order_id: str) -> Response:
    """Give money back, in part or all of it."""
    if (trouble := _trouble(state, payment_id, order_id)) is not None:
        return trouble
    fields = _read(state, "sensitiveDataCancelRequest")
    if isinstance(fields, Response):
        return fields
    with state.lock:
        order = state.find(payment_id)
        if order is None or order.order_id != order_id or order.paid_at is None:
            return _refuse("InvalidReferenceId", "Payment reference is not valid.")
        refusal = _refund_refusal(state, order, fields)
        if refusal is not None:
            return refusal
        amount = Decimal(fields["cancelAmount"])
        order.given_back += amount
        order.refund_references.add(fields["referenceNo"])
        whole = order.given_back == order.amount
        order.status = Status.CANCELLED if whole else Status.PARTIAL_CANCELLED
        order.cancel_ref, order.cancelled_at = state.next_number(), state.clock()
        answer = {
            "status": str(order.status),
            "code": "000",
            "originalAmount": f"{order.amount:.2f}",
            "cancelAmount": f"{amount:.2f}",
            "cancelTrxId": order.cancel_ref,
        }
    if state.faults.strikes("silent_refund", payment_id, order_id):
        state.silence()
    return _sealed(state, order_id, answer)


def _refund_refusal(
    state: NagadState, order: SimulatedOrder, fields: dict[str, str]
) -> Response | None:
    paid_at = order.paid_at or state.clock()
    asked, original = fields.get("cancelAmount", ""), fields.get("originalAmount", "")
    reference = fields.get("referenceNo", "")
    if (
        fields.get("merchantId") != state.merchant_id
        # Not today's: the day of the payment.
        or fields.get("originalRequestDate") != f"{paid_at.astimezone(DHAKA):%Y%m%d}"
        or not _AMOUNT.fullmatch(original)
        or Decimal(original) != order.amount
        or not reference
    ):
        return _refuse("InvalidApiRequest", "The original request was not found.")
    if reference in order.refund_references:
        return _refuse("InvalidApiRequest", "Reference number was used before.")
    if (
        not _AMOUNT.fullmatch(asked)
        or not 0 < Decimal(asked) <= order.amount - order.given_back
    ):
        return _refuse("InvalidPurchaseInformation", "Amount is not valid.")
    return None


def _trouble(state: NagadState, *names: str) -> Response | None:
    """Let what is armed go wrong before anything happens; check the headers."""
    faults = state.faults
    if faults.strikes("firewall", *names):
        return Response(_FIREWALL, mimetype="text/html")
    if faults.strikes("null", *names):
        return Response("null", mimetype="application/json")
    if faults.strikes("server_error", *names):
        return _refuse("500", "Internal failure", status=500)
    if faults.strikes("system_error", *names):
        return _refuse("9999", "System Error", status=200)
    headers = request.headers
    try:
        address = ipaddress.IPv4Address(headers.get("X-KM-IP-V4", ""))
    except ValueError:
        return _refuse("InvalidApiRequest", "X-KM-IP-V4 is not valid.")
    if (
        address.is_loopback
        or headers.get("X-KM-Api-Version") != "v-0.2.0"
        or headers.get("X-KM-Client-Type") not in _CLIENT_TYPES
    ):
        return _refuse("InvalidApiRequest", "A header is not valid.")
    return None


def _read(state: NagadState, name: str) -> dict[str, str] | Response:
    """Open what the merchant sealed, or say what is wrong with it."""
    body = _body()
    content, signature = body.get(name), body.get("signature")
    if not isinstance(content, str) or not isinstance(signature, str):
        return _refuse("InvalidApiRequest", f"{name} or signature is missing.")
    opened = sealing.opened(state.keys.gateway, content)
    if opened is None:
        return _refuse("DecryptionError", "Sensitive data could not be decrypted.")
    plain, fields = opened
    kind = _hash(state.signature_hash)
    if not sealing.is_signed(state.merchant_public, plain, signature, kind):
        return _refuse("SignatureVerificationFailed", "Signature is not valid.")
    return fields


def _sealed(state: NagadState, order_id: str, fields: dict[str, str]) -> Response:
    plain = json.dumps(fields).encode("ascii")
    faults = state.faults
    name = "SHA1" if faults.strikes("sha1", order_id) else state.signature_hash
    other = faults.strikes("other_key", order_id)
    signer = state.keys.other if other else state.keys.gateway
    said = plain + b" " if faults.strikes("bad_signature", order_id) else plain
    receiver = (
        state.keys.other.public_key()
        if faults.strikes("garbage", order_id)
        else state.merchant_public
    )
    return jsonify(
        sensitiveData=sealing.sealed(receiver, plain),
        signature=sealing.signed(signer, said, _hash(name)),
    )


def _hash(name: str) -> hashes.HashAlgorithm:
    return hashes.SHA1() if name == "SHA1" else hashes.SHA256()  # noqa: S303 - a knob


def _body() -> dict[str, object]:
    body = request.get_json(silent=True)
    return body if isinstance(body, dict) else {}


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=DHAKA)
    except ValueError:
        return None


def _spoken(moment: datetime | None) -> str | None:
    """Tell a time as verify does: Dhaka's, with no zone."""
    if moment is None:
        return None
    return f"{moment.astimezone(UTC).astimezone(DHAKA):%Y-%m-%d %H:%M:%S}.0"


def _plain(amount: Decimal) -> str:
    """Write an amount as verify does: 16, not 16.00."""
    return f"{amount:f}".rstrip("0").rstrip(".") if amount % 1 else f"{amount:.0f}"


def _refuse(reason: str, message: str, *, status: int = 400) -> Response:
    response = jsonify(reason=reason, message=message)
    response.status_code = status
    return response
