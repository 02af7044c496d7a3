"""Say in sentences why a person has to look at a payment, and what differs."""

from collections.abc import Iterable

from flask_babel import lazy_gettext as _l

from billing_core.db.payments import Attempt
from billing_core.payments import ReviewReason

_REASONS = {
    ReviewReason.REFERENCE: _l("The gateway's answer is about another order."),
    ReviewReason.CHECKOUT: _l("The gateway's answer is about another checkout."),
    ReviewReason.MERCHANT: _l("It was paid to another merchant than us."),
    ReviewReason.AMOUNT: _l("Another amount was paid than was asked for."),
    ReviewReason.AMOUNT_UNUSABLE: _l("It names no amount that could be credited."),
    ReviewReason.CURRENCY: _l("It was paid in another currency."),
    ReviewReason.NO_TRANSACTION: _l(
        "It names no transaction: a repeat could not be told."
    ),
    ReviewReason.DUPLICATE: _l("The same money stands on another payment."),
    ReviewReason.FLAGGED: _l("The gateway itself warns of it."),
    ReviewReason.PAID_AGAIN: _l("More money came for what was paid before."),
    ReviewReason.CONTRADICTS: _l("The gateway said paid, and no longer says so."),
    ReviewReason.AFTER_REJECTION: _l("Money came after somebody had rejected it."),
    ReviewReason.UNANSWERED: _l("The gateway gave no answer for two days."),
    ReviewReason.TRANSFER: _l(
        "The customer says so; look into the wallet that got it."
    ),
    ReviewReason.SENDER: _l("Another number sent it than he says."),
    ReviewReason.NOT_FOUND: _l("The gateway knows no such transaction of ours."),
    ReviewReason.UNMATCHED: _l("It came by no checkout: somebody says whose it is."),
}
_FIELDS = {
    "reference": _l("order"),
    "checkout": _l("checkout"),
    "merchant": _l("merchant"),
    "amount": _l("amount"),
    "currency": _l("currency"),
    "sender": _l("sender"),
}


def reasons_in_words(attempt: Attempt) -> list[str]:
    """Say why an attempt stands as it does; other people's words stay their own."""
    return _sentences(attempt.reason)


def reason_in_words(reason: ReviewReason) -> str:
    """Say why somebody has to look."""
    return str(_REASONS[reason])


def note_in_words(note: str) -> str:
    """Say in sentences what a note of an attempt's history says in codes."""
    return " ".join(_sentences(note))


def _sentences(text: str) -> list[str]:
    words = text.split()
    if all(word in _REASONS for word in words):
        return [str(_REASONS[ReviewReason(word)]) for word in words]
    return [text]


def fields_in_words(names: Iterable[str]) -> list[str]:
    """Name fields of a comparison."""
    return [str(_FIELDS.get(name, name)) for name in names]


def field_in_words(name: str) -> str:
    """Name a field of a comparison."""
    return str(_FIELDS.get(name, name))
