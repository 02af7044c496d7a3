"""Refunds of the simulated SSLCommerz."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from simulators.gateways.sslcommerz.state import Refund, SslcommerzState

_REF_ID_MAX = 30


def answer_refund(
    state: SslcommerzState, asked: Mapping[str, str]
) -> dict[str, object]:
    """Begin a refund; one that was begun under the same id is only told of."""
    bank_tran_id, own_id = asked["bank_tran_id"], asked.get("refund_trans_id", "")
    with state.lock:
        found = state.paid_try(asked["store_id"], bank_tran_id=bank_tran_id)
        head: dict[str, object] = {
            "APIConnect": "DONE",
            "bank_tran_id": bank_tran_id,
        }
        if found is None:
            return head | {"status": "failed", "errorReason": "Invalid bank_tran_id"}
        head["trans_id"] = found[0].tran_id
        for begun in state.refunds.values():
            if begun.refund_trans_id == own_id:
                return head | {"status": "processing", "refund_ref_id": begun.ref_id}
        paid = Decimal(found[0].form["total_amount"])
        reason = _refusal(state, asked, paid, found[0].tran_id)
        if reason:
            return head | {"status": "failed", "errorReason": reason}
        refund = Refund(
            state.new_id("refund"),
            own_id,
            bank_tran_id,
            Decimal(asked["refund_amount"]),
            state.clock(),
        )
        state.refunds[refund.ref_id] = refund
    if state.faults.strikes("refund_lost", found[0].tran_id):
        state.silence()
    return head | {
        "status": "success",
        "refund_ref_id": refund.ref_id,
        "errorReason": "",
    }


def _refusal(
    state: SslcommerzState, asked: Mapping[str, str], paid: Decimal, tran_id: str
) -> str:
    # Mandatory since 2025-02-24; older clients do not send it.
    own_id = asked.get("refund_trans_id", "")
    if not 0 < len(own_id) <= _REF_ID_MAX:
        return "refund_trans_id is missing or too long"
    if not asked.get("refund_remarks"):
        return "refund_remarks is missing"
    try:
        amount = Decimal(asked.get("refund_amount", ""))
    except InvalidOperation:
        return "refund_amount is no amount"
    given_back = sum(
        one.amount
        for one in state.refunds.values()
        if one.bank_tran_id == asked["bank_tran_id"]
    )
    if not 0 < amount <= paid - given_back:
        return "refund_amount is more than what is left of the payment"
    if state.faults.strikes("refund_failed", tran_id):
        return "Refund is not possible now"
    return ""


def answer_refund_status(state: SslcommerzState, ref_id: str) -> dict[str, object]:
    """Tell how far a refund is."""
    refund = state.refunds.get(ref_id)
    if refund is None:
        return {"APIConnect": "DONE", "errorReason": "Invalid refund_ref_id"}
    status = "refunded"
    for fault, said in (
        ("refund_processing", "processing"),
        ("refund_cancelled", "cancelled"),
    ):
        if state.faults.strikes(fault, refund.refund_trans_id, refund.bank_tran_id):
            status = said
    return {
        "APIConnect": "DONE",
        "bank_tran_id": refund.bank_tran_id,
        "tran_id": refund.refund_trans_id,
        "refund_ref_id": ref_id,
        "initiated_on": state.civil(refund.at),
        "refunded_on": state.civil(state.clock()) if status == "refunded" else "",
        "status": status,
        "errorReason": "",
    }
