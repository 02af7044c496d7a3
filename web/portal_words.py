"""Say to customers how they stand, what to do next, and why something did not go."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _

from billing_core.db.customers import Customer
from billing_core.db.payments import TransferWaitsError
from billing_core.errors import BillingError
from billing_core.passwords import PasswordUnusableError
from billing_core.services.payment_links import LinkError
from billing_core.services.payments.quoting import PaymentError
from billing_core.services.payments.starting import (
    NotStartedError,
    TooManyAttemptsError,
    TryAgainError,
)
from billing_core.services.payments.transfers import (
    DuplicateTransferError,
    TransferError,
)
from billing_core.services.portal_logins import WeakPasswordError, WrongPasswordError
from billing_core.services.portal_names import AmbiguousNumberError
from billing_core.services.purchases import NotEnoughMoneyError, NotUsedYetError
from billing_core.services.throttle import TooManyTriesError
from billing_core.services.web_logins import WrongCodeError, WrongLoginError
from billing_core.suspension import SuspendReason
from billing_core.taka import to_bangla_digits
from web.desk import settings
from web.durations import lasted
from web.filters import day
from web.language import language
from web.refusals import told

#: What each refusal means to a customer; the first class that fits counts.
_ERRORS: tuple[tuple[type[BillingError], Callable[[], str]], ...] = (
    (WrongLoginError, lambda: _("Username or password is wrong.")),
    (
        AmbiguousNumberError,
        lambda: _("Several connections have this number: type the username instead."),
    ),
    (WrongCodeError, lambda: _("This code is wrong or too old: ask for a new one.")),
    (WrongPasswordError, lambda: _("That is not your password.")),
    (
        WeakPasswordError,
        lambda: _("Choose at least 8 characters, and not your username."),
    ),
    (
        PasswordUnusableError,
        lambda: _("This password is too long or holds signs that routers refuse."),
    ),
    (
        TooManyAttemptsError,
        lambda: _("You began to pay many times just now: try again in an hour."),
    ),
    (
        TryAgainError,
        lambda: _(
            "The payment service does not answer now. Nothing was paid: try again in"
            " a minute, or choose another way."
        ),
    ),
    (
        NotStartedError,
        lambda: _("This way to pay cannot be used now: choose another one."),
    ),
    (
        TransferWaitsError,
        lambda: _(
            "Your last transfer is still being checked: wait until that is done."
        ),
    ),
    (
        DuplicateTransferError,
        lambda: _(
            "This transaction was announced or paid before: check its number, or ask"
            " your provider."
        ),
    ),
    (
        TransferError,
        lambda: _(
            "Type the number that sent the money (01712345678) and the transaction id"
            " from the message (8N7A6B5C4D)."
        ),
    ),
    (NotEnoughMoneyError, lambda: _("Your balance does not cover it: top up first.")),
    (
        NotUsedYetError,
        lambda: _("You have this package already and have not used it yet."),
    ),
    (PaymentError, lambda: _("This cannot be paid like that: check the amount.")),
    (LinkError, lambda: _("This cannot be paid like that: check the amount.")),
)
_SPEEDS = ((10**9, "Gbit/s"), (10**6, "Mbit/s"), (10**3, "kbit/s"))


def in_words(error: BillingError) -> str:
    """Say a refusal in the customer's language."""
    if isinstance(error, TooManyTriesError):
        whole_minutes = -(-error.wait_seconds // 60) * 60
        return str(_("Too many tries: wait %(time)s.", time=lasted(whole_minutes)))
    for kind, words in _ERRORS:
        if isinstance(error, kind):
            return words()
    return told(error)


def tell(form: Any, error: BillingError, field: str | None = None) -> None:
    """Say at a field (or above the form) why the services refused it."""
    if field is None:
        form.form_errors.append(in_words(error))
    else:
        form[field].errors = [*form[field].errors, in_words(error)]


def standing(customer: Customer) -> str:
    """Say in a sentence whether his Internet works, and if not, why."""
    if customer.status == "active":
        return str(_("Your Internet is on."))
    if customer.status == "disabled":
        return str(_("Your account is closed. Ask your provider."))
    return why_suspended(customer.suspend_reason)


def why_suspended(reason: str | None) -> str:
    """Say why service stopped."""
    words = {
        SuspendReason.PAYMENT_DUE: _("Your Internet is stopped: a bill is overdue."),
        SuspendReason.DUE_THRESHOLD: _(
            "Your Internet is stopped: too much is open on your bills."
        ),
        SuspendReason.BALANCE_EXHAUSTED: _(
            "Your Internet is stopped: your balance is used up."
        ),
        SuspendReason.PAUSED: _(
            "Your Internet is paused, as you asked. Tell your provider when you want"
            " it back."
        ),
    }
    for known, said in words.items():
        if reason == known:
            return str(said)
    return str(_("Your Internet was stopped by your provider. Call him to ask why."))


def speed(bps: int | None) -> str:
    """Write a rate as it is advertised: 10 Mbit/s."""
    if not bps:
        return ""
    for size, name in _SPEEDS:
        if bps >= size:
            return _digits(f"{bps / size:g}") + f" {name}"
    return _digits(str(bps)) + " bit/s"


def clock(value: datetime | None) -> str:
    """Write a moment to the minute, in the ISP's zone: 24 Nov 2026, 12:00."""
    if value is None:
        return ""
    local = value.astimezone(settings().zone)
    return f"{day(local)}, {_digits(f'{local:%H:%M}')}"


def register(state: BlueprintSetupState) -> None:
    """Give templates these ways of writing."""
    for write in (speed, clock):
        state.app.jinja_env.filters[write.__name__] = write


def _digits(text: str) -> str:
    return to_bangla_digits(text) if language() == "bn" else text
