"""Customer Bills: every bill, by filter; one bill; exports."""

from datetime import time

from flask import abort, render_template
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from billing_core.db import web_bills as db
from billing_core.db.ledger import list_bill_lines
from billing_core.db.packages import list_packages
from billing_core.db.web_customers import list_zones
from billing_core.permissions import Permission
from billing_core.services.documents import bill_document
from web import exports, lists
from web.access import Page, current_operator, my_bill, operator_pages
from web.chosen import chosen_bills, chosen_customer
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

pages = operator_pages("bills", "/bills", needs=Permission.VIEW_BILLS)

#: What is not void is what Bills Summary sums up.
_STATUSES = ("open", "overdue", "unpaid", "partial", "paid", "not_void", "void")
#: Of these, those that are no status of a bill.
_GROUPS = ("open", "overdue", "not_void")
_KINDS = (
    "cycle",
    "service_day",
    "session",
    "package",
    "package_change",
    "profile_change",
    "other_charge",
)


class BillFilterForm(FilterForm):
    """Which bills."""

    #: It can be asked of one customer alone.
    for_one = True

    q = StringField(
        _l("Search"),
        [Optional(), Length(max=60)],
        render_kw={"placeholder": _l("Number, username, name or mobile")},
    )
    status = SelectField(_l("Status"), [Optional()], default="")
    operator = SelectField(_l("Operator"), [Optional()], default="")
    package = SelectField(_l("Package"), [Optional()], default="")
    zone = SelectField(_l("Zone"), [Optional()], default="")
    kind = SelectField(_l("Kind"), [Optional()], default="")
    issued_from = DateField(_l("Issued from"), [Optional()])
    issued_to = DateField(_l("Issued to"), [Optional()])
    period_from = DateField(_l("Period from"), [Optional()])
    period_to = DateField(_l("Period to"), [Optional()])
    due_from = DateField(_l("Due from"), [Optional()])
    due_to = DateField(_l("Due to"), [Optional()])


@pages.get("")
def index() -> Page:
    """List bills, newest first."""
    form = _filter_form()
    if not form.validate():
        page = render_template("bills/list.html", form=form, slice=None, totals=None)
        return page, 400
    at, scope, wanted = desk(), current_operator().scope, _wanted(form)
    size = lists.page_size()
    rows = db.list_bills(
        at.conn, wanted, scope, after=lists.after_time_and_id(), limit=size + 1
    )
    last = rows[size - 1] if len(rows) > size else None
    return render_template(
        "bills/list.html",
        form=form,
        customer=chosen_customer(),
        slice=lists.cut(
            rows,
            lists.time_and_id(last.issued_at, last.bill_id) if last else None,
            size,
        ),
        totals=db.total_bills(at.conn, wanted, scope),
    )


@pages.get("/export.<any(csv, xlsx):suffix>")
def export(suffix: str) -> Page:
    """Hand out every bill of the filter."""
    form = _filter_form()
    if not form.validate():
        page = render_template("bills/list.html", form=form, slice=None, totals=None)
        return page, 400
    at = desk()
    rows = db.stream_bills(at.conn, _wanted(form), current_operator().scope)
    name = f"bills-{at.now.astimezone(at.settings.zone):%Y-%m-%d}"
    return exports.hand_out(suffix, name, _COLUMNS, rows)


@pages.post("/chosen.<any(csv, xlsx):suffix>")
def export_chosen(suffix: str) -> Page:
    """Hand out the bills whose boxes were ticked."""
    at, chosen = desk(), chosen_bills()
    found = [db.read_bill_row(at.conn, b.customer_id, b.bill_id) for b in chosen]
    name = f"bills-{at.now.astimezone(at.settings.zone):%Y-%m-%d}"
    return exports.hand_out(suffix, name, _COLUMNS, (row for row in found if row))


@pages.get("/<int:customer_id>/<int:bill_id>")
def show(customer_id: int, bill_id: int) -> str:
    """Show one bill: its lines, what paid it, what was taken off."""
    bill, at = my_bill(customer_id, bill_id), desk()
    row = db.read_bill_row(at.conn, customer_id, bill_id)
    if row is None:
        abort(404)
    return render_template(
        "bills/show.html",
        bill=row,
        standing=bill,
        lines=list_bill_lines(at.conn, customer_id, [bill_id]),
        history=db.list_bill_history(at.conn, customer_id, bill_id),
        credit_notes=db.list_credit_notes(at.conn, customer_id, bill_id),
        is_whole_days=all(
            moment.astimezone(at.settings.zone).time() == time.min
            for moment in (row.period_start, row.period_end)
        ),
    )


@pages.get("/<int:customer_id>/<int:bill_id>/bill.pdf")
def pdf(customer_id: int, bill_id: int) -> Page:
    """Hand out a bill as PDF, in its customer's language."""
    my_bill(customer_id, bill_id)
    at = desk()
    document = bill_document(
        at.conn, customer_id, bill_id, issuer(), actor=at.actor, now=at.now
    )
    return pdf_of(document)


def _filter_form() -> BillFilterForm:
    at, me, whichever = desk(), current_operator(), _("any")
    form = BillFilterForm.from_address()
    assert isinstance(form, BillFilterForm)  # noqa: S101 - narrows the type
    form.status.choices = choices_of(
        [(s, say(s)) for s in _STATUSES], any_label=whichever
    )
    form.operator.choices = seller_choices(whichever)
    form.package.choices = choices_of(
        [(p.package_id, p.name) for p in list_packages(at.conn)], any_label=whichever
    )
    form.zone.choices = choices_of(
        [(z, z) for z in list_zones(at.conn, me.scope)], any_label=whichever
    )
    form.kind.choices = choices_of([(k, say(k)) for k in _KINDS], any_label=whichever)
    return form


def _wanted(form: BillFilterForm) -> db.BillFilter:
    customer = chosen_customer()
    status = form.status.data or None
    return db.BillFilter(
        search=form.q.data,
        customer_id=customer.customer_id if customer else None,
        is_open=status in ("open", "overdue"),
        is_valid=status == "not_void",
        status=status if status not in _GROUPS else None,
        overdue_at=desk().now if status == "overdue" else None,
        kind=form.kind.data or None,
        package_id=int(form.package.data) if form.package.data else None,
        operator_id=int(form.operator.data) if form.operator.data else None,
        zone=form.zone.data or None,
        issued_from=day_starts(form.issued_from.data),
        issued_until=day_starts(form.issued_to.data, after_days=1),
        period_from=day_starts(form.period_from.data),
        period_until=day_starts(form.period_to.data, after_days=1),
        due_from=day_starts(form.due_from.data),
        due_until=day_starts(form.due_to.data, after_days=1),
    )


_COLUMNS = (
    exports.Column("number", lambda r: r.label),
    exports.Column("username", lambda r: r.username),
    exports.Column("name", lambda r: r.name),
    exports.Column("mobile", lambda r: r.mobile),
    exports.Column("zone", lambda r: r.zone),
    exports.Column("operator", lambda r: r.operator),
    exports.Column("package", lambda r: r.package),
    exports.Column("kind", lambda r: r.kind),
    exports.Column("period_start", lambda r: r.period_start),
    exports.Column("period_end", lambda r: r.period_end),
    exports.Column("issued_at", lambda r: r.issued_at),
    exports.Column("due_at", lambda r: r.due_at),
    exports.Column("net", lambda r: r.net),
    exports.Column("vat", lambda r: r.vat),
    exports.Column("gross", lambda r: r.gross),
    exports.Column("paid", lambda r: r.paid),
    exports.Column("open", lambda r: r.open_amount),
    exports.Column("status", lambda r: r.status),
)
