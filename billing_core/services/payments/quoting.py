"""Say what a payment is for and how much it is, before it is begun."""

from dataclasses import dataclass
from decimal import Decimal

from billing_core.db import customers as customers_db
from billing_core.db.bills import read_dues, read_open_bills
from billing_core.db.connect import Connection
from billing_core.db.corrections import read_bill
from billing_core.db.packages import Package, list_packages
from billing_core.errors import BillingError
from billing_core.kinds import check_terms
from billing_core.money import ZERO
from billing_core.payments import is_creditable
from billing_core.services.fulfilment import SOLD_BY_PAYMENT


class PaymentError(BillingError):
    """This cannot be paid like that."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is paid for, and how much it is."""

    amount: Decimal
    description: str


def quote(
    conn: Connection,
    *,
    customer_id: int,
    amount: Decimal | None,
    purpose: str,
    bill_id: int | None,
    package_id: int | None,
) -> Wanted:
    """Say what a payment is for and how much it is, or why it cannot be made."""
    wanted = _wanted(conn, customer_id, amount, purpose, bill_id, package_id)
    if not is_creditable(wanted.amount):
        raise PaymentError(f"{wanted.amount} is not an amount that can be paid.")
    return wanted


def _wanted(
    conn: Connection,
    customer_id: int,
    amount: Decimal | None,
    purpose: str,
    bill_id: int | None,
    package_id: int | None,
) -> Wanted:
    if purpose == "package":
        package = _find_package(conn, package_id)
        customer = customers_db.read_customer(conn, customer_id)
        check_terms(customer.kind, package.name, package.billing)
        price = package.gross_price
        if amount not in (None, price):
            raise PaymentError(f"{package.name} costs {price}, not {amount}.")
        return Wanted(price, package.name)
    if purpose == "bills" and bill_id is not None:
        bill = read_bill(conn, customer_id, bill_id)
        open_bills = read_open_bills(conn, [customer_id]).get(customer_id, [])
        if bill_id not in [each.bill_id for each in open_bills]:
            raise PaymentError(f"Bill {bill.name} is {bill.status}: nothing is open.")
        return Wanted(
            bill.open_amount if amount is None else amount, f"Bill {bill.name}"
        )
    if purpose == "bills":
        due = read_dues(conn, [customer_id]).get(customer_id, ZERO)
        if amount is None and due <= 0:
            raise PaymentError("No bill is open: say how much to put into the wallet.")
        return Wanted(due if amount is None else amount, "Internet bills")
    if amount is None:
        raise PaymentError("Say how much to pay.")
    return Wanted(amount, "Internet, paid in advance")


def _find_package(conn: Connection, package_id: int | None) -> Package:
    for package in list_packages(conn):
        if package.package_id == package_id:
            if package.billing not in SOLD_BY_PAYMENT:
                raise PaymentError(f"{package.name} is billed, not bought.")
            if package.is_withdrawn:
                raise PaymentError(f"{package.name} is no longer sold.")
            return package
    raise PaymentError("There is no such package.")
