"""A customer's service: stopped, brought back, held, paused; a session ended."""

from flask import flash
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.permissions import Permission
from billing_core.services import customers, sessions, suspension
from web.access import Page, my_customer, my_session, operator_pages
from web.acting import FieldError, act
from web.customer_acting import asked_of
from web.desk import desk
from web.filters import number
from web.forms import (
    BooleanField,
    DateField,
    Length,
    OperatorForm,
    Optional,
    StringField,
    day_starts,
)

pages = operator_pages(
    "customer_service",
    "/customers/<int:customer_id>",
    needs=Permission.CHANGE_SERVICE,
)


def _why() -> StringField:
    """Return the field that every form here ends with."""
    return StringField(
        _l("Why"), [Length(max=500)], description=_l("It stays in his log.")
    )


class NoteForm(OperatorForm):
    """Why."""

    note = _why()


class SuspendForm(OperatorForm):
    """Stop service."""

    disable = BooleanField(
        _l("Disable"), description=_l("Like suspended, and not billed at all.")
    )
    note = _why()


class HoldForm(OperatorForm):
    """Do not suspend before a day."""

    until = DateField(
        _l("Not before"), [Optional()], description=_l("Empty: the hold ends.")
    )
    note = _why()


@pages.route("/suspend", methods=["GET", "POST"])
def suspend(customer_id: int) -> Page:
    """Stop service and put running sessions off."""
    at, customer, form = desk(), my_customer(customer_id), SuspendForm()

    def do() -> None:
        cut = customers.suspend(
            at.conn,
            customer.username,
            note=form.note.data or "",
            actor=at.actor,
            now=at.now,
            disable=form.disable.data,
        )
        flash(
            _("Suspended; %(cut)s running session(s) are being cut.", cut=number(cut))
        )

    asked = asked_of(
        customer,
        title=_("Suspend"),
        button=_("Suspend him"),
        told=[_("His sessions end within seconds, and he cannot log in.")],
        hurts=True,
    )
    return act(form, do, asked)


@pages.route("/activate", methods=["GET", "POST"])
def activate(customer_id: int) -> Page:
    """Let service come back."""
    at, customer, form = desk(), my_customer(customer_id), NoteForm()

    def do() -> None:
        customers.activate(
            at.conn,
            customer.username,
            note=form.note.data or "",
            actor=at.actor,
            now=at.now,
        )
        flash(_("He is active."))

    asked = asked_of(
        customer,
        title=_("Activate"),
        button=_("Activate him"),
        told=[_("His next login is accepted. What he owes stays owed.")],
    )
    return act(form, do, asked)


@pages.route("/hold", methods=["GET", "POST"])
def hold(customer_id: int) -> Page:
    """Do not suspend before a day, whatever is owed."""
    at, customer = desk(), my_customer(customer_id)
    held, zone = customer.suspension_hold_until, at.settings.zone
    form = HoldForm(until=held.astimezone(zone).date() if held else None)

    def do() -> None:
        until = form.until.data
        if until is not None and until <= at.now.astimezone(zone).date():
            raise FieldError("until", _("That day is over: name one to come."))
        suspension.hold(
            at.conn,
            customer.username,
            day_starts(until),
            note=form.note.data or "",
            actor=at.actor,
            now=at.now,
        )
        flash(_("The hold is set.") if until else _("The hold has ended."))

    asked = asked_of(
        customer,
        title=_("Hold suspension"),
        button=_("Hold"),
        told=[_("Until that day overdue bills do not stop his service.")],
    )
    return act(form, do, asked)


@pages.route("/pause", methods=["GET", "POST"])
def pause(customer_id: int) -> Page:
    """Stop service and bills until he is resumed; or resume."""
    at, customer, form = desk(), my_customer(customer_id), NoteForm()
    is_paused = customer.suspend_reason == "PAUSED"

    def do() -> None:
        change = suspension.resume if is_paused else suspension.pause
        change(
            at.conn,
            customer.username,
            note=form.note.data or "",
            actor=at.actor,
            now=at.now,
        )
        flash(_("He goes on.") if is_paused else _("He is paused."))

    asked = asked_of(
        customer,
        title=_("Resume") if is_paused else _("Pause"),
        button=_("Resume") if is_paused else _("Pause him"),
        told=[
            _("He has service again. No bill to come covers the time of the pause.")
            if is_paused
            else _("No service, and no bill for the time until he is resumed."),
            _(
                "What is billed or bought already stays: a pause moves no due date and"
                " no validity. A credit note gives back what he did not use of a bill."
            ),
        ],
        hurts=not is_paused,
    )
    return act(form, do, asked)


@pages.route("/sessions/<int:session_id>/disconnect", methods=["GET", "POST"])
def disconnect(customer_id: int, session_id: int) -> Page:
    """End a running session; he may log in again at once."""
    at, form = desk(), OperatorForm()
    customer = my_session(customer_id, session_id)

    def do() -> None:
        sessions.disconnect(
            at.conn, customer_id, session_id, actor=at.actor, now=at.now
        )
        flash(_("The NAS is being asked to end the session."))

    asked = asked_of(
        customer,
        title=_("Disconnect"),
        button=_("Disconnect"),
        told=[_("Session %(number)s ends; he may log in again.", number=session_id)],
        hurts=True,
    )
    return act(form, do, asked)
