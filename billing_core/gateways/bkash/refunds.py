"""Refunds at bKash: v2, and v1 for accounts that have no other.

A refund is sent once. bKash keeps no id of ours, so a refund whose answer was lost is
found among those it lists for the payment: by its id if it is known, else by its amount
among those that are not another refund's.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from billing_core.gateways.bkash.answers import Reply, read_amount, read_time
from billing_core.gateways.bkash.client import BkashClient
from billing_core.gateways.bkash.codes import CodeClass, class_of, refuses_refund
from billing_core.gateways.bkash.payments import TRX_ID
from billing_core.gateways.contract import (
    GatewayRefusedError,
    GatewayUnknownError,
    RefundAnswer,
    RefundOrder,
    RefundState,
)

_V1 = "/tokenized/checkout/payment/refund"
_V2 = "/refund/payment/transaction"
_V2_STATUS = "/refund/payment/status"
_TEXT_MAX = 255
_OK, _SERVER_ERROR = 200, 500
_STATES = {
    "Completed": RefundState.DONE,
    "Failed": RefundState.REFUSED,
    "Cancelled": RefundState.REFUSED,
}


def refund(client: BkashClient, order: RefundOrder, *, now: datetime) -> RefundAnswer:
    """Give back some or all of a payment; never sent twice."""
    amount = f"{order.amount:.2f}"
    # bKash demands a SKU and a reason; ours names the refund.
    sku, reason = order.refund_reference[:_TEXT_MAX], order.reason[:_TEXT_MAX]
    if client.settings.refund_url is None:
        body = {"paymentID": order.payment_id, "trxID": _trx_id(order)}
        body |= {"amount": amount, "sku": sku, "reason": reason}
        reply = client.call(_V1, body, now=now)
    else:
        body = {"paymentId": order.payment_id, "trxId": _trx_id(order)}
        body |= {"refundAmount": amount, "sku": sku, "reason": reason}
        reply = client.post(f"{client.settings.refund_url}{_V2}", body, now=now)
    refused = _refusal(reply)
    if refused is not None:
        return refused
    return _answer(reply.fields, reply)


def ask_refund(
    client: BkashClient, order: RefundOrder, *, now: datetime
) -> RefundAnswer:
    """Ask what became of a refund."""
    if client.settings.refund_url is None:
        body = {"paymentID": order.payment_id, "trxID": _trx_id(order)}
        reply = client.call(_V1, body, now=now)
        listed: object = [reply.fields] if reply.is_success else None
    else:
        body = {"paymentId": order.payment_id, "trxId": _trx_id(order)}
        reply = client.post(f"{client.settings.refund_url}{_V2_STATUS}", body, now=now)
        listed = reply.fields.get("refundTransactions")
    if reply.status != _OK or not isinstance(listed, list):
        _raise_config(reply)
        raise GatewayUnknownError(f"bKash does not know: {reply.told()}.")
    ours = _find(listed, order)
    if ours is None:
        reason = "bKash lists no such refund"
        return RefundAnswer(RefundState.PROCESSING, None, None, reason, reply.fields)
    return _answer(ours, reply)


def _find(listed: list[object], order: RefundOrder) -> Mapping[str, object] | None:
    """Find this refund; of several that may be it, the last."""
    refunds = [item for item in listed if isinstance(item, dict) and _id(item)]
    if order.gateway_refund_id is not None:
        ours = [item for item in refunds if _id(item) == order.gateway_refund_id]
    else:
        ours = [
            item
            for item in refunds
            if _id(item) not in order.other_refund_ids and _amount(item) == order.amount
        ]
    return max(reversed(ours), key=_completed, default=None)


def _id(item: Mapping[str, object]) -> str:
    value = item.get("refundTrxId") or item.get("refundTrxID")
    return value if isinstance(value, str) else ""


def _completed(item: Mapping[str, object]) -> datetime:
    told = read_time(str(item.get("completedTime", "")))
    return told or datetime.min.replace(tzinfo=UTC)


def _amount(item: Mapping[str, object]) -> Decimal | None:
    value = item.get("refundAmount", item.get("amount"))
    return read_amount(value) if isinstance(value, str) else None


def _answer(item: Mapping[str, object], reply: Reply) -> RefundAnswer:
    status = item.get("refundTransactionStatus") or item.get("transactionStatus")
    if not _id(item) or not isinstance(status, str):
        raise GatewayUnknownError(f"bKash does not know: {reply.told()}.")
    state = _STATES.get(status, RefundState.PROCESSING)
    reason = "" if state is RefundState.DONE else status
    return RefundAnswer(state, _id(item), _amount(item), reason, reply.fields)


def _refusal(reply: Reply) -> RefundAnswer | None:
    """Tell an answer that says no from one that says nothing."""
    if reply.status == _OK and not _codes(reply):
        return None  # v2 says yes without a code
    if reply.is_success:
        return None
    _raise_config(reply)
    # Refunds v2 refuse with a status of HTTP, v1 with 200.
    if reply.status < _SERVER_ERROR and any(
        refuses_refund(code) for code in _codes(reply)
    ):
        return RefundAnswer(RefundState.REFUSED, None, None, reply.told(), reply.fields)
    raise GatewayUnknownError(f"bKash does not know: {reply.told()}.")


def _codes(reply: Reply) -> list[str]:
    names = ("statusCode", "errorCode", "externalCode", "internalCode")
    return [code for name in names if (code := reply.word(name))]


def _raise_config(reply: Reply) -> None:
    if reply.status < _SERVER_ERROR and any(
        class_of(code) is CodeClass.OURS for code in _codes(reply)
    ):
        raise GatewayRefusedError(
            f"bKash refuses us: {reply.told()}.", code=reply.code, ours=True
        )


def _trx_id(order: RefundOrder) -> str:
    if not order.payment_id:
        raise GatewayRefusedError(
            "This payment came by no checkout, and bKash gives back only what did:"
            " give it back by hand."
        )
    for transaction in order.transactions:
        if transaction.kind == TRX_ID:
            return transaction.value
    raise GatewayRefusedError("This payment has no trxID: bKash cannot give it back.")
