"""Begin to pay by a gateway: our row first, then the gateway hears of it."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from billing_core.asking_times import next_ask
from billing_core.db import attempt_events as events_db
from billing_core.db import customers as customers_db
from billing_core.db import payments as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.payments import Attempt, CheckoutTakenError, NewAttempt
from billing_core.gateways.contract import (
    Checkout,
    Gateway,
    GatewayRefusedError,
    GatewayUnknownError,
    Order,
)
from billing_core.payments import AttemptState
from billing_core.references import new_reference
from billing_core.services.payments.quoting import PaymentError, quote

log = logging.getLogger(__name__)

# Nobody tries to pay more often; a program that does must not wear a gateway out.
_STARTS_MAX = 20
_STARTS_WITHIN = timedelta(hours=1)


class TooManyAttemptsError(PaymentError):
    """A customer began to pay too often within the hour."""

    def __init__(self) -> None:
        super().__init__("You began to pay many times just now: try again in an hour.")


class NotStartedError(PaymentError):
    """The gateway would not take the order: nothing was paid."""


class TryAgainError(PaymentError):
    """The gateway gave no answer: nothing was paid by this attempt."""

    def __init__(self, gateway: str) -> None:
        super().__init__(
            f"{gateway} does not answer now. Nothing was paid: try again in a minute."
        )


@dataclass(frozen=True, slots=True)
class Site:
    """Where the customer's browser and the gateways find us."""

    #: https://… without a slash at its end.
    public_url: str
    #: The provider's name, as customers know it.
    provider: str = ""


@dataclass(frozen=True, slots=True)
class StartedPayment:
    """A payment that the customer can make now."""

    attempt_id: int
    reference: str
    checkout_url: str


def start_payment(
    conn: Connection,
    gateway: Gateway,
    *,
    customer_id: int,
    amount: Decimal | None,
    purpose: str,
    bill_id: int | None,
    package_id: int | None,
    site: Site,
    client_address: str,
    actor: str,
    now: datetime,
) -> StartedPayment:
    """Open a checkout for a customer; amount None = what the bills or package cost.

    1. write the attempt and commit it: from now on nothing about it can be lost
    2. tell the gateway, outside of any transaction
    3. note the gateway's id of it. An answer that did not come leaves the attempt to
       the reconciler: a checkout that opened all the same is found, if it can be asked
       for by our reference
    """
    attempt, description = _write_attempt(
        conn,
        gateway.name,
        customer_id=customer_id,
        amount=amount,
        purpose=purpose,
        bill_id=bill_id,
        package_id=package_id,
        actor=actor,
        now=now,
    )
    order = _order(conn, attempt, description, site, client_address)
    try:
        checkout = gateway.create(order, now=now)
    except GatewayRefusedError as error:
        if error.ours:
            log.error("payment.gateway_refuses_us gateway=%s", gateway.name)
        _fail(conn, attempt, str(error), actor=actor, now=now)
        raise NotStartedError(
            f"{gateway.name} cannot be used now: try another way to pay."
            if error.ours
            else f"{gateway.name} does not take this payment: {error}"
        ) from error
    except GatewayUnknownError as error:
        _leave_unknown(conn, attempt, error, actor=actor, now=now)
        raise TryAgainError(gateway.name) from error
    try:
        _open(conn, attempt, checkout, actor=actor, now=now)
    except CheckoutTakenError as error:
        # The transaction of the checkout is undone; the attempt can lead to nothing.
        _fail(conn, attempt, str(error), actor=actor, now=now)
        raise
    return StartedPayment(attempt.attempt_id, attempt.reference, checkout.url)


def _write_attempt(
    conn: Connection,
    gateway: str,
    *,
    customer_id: int,
    amount: Decimal | None,
    purpose: str,
    bill_id: int | None,
    package_id: int | None,
    actor: str,
    now: datetime,
) -> tuple[Attempt, str]:
    """Write and commit the attempt; returns it, and what it is for in words."""

    def work() -> tuple[Attempt, str]:
        if db.count_started(conn, customer_id, now - _STARTS_WITHIN) >= _STARTS_MAX:
            raise TooManyAttemptsError
        wanted = quote(
            conn,
            customer_id=customer_id,
            amount=amount,
            purpose=purpose,
            bill_id=bill_id,
            package_id=package_id,
        )
        attempt = NewAttempt(
            customer_id=customer_id,
            reference=new_reference(),
            gateway=gateway,
            amount=wanted.amount,
            currency=db.read_currency(conn),
            purpose=purpose,
            bill_id=bill_id,
            package_id=package_id,
            created_at=now,
            created_by=actor,
            next_ask_at=next_ask(AttemptState.CREATED, now, now),
        )
        attempt_id = db.insert_attempt(conn, attempt)
        note = wanted.description
        events_db.log_event(
            conn, attempt_id, at=now, actor=actor, what="created", note=note
        )
        return db.read_attempt(conn, attempt_id), note

    return in_transaction(conn, work)


def _order(
    conn: Connection,
    attempt: Attempt,
    description: str,
    site: Site,
    client_address: str,
) -> Order:
    customer = customers_db.read_customer(conn, attempt.customer_id)
    return Order(
        reference=attempt.reference,
        amount=attempt.amount,
        currency=attempt.currency,
        description=": ".join(filter(None, (site.provider, description))),
        customer_name=customer.name or customer.username,
        mobile=customer.mobile,
        mail=customer.mail,
        return_url=f"{site.public_url}/pay/return/{attempt.gateway}",
        notify_url=f"{site.public_url}/pay/notify/{attempt.gateway}",
        client_address=client_address,
    )


def _open(
    conn: Connection, attempt: Attempt, checkout: Checkout, *, actor: str, now: datetime
) -> None:
    def work() -> None:
        db.set_checkout(conn, attempt, checkout.payment_id, checkout.url)
        events_db.log_event(
            conn,
            attempt.attempt_id,
            at=now,
            actor=actor,
            what="checkout",
            note=checkout.payment_id,
        )

    in_transaction(conn, work)


def _leave_unknown(
    conn: Connection,
    attempt: Attempt,
    error: GatewayUnknownError,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Note that nobody knows; an id that the gateway gave helps to ask about it."""

    def work() -> None:
        if error.payment_id is not None:
            db.set_checkout(conn, attempt, error.payment_id, None)
        events_db.log_event(
            conn,
            attempt.attempt_id,
            at=now,
            actor=actor,
            what="checkout",
            note=str(error),
        )

    in_transaction(conn, work)


def _fail(
    conn: Connection, attempt: Attempt, why: str, *, actor: str, now: datetime
) -> None:
    """Note that the gateway did not take the order: there is nothing to ask about."""

    def work() -> None:
        if db.lock_attempt(conn, attempt.attempt_id).state != AttemptState.CREATED:
            return
        db.set_outcome(
            conn,
            attempt.attempt_id,
            state=AttemptState.FAILED,
            reason=why,
            next_ask_at=None,
            asked=False,
        )
        events_db.log_event(
            conn, attempt.attempt_id, at=now, actor=actor, what="failed", note=why
        )

    in_transaction(conn, work)
