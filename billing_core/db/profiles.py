"""Billing profiles and VAT profiles."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError

_QUERIES = load_queries("profiles")


class ProfileContradictionError(BillingError):
    """A billing profile contradicts itself."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"Billing profile {name}: {why}.")


class UnknownProfileError(BillingError):
    """There is no such profile."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"There is no {kind} profile {name}.")


class ProfileUsedError(BillingError):
    """Customers are on the profile."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"Customers are on billing profile {name}: {why}.")


class VatContradictionError(BillingError):
    """A VAT profile contradicts itself or another."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"VAT profile {name}: {why}.")


@dataclass(frozen=True, slots=True)
class NewProfile:
    """What an operator says of a billing profile."""

    name: str
    #: daily | monthly | free
    billing_type: str
    #: renewal | first | day | manual
    bill_trigger: str = "renewal"
    bill_day: int | None = None
    in_advance: bool = True
    cycle_ends_with_month: bool = False
    due_days: int = 7
    grace_days: int = 0
    #: 0 = off.
    due_threshold: Decimal = Decimal(0)
    auto_bill: bool = True
    auto_suspend: bool = True
    auto_activate: bool = True
    bill_while_suspended: bool = False
    #: reject | pool | address_list
    suspended_state: str = "reject"
    suspended_pool: str | None = None
    suspended_address_list: str | None = None
    #: by_minute | none
    proration: str = "by_minute"
    vat_profile_id: int | None = None
    minimum_validity_days: int = 1
    #: every_day | days_used
    daily_charge: str = "every_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile(NewProfile):
    """A billing profile."""

    profile_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileInUse(Profile):
    """A billing profile in use by so many customers."""

    customers: int


@dataclass(frozen=True, slots=True)
class VatRow:
    """A VAT profile in a list."""

    vat_profile_id: int
    name: str
    #: BIN in Bangladesh.
    registration_number: str
    inclusive: bool
    #: Billing profiles that use it.
    profiles: int
    #: The first day of each rate, and the rates; the newest first.
    effective_from: list[date]
    percent: list[Decimal]

    @property
    def rates(self) -> list[tuple[date, Decimal]]:
        """Return (first day, percent), the newest first."""
        return list(zip(self.effective_from, self.percent, strict=True))


_CONSTRAINTS = {
    "billing_profile_name_unique": "another profile has this name",
    "billing_profile_day_given": "trigger `day` needs a bill day, and no other has one",
    "billing_profile_day_range": "a bill day is between 1 and 31",
    "billing_profile_days_not_negative": "days and threshold cannot be negative, and"
    " the minimum validity is at least a day",
    "billing_profile_days_within_a_year": "due days and grace days are at most 366",
    "billing_profile_suspended_state_whole": "the suspended state needs its pool or"
    " address list",
    "billing_profile_suspended_state_fits": "the name of a pool or address list has 1"
    " to 253 octets and is one line",
    "billing_profile_cycles_are_monthly": "only monthly profiles have a trigger",
    "billing_profile_days_are_daily": "minimum validity and days used are for daily"
    " profiles",
    "billing_profile_daily_has_no_cycles": "a daily profile is paid in advance and has"
    " no cycles: no arrears, no cycle's end, no part of a cycle, nothing billed while"
    " suspended",
    "billing_profile_daily_has_its_packages_vat": "a day is charged with the VAT of its"
    " package: a daily profile has no VAT profile",
    "billing_profile_vat_exists": "there is no such VAT profile",
}


def insert_profile(conn: Connection, profile: NewProfile) -> int:
    """Write a billing profile and return its id."""
    with _told_of(profile.name):
        row = conn.execute(_QUERIES["insert_profile"], asdict(profile)).fetchone()
    return 0 if row is None else int(row[0])


def update_profile(conn: Connection, profile_id: int, profile: NewProfile) -> None:
    """Write what is said of a billing profile anew."""
    values = {**asdict(profile), "profile_id": profile_id}
    with _told_of(profile.name):
        conn.execute(_QUERIES["update_profile"], values)


def lock_profile(conn: Connection, profile_id: int) -> ProfileInUse:
    """Lock a billing profile and return it as it is now."""
    conn.execute(_QUERIES["lock_profile"], {"profile_id": profile_id})
    return read_profile_in_use(conn, profile_id)


def read_profile(conn: Connection, profile_id: int) -> Profile:
    """Return one billing profile."""
    for profile in list_profiles(conn):
        if profile.profile_id == profile_id:
            return profile
    raise UnknownProfileError("billing", str(profile_id))


def delete_profile(conn: Connection, profile: Profile) -> None:
    """Delete a billing profile that no customer is on."""
    try:
        conn.execute(_QUERIES["delete_profile"], {"profile_id": profile.profile_id})
    except errors.ForeignKeyViolation:
        raise ProfileUsedError(profile.name, "move them to another first") from None


def list_customers_on(
    conn: Connection, profile_id: int, *, after: int, limit: int
) -> list[tuple[int, str]]:
    """Return (customer_id, username) of customers on a profile, after one of them."""
    values = {"profile_id": profile_id, "after": after, "limit": limit}
    return conn.execute(_QUERIES["list_customers_on"], values).fetchall()


def list_profiles(conn: Connection) -> list[Profile]:
    """Return every billing profile."""
    with conn.cursor(row_factory=class_row(Profile)) as cursor:
        return cursor.execute(_QUERIES["list_profiles"]).fetchall()


def list_profiles_in_use(conn: Connection) -> list[ProfileInUse]:
    """Return every billing profile with the count of its customers.

    Counting a million takes a tenth of a second: for who wants to know it.
    """
    counts = _count_customers(conn, None)
    return [
        _in_use(profile, counts.get(profile.profile_id, 0))
        for profile in list_profiles(conn)
    ]


def read_profile_in_use(conn: Connection, profile_id: int) -> ProfileInUse:
    """Return one billing profile with the count of its customers."""
    profile = read_profile(conn, profile_id)
    return _in_use(profile, _count_customers(conn, profile_id).get(profile_id, 0))


def _count_customers(conn: Connection, profile_id: int | None) -> dict[int, int]:
    values = {"profile_id": profile_id}
    rows = conn.execute(_QUERIES["count_customers"], values, prepare=False)
    return dict(rows.fetchall())


def _in_use(profile: Profile, customers: int) -> ProfileInUse:
    return ProfileInUse(**asdict(profile), customers=customers)


def find_profile(conn: Connection, name: str) -> Profile:
    """Return the billing profile of this name."""
    for profile in list_profiles(conn):
        if profile.name == name:
            return profile
    raise UnknownProfileError("billing", name)


def insert_vat_profile(
    conn: Connection,
    name: str,
    *,
    registration_number: str,
    inclusive: bool,
    rates: list[tuple[date, Decimal]],
) -> int:
    """Write a VAT profile with its rates and return its id."""
    try:
        row = conn.execute(
            _QUERIES["insert_vat_profile"],
            {
                "name": name,
                "registration_number": registration_number,
                "inclusive": inclusive,
            },
        ).fetchone()
    except errors.UniqueViolation:
        raise VatContradictionError(name, "another has this name") from None
    vat_profile_id = 0 if row is None else int(row[0])
    for effective_from, percent in rates:
        add_vat_rate(conn, vat_profile_id, effective_from, percent)
    return vat_profile_id


def add_vat_rate(
    conn: Connection, vat_profile_id: int, effective_from: date, percent: Decimal
) -> None:
    """Let a VAT profile have another rate from a date on."""
    try:
        conn.execute(
            _QUERIES["insert_vat_rate"],
            {
                "vat_profile_id": vat_profile_id,
                "effective_from": effective_from,
                "percent": percent,
            },
        )
    except errors.UniqueViolation:
        raise VatContradictionError(
            str(vat_profile_id), f"it has a rate from {effective_from} already"
        ) from None


def list_vat_profiles(conn: Connection) -> list[VatRow]:
    """Return every VAT profile with its rates."""
    with conn.cursor(row_factory=class_row(VatRow)) as cursor:
        return cursor.execute(_QUERIES["list_vat_profiles"]).fetchall()


def find_vat_profile(conn: Connection, name: str) -> int:
    """Return the id of the VAT profile of this name."""
    row = conn.execute(_QUERIES["find_vat_profile"], {"name": name}).fetchone()
    if row is None:
        raise UnknownProfileError("VAT", name)
    return int(row[0])


def set_profile(conn: Connection, customer_id: int, profile_id: int) -> None:
    """Put a customer on a billing profile."""
    conn.execute(
        _QUERIES["set_profile"], {"customer_id": customer_id, "profile_id": profile_id}
    )


@contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Tell in a person's words what a constraint of the table refuses."""
    try:
        yield
    except errors.IntegrityError as error:
        constraint = error.diag.constraint_name or ""
        why = _CONSTRAINTS.get(constraint, constraint)
        raise ProfileContradictionError(name, why) from None
