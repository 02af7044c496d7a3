"""Send customers links by which they pay a bill without a login."""

from flask import redirect, render_template, request, url_for
from flask_babel import gettext as _

from billing_core.errors import BillingError
from billing_core.permissions import Permission
from billing_core.services.link_messages import SentLink, send_link
from web.access import Page, operator_pages, safe_next
from web.chosen import chosen_bills
from web.desk import desk
from web.forms import KeyedForm
from web.refusals import told

pages = operator_pages("bill_links", "/bills/links", needs=Permission.SEND_MESSAGES)


class NoAddressError(BillingError):
    """Nobody said where customers reach these pages."""

    def __init__(self) -> None:
        super().__init__(_("Set KHATA_PUBLIC_URL first: customers have to reach us."))


@pages.route("", methods=["GET", "POST"])
def ask() -> Page:
    """Show for which bills links are about to be made."""
    if request.method == "GET" and "bill" not in request.args:
        return redirect(url_for("bills.index"), 303)
    _public_url()
    return render_template(
        "bills/links.html", form=KeyedForm(), bills=chosen_bills(), back=_back()
    )


@pages.post("/send")
def send() -> Page:
    """Make a link for each bill, queue its message, and show it: once."""
    bills, form, public_url, at = chosen_bills(), KeyedForm(), _public_url(), desk()
    if not form.validate():
        page = render_template("bills/links.html", form=form, bills=bills, back=_back())
        return page, 422
    sent: list[SentLink] = []
    refused: list[str] = []
    for bill in bills:
        try:
            sent.append(
                send_link(
                    at.conn,
                    bill,
                    public_url=public_url,
                    secret_key=at.settings.secret_key,
                    key=form.key.data,
                    actor=at.actor,
                    now=at.now,
                )
            )
        except BillingError as error:
            refused.append(f"{bill.name}: {told(error)}")
    return render_template(
        "bills/links_sent.html", sent=sent, refused=refused, back=_back()
    )


def _back() -> str:
    """Return the list that one came from, filtered as it was."""
    return safe_next(request.values.get("next")) or url_for("bills.index")


def _public_url() -> str:
    public_url = desk().settings.payments.public_url
    if public_url is None:
        raise NoAddressError
    return public_url
