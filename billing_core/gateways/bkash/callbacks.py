"""What a browser coming back, or an SNS message, claims about a payment."""

import re
from collections.abc import Mapping

from billing_core.gateways.bkash.answers import read_amount, read_notice_time
from billing_core.gateways.bkash.payments import COMPLETED, TRX_ID
from billing_core.gateways.bkash.sns import SnsMessage
from billing_core.gateways.contract import (
    Answer,
    CallbackRequest,
    Hint,
    PaidState,
    TransactionId,
)

#: What the hint of a subscription's confirmation claims.
SUBSCRIPTION = "subscription"

_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CLAIMS = {"success": "success", "failure": "failed", "cancel": "cancelled"}
_SNS_HEADER = "x-amz-sns-message-type"


def is_from_sns(request: CallbackRequest) -> bool:
    """Tell whether it is a message of Amazon SNS, true or false."""
    return any(name.lower() == _SNS_HEADER for name in request.headers)


def hint_of_return(request: CallbackRequest) -> Hint:
    """Read ?paymentID=…&status=…; ``signature`` has no public rule and is ignored."""
    return Hint(
        reference=None,
        payment_id=_id(request.query.get("paymentID", "")),
        claims=_CLAIMS.get(request.query.get("status", ""), ""),
    )


def hint_of_webhook(message: SnsMessage | None, short_code: str | None) -> Hint:
    """Read a notice of bKash: it tells of every payment to the wallet.

    Also of those that were made in bKash's app, by QR code or USSD: they name no
    checkout.
    """
    if message is None:
        return Hint(None, None, "", signature_is_right=False)
    if message.is_confirmation:
        return Hint(None, None, SUBSCRIPTION, signature_is_right=True)
    notice = message.notice
    return Hint(
        reference=_id(notice.get("merchantInvoiceNumber", "")),
        payment_id=None,
        claims="success" if notice.get("transactionStatus") == COMPLETED else "",
        transaction_id=_id(notice.get("trxID", "")),
        signature_is_right=True,
        money=_money(notice, short_code),
    )


def _money(notice: Mapping[str, str], short_code: str | None) -> Answer | None:
    """Read what a notice tells of money that moved; None = it tells of none."""
    trx_id = _id(notice.get("trxID", ""))
    if trx_id is None or notice.get("transactionStatus") != COMPLETED:
        return None
    return Answer(
        state=PaidState.PAID,
        reference=_id(notice.get("merchantInvoiceNumber", "")),
        payment_id=None,
        merchant=notice.get("creditShortCode"),
        merchant_expected=short_code,
        amount=read_amount(notice.get("amount", "")),
        currency=notice.get("currency", ""),
        transactions=(TransactionId(TRX_ID, trx_id),),
        fee=None,
        paid_at=read_notice_time(notice.get("dateTime", "")),
        payer=notice.get("debitMSISDN", ""),
        flags=(),
        reason="",
        raw=notice,
    )


def _id(text: str) -> str | None:
    return text if _ID.fullmatch(text) else None
