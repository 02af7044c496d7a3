"""Who a customer is, and whose: password, device, address, how he is reached."""

from flask import flash
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db.customers import Contact
from billing_core.permissions import Permission
from billing_core.services import customers
from web.access import Page, current_operator, my_customer, operator_pages, require
from web.acting import act
from web.customer_acting import asked_of
from web.desk import desk
from web.forms import (
    LANGUAGE_CHOICES,
    DataRequired,
    Length,
    MacField,
    OperatorForm,
    PasswordField,
    SelectField,
    StringField,
    TextAreaField,
    choices_of,
)
from web.sellers import list_sellers

pages = operator_pages(
    "customer_identity",
    "/customers/<int:customer_id>",
    needs=Permission.EDIT_CUSTOMERS,
)


class PasswordForm(OperatorForm):
    """Another password."""

    password = PasswordField(_l("New password"), [DataRequired(), Length(max=128)])


class DeviceForm(OperatorForm):
    """The only device one may log in from."""

    mac = MacField(_l("Device"), description=_l("Empty: any device."))


class AddressForm(OperatorForm):
    """The address he gets at each login."""

    address = StringField(
        _l("Static address"),
        [Length(max=45)],
        description=_l("Empty: an address of the pool."),
    )


class OwnerForm(OperatorForm):
    """Whose customer he is."""

    operator = SelectField(_l("Operator"), default="")


class ContactForm(OperatorForm):
    """Who he is and how he is reached."""

    name = StringField(_l("Name"), [Length(max=200)])
    mobile = StringField(_l("Mobile"), [Length(max=30)])
    mail = StringField(_l("Mail"), [Length(max=200)])
    language = SelectField(_l("Language"), choices=LANGUAGE_CHOICES)
    zone = StringField(_l("Zone"), [Length(max=100)])
    address = TextAreaField(_l("Address"), [Length(max=500)])
    comment = TextAreaField(_l("Comment"), [Length(max=1000)])


@pages.route("/password", methods=["GET", "POST"])
def password(customer_id: int) -> Page:
    """Give him another password."""
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

    asked = asked_of(
        customer,
        title=_("Change password"),
        button=_("Change it"),
        told=[_("For his connection and the portal. Running sessions go on.")],
    )
    return act(form, do, asked, field="password")


@pages.route("/device", methods=["GET", "POST"])
def device(customer_id: int) -> Page:
    """Let him log in from one device only, or from any."""
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

    asked = asked_of(
        customer,
        title=_("Device"),
        button=_("Save"),
        told=[_("He bought another device? Empty the field, or write its address.")],
    )
    return act(form, do, asked, field="mac")


@pages.route("/contact", methods=["GET", "POST"])
def contact(customer_id: int) -> Page:
    """Say anew who he is and how he is reached."""
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

    return act(form, do, asked_of(customer, title=_("Contact"), button=_("Save")))


@pages.route("/address", methods=["GET", "POST"])
def address(customer_id: int) -> Page:
    """Give him an address of his own, or one of the pool."""
    at, customer = desk(), my_customer(customer_id)
    form = AddressForm(address=customer.framed_ip or "")

    def do() -> None:
        wanted = form.address.data or None
        customers.set_static_address(
            at.conn, customer.username, wanted, actor=at.actor, now=at.now
        )
        flash(
            _("From his next login on he gets %(address)s.", address=wanted)
            if wanted
            else _("From his next login on he gets an address of the pool.")
        )

    asked = asked_of(
        customer,
        title=_("Static address"),
        button=_("Save"),
        told=[_("It is his alone. A session that runs keeps the address it has.")],
    )
    return act(form, do, asked, field="address")


@pages.route("/operator", methods=["GET", "POST"])
def operator(customer_id: int) -> Page:
    """Give him to another operator, or to the provider."""
    require(Permission.MANAGE_OPERATORS)
    at, me, customer = desk(), current_operator(), my_customer(customer_id)
    sellers = [
        one
        for one in list_sellers()
        if not one.is_disabled or one.operator_id == customer.operator_id
    ]
    own = next(
        (o.username for o in sellers if o.operator_id == customer.operator_id), ""
    )
    form = OwnerForm(operator=own)
    form.operator.choices = choices_of(
        ((one.username, one.name or one.username) for one in sellers),
        any_label=_("the provider's own") if me.scope is None else None,
    )

    def do() -> None:
        customers.give_to_operator(
            at.conn,
            customer.username,
            form.operator.data or None,
            actor=at.actor,
            now=at.now,
        )
        flash(_("Saved."))

    asked = asked_of(
        customer,
        title=_("Change operator"),
        button=_("Change it"),
        told=[
            _(
                "From then on that operator, and those above him, see this customer"
                " with all his bills and payments; the operator he had does not."
            )
        ],
    )
    return act(form, do, asked, field="operator")
