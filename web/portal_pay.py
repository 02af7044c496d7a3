"""Pay in the portal: what is open or an amount, by a gateway or a manual transfer."""

from decimal import Decimal, InvalidOperation

from flask import abort, redirect, render_template, request, url_for
from flask_babel import lazy_gettext as _l

from billing_core.db.corrections import BillStanding
from billing_core.db.customers import Customer
from billing_core.db.web_bills import BillFilter, list_bills
from billing_core.errors import BillingError
from billing_core.money import ZERO
from billing_core.services.payments.starting import start_payment
from billing_core.services.payments.transfers import TransferError, announce_transfer
from web.access import Page, current_customer, own_bill, portal_pages
from web.desk import desk, settings
from web.following import in_page
from web.forms import (
    AmountField,
    DataRequired,
    Length,
    OperatorForm,
    PositiveAmount,
    StringField,
)
from web.pay import gateways, offered, site
from web.portal import unsettled
from web.portal_words import tell
from web.secure import let_forms_lead_to_gateways

pages = portal_pages("portal_pay", "/portal/pay")

_SHOWN = 20


class PayForm(OperatorForm):
    """How much."""

    amount = AmountField(_l("Amount"), [DataRequired(), PositiveAmount()])


class TransferForm(PayForm):
    """Money that was sent by hand."""

    sender = StringField(
        _l("Sent from"),
        [DataRequired(), Length(max=40)],
        description=_l("The number that sent the money."),
    )
    transaction_id = StringField(
        _l("Transaction id"),
        [DataRequired(), Length(max=60)],
        description=_l("It is in the message that you got for it."),
    )


@pages.get("")
def form() -> Page:
    """Ask how much to pay, and how."""
    customer, bill = current_customer(), _bill()
    return _pay_page(PayForm(amount=_suggested(customer, bill)), customer, bill)


@pages.post("")
def start() -> Page:
    """Begin to pay, and lead to the gateway's page."""
    gateway = gateways().get(request.form.get("gateway", ""))
    if gateway is None:
        abort(400)
    customer, bill, sent, at = current_customer(), _bill(), PayForm(), desk()
    if sent.validate():
        try:
            with in_page():
                started = start_payment(
                    at.conn,
                    gateway,
                    customer_id=customer.customer_id,
                    amount=sent.amount.amount,
                    purpose=_purpose(customer, bill),
                    bill_id=bill.bill_id if bill else None,
                    package_id=None,
                    site=site(),
                    client_address=request.remote_addr or "",
                    actor=at.actor,
                    now=at.now,
                )
        except BillingError as error:
            tell(sent, error)
        else:
            let_forms_lead_to_gateways()
            return redirect(started.checkout_url, 303)
    return _pay_page(sent, customer, bill)


@pages.route("/transfer", methods=["GET", "POST"])
def transfer() -> Page:
    """Take the customer's word that he sent money by hand."""
    if not settings().payments.transfer_numbers:
        abort(404)
    customer, bill, at = current_customer(), _bill(), desk()
    sent = TransferForm(amount=_suggested(customer, bill))
    if request.method == "POST" and sent.validate():
        assert sent.amount.amount is not None  # noqa: S101 - it was required
        try:
            attempt = announce_transfer(
                at.conn,
                customer_id=customer.customer_id,
                amount=sent.amount.amount,
                sender=sent.sender.data,
                transaction_id=sent.transaction_id.data,
                purpose=_purpose(customer, bill),
                bill_id=bill.bill_id if bill else None,
                actor=at.actor,
                now=at.now,
            )
        except TransferError as error:
            tell(sent, error, "transaction_id")
        except BillingError as error:
            tell(sent, error)
        else:
            return redirect(url_for("pay.result", reference=attempt.reference), 303)
    page = render_template(
        "portal/transfer.html",
        form=sent,
        bill=bill,
        numbers=settings().payments.transfer_numbers,
    )
    return page, 422 if sent.errors or sent.form_errors else 200


def _pay_page(sent: PayForm, customer: Customer, bill: BillStanding | None) -> Page:
    let_forms_lead_to_gateways()
    at = desk()
    page = render_template(
        "portal/pay.html",
        form=sent,
        customer=customer,
        bill=bill,
        ways=offered(),
        has_transfers=bool(settings().payments.transfer_numbers),
        has_cards=settings().card_keys is not None,
        open_bills=_open_bills(customer.customer_id) if bill is None else [],
        unsettled=unsettled(at, customer.customer_id),
    )
    return page, 422 if sent.errors or sent.form_errors else 200


def _open_bills(customer_id: int) -> list[object]:
    wanted = BillFilter(customer_id=customer_id, is_open=True)
    return list(list_bills(desk().conn, wanted, None, after=None, limit=_SHOWN))


def _bill() -> BillStanding | None:
    """Return the bill that the address names; another's is not found."""
    named = request.args.get("bill", "")
    if not named:
        return None
    if not named.isdecimal() or len(named) > 18:
        abort(404)
    bill = own_bill(int(named))
    if bill.status not in ("unpaid", "partial"):
        abort(404)
    return bill


def _purpose(customer: Customer, bill: BillStanding | None) -> str:
    return "bills" if bill is not None or customer.due > 0 else "wallet"


def _suggested(customer: Customer, bill: BillStanding | None) -> Decimal | None:
    """Return the amount that stands in the form at first."""
    if bill is not None:
        return bill.open_amount
    try:
        asked = Decimal(request.args.get("amount", ""))
    except InvalidOperation:
        asked = ZERO
    if asked.is_finite() and 0 < asked < 10**9:
        return round(asked, 2)
    return customer.due or None
