"""Which open bills an amount of money pays; pure."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing_core.errors import BillingError


class AllocationError(BillingError):
    """Money cannot be allocated like this."""


class OpenBill(NamedTuple):
    """A bill that is not paid in full."""

    bill_id: int
    due_at: datetime | None
    open_amount: Decimal


def allocate(
    amount: Decimal, open_bills: Iterable[OpenBill]
) -> list[tuple[int, Decimal]]:
    """Spread an amount over open bills, oldest due first; what is over is not used.

    A bill without a due date was due when it was issued, before any that may wait.
    """
    if amount < 0:
        raise AllocationError(f"{amount} cannot pay bills.")
    allocated = []
    for bill in sorted(open_bills, key=_due_first):
        if bill.open_amount <= 0:
            raise AllocationError(f"Bill {bill.bill_id} has nothing open.")
        part = min(amount, bill.open_amount)
        if part:
            allocated.append((bill.bill_id, part))
        amount -= part
    return allocated


def _due_first(bill: OpenBill) -> tuple[bool, float, int]:
    due_at = bill.due_at
    return due_at is not None, due_at.timestamp() if due_at else 0.0, bill.bill_id
