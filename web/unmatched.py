"""Unmatched money: what a gateway told of by itself, and whose a person says it is.

It is nobody's yet, so that it is shown to those who see everybody's customers.
"""

from collections.abc import Sequence

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import gateway_notices as db
from billing_core.db.gateway_notices import UnknownNoticeError
from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.services.payments.transfer_answers import finder_of
from billing_core.services.payments.unmatched import (
    ShownNotice,
    ask_about_notice,
    assign,
    dismiss,
    payers_reference,
    reopen,
    show_notice,
    suggest,
)
from web import lists
from web.access import Page, current_operator, operator_pages
from web.acting import Act, act
from web.desk import desk
from web.filters import money
from web.following import in_page
from web.forms import (
    AmountField,
    DataRequired,
    Length,
    OperatorForm,
    StringField,
    refuse,
)
from web.pay import gateways
from web.refusals import told
from web.verify_words import field_in_words, fields_in_words, reason_in_words
from web.words import say

pages: Blueprint = operator_pages(
    "unmatched", "/verify/unmatched", needs=Permission.VERIFY_PAYMENTS
)

#: As many stand above the queue; the rest is a click away.
_ABOVE_QUEUE = 10


class AssignForm(OperatorForm):
    """Whose it is, and how much the person saw that it is."""

    username = StringField(_l("Customer's username"), [DataRequired(), Length(max=253)])
    amount = AmountField(validators=[DataRequired()])


class DismissForm(OperatorForm):
    """Why it is no customer's."""

    reason = StringField(
        _l("Why"), [DataRequired(), Length(max=500)], description=_l("The row stays.")
    )


def above_queue() -> Sequence[ShownNotice]:
    """Return the unmatched money that stands above the queue of this operator."""
    if current_operator().scope is not None:
        return ()
    conn = desk().conn
    found = db.find_unmatched(conn, limit=_ABOVE_QUEUE + 1)
    return [show_notice(conn, each) for each in found]


@pages.get("")
def index() -> Page:
    """List what waits, the longest first; or the newest, whatever became of it."""
    _see_all()
    conn, size = desk().conn, lists.page_size()
    everything = request.args.get("all") == "1"
    if everything:
        found = db.find_notices(conn, limit=size)
    else:
        found = db.find_unmatched(conn, after=lists.after_id(), limit=size + 1)
    last = str(found[size - 1].notice_id) if len(found) > size else None
    cut = lists.cut([show_notice(conn, each) for each in found], last, size)
    return render_template(
        "verify/unmatched.html", slice=cut, everything=everything, **_words()
    )


@pages.route("/<int:notice_id>", methods=["GET", "POST"])
def show_one(notice_id: int) -> Page:
    """Show all that is known of it, and credit whom the person names."""
    at, shown, form = desk(), _shown(notice_id), AssignForm()
    if request.method == "POST" and form.validate():
        try:
            assert form.amount.amount is not None  # noqa: S101 - it was validated
            done = assign(
                at.conn,
                notice_id,
                form.username.data,
                amount=form.amount.amount,
                operator=at.actor,
                now=at.now,
            )
        except BillingError as error:
            shown = _shown(notice_id)
            if shown.notice.decided_by is not None:
                # Somebody was faster: there is no form any more for it to stand at.
                flash(told(error), "error")
                return redirect(_address(notice_id), 303)
            refuse(form, error, "username")
        else:
            flash(
                _(
                    "%(amount)s is credited to %(username)s.",
                    amount=money(done.amount),
                    username=done.username,
                )
            )
            return redirect(url_for("verify.index"), 303)
    page = render_template(
        "verify/unmatched_one.html",
        shown=shown,
        notice=shown.notice,
        form=form,
        suggestions=suggest(at.conn, shown),
        can_ask=shown.notice.gateway in gateways(),
        **_words(),
    )
    return (page, 422) if form.errors else page


@pages.post("/<int:notice_id>/ask")
def ask(notice_id: int) -> Page:
    """Ask the gateway for it by its id."""
    at, shown = desk(), _shown(notice_id)
    try:
        with in_page():
            after = ask_about_notice(
                at.conn, finder_of(gateways()), notice_id, now=at.now
            )
    except BillingError as error:
        flash(told(error), "error")
    else:
        name = say(shown.notice.gateway)
        if after.differences:
            fields = ", ".join(fields_in_words(after.differences))
            flash(
                _("%(name)s says otherwise: %(fields)s.", name=name, fields=fields),
                "error",
            )
        else:
            flash(_("%(name)s was asked, and says the same.", name=name))
    return redirect(url_for("unmatched.show_one", notice_id=notice_id), 303)


@pages.route("/<int:notice_id>/dismiss", methods=["GET", "POST"])
def put_aside(notice_id: int) -> Page:
    """Say that it is no customer's money, and why."""
    at, shown, form = desk(), _shown(notice_id), DismissForm()
    name, back = shown.notice.transaction_id, url_for("verify.index")

    def do() -> None:
        dismiss(
            at.conn,
            notice_id,
            reason=form.reason.data,
            operator=at.actor,
            now=at.now,
        )
        flash(_("%(name)s waits no longer.", name=name))

    asked = Act(
        title=_("No customer's money"),
        button=_("Put it aside"),
        back=back,
        crumbs=((_("Verify Payments"), back), (name, _address(notice_id))),
        told=(
            _(
                "For money that is the provider's own, or was sent by mistake. Whoever"
                " announces it later as a transfer is shown beside it all the same."
            ),
        ),
        hurts=True,
    )
    return act(form, do, asked, field="reason")


@pages.post("/<int:notice_id>/reopen")
def take_up_again(notice_id: int) -> Page:
    """Let money that was put aside wait for its owner again."""
    at, shown = desk(), _shown(notice_id)
    try:
        reopen(at.conn, notice_id, operator=at.actor, now=at.now)
    except BillingError as error:
        flash(told(error), "error")
    else:
        name = shown.notice.transaction_id
        flash(_("%(name)s waits for its owner again.", name=name))
    return redirect(_address(notice_id), 303)


def _see_all() -> None:
    """Nobody's money is shown to those who see only their own customers."""
    if current_operator().scope is not None:
        abort(404)


def _shown(notice_id: int) -> ShownNotice:
    _see_all()
    conn = desk().conn
    try:
        return show_notice(conn, db.read_notice(conn, notice_id))
    except UnknownNoticeError:
        abort(404)


def _address(notice_id: int) -> str:
    return url_for("unmatched.show_one", notice_id=notice_id)


def _words() -> dict[str, object]:
    return {
        "field_in_words": field_in_words,
        "reason_in_words": reason_in_words,
        "payers_reference": payers_reference,
    }
