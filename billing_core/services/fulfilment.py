"""Do what an attempt was paid for, once its money is in the wallet."""

from datetime import datetime
from decimal import Decimal

from billing_core.billing_terms import DAILY
from billing_core.db import attempt_events as events_db
from billing_core.db.connect import Connection
from billing_core.db.customers import log_customer_event, read_customer
from billing_core.db.installation import read_zone
from billing_core.db.packages import Package, list_packages
from billing_core.db.payments import Attempt
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.kinds import BY_PACKAGE
from billing_core.services.changes import change_package
from billing_core.services.purchases import buy_package
from billing_core.services.settlement import settle_named_bills

#: Packages that a payment can be made for, by how they are billed.
SOLD_BY_PAYMENT = (BY_PACKAGE, DAILY)


class NotFulfilledError(BillingError):
    """What was paid for cannot be had any more."""


def fulfil(
    conn: Connection, attempt: Attempt, paid: Decimal, *, now: datetime, actor: str
) -> None:
    """Use what was paid as the customer meant it, in the caller's transaction.

    The bill that he named is settled before any other; a package is bought or, where
    days are charged, he is put on it. What cannot be done any more leaves the money in
    the wallet, and the attempt's log says why. All else follows every credit.
    """
    if attempt.bill_id is not None:
        wallets = lock_wallets(conn, [attempt.customer_id])
        settle_named_bills(
            conn,
            wallets,
            attempt.customer_id,
            [attempt.bill_id],
            paid,
            now=now,
            actor=actor,
        )
    if attempt.package_id is None:
        return
    try:
        _give_package(conn, attempt, now=now, actor=actor)
    except BillingError as error:
        what, note = "not fulfilled", f"The money stays in the wallet: {error}"
        events_db.log_event(
            conn, attempt.attempt_id, at=now, actor=actor, what=what, note=note
        )
        log_customer_event(
            conn,
            attempt.customer_id,
            at=now,
            actor=actor,
            what=what,
            note=f"{attempt.reference}: {note}",
        )


def _give_package(
    conn: Connection, attempt: Attempt, *, now: datetime, actor: str
) -> None:
    package = _find(conn, attempt)
    if package.billing == BY_PACKAGE:
        buy_package(
            conn,
            attempt.username,
            package.name,
            key=f"payment:{attempt.reference}",
            actor=actor,
            now=now,
        )
    elif read_customer(conn, attempt.customer_id).package_id != package.package_id:
        change_package(
            conn,
            attempt.username,
            package.name,
            actor=actor,
            now=now,
            zone=read_zone(conn),
        )


def _find(conn: Connection, attempt: Attempt) -> Package:
    """Return the package that was paid for, if it still is what was quoted."""
    for package in list_packages(conn):
        if package.package_id != attempt.package_id:
            continue
        if package.billing not in SOLD_BY_PAYMENT:
            raise NotFulfilledError(f"{package.name} is {package.billing} now.")
        price = package.gross_price
        if price > attempt.amount:
            raise NotFulfilledError(
                f"{package.name} costs {price} now, not {attempt.amount}."
            )
        return package
    raise NotFulfilledError("The package is not sold any more.")
