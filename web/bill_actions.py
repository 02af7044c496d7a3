"""What is done to bills, one or many: paid in cash, void, due on another day."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db.corrections import BillStanding, find_bill
from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.services.cash import take_cash, was_taken
from billing_core.services.charges import bill_again
from billing_core.services.corrections import credit_bill, void_bill
from billing_core.services.due_dates import move_due_date
from web.access import Page, my_bill, operator_pages, require, safe_next
from web.acting import Act, act
from web.chosen import chosen_bills
from web.desk import desk
from web.filters import money, number
from web.forms import (
    AmountField,
    DataRequired,
    DateField,
    HiddenField,
    KeyedForm,
    Length,
    OperatorForm,
    PositiveAmount,
    StringField,
    day_starts,
)
from web.refusals import told
from web.words import say

pages = operator_pages("bill_actions", "/bills", needs=Permission.VIEW_BILLS)
#: What is told after a redirect travels in a cookie; browsers drop one that is large.
_TOLD_MAX = 8


class VoidForm(OperatorForm):
    """Why a bill is no debt."""

    reason = StringField(
        _l("Why"),
        [DataRequired(), Length(max=500)],
        description=_l("It stays in the books."),
    )


class CreditForm(KeyedForm):
    """How much is given back, and why."""

    amount = AmountField(_l("Amount"), [DataRequired(), PositiveAmount()])
    reason = StringField(_l("Why"), [DataRequired(), Length(max=500)])


class DueForm(OperatorForm):
    """Another due date."""

    due_on = DateField(_l("Due on"), [DataRequired()])
    reason = StringField(_l("Why"), [Length(max=500)])


class ManyForm(KeyedForm):
    """What is done to many bills at once."""

    what = HiddenField()
    reason = StringField(_l("Why"), [Length(max=500)])
    next = HiddenField()


@pages.route("/<int:customer_id>/<int:bill_id>/void", methods=["GET", "POST"])
def void(customer_id: int, bill_id: int) -> Page:
    """Declare a bill to be no debt."""
    require(Permission.CORRECT_BILLS)
    bill, at, form = my_bill(customer_id, bill_id), desk(), VoidForm()

    def do() -> None:
        void_bill(
            at.conn, bill.name, reason=form.reason.data, actor=at.actor, now=at.now
        )
        flash(_("Bill %(name)s is void.", name=bill.name))

    told = _(
        "It is owed no more; what was paid of it (%(paid)s) goes back into the wallet."
        " It cannot be undone: its period is billed again only by hand.",
        paid=money(bill.paid),
    )
    asked = _asked(bill, title=_("Void"), button=_("Void it"), told=told, hurts=True)
    return act(form, do, asked)


@pages.route("/<int:customer_id>/<int:bill_id>/credit", methods=["GET", "POST"])
def credit(customer_id: int, bill_id: int) -> Page:
    """Give back part of a bill by a credit note."""
    require(Permission.CORRECT_BILLS)
    bill, at, form = my_bill(customer_id, bill_id), desk(), CreditForm()

    def do() -> None:
        assert form.amount.amount is not None  # noqa: S101 - it was validated
        note = credit_bill(
            at.conn,
            bill.name,
            form.amount.amount,
            reason=form.reason.data,
            key=form.key.data,
            actor=at.actor,
            now=at.now,
        )
        flash(_("Credit note %(number)s is issued.", number=note))

    told = _(
        "It lowers what is open first; what is more goes into the wallet. Up to"
        " %(most)s.",
        most=money(bill.gross - bill.credited),
    )
    asked = _asked(
        bill, title=_("Credit note"), button=_("Issue it"), told=told, hurts=True
    )
    return act(form, do, asked, field="amount")


@pages.route("/<int:customer_id>/<int:bill_id>/due", methods=["GET", "POST"])
def due(customer_id: int, bill_id: int) -> Page:
    """Let a bill be due on another day."""
    require(Permission.CORRECT_BILLS)
    bill, at = my_bill(customer_id, bill_id), desk()
    zone = at.settings.zone
    form = DueForm(due_on=bill.due_at.astimezone(zone).date() if bill.due_at else None)

    def do() -> None:
        due_at = day_starts(form.due_on.data)
        assert due_at is not None  # noqa: S101 - it was validated
        if bill.due_at is not None:
            # The hour stays: a bill is due when its cycle began, to the minute.
            was = bill.due_at.astimezone(zone)
            due_at = due_at.astimezone(zone).replace(
                hour=was.hour, minute=was.minute, second=was.second
            )
        move_due_date(
            at.conn,
            bill.name,
            due_at,
            reason=form.reason.data or "",
            actor=at.actor,
            now=at.now,
        )
        flash(_("Bill %(name)s has another due date.", name=bill.name))

    asked = _asked(
        bill,
        title=_("Due date"),
        button=_("Save"),
        told=_("When he would be suspended over it moves as far."),
    )
    return act(form, do, asked, field="due_on")


@pages.route("/<int:customer_id>/<int:bill_id>/again", methods=["GET", "POST"])
def again(customer_id: int, bill_id: int) -> Page:
    """Bill the period of a void bill anew."""
    require(Permission.CORRECT_BILLS)
    bill, at = my_bill(customer_id, bill_id), desk()

    def do() -> str:
        made = bill_again(
            at.conn, bill.name, actor=at.actor, now=at.now, zone=at.settings.zone
        )
        flash(_("Bill %(name)s is issued.", name=made))
        _owner, made_id = find_bill(at.conn, made)
        return url_for("bills.show", customer_id=customer_id, bill_id=made_id)

    told = _(
        "At the price and VAT that hold for him now; once, however often it is asked."
    )
    asked = _asked(bill, title=_("Bill again"), button=_("Bill it again"), told=told)
    return act(OperatorForm(), do, asked)


@pages.post("/many")
def ask_many() -> Page:
    """Show what is about to be done to the bills that were chosen, and its sum."""
    bills = chosen_bills()
    form = ManyForm(what=request.form.get("what", ""))
    return _many(form, bills)


@pages.post("/many/do")
def do_many() -> Page:
    """Do it to each, one by one; tell which could not be."""
    bills, form = chosen_bills(), ManyForm()
    _require_many(form.what.data)
    is_right = form.validate()
    if form.what.data == "void" and not form.reason.data:
        form.reason.errors = [_("Say why: the reason stays in the books.")]
        is_right = False
    if not is_right:
        return _many(form, bills), 422
    refused = []
    for bill in bills:
        try:
            _do_one(form, bill)
        except BillingError as error:
            refused.append(f"{bill.name}: {told(error)}")
    done = len(bills) - len(refused)
    flash(
        _("%(done)s of %(all)s bills done.", done=number(done), all=number(len(bills)))
    )
    for line in refused[:_TOLD_MAX]:
        flash(line, "error")
    if len(refused) > _TOLD_MAX:
        more = number(len(refused) - _TOLD_MAX)
        flash(_("%(count)s more could not be done.", count=more), "error")
    return redirect(safe_next(form.next.data) or url_for("bills.index"), 303)


def _do_one(form: ManyForm, bill: BillStanding) -> None:
    at = desk()
    if form.what.data == "void":
        void_bill(
            at.conn, bill.name, reason=form.reason.data, actor=at.actor, now=at.now
        )
        return
    # Sent twice, each bill is paid once; the second time tells what the first did.
    key = f"{form.key.data}:{bill.bill_id}"
    if not bill.is_open:
        if was_taken(at.conn, bill.customer_id, key):
            return
        raise BillingError(_("it is %(status)s already", status=say(bill.status)))
    take_cash(
        at.conn,
        bill.username,
        bill.open_amount,
        key=key,
        operator=at.actor,
        note=form.reason.data or "",
        now=at.now,
        bills=[bill.name],
    )


def _require_many(what: str | None) -> None:
    match what:
        case "void":
            require(Permission.CORRECT_BILLS)
        case "paid":
            require(Permission.TAKE_PAYMENTS)
        case _:
            abort(400)


def _many(form: ManyForm, bills: list[BillStanding]) -> str:
    _require_many(form.what.data)
    return render_template("bills/many.html", form=form, bills=bills)


def _asked(
    bill: BillStanding, *, title: str, button: str, told: str, hurts: bool = False
) -> Act:
    here = url_for("bills.show", customer_id=bill.customer_id, bill_id=bill.bill_id)
    return Act(
        title=title,
        button=button,
        # From a list one goes back to it, filtered as it was.
        back=safe_next(request.args.get("next")) or here,
        crumbs=((_("Customer Bills"), url_for("bills.index")), (bill.name, here)),
        subject=bill.name,
        about=(bill.username, money(bill.gross), say(bill.status)),
        told=[told],
        hurts=hurts,
    )
