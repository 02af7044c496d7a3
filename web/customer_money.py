"""A customer's money at the till: cash, for chosen bills or into the wallet."""

from flask import flash, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db.web_bills import BillFilter, list_bills
from billing_core.money import ZERO
from billing_core.permissions import Permission
from billing_core.services import cash
from web.access import Page, keep_for, may, my_customer, operator_pages
from web.acting import ChecksField, FieldError, act
from web.customer_acting import asked_of
from web.desk import desk
from web.filters import day, money
from web.forms import (
    AmountField,
    DataRequired,
    DateField,
    KeyedForm,
    Length,
    Optional,
    PositiveAmount,
    StringField,
    choices_of,
)

pages = operator_pages(
    "customer_money",
    "/customers/<int:customer_id>",
    needs=Permission.TAKE_PAYMENTS,
)
#: As many open bills can be chosen from; whoever owes more pays them one by one.
_BILLS_MAX = 200


class BillsField(ChecksField):
    """Bills to choose, each with its box."""


class CashForm(KeyedForm):
    """Cash that was taken."""

    amount = AmountField(_l("Amount"), [DataRequired(), PositiveAmount()])
    discount = AmountField(_l("Discount"), [Optional()])
    received_on = DateField(_l("Received on"), [Optional()])
    bills = BillsField(
        _l("For these bills"),
        description=_l("None chosen: the one due first is paid first."),
        # The service knows whose they are. Here the second of two clicks, whose bill
        # the first one paid, would be refused instead of led to the receipt.
        validate_choice=False,
    )
    note = StringField(_l("Note"), [Length(max=500)])


@pages.route("/cash", methods=["GET", "POST"])
def take_cash(customer_id: int) -> Page:
    """Take cash, against chosen bills or into the wallet."""
    at, customer, form = desk(), my_customer(customer_id), CashForm()
    today = at.now.astimezone(at.settings.zone).date()
    gives = may(Permission.GIVE_DISCOUNTS)
    _offer_bills(form, customer_id)
    keep_for(Permission.GIVE_DISCOUNTS, form, "discount")
    if request.method == "GET":
        form.bills.data = request.args.getlist("bill")
        form.received_on.data = today
        form.amount.data = request.args.get("amount", "")

    def do() -> str:
        note = form.note.data or ""
        discount = (gives and form.discount.amount) or ZERO
        if discount and not note:
            raise FieldError("note", _("Say why there is a discount."))
        if form.received_on.data and form.received_on.data > today:
            raise FieldError("received_on", _("That day is yet to come."))
        taken = cash.take_cash(
            at.conn,
            customer.username,
            form.amount.amount or ZERO,
            key=form.key.data,
            operator=at.actor,
            note=note,
            now=at.now,
            bills=form.bills.data or (),
            discount=discount,
            received_on=form.received_on.data,
        )
        flash(
            _(
                "%(amount)s taken; the receipt is R%(number)s.",
                amount=money(form.amount.amount),
                number=taken.payment_id,
            )
        )
        return url_for(
            "payments.show", customer_id=customer_id, payment_id=taken.payment_id
        )

    asked = asked_of(
        customer,
        title=_("Take cash"),
        button=_("Take the money"),
        told=[_("Due on bills: %(due)s", due=money(customer.due))],
    )
    return act(form, do, asked)


def _offer_bills(form: CashForm, customer_id: int) -> None:
    """Let him choose among the customer's open bills, the oldest first."""
    is_open = BillFilter(customer_id=customer_id, is_open=True)
    bills = list_bills(desk().conn, is_open, None, after=None, limit=_BILLS_MAX)
    form.bills.choices = choices_of(
        (
            bill.label,
            f"{bill.label} · {day(bill.period_start)} · {money(bill.open_amount)}",
        )
        for bill in reversed(bills)
    )
