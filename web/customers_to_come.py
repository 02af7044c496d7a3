"""Customers who will be suspended by a day: those of a filter, looked at one by one."""

from collections.abc import Generator
from dataclasses import dataclass, replace
from datetime import date, datetime

from billing_core.db import web_customers as db
from billing_core.db.web_customers import CustomerFilter, CustomerRow, CustomerTotals
from billing_core.db.web_lists import Scope
from billing_core.services.suspensions_to_come import end_of, who_stops
from web import lists
from web.desk import Desk

#: A page looks at so many customers, and then says where to go on.
_LOOKED_MAX = 10_000
_ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class _Found:
    #: Newest first.
    customer_ids: list[int]
    #: The last who was looked at; None = all were.
    reached: int | None


def page(
    at: Desk, wanted: CustomerFilter, scope: Scope, by: date, size: int
) -> tuple[lists.Slice[CustomerRow], CustomerTotals]:
    """Return a page of those of a filter who will be suspended by a day; the totals.

    Where few of very many will be, a page has fewer than it could hold, and leads on.
    """
    first, after = _look(at, wanted, scope, by, None), lists.after_id()
    found = first if after is None else _look(at, wanted, scope, by, after)
    shown = found.customer_ids[:size]
    last = shown[-1] if len(found.customer_ids) > size else found.reached
    rows = _read(at, scope, shown)
    totals = (
        db.total_customers(at.conn, _these(first.customer_ids), scope)
        if first.reached is None
        else CustomerTotals(len(first.customer_ids), is_whole=False)
    )
    return lists.part(rows, None if last is None else str(last)), totals


def stream(
    at: Desk, wanted: CustomerFilter, scope: Scope, by: date
) -> Generator[CustomerRow, None, None]:
    """Yield every one of a filter who will be suspended by a day."""
    for _, customer_ids in _walk(at, wanted, scope, _end(at, by), None):
        yield from _read(at, scope, customer_ids)


def _look(
    at: Desk, wanted: CustomerFilter, scope: Scope, by: date, after: int | None
) -> _Found:
    found, looked = [], 0
    for chunk, customer_ids in _walk(at, wanted, scope, _end(at, by), after):
        found += customer_ids
        looked += len(chunk)
        if looked >= _LOOKED_MAX:
            return _Found(found, chunk[-1])
    return _Found(found, None)


def _walk(
    at: Desk,
    wanted: CustomerFilter,
    scope: Scope,
    by: datetime,
    after: int | None,
) -> Generator[tuple[list[int], list[int]], None, None]:
    """Yield chunks of a filter's active customers, and those who will be suspended."""
    if wanted.status not in (None, _ACTIVE):
        return
    active = replace(wanted, status=_ACTIVE)
    for chunk in db.walk_customers(at.conn, active, scope, after=after):
        stops = who_stops(at.conn, chunk, by, now=at.now, zone=at.settings.zone)
        yield chunk, [customer_id for customer_id in chunk if customer_id in stops]


def _read(at: Desk, scope: Scope, customer_ids: list[int]) -> list[CustomerRow]:
    these = _these(customer_ids)
    return db.list_customers(at.conn, these, scope, after=None, limit=len(customer_ids))


def _these(customer_ids: list[int]) -> CustomerFilter:
    return CustomerFilter(customer_ids=customer_ids)


def _end(at: Desk, by: date) -> datetime:
    return end_of(by, at.settings.zone)
