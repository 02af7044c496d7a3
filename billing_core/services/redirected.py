"""Tell a suspended customer by his address, so far that he can pay and no further.

An address is no proof of who somebody is: it says on whose line he is. So it opens no
session, shows no name, and leads to a link that opens one payment: the worst that comes
of a mistake is that somebody pays another's bill. See docs/decisions/.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from billing_core.db.bills import read_dues
from billing_core.db.connect import Connection
from billing_core.db.customers import read_customer
from billing_core.db.packages import find_package
from billing_core.db.web_portal import find_restricted
from billing_core.money import ZERO
from billing_core.services.payment_links import NewLink, make_link
from billing_core.services.throttle import Limit, admit_try
from billing_core.suspension import SuspendReason

#: What a payment ends by itself; anything else a person has to end.
ENDED_BY_PAYING = (
    SuspendReason.PAYMENT_DUE,
    SuspendReason.DUE_THRESHOLD,
    SuspendReason.BALANCE_EXHAUSTED,
)
_LINK_DAYS = 1
_LINKS_WITHIN = timedelta(hours=1)
_LINKS_OF_CUSTOMER, _LINKS_OF_ADDRESS = 5, 10


@dataclass(frozen=True, slots=True)
class Redirected:
    """Whose line it is, for us; `reason` and `amount` are for him who sits at it."""

    username: str
    customer_id: int
    reason: str
    language: str
    #: What ends the suspension; None = paying does not.
    amount: Decimal | None


def find_redirected(conn: Connection, address: str, now: datetime) -> Redirected | None:
    """Return whose suspended line an address is, if it is one customer's for sure."""
    try:
        plain = ipaddress.ip_address(address)
    except ValueError:
        return None
    # The portal's own machine, or a proxy that was not declared: nobody's line.
    if plain.is_loopback or plain.is_unspecified:
        return None
    found = find_restricted(conn, str(plain), now)
    if len(found) != 1:
        # Two sites with the same private addresses: it may be either's.
        return None
    (one,) = found
    return Redirected(
        one.username,
        one.customer_id,
        one.suspend_reason,
        one.language,
        amount_to_pay(conn, one.customer_id, one.suspend_reason),
    )


def amount_to_pay(
    conn: Connection, customer_id: int, reason: str | None
) -> Decimal | None:
    """Return what a suspended customer pays to be back; None = paying does not do it.

    What is due; and for who pays day by day and owes nothing, the price of his package.
    """
    if reason not in ENDED_BY_PAYING:
        return None
    due = read_dues(conn, [customer_id]).get(customer_id, ZERO)
    if reason != SuspendReason.BALANCE_EXHAUSTED:
        return due or None
    price = find_package(conn, read_customer(conn, customer_id).package).gross_price
    return due + price or None


def link_for(
    conn: Connection,
    found: Redirected,
    address: str,
    *,
    secret_key: bytes,
    now: datetime,
) -> NewLink:
    """Make a link that pays what the suspended line needs, for a day."""
    within = _LINKS_WITHIN
    admit_try(
        conn,
        [
            Limit(f"suspended link {found.customer_id}", _LINKS_OF_CUSTOMER, within),
            Limit(f"suspended link from {address}", _LINKS_OF_ADDRESS, within),
        ],
        now,
    )
    is_due = found.reason != SuspendReason.BALANCE_EXHAUSTED
    return make_link(
        conn,
        found.username,
        bill=None,
        # Of bills, what is open when he pays.
        amount=None if is_due else found.amount,
        days=_LINK_DAYS,
        secret_key=secret_key,
        actor="suspended page",
        now=now,
    )
