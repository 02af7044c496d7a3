"""What SSLCommerz' answers mean: pure, from their JSON to the words of the contract."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.gateways.contract import (
    Answer,
    Asked,
    GatewayUnknownError,
    PaidState,
    RefundAnswer,
    RefundState,
    TransactionId,
)
from billing_core.money import ZERO, AmountError, parse_amount

Fields = Mapping[str, object]

#: VALID when a payment is validated for the first time, VALIDATED ever after: whoever
#: takes only one of them loses payments.
PAID = ("VALID", "VALIDATED")
# A try that ended without money. Another may follow under the same tran_id, so that an
# attempt which failed can still turn out paid.
_OVER = frozenset(("FAILED", "CANCELLED", "EXPIRED", "UNATTEMPTED"))
# tran_date is naive and taken as the gateway's own civil time.
_DHAKA = ZoneInfo("Asia/Dhaka")


def text(fields: Fields, name: str) -> str:
    """Read a field as text; absent and null are ""."""
    value = fields.get(name)
    return "" if value is None else str(value).strip()


def amount(fields: Fields, name: str) -> Decimal | None:
    """Read an amount, written as "100", "100.00" or "100.0000"; None if it is none."""
    try:
        return parse_amount(text(fields, name))
    except AmountError:
        return None


def validated(fields: Fields, store_id: str) -> Answer:
    """Read an answer of the validation API about money that moved."""
    paid, kept = amount(fields, "amount"), amount(fields, "store_amount")
    return Answer(
        state=PaidState.PAID,
        reference=text(fields, "tran_id"),
        # No answer but the one to a sessionkey carries the sessionkey.
        payment_id=text(fields, "sessionkey") or None,
        merchant=text(fields, "store_id") or None,
        merchant_expected=store_id,
        amount=_paid_amount(fields),
        currency=text(fields, "currency_type").upper(),
        transactions=tuple(
            TransactionId(kind, value)
            for kind in ("val_id", "bank_tran_id")
            if (value := text(fields, kind))
        ),
        fee=paid - kept if paid and kept and ZERO <= kept <= paid else None,
        paid_at=_moment(text(fields, "tran_date")),
        payer=text(fields, "card_no") or text(fields, "card_type"),
        flags=_flags(fields),
        reason="",
        raw=fields,
    )


def unpaid(asked: Asked, found: Fields, store_id: str) -> Answer:
    """Tell what it means that a query by tran_id found nothing paid."""
    tries = elements(found, asked.reference)
    words = [word for one in tries if (word := text(one, "error"))]
    statuses = {text(one, "status").upper() for one in tries}
    has_failed = bool(tries) and statuses <= _OVER
    return Answer(
        state=PaidState.FAILED if has_failed else PaidState.WAITING,
        reference=asked.reference if tries else None,
        payment_id=None,
        merchant=None,
        merchant_expected=store_id,
        amount=None,
        currency=None,
        transactions=(),
        fee=None,
        paid_at=None,
        payer="",
        flags=(),
        reason="; ".join(words) or ", ".join(sorted(statuses)) or "not attempted",
        raw=found,
    )


def elements(found: Fields, reference: str) -> list[Fields]:
    """List the tries of ours that a query by tran_id found."""
    listed = found.get("element")
    if not isinstance(listed, list):
        return []
    return [
        one
        for one in listed
        if isinstance(one, dict) and text(one, "tran_id") == reference
    ]


def paid_elements(found: Fields, asked: Asked) -> list[Fields]:
    """List the tries that were paid, the one that fits what is owed first."""
    paid = [
        one
        for one in elements(found, asked.reference)
        if text(one, "status").upper() in PAID and text(one, "val_id")
    ]
    return sorted(
        paid,
        key=lambda one: (
            _paid_amount(one) != asked.amount,
            text(one, "tran_date"),
            text(one, "val_id"),
        ),
    )


def paid_twice(answer: Answer, others: Sequence[Fields]) -> Answer:
    """Flag the payments beside the one that answers: each is money of somebody."""
    said = tuple(
        f"paid twice: also {text(one, 'currency_amount')} "
        f"{text(one, 'currency_type')}, val_id {text(one, 'val_id')}, "
        f"bank_tran_id {text(one, 'bank_tran_id')}"
        for one in others
    )
    return replace(answer, flags=(*answer.flags, *said))


def refund_requested(fields: Fields) -> RefundAnswer:
    """Read the answer to a refund.

    Its "success" says that the refund was begun and "processing" that it had been begun
    before; that the money is back, only the status of the refund says.
    """
    states = {
        "success": RefundState.PROCESSING,
        "processing": RefundState.PROCESSING,
        "failed": RefundState.REFUSED,
    }
    return _refund(fields, states)


def refund_status(fields: Fields) -> RefundAnswer:
    """Read the answer to the status of a refund."""
    states = {
        "refunded": RefundState.DONE,
        "processing": RefundState.PROCESSING,
        "cancelled": RefundState.REFUSED,
    }
    return _refund(fields, states)


def _paid_amount(fields: Fields) -> Decimal | None:
    """Read what was paid, in the currency that was asked for.

    "amount" is in BDT whatever was asked for, and what a campaign leaves of it.
    """
    in_taka = text(fields, "currency_type").upper() == "BDT"
    return amount(fields, "amount" if in_taka else "currency_amount")


def _refund(fields: Fields, states: Mapping[str, RefundState]) -> RefundAnswer:
    state = states.get(text(fields, "status").lower())
    if state is None:
        raise GatewayUnknownError("SSLCommerz: its answer tells no state of a refund.")
    return RefundAnswer(
        state=state,
        gateway_refund_id=text(fields, "refund_ref_id") or None,
        amount=None,
        reason=text(fields, "errorReason"),
        raw=fields,
    )


def _flags(fields: Fields) -> tuple[str, ...]:
    """Name what a person has to look at although the money moved."""
    flags = []
    risk = text(fields, "risk_level")
    if risk != "0":
        flags.append(f"risk: level {risk or 'not told'} {text(fields, 'risk_title')}")
    asked, paid = amount(fields, "currency_amount"), amount(fields, "amount")
    if asked is None or paid is None:
        flags.append("amount: the answer does not tell it")
    elif text(fields, "currency_type").upper() == "BDT" and asked != paid:
        flags.append(f"amount: {asked} was asked for, {paid} was paid")
    if text(fields, "currency").upper() not in ("", "BDT"):
        flags.append(f"currency: settled in {text(fields, 'currency')}")
    for name in ("discount_percentage", "discount_amount"):
        if text(fields, name) and amount(fields, name) != ZERO:
            remarks = text(fields, "discount_remarks")
            flags.append(f"discount: {name} {text(fields, name)} {remarks}")
    kept = amount(fields, "store_amount")
    if kept is None or (paid is not None and not ZERO <= kept <= paid):
        flags.append(f"fee: store_amount is {text(fields, 'store_amount') or 'absent'}")
    if not text(fields, "bank_tran_id"):
        flags.append("bank_tran_id: the answer does not tell it")
    return tuple(flag.strip() for flag in flags)


def _moment(written: str) -> datetime | None:
    try:
        naive = datetime.fromisoformat(written)
    except ValueError:
        return None
    local = naive if naive.tzinfo else naive.replace(tzinfo=_DHAKA)
    return local.astimezone(UTC)
