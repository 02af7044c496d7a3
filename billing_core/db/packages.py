"""Packages: what is on sale."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import errors
from psycopg.rows import class_row

from billing_core.billing_terms import DAILY
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError
from billing_core.money import split_vat
from billing_core.service_days import DayPrice

_QUERIES = load_queries("packages")
_DAY_SECONDS = 86400


class PackageError(BillingError):
    """A package contradicts itself."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"Package {name}: {why}.")


class UnknownPackageError(BillingError):
    """There is no such package."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no package {name}.")


@dataclass(frozen=True, slots=True)
class NewPackage:
    """What an operator says of a package; amounts in the installation's currency."""

    name: str
    #: daily | monthly | package | per_session | free
    billing: str
    price: Decimal = Decimal(0)
    validity_seconds: int | None = None
    #: purchase | first_use
    validity_from: str | None = None
    quota_seconds: int | None = None
    quota_octets: int | None = None
    setup_fee: Decimal = Decimal(0)
    price_per_minute: Decimal = Decimal(0)
    price_per_mb: Decimal = Decimal(0)
    increment_seconds: int = 1
    increment_octets: int = 1
    minimum_charge: Decimal = Decimal(0)
    free_seconds: int = 0
    vat_percent: Decimal = Decimal(0)
    vat_inclusive: bool = True
    rate_up_bps: int | None = None
    rate_down_bps: int | None = None
    #: In and out in a cycle; beyond, the rates below apply.
    fair_use_octets: int | None = None
    fair_use_rate_up_bps: int | None = None
    fair_use_rate_down_bps: int | None = None
    framed_pool: str | None = None
    sessions_allowed: int = 1
    interim_interval_seconds: int | None = None
    idle_timeout_seconds: int | None = None

    @property
    def gross_price(self) -> Decimal:
        """Return what one validity or cycle costs with VAT, to the last minor unit."""
        if self.billing == DAILY and self.validity_seconds is not None:
            days = self.validity_seconds // _DAY_SECONDS
            day = DayPrice(self.price, days, self.vat_percent, self.vat_inclusive)
            return day.whole
        return split_vat(
            self.price, self.vat_percent, inclusive=self.vat_inclusive
        ).gross


@dataclass(frozen=True, slots=True, kw_only=True)
class Package(NewPackage):
    """A package that is or was on sale."""

    package_id: int
    #: Not sold any more; who has it keeps it.
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class PackageUses:
    """What hangs on a package."""

    #: Counted up to 100,001.
    customers: int
    with_special_price: int
    #: That run.
    sessions: int
    #: Recharge cards that are out and buy it.
    cards: int
    #: What the least of them is worth.
    least_card: Decimal | None


# What each constraint of the table means to a person.
_CONSTRAINTS = {
    "package_name_unique": "another package has this name",
    "package_name_is_one_line": "a name is one line of at most 200 characters, without"
    " space at its ends",
    "package_billing_known": "billing is daily, monthly, package, per_session or free",
    "package_monthly_has_a_price": "monthly needs a price",
    "package_price_not_negative": "prices and fees cannot be negative",
    "package_daily_has_whole_days": "daily needs a price and a validity of whole days",
    "package_package_has_validity": "a hotspot package needs a validity and where it"
    " runs from: purchase or first_use",
    "package_tariff_is_per_session": "set-up fee, price per minute and per MB, minimum"
    " and free time are for per_session only",
    "package_price_is_of_a_time": "per_session and free have no price of a validity or"
    " cycle",
    "package_validity_is_sold": "a validity is for daily and package only",
    "package_quotas_are_bought": "quotas, and where a validity runs from, are for"
    " package only",
    "package_times_within_a_century": "a validity or quota of time is at most 100"
    " years",
    "package_pool_fits_its_attribute": "the name of a pool has 1 to 253 octets and is"
    " one line",
    "package_per_session_has_a_rate": "per_session needs a price per minute, per MB"
    " or a set-up fee",
    "package_quotas_positive": "quotas must be positive",
    "package_increments_positive": "increments must be positive, free seconds not"
    " negative",
    "package_vat_is_a_percentage": "VAT is a percentage from 0 to 100",
    "package_rates_positive": "rates must be positive",
    "package_fair_use_whole": "fair use needs a number of octets and a rate beyond it",
    "package_fair_use_rates_positive": "rates must be positive",
    "package_fair_use_slows_down": "beyond fair use it cannot be faster",
    "package_fair_use_has_cycles": "fair use is of daily, monthly and free packages:"
    " others end when they are used up",
    "package_sessions_positive": "at least one session must be allowed",
    "package_interim_at_least_a_minute": "the interim interval is at least 60 seconds"
    " (RFC 2869 §5.16)",
    "package_idle_positive": "the idle timeout must be positive",
}


# Decimals that a column keeps; what is finer it would round in silence.
_DECIMALS = {
    "price": 2,
    "setup_fee": 2,
    "minimum_charge": 2,
    "vat_percent": 2,
    "price_per_minute": 6,
    "price_per_mb": 6,
}


def insert_package(conn: Connection, package: NewPackage) -> int:
    """Put a package on sale and return its id."""
    with _explained(package):
        row = conn.execute(_QUERIES["insert_package"], asdict(package)).fetchone()
    return 0 if row is None else int(row[0])


def update_package(conn: Connection, package_id: int, package: NewPackage) -> None:
    """Say anew what a package is; how it is billed stays."""
    with _explained(package):
        conn.execute(
            _QUERIES["update_package"], asdict(package) | {"package_id": package_id}
        )


def lock_package(conn: Connection, package_id: int) -> None:
    """Keep others from changing a package until the commit."""
    conn.execute(_QUERIES["lock_package"], {"package_id": package_id})


def set_withdrawn(conn: Connection, package_id: int, *, is_withdrawn: bool) -> bool:
    """Sell a package no more, or again; False when it was so already."""
    values = {"package_id": package_id, "is_withdrawn": is_withdrawn}
    return conn.execute(_QUERIES["set_withdrawn"], values).rowcount == 1


def read_package_uses(
    conn: Connection, package_id: int, *, now: datetime
) -> PackageUses:
    """Return what hangs on a package."""
    values = {"package_id": package_id, "now": now}
    with conn.cursor(row_factory=class_row(PackageUses)) as cursor:
        found = cursor.execute(
            _QUERIES["read_package_uses"], values, prepare=False
        ).fetchone()
    return PackageUses(0, 0, 0, 0, None) if found is None else found


def count_package_customers(conn: Connection) -> dict[int, int]:
    """Return how many customers are on each package, each up to 100,001."""
    return {
        int(package_id): int(count)
        for package_id, count in conn.execute(_QUERIES["count_package_customers"])
    }


@contextmanager
def _explained(package: NewPackage) -> Iterator[None]:
    """Refuse what a column would round in silence; tell in words what it refuses."""
    for name, digits in _DECIMALS.items():
        value: Decimal = getattr(package, name)
        if value != round(value, digits):
            raise PackageError(
                package.name, f"{name} {value} has more than {digits} decimals"
            )
    try:
        yield
    except (errors.UniqueViolation, errors.CheckViolation) as error:
        constraint = error.diag.constraint_name or ""
        raise PackageError(
            package.name, _CONSTRAINTS.get(constraint, constraint)
        ) from None
    except errors.NumericValueOutOfRange:
        raise PackageError(package.name, "a number is too large") from None


def list_packages(conn: Connection) -> list[Package]:
    """Return every package, oldest first."""
    with conn.cursor(row_factory=class_row(Package)) as cursor:
        return cursor.execute(_QUERIES["list_packages"]).fetchall()


def find_package(conn: Connection, name: str) -> Package:
    """Return the package of this name."""
    for package in list_packages(conn):
        if package.name == name:
            return package
    raise UnknownPackageError(name)


def find_package_on_sale(conn: Connection, name: str) -> Package:
    """Return the package of this name, if it is sold."""
    package = find_package(conn, name)
    if package.is_withdrawn:
        raise PackageError(name, "is not sold any more")
    return package
