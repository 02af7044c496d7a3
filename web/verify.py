"""Verify Payments: the queue, and our row beside the gateway's answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from flask import render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import payments as payments_db
from billing_core.db import web_verify as db
from billing_core.db.payments import TRANSFER, Attempt
from billing_core.gateways.contract import MoneyFinder
from billing_core.payments import TO_DECIDE
from billing_core.permissions import Permission
from billing_core.services.payments.unmatched import payers_reference
from billing_core.services.payments.waiting import Shown, read_shown, show
from web import lists
from web.access import Page, current_operator, may, my_attempt, operator_pages
from web.desk import desk
from web.forms import (
    FilterForm,
    Length,
    Optional,
    SelectField,
    StringField,
    choices_of,
)
from web.pay import gateways
from web.unmatched import above_queue
from web.verify_words import (
    field_in_words,
    fields_in_words,
    note_in_words,
    reasons_in_words,
)
from web.words import say

pages = operator_pages("verify", "/verify", needs=Permission.VERIFY_PAYMENTS)

_GATEWAYS = ("bkash", "nagad", "sslcommerz", "transfer")
_ALL = "all"


class VerifyFilterForm(FilterForm):
    """Which attempts to pay; by itself those that wait for a person."""

    q = StringField(
        _l("Search"),
        [Optional(), Length(max=60)],
        render_kw={"placeholder": _l("reference, transaction, name …")},
    )
    state = SelectField(_l("State"), [Optional()], default="")
    gateway = SelectField(_l("Gateway"), [Optional()], default="")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """An attempt in the list, beside what its gateway says."""

    shown: Shown
    found: db.FoundAttempt

    @property
    def attempt(self) -> Attempt:
        """Return our row."""
        return self.shown.attempt

    @property
    def said(self) -> Decimal | None:
        """Return what was paid, as the gateway says; None = it has not said."""
        return self.shown.said

    @property
    def amount_differs(self) -> bool:
        """Tell whether the gateway speaks of another amount."""
        return "amount" in self.shown.differences

    @property
    def reasons(self) -> list[str]:
        """Say why a person has to look."""
        return reasons_in_words(self.attempt)

    @property
    def differing(self) -> list[str]:
        """Name what differs beside the amount."""
        return fields_in_words(
            name for name in self.shown.differences if name != "amount"
        )


@pages.get("")
def index() -> Page:
    """List what waits for a person, the longest first; or all of a state."""
    form = filter_form()
    if not form.validate():
        page = render_template(
            "verify/list.html", form=form, slice=None, matching=[], unmatched=()
        )
        return page, 400
    at, scope = desk(), current_operator().scope
    size, waits = lists.page_size(), form.state.data in ("", *TO_DECIDE)
    find = db.find_waiting if waits else db.find_attempts
    found = find(at.conn, _wanted(form), scope, after=lists.after_id(), limit=size + 1)
    cut = lists.cut(
        found, str(found[size - 1].attempt_id) if len(found) > size else None, size
    )
    rows = rows_of(cut.rows)
    return render_template(
        "verify/list.html",
        form=form,
        slice=cut,
        rows=rows,
        waits=waits,
        matching=[row for row in rows if row.shown.is_matching],
        unmatched=above_queue() if _is_first(waits) else (),
        payers_reference=payers_reference,
    )


@pages.get("/<int:customer_id>/<int:attempt_id>")
def show_one(customer_id: int, attempt_id: int) -> str:
    """Show an attempt: our row beside the gateway's answer, and all that happened."""
    at, attempt = desk(), my_attempt(customer_id, attempt_id)
    shown, events = read_shown(at.conn, attempt.reference)
    again_of = None
    if attempt.again_of_attempt_id is not None:
        again_of = payments_db.read_attempt(at.conn, attempt.again_of_attempt_id)
    return render_template(
        "verify/show.html",
        shown=shown,
        attempt=attempt,
        events=events,
        again_of=again_of,
        payment_id=payments_db.find_payment(at.conn, attempt_id),
        reasons=reasons_in_words(attempt),
        waits=attempt.state in TO_DECIDE,
        can_ask=_can_ask(attempt),
        field_in_words=field_in_words,
        note_in_words=note_in_words,
        sees_payments=may(Permission.TAKE_PAYMENTS),
    )


def _is_first(waits: bool) -> bool:
    """Tell whether this is the queue as one opens it, filtered by nothing."""
    return waits and not lists.is_filtered() and lists.after_id() is None


def _can_ask(attempt: Attempt) -> bool:
    """Tell whether some gateway knows of this attempt, or of its transfer."""
    if attempt.gateway == TRANSFER:
        finds = (isinstance(each, MoneyFinder) for each in gateways().values())
        return attempt.state in TO_DECIDE and any(finds)
    # Money that was assigned came by no checkout: there is none to ask about.
    has_checkout = not attempt.sender and attempt.again_of_attempt_id is None
    return attempt.gateway in gateways() and has_checkout


def rows_of(found: Sequence[db.FoundAttempt]) -> list[QueueRow]:
    """Return these attempts beside what their gateways say."""
    conn = desk().conn
    attempts = {
        each.attempt_id: each
        for each in payments_db.read_attempts(conn, [f.attempt_id for f in found])
    }
    return [QueueRow(show(conn, attempts[f.attempt_id]), f) for f in found]


def filter_form() -> VerifyFilterForm:
    """Return the filter that the address says."""
    form = VerifyFilterForm.from_address()
    assert isinstance(form, VerifyFilterForm)  # noqa: S101 - narrows the type
    form.state.choices = choices_of(
        [
            ("confirmed", _("matching")),
            ("review", say("review")),
            *(
                (s, say(s))
                for s in ("pending", "paid", "rejected", "failed", "expired")
            ),
            (_ALL, _("all")),
        ],
        any_label=_("waiting for a person"),
    )
    form.gateway.choices = choices_of(
        [(name, say(name)) for name in _GATEWAYS], any_label=_("any")
    )
    return form


def _wanted(form: VerifyFilterForm) -> db.AttemptFilter:
    state = form.state.data or None
    return db.AttemptFilter(
        search=form.q.data,
        state=None if state == _ALL else state,
        gateway=form.gateway.data or None,
    )
