"""Verify Payments: our row beside the gateway's answer; approve, reject, ask again."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import payments as payments_db
from billing_core.db import web_verify as db
from billing_core.db.payments import Attempt
from billing_core.errors import BillingError
from billing_core.money import ZERO, parse_amount
from billing_core.payments import TO_DECIDE, AttemptState
from billing_core.permissions import Permission
from billing_core.services.payments.asking import ask_about
from billing_core.services.payments.deciding import (
    AlreadyDecidedError,
    NothingToDecideError,
    approve_matching,
)
from billing_core.services.payments.deciding import approve as approve_one
from billing_core.services.payments.deciding import reject as reject_one
from billing_core.services.payments.waiting import Shown, read_shown, show
from web import lists
from web.access import Page, current_operator, may, my_attempt, operator_pages
from web.desk import desk
from web.filters import money, number
from web.following import in_page
from web.forms import (
    DataRequired,
    FilterForm,
    Length,
    OperatorForm,
    Optional,
    SelectField,
    StringField,
    choices_of,
    refuse,
)
from web.pay import gateways
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
#: As many are approved by one click as a page can show.
_AT_ONCE_MAX = 200


class VerifyFilterForm(FilterForm):
    """Which attempts to pay; by itself those that wait for a person."""

    q = StringField(
        _l("Search"),
        [Optional(), Length(max=60)],
        render_kw={"placeholder": _l("reference, transaction, name …")},
    )
    state = SelectField(_l("State"), [Optional()], default="")
    gateway = SelectField(_l("Gateway"), [Optional()], default="")


class RejectForm(OperatorForm):
    """Why it is not credited."""

    reason = StringField(
        _l("Why"),
        [DataRequired(), Length(max=500)],
        description=_l(
            "The row stays, with the reason; the customer's log has it too."
        ),
    )


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
        answer = self.shown.answer
        return answer.amount if answer and self.shown.comparisons else None

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
    form = _filter_form()
    if not form.validate():
        page = render_template("verify/list.html", form=form, slice=None, matching=[])
        return page, 400
    at, scope = desk(), current_operator().scope
    size, waits = lists.page_size(), form.state.data in ("", *TO_DECIDE)
    find = db.find_waiting if waits else db.find_attempts
    found = find(at.conn, _wanted(form), scope, after=lists.after_id(), limit=size + 1)
    cut = lists.cut(
        found, str(found[size - 1].attempt_id) if len(found) > size else None, size
    )
    rows = _rows(cut.rows)
    return render_template(
        "verify/list.html",
        form=form,
        slice=cut,
        rows=rows,
        waits=waits,
        matching=[row for row in rows if row.shown.is_matching],
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
        can_ask=attempt.gateway in gateways() and again_of is None,
        field_in_words=field_in_words,
        note_in_words=note_in_words,
        sees_payments=may(Permission.TAKE_PAYMENTS),
    )


@pages.post("/<int:customer_id>/<int:attempt_id>/approve")
def approve(customer_id: int, attempt_id: int) -> Page:
    """Credit what the gateway says was paid."""
    at, attempt = desk(), my_attempt(customer_id, attempt_id)
    try:
        done = approve_one(
            at.conn,
            attempt_id,
            amount=parse_amount(request.form.get("amount", "")),
            reason=request.form.get("reason", ""),
            operator=at.actor,
            now=at.now,
        )
    except (AlreadyDecidedError, NothingToDecideError):
        return _too_late(attempt)
    except BillingError as error:
        flash(str(error), "error")
        return redirect(_address(attempt), 303)
    payment_id = payments_db.find_payment(at.conn, attempt_id)
    flash(
        _(
            "%(reference)s of %(username)s is approved; the receipt is R%(number)s.",
            reference=done.reference,
            username=done.username,
            number=payment_id,
        )
    )
    return redirect(_next_waiting(), 303)


@pages.route("/<int:customer_id>/<int:attempt_id>/reject", methods=["GET", "POST"])
def reject(customer_id: int, attempt_id: int) -> Page:
    """Decide that it is not credited, and say why."""
    at, attempt, form = desk(), my_attempt(customer_id, attempt_id), RejectForm()
    if request.method == "POST" and form.validate():
        try:
            reject_one(
                at.conn,
                attempt_id,
                reason=form.reason.data,
                operator=at.actor,
                now=at.now,
            )
        except (AlreadyDecidedError, NothingToDecideError):
            return _too_late(attempt)
        except BillingError as error:
            refuse(form, error, "reason")
        else:
            flash(_("%(reference)s is rejected.", reference=attempt.reference))
            return redirect(_next_waiting(), 303)
    page = render_template(
        "verify/reject.html", form=form, attempt=attempt, shown=show(at.conn, attempt)
    )
    return (page, 422) if form.errors else page


@pages.post("/<int:customer_id>/<int:attempt_id>/ask")
def ask(customer_id: int, attempt_id: int) -> Page:
    """Ask the gateway again, and do what its answer means."""
    at, attempt = desk(), my_attempt(customer_id, attempt_id)
    gateway = gateways().get(attempt.gateway)
    if gateway is None:
        flash(_("%(name)s cannot be asked here.", name=say(attempt.gateway)), "error")
        return redirect(_address(attempt), 303)
    try:
        with in_page():
            after = ask_about(
                at.conn,
                gateway,
                attempt.reference,
                verification=at.settings.payments.verification.get(
                    gateway.name, "operator"
                ),
                actor=at.actor,
                now=at.now,
            )
    except BillingError as error:
        flash(str(error), "error")
    else:
        name = say(after.gateway)
        if after.answered_at != at.now:
            flash(_("%(name)s gave no new answer; see below.", name=name), "error")
        elif after.state == attempt.state:
            flash(_("%(name)s was asked; nothing has changed.", name=name))
        else:
            flash(
                _(
                    "%(name)s was asked; it is now: %(state)s.",
                    name=name,
                    state=say(after.state),
                )
            )
    return redirect(_address(attempt), 303)


@pages.get("/matching")
def ask_matching() -> Page:
    """Show what matches and would be approved together, and its sum."""
    form = _filter_form()
    if not form.validate():
        abort(400)
    wanted = db.AttemptFilter(
        form.q.data, AttemptState.CONFIRMED, form.gateway.data or None
    )
    found = db.find_waiting(
        desk().conn,
        wanted,
        current_operator().scope,
        after=None,
        limit=_AT_ONCE_MAX,
    )
    rows = [row for row in _rows(found) if row.shown.is_matching]
    return render_template("verify/matching.html", rows=rows, total=_sum(rows))


@pages.post("/matching")
def approve_all() -> Page:
    """Approve those that were shown, as far as they match still."""
    keys = dict.fromkeys(request.form.getlist("attempt"))
    if not keys or len(keys) > _AT_ONCE_MAX:
        raise BillingError(_("Nothing was chosen."))
    pairs = [key.partition("-") for key in keys]
    if not all(
        a.isdecimal() and b.isdecimal() and len(a) < 19 and len(b) < 19
        for a, _dash, b in pairs
    ):
        abort(400)
    mine = [my_attempt(int(a), int(b)) for a, _dash, b in pairs]
    at = desk()
    approved = approve_matching(
        at.conn, [each.attempt_id for each in mine], operator=at.actor, now=at.now
    )
    total = sum((each.amount for each in approved), ZERO)
    flash(
        _(
            "%(count)s payment(s) approved, %(total)s together.",
            count=number(len(approved)),
            total=money(total),
        )
    )
    done = {each.attempt_id for each in approved}
    for each in mine:
        if each.attempt_id not in done:
            flash(
                _(
                    "%(reference)s was left as it is: somebody, or a new answer,"
                    " was faster.",
                    reference=each.reference,
                ),
                "error",
            )
    return redirect(url_for("verify.index"), 303)


def _rows(found: Sequence[db.FoundAttempt]) -> list[QueueRow]:
    conn = desk().conn
    attempts = {
        each.attempt_id: each
        for each in payments_db.read_attempts(conn, [f.attempt_id for f in found])
    }
    return [QueueRow(show(conn, attempts[f.attempt_id]), f) for f in found]


def _sum(rows: Sequence[QueueRow]) -> Decimal:
    return sum((row.said or row.attempt.amount for row in rows), ZERO)


def _too_late(attempt: Attempt) -> Page:
    """Tell who was faster, and show what he decided."""
    now_is = payments_db.read_attempt(desk().conn, attempt.attempt_id)
    if now_is.decided_by is None:
        told = _(
            "%(reference)s is %(state)s now: nobody has to decide on it.",
            reference=now_is.reference,
            state=say(now_is.state),
        )
    else:
        told = _(
            "%(who)s was faster: %(reference)s is %(state)s. Nothing was changed.",
            who=now_is.decided_by.partition(":")[2] or now_is.decided_by,
            reference=now_is.reference,
            state=say(now_is.state),
        )
    flash(told, "error")
    return redirect(_address(attempt), 303)


def _address(attempt: Attempt) -> str:
    return url_for(
        "verify.show_one",
        customer_id=attempt.customer_id,
        attempt_id=attempt.attempt_id,
    )


def _next_waiting() -> str:
    return url_for("verify.index")


def _filter_form() -> VerifyFilterForm:
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
