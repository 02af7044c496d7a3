"""What the *simulated* bKash answers, field by field."""

import secrets
from urllib.parse import urlencode

from simulators.gateways.bkash_state import (
    BkashState,
    Payment,
    Refund,
    as_bkash_writes,
)

Answer = dict[str, object]
_OK: Answer = {"statusCode": "0000", "statusMessage": "Successful"}


def created(payment: Payment, page: str) -> Answer:
    """Answer create."""
    query = {
        "paymentId": payment.payment_id,
        "hash": secrets.token_hex(16),
        "mode": "0011",
        "apiVersion": "v1.2.0-beta",
    }
    joint = "&" if "?" in payment.callback_url else "?"
    back = f"{payment.callback_url}{joint}paymentID={payment.payment_id}&status="
    return {
        **_OK,
        "paymentID": payment.payment_id,
        "bkashURL": f"{page}?{urlencode(query)}",
        "callbackURL": payment.callback_url,
        "successCallbackURL": f"{back}success",
        "failureCallbackURL": f"{back}failure",
        "cancelledCallbackURL": f"{back}cancel",
        "amount": f"{payment.amount.normalize():f}",
        "intent": "sale",
        "currency": "BDT",
        "paymentCreateTime": as_bkash_writes(payment.created_at),
        "transactionStatus": "Initiated",
        "merchantInvoiceNumber": payment.invoice,
    }


def executed(state: BkashState, payment: Payment) -> Answer:
    """Answer execute, once the money moved."""
    answer = {
        **_OK,
        **_of(state, payment),
        "customerMsisdn": payment.wallet,
        "trxID": _trx_id(state, payment),
        "transactionStatus": "Completed",
        "paymentExecuteTime": as_bkash_writes(payment.executed_at or state.clock()),
        "merchantInvoiceNumber": _invoice(state, payment),
    }
    if _strikes(state, "execute_authorized", payment):
        answer["transactionStatus"] = "Authorized"
    return answer


def queried(state: BkashState, payment: Payment) -> Answer:
    """Answer the query of a payment's state."""
    user_spelling = _strikes(state, "query_user_spelling", payment)
    invoice = "merchantInvoiceNumber" if user_spelling else "merchantInvoice"
    verified = "userVerificationStatus" if user_spelling else "verificationStatus"
    is_verified = payment.state in ("Confirmed", "Completed")
    answer = {
        **_OK,
        **_of(state, payment),
        "mode": "0011",
        "paymentCreateTime": as_bkash_writes(payment.created_at),
        "transactionStatus": "Initiated",
        invoice: _invoice(state, payment),
        verified: "Complete" if is_verified else "Incomplete",
    }
    if _strikes(state, "query_without_verification", payment):
        del answer[verified]
    if payment.state == "Completed" and payment.executed_at is not None:
        answer |= {
            "transactionStatus": "Completed",
            "trxID": _trx_id(state, payment),
            "paymentExecuteTime": as_bkash_writes(payment.executed_at),
        }
    return answer


def searched(state: BkashState, payment: Payment, refund: Refund | None) -> Answer:
    """Answer the search for a trxID: of a payment, or of money that went back."""
    at = as_bkash_writes(payment.executed_at or payment.created_at)
    found: Answer = {
        **_OK,
        "trxID": payment.trx_id,
        "transactionStatus": "Completed",
        "transactionType": "bKash Tokenized Checkout via API",
        "amount": f"{payment.amount:.2f}",
        "currency": "BDT",
        "customerMsisdn": payment.wallet,
        "organizationShortCode": state.short_code,
        "initiationTime": at,
        "completedTime": at,
        "serviceFee": "0.00",
        "creditedAmount": f"{payment.amount:.2f}",
        "maxRefundableAmount": f"{payment.refundable:.2f}",
    }
    if refund is not None:
        found |= {
            "trxID": refund.trx_id,
            "transactionType": "Merchant Refund",
            "amount": f"{refund.amount:.2f}",
            "originalTrxAmount": f"{payment.amount:.2f}",
        }
        del found["maxRefundableAmount"], found["creditedAmount"]
    return found


def refunded_v1(payment: Payment, refund: Refund) -> Answer:
    """Answer a refund v1."""
    return {
        **_OK,
        "originalTrxID": payment.trx_id,
        "refundTrxID": refund.trx_id,
        "transactionStatus": _progress(refund),
        "amount": f"{refund.amount:.2f}",
        "currency": "BDT",
        "charge": "0.00",
        "completedTime": as_bkash_writes(refund.at),
    }


def refunded_v2(payment: Payment, refund: Refund) -> Answer:
    """Answer a refund v2."""
    return {
        "originalTrxId": payment.trx_id,
        "refundTrxId": refund.trx_id,
        "refundTransactionStatus": _progress(refund),
        "originalTrxAmount": f"{payment.amount:.2f}",
        "refundAmount": f"{refund.amount:.2f}",
        "currency": "BDT",
        "completedTime": as_bkash_writes(refund.at),
        "sku": refund.sku,
        "reason": refund.reason,
    }


def refunds_v2(payment: Payment) -> Answer:
    """Answer what became of a payment's refunds."""
    return {
        "originalTrxId": payment.trx_id,
        "originalTrxAmount": f"{payment.amount:.2f}",
        "originalTrxCompletedTime": as_bkash_writes(
            payment.executed_at or payment.created_at
        ),
        "refundTransactions": [
            {
                "refundTrxId": refund.trx_id,
                "refundTransactionStatus": _progress(refund),
                "refundAmount": f"{refund.amount:.2f}",
                "completedTime": as_bkash_writes(refund.at),
            }
            for refund in payment.refunds
        ],
    }


def _of(state: BkashState, payment: Payment) -> Answer:
    amount: object = f"{payment.amount.normalize():f}"
    if _strikes(state, "other_amount", payment):
        amount = f"{payment.amount - 1:.2f}"
    if _strikes(state, "numbers_as_json", payment):
        amount = float(payment.amount)
    answer: Answer = {
        "paymentID": payment.payment_id,
        "payerReference": payment.payer_reference,
        "amount": amount,
        "currency": "BDT",
        "intent": "sale",
    }
    if _strikes(state, "other_currency", payment):
        answer["currency"] = "USD"
    if _strikes(state, "other_payment", payment):
        answer["paymentID"] = "TR0011OTHER0000000000"
    if _strikes(state, "no_amount", payment):
        del answer["amount"]
    return answer


def _trx_id(state: BkashState, payment: Payment) -> str:
    if _strikes(state, "trx_id_missing", payment):
        return ""
    if _strikes(state, "trx_id_reused", payment):
        earlier = [p.trx_id for p in state.payments.values() if p.trx_id]
        return earlier[0]
    return payment.trx_id


def _invoice(state: BkashState, payment: Payment) -> str:
    changed = _strikes(state, "other_invoice", payment)
    return "ANOTHERINVOICE000000" if changed else payment.invoice


def _progress(refund: Refund) -> str:
    return "Completed" if refund.is_completed else "Processing"


def _strikes(state: BkashState, fault: str, payment: Payment) -> bool:
    return state.faults.strikes(fault, payment.invoice, payment.payment_id)
