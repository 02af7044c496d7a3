"""Customers: the list, one customer, taking one on."""

from flask import flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import web_customers as db
from billing_core.db import web_records as records
from billing_core.db.customers import CustomerError, read_subscription
from billing_core.db.fair_use import read_use
from billing_core.db.ledger import list_bills
from billing_core.db.operators import list_operators
from billing_core.db.packages import list_packages
from billing_core.db.profiles import list_profiles
from billing_core.db.web_lists import OWN
from billing_core.errors import BillingError
from billing_core.kinds import BILLINGS
from billing_core.permissions import Permission
from billing_core.services.registration import Registration, add_customer
from web import customers_to_come, exports, lists
from web.access import (
    Page,
    current_operator,
    keep_for,
    may,
    my_customer,
    operator_pages,
    require,
)
from web.desk import desk
from web.filters import money
from web.forms import (
    LANGUAGE_CHOICES,
    AmountField,
    BooleanField,
    DataRequired,
    DateField,
    FilterForm,
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
    refuse,
)
from web.giving import packages_to_give, profiles_to_give
from web.sellers import seller_choices, sellers
from web.usage import usage_chart
from web.words import say

pages = operator_pages("customers", "/customers", needs=Permission.VIEW_CUSTOMERS)

_SHOWN = 20
_STATUSES = ("active", "suspended", "disabled")


class CustomerFilterForm(FilterForm):
    """Which customers."""

    q = StringField(_l("Username, name or mobile"), [Optional(), Length(max=60)])
    status = SelectField(_l("Status"), [Optional()], default="")
    package = SelectField(_l("Package"), [Optional()], default="")
    profile = SelectField(_l("Billing profile"), [Optional()], default="")
    operator = SelectField(_l("Operator"), [Optional()], default="")
    zone = SelectField(_l("Zone"), [Optional()], default="")
    kind = SelectField(_l("Kind"), [Optional()], default="")
    online = BooleanField(_l("Online now"))
    owing = BooleanField(_l("Owing"))
    parked = BooleanField(_l("Left out by billing"))
    suspended_by = DateField(_l("Will be suspended by"), [Optional()])


class NewCustomerForm(OperatorForm):
    """A customer to take on."""

    username = StringField(_l("Username"), [DataRequired(), Length(max=128)])
    password = PasswordField(
        _l("Password"),
        [DataRequired(), Length(max=128)],
        description=_l("For his connection and the portal."),
    )
    name = StringField(_l("Name"), [Length(max=200)])
    mobile = StringField(_l("Mobile"), [Length(max=30)])
    mail = StringField(_l("Mail"), [Length(max=200)])
    language = SelectField(_l("Language"), choices=LANGUAGE_CHOICES)
    zone = StringField(_l("Zone"), [Length(max=100)])
    address = TextAreaField(_l("Address"), [Length(max=500)])
    package = SelectField(_l("Package"), [DataRequired()])
    profile = SelectField(
        _l("Billing profile"),
        default="",
        description=_l("Monthly packages need one to be billed."),
    )
    kind = SelectField(_l("Kind"), default="")
    operator = SelectField(_l("Operator"), default="")
    special_price = AmountField(
        _l("Special price of a cycle"), [Optional(), PositiveAmount()]
    )
    framed_ip = StringField(_l("Static address"), [Length(max=45)])
    mac = MacField(_l("Only from the device"))


@pages.get("")
def index() -> Page:
    """List customers."""
    form = _filter_form()
    if not form.validate():
        return render_template(
            "customers/list.html", form=form, slice=None, totals=None
        ), 400
    at, scope, wanted = desk(), current_operator().scope, _wanted(form)
    size, by = lists.page_size(), form.suspended_by.data
    if by is not None:
        cut, totals = customers_to_come.page(at, wanted, scope, by, size)
    else:
        rows = db.list_customers(
            at.conn, wanted, scope, after=lists.after_id(), limit=size + 1
        )
        last = str(rows[size - 1].customer_id) if len(rows) > size else None
        cut = lists.cut(rows, last, size)
        totals = db.total_customers(at.conn, wanted, scope)
    return render_template("customers/list.html", form=form, slice=cut, totals=totals)


@pages.get("/export.<any(csv, xlsx):suffix>")
def export(suffix: str) -> Page:
    """Hand out every customer of the filter."""
    form = _filter_form()
    if not form.validate():
        return render_template(
            "customers/list.html", form=form, slice=None, totals=None
        ), 400
    at, scope, by = desk(), current_operator().scope, form.suspended_by.data
    rows = (
        db.stream_customers(at.conn, _wanted(form), scope)
        if by is None
        else customers_to_come.stream(at, _wanted(form), scope, by)
    )
    name = f"customers-{at.now.astimezone(at.settings.zone):%Y-%m-%d}"
    return exports.hand_out(suffix, name, _COLUMNS, rows)


@pages.get("/<int:customer_id>")
def show(customer_id: int) -> str:
    """Show one customer: what he is on, what he owes, and why he was cut off."""
    at, customer = desk(), my_customer(customer_id)
    return render_template(
        "customers/show.html",
        customer=customer,
        owner=sellers().get(customer.operator_id or OWN),
        subscription=read_subscription(at.conn, customer_id),
        fair_use=read_use(at.conn, customer_id, now=at.now),
        wallet=records.list_wallet(at.conn, customer_id, limit=_SHOWN),
        bills=list_bills(at.conn, customer_id, limit=_SHOWN),
        payments=db.list_payments_of(at.conn, customer_id, limit=_SHOWN),
        sessions=records.list_sessions_of(at.conn, customer_id, limit=_SHOWN),
        events=records.list_events_of(at.conn, customer_id, limit=_SHOWN),
        rejects=db.list_rejects_of(at.conn, customer.username, limit=10),
        usage=usage_chart(at, customer_id),
        shown=_SHOWN,
    )


@pages.get("/new")
def add() -> str:
    """Ask for what a new customer is."""
    require(Permission.ADD_CUSTOMERS)
    return render_template("customers/add.html", form=_new_form())


@pages.post("/new")
def create() -> Page:
    """Take a customer on."""
    require(Permission.ADD_CUSTOMERS)
    at, form = desk(), _new_form()
    if form.validate():
        try:
            customer_id = add_customer(
                at.conn,
                _registration(form),
                secret_key=at.settings.secret_key,
                actor=at.actor,
                now=at.now,
            )
        except CustomerError as error:
            refuse(form, error, "username")
        except BillingError as error:
            refuse(form, error)
        else:
            flash(_("%(name)s is a customer.", name=form.username.data))
            return redirect(url_for("customers.show", customer_id=customer_id), 303)
    return render_template("customers/add.html", form=form), 422


def _registration(form: NewCustomerForm) -> Registration:
    gives = may(Permission.GIVE_DISCOUNTS)
    return Registration(
        username=form.username.data,
        password=form.password.data,
        package=form.package.data,
        name=form.name.data or "",
        mobile=form.mobile.data or "",
        mail=form.mail.data or "",
        language=form.language.data,
        zone=form.zone.data or "",
        address=form.address.data or "",
        profile=form.profile.data or None,
        kind=form.kind.data or None,
        operator=form.operator.data or None,
        special_price=form.special_price.amount if gives else None,
        framed_ip=form.framed_ip.data or None,
        mac_binding=form.mac.mac,
    )


def _new_form() -> NewCustomerForm:
    at, me = desk(), current_operator()
    form = NewCustomerForm()
    form.package.choices = choices_of(
        (p.name, f"{p.name} · {money(p.price)}") for p in packages_to_give()
    )
    form.profile.choices = choices_of(
        ((p.name, p.name) for p in profiles_to_give()), any_label=_("none")
    )
    keep_for(Permission.GIVE_DISCOUNTS, form, "special_price")
    form.kind.choices = choices_of(_kinds(), any_label=_("as the package is for"))
    sellers = [
        o
        for o in list_operators(at.conn, me.scope)
        if o.role in ("operator", "sub_operator") and not o.is_disabled
    ]
    form.operator.choices = choices_of(
        ((o.username, o.name or o.username) for o in sellers),
        any_label=_("the provider's own") if me.scope is None else None,
    )
    if not form.is_submitted():
        # His own, not the first of those below him.
        form.operator.data = next(
            (o.username for o in sellers if o.operator_id == me.owner), ""
        )
    return form


def _filter_form() -> CustomerFilterForm:
    at, me = desk(), current_operator()
    form = CustomerFilterForm.from_address()
    assert isinstance(form, CustomerFilterForm)  # noqa: S101 - narrows the type
    form.status.choices = choices_of(
        [(s, say(s)) for s in _STATUSES], any_label=_("any")
    )
    form.package.choices = choices_of(
        [(p.package_id, p.name) for p in list_packages(at.conn)], any_label=_("any")
    )
    form.profile.choices = choices_of(
        [(p.profile_id, p.name) for p in list_profiles(at.conn)], any_label=_("any")
    )
    form.operator.choices = seller_choices(_("any"))
    form.zone.choices = choices_of(
        [(z, z) for z in db.list_zones(at.conn, me.scope)], any_label=_("any")
    )
    form.kind.choices = choices_of(_kinds(), any_label=_("any"))
    return form


def _wanted(form: CustomerFilterForm) -> db.CustomerFilter:
    return db.CustomerFilter(
        search=form.q.data,
        status=form.status.data or None,
        kind=form.kind.data or None,
        package_id=int(form.package.data) if form.package.data else None,
        profile_id=int(form.profile.data) if form.profile.data else None,
        operator_id=int(form.operator.data) if form.operator.data else None,
        zone=form.zone.data or None,
        owing=bool(form.owing.data),
        online=bool(form.online.data),
        parked=bool(form.parked.data),
    )


def _kinds() -> list[tuple[str, str]]:
    return [(kind, say(kind)) for kind in BILLINGS]


_COLUMNS = (
    exports.Column("customer", lambda r: r.customer_id),
    exports.Column("username", lambda r: r.username),
    exports.Column("name", lambda r: r.name),
    exports.Column("mobile", lambda r: r.mobile),
    exports.Column("zone", lambda r: r.zone),
    exports.Column("kind", lambda r: r.kind),
    exports.Column("status", lambda r: r.status),
    exports.Column("reason", lambda r: r.suspend_reason),
    exports.Column("package", lambda r: r.package),
    exports.Column("profile", lambda r: r.profile),
    exports.Column("operator", lambda r: r.operator),
    exports.Column("balance", lambda r: r.posted),
    exports.Column("due", lambda r: r.due),
    exports.Column("since", lambda r: r.created_at),
)
