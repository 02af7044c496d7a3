"""Sell hotspot packages from the wallet."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from billing_core import ledger
from billing_core.db import customers as customers_db
from billing_core.db import ledger as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.customers import Subscription
from billing_core.db.packages import Package, PackageError, find_package_on_sale
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.money import VatSplit, split_vat
from billing_core.services.extension import extend_running


class NotEnoughMoneyError(BillingError):
    """The wallet does not cover what was asked for."""

    def __init__(self, username: str, needed: Decimal, available: Decimal) -> None:
        super().__init__(
            f"Customer {username} needs {needed} and has {available} available."
        )


class NotUsedYetError(BillingError):
    """A validity that waits for its first use is not bought a second time."""

    def __init__(self, username: str, package: str) -> None:
        super().__init__(
            f"Customer {username} has a {package} that has not been used yet: its"
            " validity would run only once."
        )


@dataclass(frozen=True, slots=True)
class Purchase:
    """A package that was bought."""

    subscription_id: int
    bill_id: int
    gross: Decimal


@dataclass(frozen=True, slots=True)
class _Sale:
    customer_id: int
    package: Package
    parts: VatSplit
    #: Names the purchase.
    key: str
    at: datetime


def buy_package(
    conn: Connection,
    username: str,
    package_name: str,
    *,
    key: str,
    actor: str,
    now: datetime,
) -> Purchase | None:
    """Sell a package from the wallet; None when the same key bought it before.

    More of the package a customer is on is added to what is left; another package
    replaces it, and what was left of the old one is forfeited.

    1. lock the wallet; the same key again ends here
    2. refuse what the wallet does not cover, and what would be paid for nothing
    3. post the sale
    4. start, extend or replace the subscription
    5. bill it
    6. give running sessions their new limits
    """
    package = find_package_on_sale(conn, package_name)
    if package.billing != "package":
        raise PackageError(package_name, f"is {package.billing}, not sold by package")
    parts = split_vat(
        package.price, package.vat_percent, inclusive=package.vat_inclusive
    )

    def work() -> Purchase | None:
        customer_id = customers_db.find_customer_id(conn, username)
        wallet = lock_wallets(conn, [customer_id])[customer_id]
        if db.find_bill(conn, customer_id, kind="package", subject=key) is not None:
            return None
        if parts.gross > wallet.available:
            raise NotEnoughMoneyError(username, parts.gross, wallet.available)
        current = customers_db.read_subscription(conn, customer_id)
        if current is not None and _waits_for(current, package):
            raise NotUsedYetError(username, package.name)
        sale = _Sale(customer_id, package, parts, key, now)
        if parts.gross:
            _post(conn, sale, actor)
        subscription_id, period = _subscribe(conn, customer_id, current, package, now)
        bill_id = _bill(conn, sale, period)
        customers_db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="package bought",
            note=package.name,
        )
        extend_running(conn, customer_id, now)
        return Purchase(subscription_id, bill_id, parts.gross)

    return in_transaction(conn, work)


def _post(conn: Connection, sale: _Sale, actor: str) -> None:
    entry = ledger.LedgerEntry(
        sale.customer_id,
        "package_purchase",
        sale.at,
        f"purchase:{sale.key}",
        actor,
        ledger.sale(sale.parts),
        sale.package.name,
    )
    db.post(conn, entry)


def _bill(conn: Connection, sale: _Sale, period: tuple[datetime, datetime]) -> int:
    start, end = period
    bill = db.NewBill(
        customer_id=sale.customer_id,
        kind="package",
        subject=sale.key,
        period_start=start,
        period_end=end,
        issued_at=sale.at,
        description=sale.package.name,
        quantity=Decimal(1),
        unit="package",
        vat_percent=sale.package.vat_percent,
        parts=sale.parts,
    )
    return db.issue_bill(conn, bill)


def _waits_for(current: Subscription, package: Package) -> bool:
    return current.state == "waiting" and current.package_id == package.package_id


def _subscribe(
    conn: Connection,
    customer_id: int,
    current: Subscription | None,
    package: Package,
    now: datetime,
) -> tuple[int, tuple[datetime, datetime]]:
    """Start, extend or replace the subscription; returns its id and what was bought."""
    validity = timedelta(seconds=package.validity_seconds or 0)
    usable = (
        current is not None
        and current.package_id == package.package_id
        and (current.valid_until is None or current.valid_until > now)
    )
    if current is not None and usable:
        start = current.valid_until or now
        until = None if current.valid_until is None else start + validity
        customers_db.extend_subscription(
            conn,
            customer_id=customer_id,
            subscription_id=current.subscription_id,
            valid_until=until,
            seconds=package.quota_seconds,
            octets=package.quota_octets,
        )
        return current.subscription_id, (start, start + validity)
    customers_db.end_subscription(conn, customer_id, now)
    waits = package.validity_from == "first_use"
    subscription_id = customers_db.insert_subscription(
        conn,
        customer_id=customer_id,
        package_id=package.package_id,
        state="waiting" if waits else "active",
        started_at=now,
        valid_until=None if waits else now + validity,
        seconds_allowed=package.quota_seconds,
        octets_allowed=package.quota_octets,
    )
    customers_db.set_package(conn, customer_id, package.package_id)
    return subscription_id, (now, now + validity)
