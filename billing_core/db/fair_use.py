"""Fair use: what customers have used in their cycle, and what it means to them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from billing_core.cycles import Schedule
from billing_core.db.arrays import array
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.fair_use import FairUse, Rates, Used

_QUERIES = load_queries("fair_use")


@dataclass(frozen=True, slots=True)
class UseRow:
    """What a customer has used and what he may."""

    customer_id: int
    activated_at: datetime
    schedule: Schedule
    reduced_until: datetime | None
    used: Used | None
    package_id: int
    #: None = his package has none.
    fair_use: FairUse | None


@dataclass(frozen=True, slots=True)
class FairUseView:
    """A customer's fair use as people see it; octets of both directions."""

    octets_allowed: int
    octets_used: int
    #: None = nothing was used in this cycle yet.
    cycle_end: datetime | None
    is_reduced: bool
    #: Beyond it, bits a second; None = not limited.
    rate_up_bps: int | None
    rate_down_bps: int | None


def read_standings(conn: Connection, customer_ids: Collection[int]) -> list[UseRow]:
    """Return what these customers used and may use."""
    rows = conn.execute(
        _QUERIES["read_standings"], {"customer_ids": array(customer_ids)}
    )
    return [
        UseRow(
            customer_id=row[0],
            activated_at=row[1],
            schedule=Schedule()
            if row[11] is None
            else Schedule(row[11], row[12], cycle_ends_with_month=row[13]),
            reduced_until=row[2],
            used=None if row[3] is None else Used(row[3], row[4]),
            package_id=row[5],
            fair_use=None
            if row[6] is None
            else FairUse(row[6], Rates(*row[7:9]), Rates(*row[9:11])),
        )
        for row in rows.fetchall()
    ]


def write_used(conn: Connection, used: Mapping[int, Used]) -> None:
    """Write what customers have used."""
    conn.execute(
        _QUERIES["write_used"],
        {
            "customer_ids": array(used),
            "cycle_ends": array(u.cycle_end for u in used.values()),
            "octets": array(u.octets for u in used.values()),
        },
    )


def write_reduced(
    conn: Connection, until: Mapping[int, datetime | None], now: datetime
) -> None:
    """Write until when customers are at reduced rates; None = at full rate."""
    conn.execute(
        _QUERIES["write_reduced"],
        {
            "customer_ids": array(until),
            "until": array(until.values()),
            "now": now,
        },
    )


def set_told(
    conn: Connection, customer_id: int, session_id: int, *, is_reduced: bool
) -> None:
    """Note which rates a running session's NAS was told."""
    conn.execute(
        _QUERIES["set_told"],
        {
            "customer_id": customer_id,
            "session_id": session_id,
            "is_reduced": is_reduced,
        },
    )


def find_cycles_over(conn: Connection, now: datetime, *, limit: int) -> list[int]:
    """Return customers at reduced rates whose cycle is over."""
    rows = conn.execute(_QUERIES["find_cycles_over"], {"now": now, "limit": limit})
    return [row[0] for row in rows.fetchall()]


def read_use(
    conn: Connection, customer_id: int, *, now: datetime
) -> FairUseView | None:
    """Return a customer's fair use; None = his package has none."""
    with conn.cursor(row_factory=class_row(FairUseView)) as cursor:
        return cursor.execute(
            _QUERIES["read_use"], {"customer_id": customer_id, "now": now}
        ).fetchone()
