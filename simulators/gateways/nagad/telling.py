"""The simulated Nagad tells what became of an order."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from flask import Response, jsonify

from simulators.gateways.nagad.exchange import refuse, trouble
from simulators.gateways.nagad.state import DHAKA, NagadState, SimulatedOrder


def verify(state: NagadState, payment_id: str) -> Response:
    """Tell what became of an order: plain, unsigned, to whoever asks."""
    order = state.find(payment_id)
    names = (payment_id,) if order is None else (payment_id, order.order_id)
    if (wrong := trouble(state, *names)) is not None:
        return wrong
    if state.faults.strikes("silent_verify", *names):
        state.silence()
    if order is None:
        return refuse("InvalidReferenceId", "Payment reference is not valid.")
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


def _spoken(moment: datetime | None) -> str | None:
    """Tell a time as verify does: Dhaka's, with no zone."""
    if moment is None:
        return None
    return f"{moment.astimezone(UTC).astimezone(DHAKA):%Y-%m-%d %H:%M:%S}.0"


def _plain(amount: Decimal) -> str:
    """Write an amount as verify does: 16, not 16.00."""
    return f"{amount:f}".rstrip("0").rstrip(".") if amount % 1 else f"{amount:.0f}"
