"""What the pages show of payments: every one of every method, by filter, in a scope."""

import re
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal

from billing_core.db.connect import Connection
from billing_core.db.day_sums import PAYMENTS, Summed, read_bounds, within
from billing_core.db.queries import load_queries
from billing_core.db.receipts import receipt_number
from billing_core.db.web_lists import (
    COUNTED_MAX,
    Scope,
    as_list,
    like,
    read_page,
    read_totals,
    stream_all,
)

_QUERIES = load_queries("web_payments")
# A bigint has no more digits that all fit.
_RECEIPT = re.compile(r"R([1-9][0-9]{0,17})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """Which payments; None = whichever."""

    #: A receipt, a reference, a transaction's number, or part of a username, name or
    #: mobile.
    search: str | None = None
    customer_id: int | None = None
    methods: Sequence[str] | None = None
    #: Whose customer paid; OWN = the provider's own.
    operator_id: int | None = None
    #: Who took or approved it, as the ledger calls him.
    taken_by: str | None = None
    received_from: datetime | None = None
    received_until: datetime | None = None
    #: stands | reversed | refunded
    standing: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentRow:
    """A payment in a list."""

    customer_id: int
    payment_id: int
    username: str
    name: str
    mobile: str
    customer_operator: str | None
    method: str
    amount: Decimal
    discount: Decimal
    fee: Decimal
    received_at: datetime
    operator: str
    note: str
    reference: str | None
    is_reversed: bool
    refunded: Decimal

    @property
    def receipt(self) -> str:
        """Return the number of its receipt."""
        return receipt_number(self.payment_id)


@dataclass(frozen=True, slots=True)
class MethodTotal:
    """What came in by a method."""

    method: str
    payments: int
    amount: Decimal
    discount: Decimal
    fee: Decimal
    reversed: Decimal
    refunded: Decimal

    @property
    def kept(self) -> Decimal:
        """Return what we have of it, less refunds and what gateways keep."""
        return self.amount - self.refunded - self.fee


@dataclass(frozen=True, slots=True)
class PaymentTotals:
    """What a filter leaves, by method."""

    by_method: list[MethodTotal]
    #: Otherwise there are more than COUNTED_MAX, and nothing is summed up.
    is_whole: bool

    @property
    def payments(self) -> int:
        """Return how many payments were counted."""
        if not self.is_whole:
            return COUNTED_MAX + 1
        return sum(each.payments for each in self.by_method)

    @property
    def all(self) -> MethodTotal:
        """Return all methods together."""
        sums = {
            name: sum((getattr(each, name) for each in self.by_method), Decimal(0))
            for name in ("amount", "discount", "fee", "reversed", "refunded")
        }
        return MethodTotal("", self.payments, **sums)


def list_payments(
    conn: Connection,
    wanted: PaymentFilter,
    scope: Scope,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[PaymentRow]:
    """Return a page of payments, newest first, after one (received_at, payment_id)."""
    narrowed = _narrowed(conn, wanted, scope)
    if narrowed is None:
        return []
    values = _values(conn, narrowed, scope, after) | {"limit": limit}
    return read_page(conn, _QUERIES["list_payments"], values, PaymentRow)


def stream_payments(
    conn: Connection, wanted: PaymentFilter, scope: Scope
) -> Generator[PaymentRow, None, None]:
    """Yield every payment that a filter leaves, without holding them all."""
    values = _values(conn, wanted, scope)
    return stream_all(conn, _QUERIES["list_payments"], values, PaymentRow)


def total_payments(
    conn: Connection, wanted: PaymentFilter, scope: Scope
) -> PaymentTotals:
    """Sum up what a filter leaves by method, if it is not too much."""
    narrowed = _narrowed(conn, wanted, scope)
    if narrowed is None:
        return PaymentTotals([], is_whole=True)
    by_method = read_totals(
        conn,
        _QUERIES["total_payments"],
        _QUERIES["list_payments"],
        _values(conn, narrowed, scope),
        MethodTotal,
    )
    return PaymentTotals(by_method or [], is_whole=by_method is not None)


def is_payment_of(
    conn: Connection, customer_id: int, payment_id: int, scope: Scope
) -> bool:
    """Tell whether a customer within a scope made such a payment."""
    values = {"customer_id": customer_id, "payment_id": payment_id}
    row = conn.execute(
        _QUERIES["is_payment_of"],
        {**values, "scope": as_list(scope)},
    ).fetchone()
    return row is not None and bool(row[0])


def _narrowed(
    conn: Connection, wanted: PaymentFilter, scope: Scope
) -> PaymentFilter | None:
    """Keep to the days that have such payments; None = no day has."""
    of_some = wanted.methods or wanted.operator_id is not None or wanted.standing
    if not of_some or wanted.customer_id is not None:
        return wanted
    whats = ["taken_back"] if wanted.standing == "reversed" else PAYMENTS
    summed = Summed(whats, scope, wanted.operator_id, wanted.methods)
    bounds = read_bounds(conn, summed)
    if bounds is None:
        return None
    since, until = within(bounds, wanted.received_from, wanted.received_until)
    return replace(wanted, received_from=since, received_until=until)


def _values(
    conn: Connection,
    wanted: PaymentFilter,
    scope: Scope,
    after: tuple[datetime, int] | None = None,
) -> dict[str, object]:
    named = _named(conn, wanted.search)
    return {
        **asdict(wanted),
        "methods": None if wanted.methods is None else list(wanted.methods),
        "payment_ids": named,
        "words": None if named else like(wanted.search),
        "scope": as_list(scope),
        "after_time": after[0] if after else None,
        "after_id": after[1] if after else None,
    }


def _named(conn: Connection, search: str | None) -> list[int] | None:
    """Return the payments that a search names exactly; None = it names none."""
    name = (search or "").strip().upper()
    if not name:
        return None
    receipt = _RECEIPT.fullmatch(name)
    if receipt is not None:
        return [int(receipt[1])]
    rows = conn.execute(_QUERIES["find_named"], {"name": name}).fetchall()
    return [row[0] for row in rows] or None
