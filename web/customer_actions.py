"""What is done to one customer: each has a page of its own that says what follows."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from billing_core.db.customers import Contact, Customer
from billing_core.db.ledger import list_bills
from billing_core.db.packages import list_packages
from billing_core.db.profiles import list_profiles
from billing_core.errors import BillingError
from billing_core.money import ZERO
from billing_core.permissions import Permission
from billing_core.services import cash, changes, customers, sessions, suspension
from web.access import Page, my_customer, operator_pages, require, safe_next
from web.desk import desk
from web.filters import money
from web.forms import (
    LANGUAGE_CHOICES,
    AmountField,
    BooleanField,
    DataRequired,
    DateField,
    KeyedForm,
    Length,
    MacField,
    OperatorForm,
    Optional,
    PasswordField,
    PositiveAmount,
    SelectField,
    StringField,
    TextAreaField,
    choices_of,
    day_starts,
    refuse,
)

pages = operator_pages(
    "customer_actions",
    "/customers/<int:customer_id>",
    needs=Permission.VIEW_CUSTOMERS,
)
_NOTE = [Length(max=500)]


class BillsField(SelectMultipleField):
    """Bills to choose, each with its box."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class CashForm(KeyedForm):
    """Cash that was taken."""

    amount = AmountField(_l("Amount"), [DataRequired(), PositiveAmount()])
    discount = AmountField(_l("Discount"), [Optional()])
    received_on = DateField(_l("Taken on"), [Optional()])
    bills = BillsField(
        _l("For these bills"),
        description=_l("None chosen: the one due first is paid first."),
    )
    note = StringField(_l("Note"), _NOTE)


class NoteForm(OperatorForm):
    """Why."""

    note = StringField(_l("Why"), _NOTE, description=_l("It stays in his log."))


class SuspendForm(NoteForm):
    """Stop service."""

    disable = BooleanField(
        _l("Disable"), description=_l("Like suspended, and not billed at all.")
    )


class HoldForm(NoteForm):
    """Do not suspend before a day."""

    until = DateField(
        _l("Not before"), [Optional()], description=_l("Empty: the hold ends.")
    )


class PasswordForm(OperatorForm):
    """Another password."""

    password = PasswordField(_l("New password"), [DataRequired(), Length(max=128)])


class DeviceForm(OperatorForm):
    """The only device one may log in from."""

    mac = MacField(_l("Device"), description=_l("Empty: any device."))


class ContactForm(OperatorForm):
    """Who he is and how he is reached."""

    name = StringField(_l("Name"), [Length(max=200)])
    mobile = StringField(_l("Mobile"), [Length(max=30)])
    mail = StringField(_l("Mail"), [Length(max=200)])
    language = SelectField(_l("Language"), choices=LANGUAGE_CHOICES)
    zone = StringField(_l("Zone"), [Length(max=100)])
    address = TextAreaField(_l("Address"), [Length(max=500)])
    comment = TextAreaField(_l("Comment"), [Length(max=1000)])


class PackageForm(OperatorForm):
    """Another package."""

    package = SelectField(_l("Package"), [DataRequired()])
    special_price = AmountField(
        _l("Special price"),
        [Optional()],
        description=_l("Of a cycle, for him alone; empty: as the package costs."),
    )


class ProfileForm(OperatorForm):
    """Another billing profile."""

    profile = SelectField(_l("Billing profile"), [DataRequired()])
    package = SelectField(_l("Package"), default="", description=_l("If another."))


@pages.route("/cash", methods=["GET", "POST"])
def take_cash(customer_id: int) -> Page:
    """Take cash, against chosen bills or into the wallet."""
    require(Permission.TAKE_PAYMENTS)
    at, customer, form = desk(), my_customer(customer_id), CashForm()
    open_bills = [
        bill
        for bill in list_bills(at.conn, customer_id, limit=200)
        if bill.status in ("unpaid", "partial")
    ]
    form.bills.choices = choices_of(
        (
            bill.number or bill.bill_id,
            f"{bill.number or bill.bill_id} · {money(bill.gross - bill.paid)}",
        )
        for bill in reversed(open_bills)
    )
    if request.method == "GET":
        form.bills.data = request.args.getlist("bill")
        form.received_on.data = at.now.astimezone(at.settings.zone).date()
        form.amount.data = request.args.get("amount", "")
    elif form.validate():
        if form.discount.amount:
            require(Permission.GIVE_DISCOUNTS)
        try:
            taken = cash.take_cash(
                at.conn,
                customer.username,
                form.amount.amount or ZERO,
                key=form.key.data,
                operator=at.actor,
                note=form.note.data or "",
                now=at.now,
                bills=form.bills.data or (),
                discount=form.discount.amount or ZERO,
                received_on=form.received_on.data,
            )
        except BillingError as error:
            refuse(form, error)
        else:
            flash(
                _(
                    "%(amount)s taken; the receipt is R%(number)s.",
                    amount=money(form.amount.amount),
                    number=taken.payment_id,
                )
            )
            receipt = url_for(
                "payments.show",
                customer_id=customer_id,
                payment_id=taken.payment_id,
            )
            return redirect(receipt, 303)
    return _ask(
        customer,
        form,
        title=_("Take cash"),
        button=_("Take the money"),
        told=_("Due on bills: %(due)s", due=money(customer.due)),
    )


@pages.route("/suspend", methods=["GET", "POST"])
def suspend(customer_id: int) -> Page:
    """Stop service and put running sessions off."""
    require(Permission.CHANGE_SERVICE)
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
        flash(_("Suspended; %(cut)s running session(s) are being cut.", cut=cut))

    return _act(
        customer,
        form,
        do,
        title=_("Suspend"),
        button=_("Suspend him"),
        told=_("His sessions end within seconds, and he cannot log in."),
        hurts=True,
    )


@pages.route("/activate", methods=["GET", "POST"])
def activate(customer_id: int) -> Page:
    """Let service come back."""
    require(Permission.CHANGE_SERVICE)
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

    return _act(
        customer,
        form,
        do,
        title=_("Activate"),
        button=_("Activate him"),
        told=_("His next login is accepted. What he owes stays owed."),
    )


@pages.route("/hold", methods=["GET", "POST"])
def hold(customer_id: int) -> Page:
    """Do not suspend before a day, whatever is owed."""
    require(Permission.CHANGE_SERVICE)
    at, customer, form = desk(), my_customer(customer_id), HoldForm()

    def do() -> None:
        until = form.until.data
        if until is not None and until <= at.now.astimezone(at.settings.zone).date():
            raise _FieldError("until", _("That day is over: name one to come."))
        suspension.hold(
            at.conn,
            customer.username,
            day_starts(until),
            note=form.note.data or "",
            actor=at.actor,
            now=at.now,
        )
        flash(_("The hold is set.") if until else _("The hold has ended."))

    return _act(
        customer,
        form,
        do,
        title=_("Hold suspension"),
        button=_("Hold"),
        told=_("Until that day overdue bills do not stop his service."),
    )


@pages.route("/pause", methods=["GET", "POST"])
def pause(customer_id: int) -> Page:
    """Stop service and bills until he is resumed; or resume."""
    require(Permission.CHANGE_SERVICE)
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

    return _act(
        customer,
        form,
        do,
        title=_("Resume") if is_paused else _("Pause"),
        button=_("Resume") if is_paused else _("Pause him"),
        told=_("The time he was paused is not billed.")
        if is_paused
        else _("No service and no bills until he is resumed."),
        hurts=not is_paused,
    )


@pages.route("/sessions/<int:session_id>/disconnect", methods=["GET", "POST"])
def disconnect(customer_id: int, session_id: int) -> Page:
    """End a running session; he may log in again at once."""
    require(Permission.CHANGE_SERVICE)
    at, customer, form = desk(), my_customer(customer_id), OperatorForm()

    def do() -> None:
        sessions.disconnect(
            at.conn, customer_id, session_id, actor=at.actor, now=at.now
        )
        flash(_("The NAS is being asked to end the session."))

    return _act(
        customer,
        form,
        do,
        title=_("Disconnect"),
        button=_("Disconnect"),
        told=_("Session %(number)s ends; he may log in again.", number=session_id),
        hurts=True,
    )


@pages.route("/password", methods=["GET", "POST"])
def password(customer_id: int) -> Page:
    """Give him another password."""
    require(Permission.EDIT_CUSTOMERS)
    at, customer, form = desk(), my_customer(customer_id), PasswordForm()

    def do() -> None:
        customers.set_password(
            at.conn,
            customer.username,
            form.password.data,
            secret_key=at.settings.secret_key,
            actor=at.actor,
            now=at.now,
        )
        flash(_("He has a new password."))

    return _act(
        customer,
        form,
        do,
        title=_("Change password"),
        button=_("Change it"),
        told=_("For his connection and the portal. Running sessions go on."),
    )


@pages.route("/device", methods=["GET", "POST"])
def device(customer_id: int) -> Page:
    """Let him log in from one device only, or from any."""
    require(Permission.EDIT_CUSTOMERS)
    at, customer = desk(), my_customer(customer_id)
    form = DeviceForm(mac=customer.mac_binding or "")

    def do() -> None:
        customers.set_mac_binding(
            at.conn, customer.username, form.mac.mac, actor=at.actor, now=at.now
        )
        flash(
            _("Only %(mac)s may log in.", mac=form.mac.mac)
            if form.mac.mac
            else _("Any device may log in.")
        )

    return _act(
        customer,
        form,
        do,
        title=_("Device"),
        button=_("Save"),
        told=_("He bought another device? Empty the field, or write its address."),
    )


@pages.route("/contact", methods=["GET", "POST"])
def contact(customer_id: int) -> Page:
    """Say anew who he is and how he is reached."""
    require(Permission.EDIT_CUSTOMERS)
    at, customer = desk(), my_customer(customer_id)
    form = ContactForm(obj=customer)

    def do() -> None:
        new = Contact(
            **{name: form[name].data or "" for name in Contact.__dataclass_fields__}
        )
        customers.change_contact(
            at.conn, customer.username, new, actor=at.actor, now=at.now
        )
        flash(_("Saved."))

    return _act(customer, form, do, title=_("Contact"), button=_("Save"))


@pages.route("/package", methods=["GET", "POST"])
def package(customer_id: int) -> Page:
    """Put him on another package: first what it costs, then the change."""
    require(Permission.CHANGE_PACKAGES)
    at, customer, form = desk(), my_customer(customer_id), PackageForm()
    form.package.choices = choices_of(
        (p.name, f"{p.name} · {money(p.price)}")
        for p in list_packages(at.conn)
        if p.billing == customer.billing
        and (not p.is_withdrawn or p.name == customer.package)
    )
    if request.method == "GET":
        form.package.data = customer.package

    def change(*, preview: bool) -> changes.Change:
        return changes.change_package(
            at.conn,
            customer.username,
            form.package.data,
            special_price=form.special_price.amount,
            preview=preview,
            actor=at.actor,
            now=at.now,
            zone=at.settings.zone,
        )

    return _change(customer, form, change, title=_("Change package"))


@pages.route("/profile", methods=["GET", "POST"])
def profile(customer_id: int) -> Page:
    """Put him on another billing profile: first what it costs, then the change."""
    require(Permission.CHANGE_PACKAGES)
    at, customer, form = desk(), my_customer(customer_id), ProfileForm()
    form.profile.choices = choices_of((p.name, p.name) for p in list_profiles(at.conn))
    form.package.choices = choices_of(
        ((p.name, f"{p.name} · {money(p.price)}") for p in list_packages(at.conn)),
        any_label=customer.package,
    )
    if request.method == "GET":
        form.profile.data = customer.profile

    def change(*, preview: bool) -> changes.Change:
        return changes.change_profile(
            at.conn,
            customer.username,
            form.profile.data,
            package_name=form.package.data or None,
            preview=preview,
            actor=at.actor,
            now=at.now,
            zone=at.settings.zone,
        )

    return _change(customer, form, change, title=_("Change billing profile"))


class _FieldError(BillingError):
    """A rule that one field breaks."""

    def __init__(self, field: str, why: str) -> None:
        self.field = field
        super().__init__(why)


def _act(
    customer: Customer,
    form: OperatorForm,
    do: Any,
    *,
    title: str,
    button: str,
    told: str = "",
    hurts: bool = False,
) -> Page:
    """Ask, then do it once the form is right; what is refused stands in the form."""
    if request.method == "POST" and form.validate():
        try:
            do()
        except BillingError as error:
            refuse(form, error, getattr(error, "field", None))
        else:
            return _back(customer.customer_id)
    return _ask(customer, form, title=title, button=button, told=told, hurts=hurts)


def _change(customer: Customer, form: OperatorForm, change: Any, *, title: str) -> Page:
    """Show what a change credits and charges; the second button makes it."""
    preview = None
    if request.method == "POST" and form.validate():
        try:
            if request.form.get("step") == "make":
                made = change(preview=False)
                flash(
                    _(
                        "He is on %(package)s; %(credit)s credited,"
                        " %(charge)s charged.",
                        package=made.package,
                        credit=money(made.quote.credit),
                        charge=money(made.quote.charge),
                    )
                )
                return _back(customer.customer_id)
            preview = change(preview=True)
        except BillingError as error:
            refuse(form, error)
    page = render_template(
        "customers/change.html",
        customer=customer,
        form=form,
        title=title,
        preview=preview,
    )
    return (page, 422) if form.errors else page


def _ask(
    customer: Customer,
    form: OperatorForm,
    *,
    title: str,
    button: str,
    told: str = "",
    hurts: bool = False,
) -> Page:
    page = render_template(
        "customers/act.html",
        customer=customer,
        form=form,
        title=title,
        button=button,
        told=told,
        hurts=hurts,
    )
    return (page, 422) if form.errors else page


def _back(customer_id: int) -> Page:
    """Go where one came from, if the address says it; else to the customer."""
    came_from = safe_next(request.args.get("next"))
    here = url_for("customers.show", customer_id=customer_id)
    return redirect(came_from or here, 303)
