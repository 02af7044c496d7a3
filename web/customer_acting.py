"""A page that does something to one customer: who it is, and where one goes then."""

from collections.abc import Sequence

from flask import request, url_for
from flask_babel import gettext as _

from billing_core.db.customers import Customer
from billing_core.permissions import Permission
from web.access import may, safe_next
from web.acting import Act
from web.words import say


def asked_of(
    customer: Customer,
    *,
    title: str,
    button: str,
    told: Sequence[str] = (),
    hurts: bool = False,
) -> Act:
    """Return what a page asks before it does something to a customer."""
    status = say(customer.status)
    if customer.suspend_reason:
        status = f"{status}: {say(customer.suspend_reason)}"
    return Act(
        title=title,
        button=button,
        back=back_to(customer.customer_id),
        crumbs=crumbs_of(customer),
        subject=customer.username,
        about=(customer.name, customer.package, status),
        told=told,
        hurts=hurts,
    )


def crumbs_of(customer: Customer) -> Sequence[tuple[str, str]]:
    """Return the pages above one that is about a customer."""
    if not may(Permission.VIEW_CUSTOMERS):
        return ()
    here = url_for("customers.show", customer_id=customer.customer_id)
    return ((_("Customers"), url_for("customers.index")), (customer.username, here))


def back_to(customer_id: int) -> str:
    """Return where one came from, if the address says it; else the customer."""
    here = (
        url_for("customers.show", customer_id=customer_id)
        if may(Permission.VIEW_CUSTOMERS)
        else url_for("overview.index")
    )
    return safe_next(request.args.get("next")) or here
