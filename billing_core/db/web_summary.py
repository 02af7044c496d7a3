"""What was billed, collected and is open: per operator, package, day and age."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.db.web_lists import OWN, Scope, as_list
from billing_core.money import ZERO

_QUERIES = load_queries("web_summary")


@dataclass(frozen=True, slots=True)
class Figures:
    """What some bills come to."""

    bills: int = 0
    billed: Decimal = ZERO
    collected: Decimal = ZERO

    @property
    def outstanding(self) -> Decimal:
        """Return what is open on them."""
        return self.billed - self.collected

    def __add__(self, other: "Figures") -> "Figures":
        """Return both together."""
        return Figures(
            self.bills + other.bills,
            self.billed + other.billed,
            self.collected + other.collected,
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """Bills issued, and money received, in a range."""

    #: By operator (OWN = the provider's own customers) and package.
    bills: dict[tuple[int, int], Figures]
    billed_by_day: dict[date, Decimal]
    #: By operator.
    received: dict[int, Decimal]
    received_by_day: dict[date, Decimal]

    def by_operator(self) -> dict[int, Figures]:
        """Return the bills' figures of each operator."""
        return _grouped(self.bills, 0)

    def by_package(self) -> dict[int, Figures]:
        """Return the bills' figures of each package."""
        return _grouped(self.bills, 1)


@dataclass(frozen=True, slots=True)
class Age:
    """What is open of one age: how many edges the due dates have behind them."""

    #: None = it has no due date.
    bucket: int | None
    bills: int
    open_amount: Decimal


def read_summary(
    conn: Connection,
    scope: Scope,
    *,
    operator_id: int | None,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
) -> Summary:
    """Sum up bills issued and money received in a range."""
    values = {
        **_whose(scope, operator_id),
        "since": since,
        "until": until,
        "zone": zone.key,
    }
    bills: dict[tuple[int, int], Figures] = {}
    billed_by_day: dict[date, Decimal] = {}
    # Not prepared: each range has a plan of its own.
    for row in conn.execute(_QUERIES["sum_bills"], values, prepare=False).fetchall():
        if row[2] is None:
            bills[row[0] or OWN, row[1]] = Figures(*row[3:])
        else:
            billed_by_day[row[2]] = row[4]
    received: dict[int, Decimal] = {}
    received_by_day: dict[date, Decimal] = {}
    money = conn.execute(_QUERIES["sum_payments"], values, prepare=False).fetchall()
    for by, day, amount in money:
        if day is None:
            received[by or OWN] = amount
        else:
            received_by_day[day] = amount
    return Summary(bills, billed_by_day, received, received_by_day)


def age_open_bills(
    conn: Connection,
    scope: Scope,
    *,
    operator_id: int | None,
    edges: Sequence[datetime],
) -> list[Age]:
    """Sum up what is open now by due date, between edges that rise."""
    with conn.cursor(row_factory=class_row(Age)) as cursor:
        return cursor.execute(
            _QUERIES["age_open_bills"],
            {**_whose(scope, operator_id), "edges": list(edges)},
            prepare=False,
        ).fetchall()


def _whose(scope: Scope, operator_id: int | None) -> dict[str, object]:
    return {
        "scope": as_list(scope),
        "operator_id": operator_id,
    }


def _grouped(bills: dict[tuple[int, int], Figures], part: int) -> dict[int, Figures]:
    grouped: dict[int, Figures] = {}
    for key, figures in bills.items():
        grouped[key[part]] = grouped.get(key[part], Figures()) + figures
    return grouped
