"""Customer Payments: every payment of every method; receipts; exports."""

from datetime import timedelta

from flask import render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import web_payments as db
from billing_core.db.operators import list_operators
from billing_core.db.receipts import list_settled
from billing_core.db.refunds import list_refunds_of_payment
from billing_core.db.web_customers import CustomerFilter, list_customers
from billing_core.money import ZERO
from billing_core.permissions import Permission
from billing_core.refunds import OPEN
from billing_core.services.documents import receipt_document
from web import exports, lists
from web.access import Page, current_operator, my_payment, operator_pages
from web.chosen import chosen_customer
from web.desk import desk
from web.forms import (
    DateField,
    FilterForm,
    Length,
    Optional,
    SelectField,
    StringField,
    choices_of,
    day_starts,
)
from web.papers import issuer, pdf_of
from web.sellers import seller_choices
from web.words import say

pages = operator_pages("payments", "/payments", needs=Permission.TAKE_PAYMENTS)

_GATEWAYS = ("bkash", "nagad", "sslcommerz")
_METHODS = ("cash", "online", "card", "transfer")
#: As many customers are offered to choose from before a search must say more.
_FOUND_MAX = 20


class PaymentFilterForm(FilterForm):
    """Which payments."""

    #: It can be asked of one customer alone.
    for_one = True

    q = StringField(
        _l("Search"),
        [Optional(), Length(max=60)],
        render_kw={"placeholder": _l("receipt, reference, name, mobile …")},
    )
    received_from = DateField(_l("Received from"), [Optional()])
    received_to = DateField(_l("Received to"), [Optional()])
    method = SelectField(_l("Method"), [Optional()], default="")
    gateway = SelectField(_l("Gateway"), [Optional()], default="")
    operator = SelectField(_l("Operator"), [Optional()], default="")
    taken_by = SelectField(_l("Taken by"), [Optional()], default="")
    standing = SelectField(_l("Standing"), [Optional()], default="")


class FindForm(FilterForm):
    """Who pays."""

    q = StringField(_l("Username, name or mobile"), [Optional(), Length(max=60)])


@pages.get("")
def index() -> Page:
    """List payments, newest first."""
    form = _filter_form()
    if not form.validate():
        page = render_template("payments/list.html", form=form, slice=None, totals=None)
        return page, 400
    at, scope, wanted = desk(), current_operator().scope, _wanted(form)
    size = lists.page_size()
    rows = db.list_payments(
        at.conn, wanted, scope, after=lists.after_time_and_id(), limit=size + 1
    )
    last = rows[size - 1] if len(rows) > size else None
    key = lists.time_and_id(last.received_at, last.payment_id) if last else None
    today = at.now.astimezone(at.settings.zone).date()
    return render_template(
        "payments/list.html",
        form=form,
        customer=chosen_customer(),
        slice=lists.cut(rows, key, size),
        totals=db.total_payments(at.conn, wanted, scope),
        spans=(
            (_("today"), today, today),
            (_("yesterday"), today - timedelta(days=1), today - timedelta(days=1)),
            (_("this month"), today.replace(day=1), today),
        ),
    )


@pages.get("/export.<any(csv, xlsx):suffix>")
def export(suffix: str) -> Page:
    """Hand out every payment of the filter."""
    form = _filter_form()
    if not form.validate():
        page = render_template("payments/list.html", form=form, slice=None, totals=None)
        return page, 400
    at = desk()
    rows = db.stream_payments(at.conn, _wanted(form), current_operator().scope)
    name = f"payments-{at.now.astimezone(at.settings.zone):%Y-%m-%d}"
    return exports.hand_out(suffix, name, _COLUMNS, rows)


@pages.get("/cash")
def cash() -> Page:
    """Find who pays cash; the form to take it is on his page."""
    form, found = FindForm.from_address(), []
    assert isinstance(form, FindForm)  # noqa: S101 - narrows the type
    if not form.validate():
        return render_template("payments/cash.html", form=form, found=[]), 400
    if form.q.data:
        found = list_customers(
            desk().conn,
            CustomerFilter(search=form.q.data),
            current_operator().scope,
            after=None,
            limit=_FOUND_MAX + 1,
        )
        # Who was named in full comes first.
        found.sort(key=lambda c: form.q.data not in (c.username, c.mobile))
    return render_template(
        "payments/cash.html",
        form=form,
        found=found[:_FOUND_MAX],
        has_more=len(found) > _FOUND_MAX,
    )


@pages.get("/<int:customer_id>/<int:payment_id>")
def show(customer_id: int, payment_id: int) -> str:
    """Show a receipt: what came in, what it paid, and what became of it."""
    at, receipt = desk(), my_payment(customer_id, payment_id)
    settled = list_settled(at.conn, customer_id, receipt.entry_id)
    refunds = list_refunds_of_payment(at.conn, customer_id, payment_id)
    paid = sum((one.amount for one in settled), ZERO)
    return render_template(
        "payments/show.html",
        receipt=receipt,
        settled=settled,
        refunds=refunds,
        to_wallet=receipt.amount + receipt.discount - paid,
        open_states=OPEN,
        provider=at.settings.provider.name,
    )


@pages.get("/<int:customer_id>/<int:payment_id>/receipt.pdf")
def pdf(customer_id: int, payment_id: int) -> Page:
    """Hand out a receipt as PDF, in its customer's language."""
    my_payment(customer_id, payment_id)
    at = desk()
    document = receipt_document(
        at.conn, customer_id, payment_id, issuer(), actor=at.actor, now=at.now
    )
    return pdf_of(document)


def _filter_form() -> PaymentFilterForm:
    at, me, whichever = desk(), current_operator(), _("any")
    form = PaymentFilterForm.from_address()
    assert isinstance(form, PaymentFilterForm)  # noqa: S101 - narrows the type
    operators = list_operators(at.conn, me.scope)
    form.method.choices = choices_of(
        [(m, _("online") if m == "online" else say(m)) for m in _METHODS],
        any_label=whichever,
    )
    form.gateway.choices = choices_of(
        [(g, say(g)) for g in _GATEWAYS], any_label=whichever
    )
    form.operator.choices = seller_choices(whichever)
    form.taken_by.choices = choices_of(
        [(f"operator:{o.username}", o.username) for o in operators],
        any_label=whichever,
    )
    form.standing.choices = choices_of(
        [
            ("stands", _("not taken back")),
            ("reversed", _("taken back")),
            ("refunded", _("given back, in part or whole")),
        ],
        any_label=whichever,
    )
    return form


def _wanted(form: PaymentFilterForm) -> db.PaymentFilter:
    customer = chosen_customer()
    method, gateway = form.method.data, form.gateway.data
    methods: tuple[str, ...] | None = None
    if method:
        methods = _GATEWAYS if method == "online" else (method,)
    if gateway:
        methods = tuple(g for g in methods or _GATEWAYS if g == gateway)
    return db.PaymentFilter(
        search=form.q.data,
        customer_id=customer.customer_id if customer else None,
        methods=methods,
        operator_id=int(form.operator.data) if form.operator.data else None,
        taken_by=form.taken_by.data or None,
        received_from=day_starts(form.received_from.data),
        received_until=day_starts(form.received_to.data, after_days=1),
        standing=form.standing.data or None,
    )


_COLUMNS = (
    exports.Column("receipt", lambda r: r.receipt),
    exports.Column("received_at", lambda r: r.received_at),
    exports.Column("username", lambda r: r.username),
    exports.Column("name", lambda r: r.name),
    exports.Column("mobile", lambda r: r.mobile),
    exports.Column("operator", lambda r: r.customer_operator),
    exports.Column("method", lambda r: r.method),
    exports.Column("amount", lambda r: r.amount),
    exports.Column("discount", lambda r: r.discount),
    exports.Column("fee", lambda r: r.fee),
    exports.Column("refunded", lambda r: r.refunded),
    exports.Column("reversed", lambda r: "yes" if r.is_reversed else "no"),
    exports.Column("taken_by", lambda r: r.operator),
    exports.Column("reference", lambda r: r.reference),
    exports.Column("note", lambda r: r.note),
)
