"""What Nagad says, in the words of the contract."""

import base64
import re
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.gateways.contract import (
    Answer,
    CallbackRequest,
    GatewayUnknownError,
    Hint,
    PaidState,
    RefundAnswer,
    RefundOrder,
    RefundState,
    TransactionId,
)
from billing_core.gateways.nagad.wire import Json, clean

#: Nagad's clock, in requests and answers; they name no zone.
DHAKA = ZoneInfo("Asia/Dhaka")

_PAID = "success"
_PAID_CODE = "000"
_PARTLY_BACK = ("partialcancelled", "partialrefunded")
_ALL_BACK = ("cancelled", "refunded")
_WAITING = (
    "orderinitiated",
    "ready",
    "inprogress",
    "transactioninprogress",
    "otpsent",
    "otpverified",
    "pingiven",
)
_FAILED = ("aborted", "failed", *_ALL_BACK)
_CLAIMS = {"success": "success", "failed": "failed"} | dict.fromkeys(
    ("aborted", "cancelled", "canceled"), "cancelled"
)
_AMOUNT = re.compile(r"[0-9]{1,14}(?:\.[0-9]{1,8})?")
# "2021-11-23 23:50:08.0" in answers, "20230213110541" in callbacks and requests.
_TIME = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[ T]?(\d\d):?(\d\d):?(\d\d)(?:\.\d+)?", re.ASCII
)
#: Our references, and room for a form of Nagad's own.
_REFERENCE = re.compile(r"[0-9A-Za-z]{1,40}")
_PAYMENT_ID = re.compile(r"[0-9A-Za-z+/_=-]{1,255}")


def text(answer: Json, key: str) -> str:
    """Give one field as a text; a number as its digits, nothing as ""."""
    value = answer.get(key)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return _storable(str(value)).strip()


def names_order(payment_id: str, merchant_id: str, order_id: str) -> bool:
    """Tell whether a paymentReferenceId is of this order, where it says so.

    It is base64 of ``MMddHHmmssSSS.merchantId.orderId.challenge``. That form is not
    promised: another one passes here, and the order is compared at each verify.
    """
    try:
        parts = base64.b64decode(payment_id, validate=True).decode("ascii").split(".")
    except ValueError:
        return True
    return len(parts) != 4 or parts[1:3] == [merchant_id, order_id]


def is_payment_id(value: str) -> bool:
    """Tell whether this can be a paymentReferenceId."""
    return _PAYMENT_ID.fullmatch(value) is not None


def read_verify(answer: Json, merchant_expected: str) -> Answer:
    """Read the answer of verify; a status that nobody knows decides nothing."""
    status = text(answer, "status")
    issuer_ref = text(answer, "issuerPaymentRefNo")
    amount = _amount(text(answer, "amount"))
    state = _state(status)
    return Answer(
        state=state,
        reference=text(answer, "orderId"),
        payment_id=text(answer, "paymentRefId"),
        merchant=text(answer, "merchantId"),
        merchant_expected=merchant_expected,
        amount=amount,
        # Verify names none; 050 stood in what we signed.
        currency=None,
        transactions=(TransactionId("issuer_ref", issuer_ref),) if issuer_ref else (),
        fee=None,
        paid_at=_time(text(answer, "issuerPaymentDateTime")),
        payer=clean(text(answer, "clientMobileNo")),
        flags=_flags(answer, amount) if state is PaidState.PAID else (),
        reason="" if state is PaidState.PAID else _reason(answer),
        raw=without_nul(answer),
    )


def _state(status: str) -> PaidState:
    word = status.lower()
    if word == _PAID or word in _PARTLY_BACK:
        return PaidState.PAID
    if word in _WAITING:
        return PaidState.WAITING
    if word in _FAILED:
        return PaidState.FAILED
    raise GatewayUnknownError(f"Nagad's status is {clean(status)!r}: nobody knows it.")


def _flags(answer: Json, amount: Decimal | None) -> tuple[str, ...]:
    """Say what makes a success less than certain: money may have moved, look at it."""
    flags = []
    if (code := text(answer, "statusCode")) != _PAID_CODE:
        flags.append(f"Success with the status code {clean(code)!r}")
    if not text(answer, "issuerPaymentRefNo"):
        flags.append("Success without issuerPaymentRefNo")
    if amount is None:
        flags.append("Success without an amount")
    if text(answer, "status").lower() in _PARTLY_BACK:
        flags.append(f"given back in part: {text(answer, 'status')}")
    if cancelled := text(answer, "cancelIssuerRefNo"):
        flags.append(f"given back by Nagad: {clean(cancelled)}")
    return tuple(flags)


def _reason(answer: Json) -> str:
    said = (text(answer, "status"), text(answer, "statusCode"))
    return clean(" ".join(word for word in said if word))


def read_refund(answer: Json) -> RefundAnswer:
    """Read the decrypted, verified answer of a refund."""
    status, refund_id = text(answer, "status"), text(answer, "cancelTrxId")
    given_back = status.lower() in (*_ALL_BACK, *_PARTLY_BACK)
    if given_back and refund_id:
        return RefundAnswer(
            state=RefundState.DONE,
            gateway_refund_id=refund_id,
            amount=_amount(text(answer, "cancelAmount")),
            reason="",
            raw=without_nul(answer),
        )
    if status.lower() in ("failed", "aborted", "invalidrequest"):
        return RefundAnswer(
            state=RefundState.REFUSED,
            gateway_refund_id=None,
            amount=None,
            reason=clean(f"{status} {text(answer, 'code')}"),
            raw=without_nul(answer),
        )
    raise GatewayUnknownError(
        f"Nagad's status of the refund is {clean(status)!r}, its id {refund_id!r}."
    )


def read_refund_in_verify(answer: Json, order: RefundOrder) -> RefundAnswer:
    """Tell from the payment what became of a refund.

    Verify shows one cancellation and no amount of it: it is this refund's unless it is
    known as another's. Nothing shown is not "refused": it may still come.
    """
    status, cancelled = text(answer, "status"), text(answer, "cancelIssuerRefNo")
    ours = order.gateway_refund_id
    if ours is not None:
        done = cancelled == ours or status.lower() in _ALL_BACK
    else:
        done = bool(cancelled) and cancelled not in order.other_refund_ids
    return RefundAnswer(
        state=RefundState.DONE if done else RefundState.PROCESSING,
        gateway_refund_id=ours or (cancelled if done else None),
        amount=None,
        reason="" if done else f"Nagad shows no such refund yet: {clean(status)}",
        raw=without_nul(answer),
    )


def read_callback(request: CallbackRequest) -> Hint:
    """Read what the browser brings: fields by their names, in whatever order."""

    def field(name: str) -> str:
        return (request.query.get(name) or request.form.get(name) or "").strip()

    reference = field("order_id")
    # Base64 whose + nobody encoded arrives with a space in it.
    payment_id = field("payment_ref_id").replace(" ", "+")
    return Hint(
        reference=reference if _REFERENCE.fullmatch(reference) else None,
        payment_id=payment_id if _PAYMENT_ID.fullmatch(payment_id) else None,
        claims=_CLAIMS.get(field("status").lower(), ""),
    )


def without_nul(answer: Json) -> Json:
    """Make an answer fit for jsonb, which takes neither NUL nor half a surrogate."""
    return {_storable(key): _stored(value) for key, value in answer.items()}


def _stored(value: object) -> object:
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict):
        return without_nul(value)
    if isinstance(value, list):
        return [_stored(item) for item in value]
    return value


def _storable(value: str) -> str:
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _amount(value: str) -> Decimal | None:
    return Decimal(value) if _AMOUNT.fullmatch(value) else None


def _time(value: str) -> datetime | None:
    match = _TIME.fullmatch(value)
    if match is None:
        return None
    try:
        local = datetime.strptime("".join(match.groups()), "%Y%m%d%H%M%S").replace(
            tzinfo=DHAKA
        )
    except ValueError:
        return None
    return local.astimezone(UTC)
