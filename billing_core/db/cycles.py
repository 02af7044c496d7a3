"""Monthly customers: whom to bill, from what, and up to where they are billed."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from billing_core.billing_terms import CyclePackage, CycleProfile
from billing_core.cycles import Schedule
from billing_core.db.arrays import array
from billing_core.db.chunks import in_chunks
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.proration import Stretch
from billing_core.vat import VatProfile

_QUERIES = load_queries("cycles")


class CycleRow(NamedTuple):
    """A customer under lock, as cycle billing reads him."""

    customer_id: int
    status: str
    is_paused: bool
    package_id: int
    profile_id: int | None
    special_price: Decimal | None
    discount_percent: Decimal
    activated_at: datetime
    billed_until: datetime | None


def find_cycle_customers(
    conn: Connection, *, as_of: datetime, profile_id: int | None, chunk: int
) -> Iterator[list[int]]:
    """Yield monthly customers for whom a period may have come due, by id, in chunks."""
    return in_chunks(
        conn,
        _QUERIES["find_cycle_customers"],
        {"as_of": as_of, "profile_id": profile_id},
        chunk,
    )


def count_cycle_customers(
    conn: Connection, *, as_of: datetime, profile_id: int | None
) -> int:
    """Return how many customers find_cycle_customers yields."""
    row = conn.execute(
        _QUERIES["count_cycle_customers"], {"as_of": as_of, "profile_id": profile_id}
    ).fetchone()
    return 0 if row is None else int(row[0])


def read_cycle_facts(conn: Connection, customer_ids: Sequence[int]) -> list[CycleRow]:
    """Return what these locked customers' bills are drafted from."""
    rows = conn.execute(
        _QUERIES["read_cycle_facts"], {"customer_ids": list(customer_ids)}, binary=True
    ).fetchall()
    return [CycleRow(*row) for row in rows]


def read_unbilled_stretches(
    conn: Connection, customer_ids: Sequence[int]
) -> dict[int, list[Stretch]]:
    """Return the time of these customers that no cycle bill covers."""
    stretches: dict[int, list[Stretch]] = {}
    rows = conn.execute(
        _QUERIES["read_unbilled_stretches"], {"customer_ids": list(customer_ids)}
    )
    for customer_id, start, end in rows:
        stretches.setdefault(customer_id, []).append(Stretch(start, end))
    return stretches


def read_cycle_packages(conn: Connection) -> dict[int, CyclePackage]:
    """Return the monthly packages."""
    rows = conn.execute(_QUERIES["read_cycle_packages"]).fetchall()
    return {row[0]: CyclePackage(*row) for row in rows}


def read_cycle_profiles(conn: Connection) -> dict[int, CycleProfile]:
    """Return the billing profiles as cycle billing sees them."""
    vats = read_vat_profiles(conn)
    profiles = {}
    for row in conn.execute(_QUERIES["read_profiles"]).fetchall():
        schedule = Schedule(
            trigger=row[3],
            bill_day=row[4],
            in_advance=row[5],
            cycle_ends_with_month=row[6],
            due_days=row[7],
            grace_days=row[8],
            auto_suspend=row[11],
        )
        profiles[row[0]] = CycleProfile(
            profile_id=row[0],
            name=row[1],
            billing_type=row[2],
            schedule=schedule,
            auto_bill=row[10],
            bill_while_suspended=row[13],
            proration=row[17],
            vat=vats[row[18]] if row[18] is not None else None,
        )
    return profiles


def read_vat_profiles(conn: Connection) -> dict[int, VatProfile]:
    """Return the VAT profiles with their rates."""
    return {
        row[0]: VatProfile(
            row[0], row[1], row[2], tuple(zip(row[4], row[5], strict=True)), row[3]
        )
        for row in conn.execute(_QUERIES["read_vat_profiles"]).fetchall()
    }


def advance_customers(conn: Connection, billed: Iterable[tuple[int, datetime]]) -> None:
    """Note up to where each (customer_id, billed_until) is billed."""
    customer_ids, moments = zip(*billed, strict=True)
    conn.execute(
        _QUERIES["advance_customers"],
        {"customer_id": array(customer_ids), "billed_until": array(moments)},
    )
