"""Write answers of gateways as JSON can hold them, and read them back; pure."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from billing_core.gateways.contract import Answer, PaidState, TransactionId


def write_answer(answer: Answer) -> dict[str, object]:
    """Write an answer as JSON can hold it."""
    return {
        "state": answer.state.value,
        "reference": _clean(answer.reference),
        "payment_id": _clean(answer.payment_id),
        "merchant": _clean(answer.merchant),
        "merchant_expected": answer.merchant_expected,
        "amount": None if answer.amount is None else str(answer.amount),
        "currency": _clean(answer.currency),
        "transactions": [
            {"kind": each.kind, "id": _clean(each.value)}
            for each in answer.transactions
        ],
        "fee": None if answer.fee is None else str(answer.fee),
        "paid_at": None if answer.paid_at is None else answer.paid_at.isoformat(),
        "payer": _clean(answer.payer),
        "flags": [_clean(flag) for flag in answer.flags],
        "reason": _clean(answer.reason),
        "raw": _clean(answer.raw),
    }


def read_answer(facts: Mapping[str, object] | None) -> Answer | None:
    """Read back what ``write_answer`` wrote."""
    if facts is None:
        return None
    transactions, flags, raw = facts["transactions"], facts["flags"], facts["raw"]
    paid_at = _text(facts, "paid_at")
    return Answer(
        state=PaidState(str(facts["state"])),
        reference=_text(facts, "reference"),
        payment_id=_text(facts, "payment_id"),
        merchant=_text(facts, "merchant"),
        merchant_expected=_text(facts, "merchant_expected"),
        amount=_decimal(facts, "amount"),
        currency=_text(facts, "currency"),
        transactions=tuple(
            TransactionId(each["kind"], each["id"])
            for each in (transactions if isinstance(transactions, list) else ())
        ),
        fee=_decimal(facts, "fee"),
        paid_at=None if paid_at is None else datetime.fromisoformat(paid_at),
        payer=_text(facts, "payer") or "",
        flags=tuple(map(str, flags if isinstance(flags, list) else ())),
        reason=_text(facts, "reason") or "",
        raw=raw if isinstance(raw, Mapping) else {},
    )


def as_json(answer: Mapping[str, object] | None) -> str:
    """Write an answer the way two of them can be compared."""
    return json.dumps(answer, sort_keys=True)


def _text(facts: Mapping[str, object], name: str) -> str | None:
    value = facts[name]
    return None if value is None else str(value)


def _decimal(facts: Mapping[str, object], name: str) -> Decimal | None:
    value = facts[name]
    return None if value is None else Decimal(str(value))


def _clean(value: object) -> object:
    """Make what a gateway sent storable: PostgreSQL's jsonb holds no NUL.

    Lone surrogates, which JSON can carry and UTF-8 cannot, are replaced as well.
    """
    if isinstance(value, str):
        text = value.encode("utf-8", "replace").decode("utf-8")
        return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, Mapping):
        return {str(_clean(str(key))): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if value is None or isinstance(value, bool | int):
        return value
    return str(value)
