"""The simulated Nagad gives money back."""

import re
from decimal import Decimal

from flask import Response

from simulators.gateways.nagad.exchange import read, refuse, sealed, trouble
from simulators.gateways.nagad.state import DHAKA, NagadState, SimulatedOrder, Status

_AMOUNT = re.compile(r"[0-9]+\.[0-9]{2}")


def cancel(state: NagadState, payment_id: str, order_id: str) -> Response:
    """Give money back, in part or all of it."""
    if (wrong := trouble(state, payment_id, order_id)) is not None:
        return wrong
    fields = read(state, "sensitiveDataCancelRequest")
    if isinstance(fields, Response):
        return fields
    with state.lock:
        order = state.find(payment_id)
        if order is None or order.order_id != order_id or order.paid_at is None:
            return refuse("InvalidReferenceId", "Payment reference is not valid.")
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
    return sealed(state, order_id, answer)


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
        return refuse("InvalidApiRequest", "The original request was not found.")
    if reference in order.refund_references:
        return refuse("InvalidApiRequest", "Reference number was used before.")
    if (
        not _AMOUNT.fullmatch(asked)
        or not 0 < Decimal(asked) <= order.amount - order.given_back
    ):
        return refuse("InvalidPurchaseInformation", "Amount is not valid.")
    return None
