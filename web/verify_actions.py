"""What a person decides in Verify Payments: approve, reject, ask the gateway again."""

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import payments as payments_db
from billing_core.db.payments import TRANSFER, Attempt
from billing_core.errors import BillingError
from billing_core.money import parse_amount
from billing_core.permissions import Permission
from billing_core.services.payments.asking import ask_about
from billing_core.services.payments.deciding import (
    AlreadyDecidedError,
    NothingToDecideError,
)
from billing_core.services.payments.deciding import approve as approve_one
from billing_core.services.payments.deciding import reject as reject_one
from billing_core.services.payments.transfer_answers import (
    ask_about_transfer,
    finder_of,
)
from billing_core.services.payments.waiting import show
from web.access import Page, my_attempt, operator_pages
from web.desk import desk
from web.following import in_page
from web.forms import (
    DataRequired,
    Length,
    OperatorForm,
    StringField,
    refuse,
)
from web.pay import gateways
from web.refusals import told
from web.words import say

pages = operator_pages("verify_actions", "/verify", needs=Permission.VERIFY_PAYMENTS)


class NotAskedHereError(BillingError):
    """The gateway is not set up here."""

    def __init__(self, gateway: str) -> None:
        super().__init__(_("%(name)s cannot be asked here.", name=say(gateway)))


class RejectForm(OperatorForm):
    """Why it is not credited."""

    reason = StringField(
        _l("Why"),
        [DataRequired(), Length(max=500)],
        description=_l(
            "The row stays, with the reason; the customer's log has it too."
        ),
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
        flash(told(error), "error")
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
    try:
        with in_page():
            name, after = _ask(attempt)
    except BillingError as error:
        flash(told(error), "error")
        return redirect(_address(attempt), 303)
    if after.answered_at != at.now:
        flash(_("%(name)s gave no new answer; see below.", name=name), "error")
    elif (after.state, after.reason) == (attempt.state, attempt.reason):
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


def _ask(attempt: Attempt) -> tuple[str, Attempt]:
    """Ask whom one can; returns his name, and how the attempt stands then."""
    at = desk()
    if attempt.gateway == TRANSFER:
        finder = finder_of(gateways())
        after = ask_about_transfer(
            at.conn, finder, attempt.attempt_id, actor=at.actor, now=at.now
        )
        return say(finder.name), after
    gateway = gateways().get(attempt.gateway)
    if gateway is None:
        raise NotAskedHereError(attempt.gateway)
    after = ask_about(
        at.conn,
        gateway,
        attempt.reference,
        verification=at.settings.payments.verification.get(gateway.name, "operator"),
        actor=at.actor,
        now=at.now,
    )
    return say(gateway.name), after


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
