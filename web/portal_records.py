"""What was: a customer's bills, payments with receipts, sessions and usage."""

from flask import abort, render_template

from billing_core.db.ledger import list_bill_lines
from billing_core.db.receipts import list_settled
from billing_core.db.reports import list_sessions
from billing_core.db.web_bills import (
    BillFilter,
    list_bills,
    list_credit_notes,
    read_bill_row,
)
from billing_core.db.web_portal import list_payments
from billing_core.services.documents import bill_document, receipt_document
from web import lists
from web.access import Page, current_customer_id, own_bill, own_receipt, portal_pages
from web.desk import desk
from web.language import language
from web.papers import issuer, pdf_of
from web.portal import unsettled
from web.usage import usage_chart

bills = portal_pages("portal_bills", "/portal/bills")
payments = portal_pages("portal_payments", "/portal/payments")
usage = portal_pages("portal_usage", "/portal/usage")

_SESSIONS_SHOWN = 30


@bills.get("")
def index() -> str:
    """List his bills."""
    size = lists.page_size()
    rows = list_bills(
        desk().conn,
        BillFilter(customer_id=current_customer_id()),
        None,
        after=lists.after_time_and_id(),
        limit=size + 1,
    )
    last = rows[size - 1] if len(rows) > size else None
    key = lists.time_and_id(last.issued_at, last.bill_id) if last else None
    return render_template("portal/bills.html", slice=lists.cut(rows, key, size))


@bills.get("/<int:bill_id>")
def show(bill_id: int) -> str:
    """Show one bill: what it is for, and what is open."""
    standing, at = own_bill(bill_id), desk()
    row = read_bill_row(at.conn, standing.customer_id, bill_id)
    if row is None:
        abort(404)
    return render_template(
        "portal/bill.html",
        bill=row,
        lines=list_bill_lines(at.conn, standing.customer_id, [bill_id]),
        credit_notes=list_credit_notes(at.conn, standing.customer_id, bill_id),
    )


@bills.get("/<int:bill_id>/bill.pdf")
def bill_pdf(bill_id: int) -> Page:
    """Hand out one bill as PDF."""
    standing, at = own_bill(bill_id), desk()
    document = bill_document(
        at.conn,
        standing.customer_id,
        bill_id,
        issuer(),
        language=language(),
        actor=at.actor,
        now=at.now,
    )
    return pdf_of(document)


@payments.get("", endpoint="index")
def list_of_payments() -> str:
    """List his payments, and those that are under way."""
    at, customer_id, size = desk(), current_customer_id(), lists.page_size()
    rows = list_payments(at.conn, customer_id, after=lists.after_id(), limit=size + 1)
    last = str(rows[size - 1].payment_id) if len(rows) > size else None
    return render_template(
        "portal/payments.html",
        slice=lists.cut(rows, last, size),
        unsettled=unsettled(at, customer_id),
    )


@payments.get("/<int:payment_id>")
def receipt(payment_id: int) -> str:
    """Show one payment's receipt."""
    found, at = own_receipt(payment_id), desk()
    return render_template(
        "portal/receipt.html",
        receipt=found,
        settled=list_settled(at.conn, found.customer_id, found.entry_id),
    )


@payments.get("/<int:payment_id>/receipt.pdf")
def receipt_pdf(payment_id: int) -> Page:
    """Hand out one payment's receipt as PDF."""
    found, at = own_receipt(payment_id), desk()
    document = receipt_document(
        at.conn,
        found.customer_id,
        payment_id,
        issuer(),
        language=language(),
        actor=at.actor,
        now=at.now,
    )
    return pdf_of(document)


@usage.get("", endpoint="index")
def show_usage() -> str:
    """Show what his sessions carried, and each of them."""
    at, customer_id = desk(), current_customer_id()
    return render_template(
        "portal/usage.html",
        chart_data=usage_chart(at, customer_id),
        sessions=list_sessions(
            at.conn, customer_id=customer_id, running=False, limit=_SESSIONS_SHOWN
        ),
    )
