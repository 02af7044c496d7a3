"""Links that open one payment and no session: signed, expiring, withdrawable."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from itsdangerous import BadSignature, URLSafeSerializer

from billing_core.db import corrections as corrections_db
from billing_core.db import customers as customers_db
from billing_core.db import payment_links as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.payment_links import PaymentLink
from billing_core.errors import BillingError
from billing_core.gateways.contract import Gateway
from billing_core.services.payments.quoting import Wanted, quote
from billing_core.services.payments.starting import (
    Site,
    StartedPayment,
    start_payment,
)

DAYS, DAYS_MAX = 7, 90
# A key of its own: what else is signed with the installation's key is no link.
_PURPOSE = b"khata payment link"
_ID_MAX = 2**63 - 1
# A checkout that was opened so lately is shown again. Later it may be of no use any
# more, and who begins anew gets a new one.
_SAME_PRESS = timedelta(minutes=2)


class LinkError(BillingError):
    """A link cannot be made like this."""


class LinkDeadError(BillingError):
    """It opens nothing; why is not told to who holds it."""

    def __init__(self) -> None:
        super().__init__(
            "This payment link is not valid any more: ask your provider for a new one."
        )


class LinkSpentError(BillingError):
    """It was used: what became of that payment is at its reference."""

    def __init__(self, reference: str) -> None:
        super().__init__("This payment link was used already.")
        self.reference = reference


class LinkBusyError(BillingError):
    """It is being opened at this moment."""

    def __init__(self) -> None:
        super().__init__(
            "This payment is being opened at this moment: try again in a minute."
        )


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to give to a customer."""

    link_id: int
    token: str
    expires_at: datetime
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class OpenedLink:
    """What a link is for, as who holds it may know it."""

    link: PaymentLink
    wanted: Wanted


def make_link(
    conn: Connection,
    username: str,
    *,
    bill: str | None,
    amount: Decimal | None,
    days: int = DAYS,
    secret_key: bytes,
    actor: str,
    now: datetime,
) -> NewLink:
    """Make a link for a customer: for a bill, an amount, or what is due by then."""
    if not 1 <= days <= DAYS_MAX:
        raise LinkError(f"A link is valid for 1 to {DAYS_MAX} days, not {days}.")

    def work() -> NewLink:
        customer_id = customers_db.find_customer_id(conn, username)
        bill_id = None
        if bill is not None:
            owner, bill_id = corrections_db.find_bill(conn, bill)
            if owner != customer_id:
                raise LinkError(f"Bill {bill} is not one of {username}.")
        wanted = _quote(conn, customer_id, amount, bill_id)
        expires_at = now + timedelta(days=days)
        link_id = db.insert_link(
            conn,
            customer_id=customer_id,
            amount=amount,
            bill_id=bill_id,
            created_at=now,
            created_by=actor,
            expires_at=expires_at,
        )
        customers_db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="payment link",
            note=f"{link_id}: {wanted.description}, {wanted.amount}",
        )
        token = str(_signer(secret_key).dumps(link_id))
        return NewLink(link_id, token, expires_at, wanted)

    return in_transaction(conn, work)


def open_link(
    conn: Connection, token: str, *, secret_key: bytes, now: datetime
) -> OpenedLink:
    """Say what a link is for; raises LinkDeadError, or LinkSpentError once it is used.

    A payment that was only begun leaves it open: a customer may try again.
    """
    link = db.read_link(conn, _read_token(token, secret_key))
    if link is None or link.withdrawn_at is not None:
        raise LinkDeadError
    if link.spent_by is not None:
        raise LinkSpentError(link.spent_by)
    if link.expires_at <= now:
        raise LinkDeadError
    return OpenedLink(link, _quote(conn, link.customer_id, link.amount, link.bill_id))


def pay_by_link(
    conn: Connection,
    token: str,
    gateway: Gateway,
    *,
    secret_key: bytes,
    site: Site,
    client_address: str,
    now: datetime,
) -> StartedPayment:
    """Begin the payment that a link is for, or go on with the one begun just now.

    A button that is pressed twice opens one checkout, also where both presses are at
    work at the same moment: the second waits, and finds it.
    """
    link_id = open_link(conn, token, secret_key=secret_key, now=now).link.link_id
    with db.opening(conn, link_id) as alone:
        if not alone:
            raise LinkBusyError
        opened = open_link(conn, token, secret_key=secret_key, now=now)
        begun = db.find_begun(
            conn, link_id, gateway.name, opened.wanted.amount, since=now - _SAME_PRESS
        )
        if begun is not None:
            return StartedPayment(*begun)
        started = start_payment(
            conn,
            gateway,
            customer_id=opened.link.customer_id,
            amount=opened.link.amount,
            purpose="bills",
            bill_id=opened.link.bill_id,
            package_id=None,
            site=site,
            client_address=client_address,
            actor=f"link:{link_id}",
            now=now,
        )
        db.set_link_attempt(conn, link_id, started.attempt_id)
        return started


def withdraw_link(conn: Connection, link_id: int, *, actor: str, now: datetime) -> None:
    """Let a link open nothing any more; a payment that it opened goes on."""

    def work() -> None:
        link = db.read_link(conn, link_id) if link_id <= _ID_MAX else None
        if link is None:
            raise LinkError(f"There is no payment link {link_id}.")
        if not db.withdraw_link(conn, link_id, now):
            raise LinkError(f"Payment link {link_id} was withdrawn already.")
        customers_db.log_customer_event(
            conn,
            link.customer_id,
            at=now,
            actor=actor,
            what="payment link withdrawn",
            note=str(link_id),
        )

    in_transaction(conn, work)


def link_address(public_url: str, token: str) -> str:
    """Give the address that a customer opens."""
    return f"{public_url}/pay/link/{token}"


def _quote(
    conn: Connection, customer_id: int, amount: Decimal | None, bill_id: int | None
) -> Wanted:
    return quote(
        conn,
        customer_id=customer_id,
        amount=amount,
        purpose="bills",
        bill_id=bill_id,
        package_id=None,
    )


def _read_token(token: str, secret_key: bytes) -> int:
    try:
        link_id = _signer(secret_key).loads(token)
    except BadSignature:
        raise LinkDeadError from None
    if not isinstance(link_id, int) or not 0 < link_id <= _ID_MAX:
        raise LinkDeadError
    return link_id


def _signer(secret_key: bytes) -> URLSafeSerializer:
    key = hmac.digest(secret_key, _PURPOSE, "sha256")
    return URLSafeSerializer(key, signer_kwargs={"digest_method": hashlib.sha256})
