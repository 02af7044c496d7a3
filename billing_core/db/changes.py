"""What a customer is on, what of it is billed, and how that changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing_core.billing_terms import CustomerFacts, CyclePackage, CycleProfile
from billing_core.db.arrays import array
from billing_core.db.connect import Connection
from billing_core.db.customers import UnknownCustomerError
from billing_core.db.cycles import read_cycle_profiles, read_unbilled_stretches
from billing_core.db.packages import Package, list_packages
from billing_core.db.queries import load_queries
from billing_core.proration import Stretch
from billing_core.quotes import BilledPart

_QUERIES = load_queries("changes")


@dataclass(frozen=True, slots=True)
class Standing:
    """A locked customer, and everything he may change to."""

    username: str
    kind: str
    facts: CustomerFacts
    packages: dict[str, CyclePackage]
    profiles: dict[str, CycleProfile]


def read_standing(conn: Connection, customer_id: int) -> Standing:
    """Return what a customer is on; read under his wallet's lock."""
    row = conn.execute(_QUERIES["read_facts"], {"customer_id": customer_id}).fetchone()
    if row is None:
        raise UnknownCustomerError(str(customer_id))
    username, kind, package_id, profile_id, *rest = row
    packages = {p.package_id: p for p in list_cycle_packages(conn).values()}
    profiles = read_cycle_profiles(conn)
    status, is_paused, special_price, discount_percent, activated_at, billed_until = (
        rest
    )
    facts = CustomerFacts(
        customer_id,
        status,
        is_paused,
        packages[package_id],
        None if profile_id is None else profiles[profile_id],
        special_price,
        discount_percent,
        activated_at,
        billed_until,
        read_unbilled_stretches(conn, [customer_id]).get(customer_id, ()),
    )
    return Standing(
        username,
        kind,
        facts,
        {package.name: package for package in packages.values()},
        {profile.name: profile for profile in profiles.values()},
    )


def list_cycle_packages(conn: Connection) -> dict[str, CyclePackage]:
    """Return every package by its name, as cycle billing sees it."""
    return {p.name: _cycle_package(p) for p in list_packages(conn)}


def read_billed_parts(
    conn: Connection, customer_id: int, kinds: Sequence[str], now: datetime
) -> list[BilledPart]:
    """Return what is billed of service to come, less what was credited since."""
    rows = conn.execute(
        _QUERIES["read_billed_parts"],
        {"customer_id": customer_id, "kinds": list(kinds), "now": now},
    ).fetchall()
    return [BilledPart(*row) for row in rows]


def read_ended_stretches(conn: Connection, customer_id: int) -> list[Stretch]:
    """Return all time of a customer that no cycle bill covered."""
    rows = conn.execute(
        _QUERIES["read_ended_stretches"], {"customer_id": customer_id}
    ).fetchall()
    return [Stretch(*row) for row in rows]


def set_terms(
    conn: Connection,
    customer_id: int,
    *,
    package_id: int,
    profile_id: int | None,
    special_price: Decimal | None,
    billed_until: datetime | None,
) -> None:
    """Put a customer on a package and profile; runs take him in again."""
    conn.execute(
        _QUERIES["set_terms"],
        {
            "customer_id": customer_id,
            "package_id": package_id,
            "profile_id": profile_id,
            "special_price": special_price,
            "billed_until": billed_until,
        },
    )


def leave_out(conn: Connection, customer_id: int, stretches: Sequence[Stretch]) -> None:
    """Note time that a change charged, so that no cycle bill charges it again."""
    conn.execute(
        _QUERIES["leave_out"],
        {
            "customer_id": customer_id,
            "started_at": array(stretch.start for stretch in stretches),
            "ended_at": array(stretch.end for stretch in stretches),
        },
    )


def set_special_price(
    conn: Connection, customer_id: int, special_price: Decimal | None
) -> None:
    """Let a cycle cost a customer this; None = what his package costs."""
    conn.execute(
        _QUERIES["set_special_price"],
        {"customer_id": customer_id, "special_price": special_price},
    )


def set_discount(conn: Connection, customer_id: int, percent: Decimal) -> None:
    """Take so many percent off each of a customer's cycles."""
    conn.execute(
        _QUERIES["set_discount"], {"customer_id": customer_id, "percent": percent}
    )


def _cycle_package(package: Package) -> CyclePackage:
    return CyclePackage(
        package.package_id,
        package.name,
        package.billing,
        package.price,
        package.vat_percent,
        package.vat_inclusive,
    )
