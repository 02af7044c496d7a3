"""What is done to a payment: taken back as a mistake, given back, a refund decided."""

from contextlib import nullcontext
from decimal import Decimal

from flask import abort, flash, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db.receipts import Receipt
from billing_core.db.refunds import find_refund
from billing_core.errors import BillingError
from billing_core.ledger import CASH
from billing_core.permissions import Permission
from billing_core.refunds import RefundStanding
from billing_core.services.refund_answers import decide_refund
from billing_core.services.refunds import BY_HAND, refund_payment
from billing_core.services.wallets import reverse_entry
from web.access import Page, my_payment, operator_pages, require
from web.acting import Act, act
from web.desk import desk
from web.filters import money
from web.following import in_page
from web.forms import (
    AmountField,
    DataRequired,
    KeyedForm,
    Length,
    OperatorForm,
    Optional,
    PositiveAmount,
    SelectField,
    StringField,
    choices_of,
)
from web.pay import gateways
from web.words import say

pages = operator_pages("payment_actions", "/payments", needs=Permission.TAKE_PAYMENTS)


class ReverseForm(OperatorForm):
    """Why it never was."""

    reason = StringField(
        _l("Why"),
        [DataRequired(), Length(max=500)],
        description=_l("It stays in the books."),
    )


class RefundForm(KeyedForm):
    """How much is given back, how and why."""

    amount = AmountField(
        _l("Amount"), [Optional(), PositiveAmount()], description=_l("Empty: all.")
    )
    by = SelectField(_l("Given back by"), [DataRequired()])
    reason = StringField(
        _l("Why"),
        [DataRequired(), Length(max=500)],
        description=_l("It stays in the books."),
    )


class DecideForm(OperatorForm):
    """What became of a refund, and how one knows."""

    was_given = SelectField(_l("What the gateway's own pages show"), [DataRequired()])
    note = StringField(_l("How you know"), [DataRequired(), Length(max=500)])


@pages.route("/<int:customer_id>/<int:payment_id>/reverse", methods=["GET", "POST"])
def reverse(customer_id: int, payment_id: int) -> Page:
    """Take a payment back that was written down by mistake."""
    require(Permission.CORRECT_PAYMENTS)
    at, receipt, form = desk(), my_payment(customer_id, payment_id), ReverseForm()

    def do() -> None:
        reverse_entry(
            at.conn,
            receipt.username,
            receipt.entry_id,
            reason=form.reason.data,
            operator=at.actor,
            now=at.now,
        )
        flash(_("Receipt %(number)s is taken back.", number=receipt.number))

    told = _(
        "For what was written down by mistake: as if it never came in. Bills that it"
        " paid are open again, and service follows. Both entries stay in the books. If"
        " money is really handed back, give it back instead."
    )
    return act(form, do, _asked(receipt, _("Take back"), _("Take it back"), told))


@pages.route("/<int:customer_id>/<int:payment_id>/refund", methods=["GET", "POST"])
def refund(customer_id: int, payment_id: int) -> Page:
    """Give a payment back, whole or in part: by its gateway, or by hand."""
    require(Permission.CORRECT_PAYMENTS)
    at, receipt, form = desk(), my_payment(customer_id, payment_id), RefundForm()
    ways = [*([receipt.method] if receipt.method in gateways() else []), *BY_HAND]
    form.by.choices = choices_of([(way, say(way)) for way in ways])
    if request.method == "GET":
        form.by.data = receipt.method if receipt.method in ways else CASH

    def do() -> None:
        by = gateways().get(form.by.data, form.by.data)
        with nullcontext() if isinstance(by, str) else in_page():
            done = refund_payment(
                at.conn,
                receipt.number,
                form.amount.amount,
                reason=form.reason.data,
                key=form.key.data,
                by=by,
                operator=at.actor,
                now=at.now,
            )
        _tell(done.state, done.amount, done.outcome)

    told = _(
        "Up to %(most)s of it. The money leaves the wallet; bills that it paid are open"
        " again where the wallet does not cover them.",
        most=money(receipt.refundable),
    )
    return act(form, do, _asked(receipt, _("Give back"), _("Give it back"), told))


@pages.route(
    "/<int:customer_id>/<int:payment_id>/refunds/<reference>", methods=["GET", "POST"]
)
def decide(customer_id: int, payment_id: int, reference: str) -> Page:
    """Say what became of a refund when its gateway does not."""
    require(Permission.CORRECT_PAYMENTS)
    at, receipt, form = desk(), my_payment(customer_id, payment_id), DecideForm()
    try:
        found = find_refund(at.conn, reference)
    except BillingError:
        abort(404)
    if (found.customer_id, found.payment_id) != (customer_id, payment_id):
        abort(404)
    form.was_given.choices = choices_of(
        [("yes", _("it was given back")), ("no", _("it was not given back"))],
        any_label=_("choose"),
    )

    def do() -> None:
        done = decide_refund(
            at.conn,
            reference,
            was_given=form.was_given.data == "yes",
            note=form.note.data,
            operator=at.actor,
            now=at.now,
        )
        _tell(done.state, done.amount, "")

    told = _(
        "%(amount)s is %(state)s. Only say what the gateway's own pages show: not given"
        " back puts the money into the wallet again.",
        amount=money(found.amount),
        state=say(found.state),
    )
    return act(form, do, _asked(receipt, _("Refund"), _("That is so"), told))


def _tell(state: str, amount: Decimal, outcome: str) -> None:
    text = {
        RefundStanding.DONE: _("%(amount)s is given back.", amount=money(amount)),
        RefundStanding.REQUESTED: _(
            "The gateway is giving %(amount)s back.", amount=money(amount)
        ),
        RefundStanding.UNKNOWN: _(
            "Whether %(amount)s was given back is not known yet: the gateway is asked"
            " again, and nothing is sent twice.",
            amount=money(amount),
        ),
        RefundStanding.REFUSED: _(
            "%(amount)s was not given back and is in the wallet again. %(why)s",
            amount=money(amount),
            why=outcome,
        ),
    }[RefundStanding(state)]
    flash(text, "message" if state != RefundStanding.REFUSED else "error")


def _asked(receipt: Receipt, title: str, button: str, told: str) -> Act:
    here = url_for(
        "payments.show",
        customer_id=receipt.customer_id,
        payment_id=receipt.payment_id,
    )
    payments = (_("Customer Payments"), url_for("payments.index"))
    return Act(
        title=title,
        button=button,
        back=here,
        crumbs=(payments, (receipt.number, here)),
        subject=receipt.number,
        about=(receipt.username, money(receipt.amount), say(receipt.method)),
        told=[told],
        hurts=True,
    )
