"""Bills that a person makes: what is due now, something else than service."""

from flask import flash, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db.profiles import list_vat_profiles
from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.services.billing_run import bill_by_hand
from billing_core.services.charges import charge_customer
from billing_core.services.runs import unpark as let_in_again
from web.access import Page, my_customer, operator_pages
from web.acting import act
from web.customer_acting import asked_of
from web.desk import desk
from web.filters import number
from web.forms import (
    AmountField,
    DataRequired,
    KeyedForm,
    Length,
    OperatorForm,
    PositiveAmount,
    SelectField,
    StringField,
    choices_of,
)

pages = operator_pages(
    "customer_bills", "/customers/<int:customer_id>", needs=Permission.CORRECT_BILLS
)


class NothingDueError(BillingError):
    """All that is due is billed."""

    def __init__(self) -> None:
        super().__init__(_("Nothing is due to be billed now."))


class ChargeForm(KeyedForm):
    """What is charged, and how much."""

    description = StringField(
        _l("What for"),
        [DataRequired(), Length(max=200)],
        description=_l("It is printed on the bill."),
    )
    amount = AmountField(_l("Amount"), [DataRequired(), PositiveAmount()])
    vat = SelectField(_l("VAT"), default="")


@pages.route("/bill", methods=["GET", "POST"])
def bill_now(customer_id: int) -> Page:
    """Bill him what is due, also where nothing bills by itself."""
    at, customer = desk(), my_customer(customer_id)

    def do() -> None:
        billed = bill_by_hand(
            at.conn,
            customer_id,
            as_of=at.now,
            now=at.now,
            zone=at.settings.zone,
            actor=at.actor,
        )
        if not billed:
            raise NothingDueError
        flash(_("%(count)s bill(s) issued.", count=number(billed)))

    told = _(
        "Every cycle of his that is due and not billed yet, as his billing profile"
        " says; what is in his wallet pays it."
    )
    asked = asked_of(customer, title=_("Bill now"), button=_("Bill him"), told=[told])
    return act(OperatorForm(), do, asked)


@pages.route("/charge", methods=["GET", "POST"])
def charge(customer_id: int) -> Page:
    """Bill him something else than service: a cable, a visit."""
    at, customer, form = desk(), my_customer(customer_id), ChargeForm()
    form.vat.choices = choices_of(
        ((vat.name, vat.name) for vat in list_vat_profiles(at.conn)),
        any_label=_("as for his service"),
    )

    def do() -> str:
        assert form.amount.amount is not None  # noqa: S101 - it was validated
        bill = charge_customer(
            at.conn,
            customer.username,
            form.amount.amount,
            description=form.description.data,
            vat_profile=form.vat.data or None,
            key=form.key.data,
            actor=at.actor,
            now=at.now,
            zone=at.settings.zone,
        )
        flash(_("Bill %(name)s is issued.", name=bill.name))
        return url_for("bills.show", customer_id=customer_id, bill_id=bill.bill_id)

    told = _(
        "A bill of its own, at once, due as his billing profile says; what is in his"
        " wallet pays it."
    )
    asked = asked_of(customer, title=_("Charge"), button=_("Bill it"), told=[told])
    return act(form, do, asked)


@pages.route("/unpark", methods=["GET", "POST"])
def unpark(customer_id: int) -> Page:
    """Let billing take him in again, after the cause was mended."""
    at, customer = desk(), my_customer(customer_id)

    def do() -> None:
        let_in_again(at.conn, customer.username, actor=at.actor, now=at.now)
        flash(_("The next run takes him in again."))

    told = _(
        "Mend the cause first, or the next run leaves him out again. What is due"
        " meanwhile is billed then."
    )
    title = _("Take in again")
    return act(
        OperatorForm(), do, asked_of(customer, title=title, button=title, told=[told])
    )
