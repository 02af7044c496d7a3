"""Customers, their logins, wallets and packages."""

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db import static_addresses
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError
from billing_core.money import ZERO

_QUERIES = load_queries("customers")


class CustomerError(BillingError):
    """This cannot be said of a customer."""

    def __init__(self, username: str, why: str) -> None:
        super().__init__(f"Customer {username}: {why}.")


class MacError(BillingError):
    """This is not how a MAC address is written."""

    def __init__(self, mac: str) -> None:
        super().__init__(f"{mac} is no MAC address: write AA:BB:CC:DD:EE:FF.")


class UnknownCustomerError(BillingError):
    """There is no such customer."""

    def __init__(self, username: str) -> None:
        super().__init__(f"There is no customer {username}.")


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer before his first login; the password is sealed already."""

    username: str
    password_sealed: bytes
    package_id: int
    #: pppoe | hotspot | static | other
    kind: str
    #: When service begins, to the minute.
    activated_at: datetime
    name: str = ""
    mobile: str = ""
    framed_ip: str | None = None
    mac_binding: str | None = None
    sessions_allowed: int | None = None
    profile_id: int | None = None
    special_price: Decimal | None = None
    discount_percent: Decimal = ZERO
    mail: str = ""
    language: str = "en"
    #: Whose customer he is; None = the provider's own.
    operator_id: int | None = None
    #: Where he lives, as operators sort their work.
    zone: str = ""
    address: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with wallet and package."""

    customer_id: int
    username: str
    name: str
    mobile: str
    status: str
    suspend_reason: str | None
    package_id: int
    package: str
    billing: str
    framed_ip: str | None
    mac_binding: str | None
    sessions_allowed: int
    created_at: datetime
    posted: Decimal
    reserved: Decimal
    available: Decimal
    credit_limit: Decimal
    kind: str
    profile: str | None
    special_price: Decimal | None
    discount_percent: Decimal
    activated_at: datetime
    billed_until: datetime | None
    suspension_hold_until: datetime | None
    parked_reason: str | None
    due: Decimal
    mail: str
    language: str
    operator_id: int | None
    zone: str
    address: str
    comment: str


@dataclass(frozen=True, slots=True)
class Contact:
    """Who a customer is and how he is reached."""

    name: str
    mobile: str
    mail: str
    #: en | bn
    language: str
    zone: str
    address: str
    comment: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a customer has of the package he bought."""

    subscription_id: int
    package_id: int
    package: str
    state: str
    started_at: datetime
    valid_until: datetime | None
    seconds_allowed: int | None
    octets_allowed: int | None
    seconds_used: int
    octets_used: int


@dataclass(frozen=True, slots=True)
class CustomerEvent:
    """Who did what to a customer, and why."""

    at: datetime
    actor: str
    what: str
    reason: str
    note: str


def insert_customer(
    conn: Connection, customer: NewCustomer, credit_limit: Decimal
) -> int:
    """Write a customer with login and empty wallet; returns his id."""
    try:
        row = conn.execute(_QUERIES["insert_customer"], asdict(customer)).fetchone()
        customer_id = 0 if row is None else int(row[0])
        keys = {"username": customer.username, "customer_id": customer_id}
        conn.execute(_QUERIES["insert_login"], keys)
        if customer.framed_ip is not None:
            static_addresses.take_static_address(conn, customer_id, customer.framed_ip)
        conn.execute(
            _QUERIES["insert_wallet"],
            {"customer_id": customer_id, "credit_limit": credit_limit},
        )
    except errors.UniqueViolation:
        raise CustomerError(customer.username, "the username is taken") from None
    except errors.CheckViolation as error:
        why = {
            "customer_mac_form": "a MAC address is written AA:BB:CC:DD:EE:FF",
            **static_addresses.REASONS,
            "customer_sessions_positive": "at least one session must be allowed",
            "wallet_credit_limit_not_negative": "a credit limit is not negative",
            "customer_language_known": "messages are in en or bn",
        }.get(error.diag.constraint_name or "", error.diag.constraint_name or "")
        raise CustomerError(customer.username, why) from None
    except errors.InvalidTextRepresentation:
        raise CustomerError(customer.username, "that is no IP address") from None
    except errors.NumericValueOutOfRange:
        raise CustomerError(customer.username, "a number is too large") from None
    return customer_id


def set_credit_limit(conn: Connection, customer_id: int, credit_limit: Decimal) -> None:
    """Say how much a customer may owe."""
    values = {"customer_id": customer_id, "credit_limit": credit_limit}
    conn.execute(_QUERIES["set_credit_limit"], values)


def find_customer_id(conn: Connection, username: str) -> int:
    """Return the id of the customer with this username."""
    row = conn.execute(_QUERIES["find_customer_id"], {"username": username}).fetchone()
    if row is None:
        raise UnknownCustomerError(username)
    return int(row[0])


def read_customer(conn: Connection, customer_id: int) -> Customer:
    """Return one customer."""
    with conn.cursor(row_factory=class_row(Customer)) as cursor:
        found = cursor.execute(
            _QUERIES["read_customer"], {"customer_id": customer_id}
        ).fetchone()
    if found is None:
        raise UnknownCustomerError(str(customer_id))
    return found


def list_customers(conn: Connection, *, after: int, limit: int) -> list[Customer]:
    """Return a page of customers, those with ids above `after`."""
    with conn.cursor(row_factory=class_row(Customer)) as cursor:
        return cursor.execute(
            _QUERIES["list_customers"], {"after": after, "limit": limit}
        ).fetchall()


def read_subscription(conn: Connection, customer_id: int) -> Subscription | None:
    """Return the package a customer is on, if he bought one."""
    with conn.cursor(row_factory=class_row(Subscription)) as cursor:
        return cursor.execute(
            _QUERIES["read_subscription"], {"customer_id": customer_id}
        ).fetchone()


def insert_subscription(
    conn: Connection,
    *,
    customer_id: int,
    package_id: int,
    state: str,
    started_at: datetime,
    valid_until: datetime | None,
    seconds_allowed: int | None,
    octets_allowed: int | None,
) -> int:
    """Write a package that was bought; returns the subscription's id."""
    row = conn.execute(
        _QUERIES["insert_subscription"],
        {
            "customer_id": customer_id,
            "package_id": package_id,
            "state": state,
            "started_at": started_at,
            "valid_until": valid_until,
            "seconds_allowed": seconds_allowed,
            "octets_allowed": octets_allowed,
        },
    ).fetchone()
    return 0 if row is None else int(row[0])


def extend_subscription(
    conn: Connection,
    *,
    customer_id: int,
    subscription_id: int,
    valid_until: datetime | None,
    seconds: int | None,
    octets: int | None,
) -> None:
    """Add what was bought of the same package to what is left of it."""
    conn.execute(
        _QUERIES["extend_subscription"],
        {
            "customer_id": customer_id,
            "subscription_id": subscription_id,
            "valid_until": valid_until,
            "seconds": seconds,
            "octets": octets,
        },
    )


def end_subscription(conn: Connection, customer_id: int, now: datetime) -> None:
    """End the package a customer is on, if any."""
    conn.execute(_QUERIES["end_subscription"], {"customer_id": customer_id, "now": now})


def set_package(conn: Connection, customer_id: int, package_id: int) -> None:
    """Put a customer on a package."""
    conn.execute(
        _QUERIES["set_package"], {"customer_id": customer_id, "package_id": package_id}
    )


def set_status(
    conn: Connection, customer_id: int, status: str, reason: str | None
) -> bool:
    """Change a customer's status; False when it was so already."""
    cursor = conn.execute(
        _QUERIES["set_status"],
        {"customer_id": customer_id, "status": status, "reason": reason},
    )
    return cursor.rowcount == 1


def set_password(conn: Connection, customer_id: int, password_sealed: bytes) -> None:
    """Replace a customer's sealed password."""
    conn.execute(
        _QUERIES["set_password"],
        {"customer_id": customer_id, "password_sealed": password_sealed},
    )


def read_password_of(conn: Connection, customer_id: int) -> bytes | None:
    """Return a customer's sealed password; None = there is no such customer."""
    values = {"customer_id": customer_id}
    row = conn.execute(_QUERIES["read_password_of"], values).fetchone()
    return None if row is None else bytes(row[0])


def read_hotspot_key(conn: Connection, customer_id: int) -> bytes | None:
    """Lock a customer, and return the sealed key of his device at hotspots, if any."""
    row = conn.execute(
        _QUERIES["read_hotspot_key"], {"customer_id": customer_id}
    ).fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def set_hotspot_key(conn: Connection, customer_id: int, sealed: bytes) -> None:
    """Give a customer's device a key at hotspots; there is one at a time."""
    values = {"customer_id": customer_id, "sealed": sealed}
    conn.execute(_QUERIES["set_hotspot_key"], values)


def set_contact(conn: Connection, customer_id: int, contact: Contact) -> None:
    """Say who a customer is and how he is reached."""
    conn.execute(
        _QUERIES["set_contact"], {"customer_id": customer_id, **asdict(contact)}
    )


def set_language(conn: Connection, customer_id: int, language: str) -> None:
    """Say in what language a customer reads and is written to."""
    conn.execute(
        _QUERIES["set_language"], {"customer_id": customer_id, "language": language}
    )


def set_operator(conn: Connection, customer_id: int, operator_id: int | None) -> None:
    """Say whose customer he is; None = the provider's own."""
    conn.execute(
        _QUERIES["set_operator"],
        {"customer_id": customer_id, "operator_id": operator_id},
    )


def set_mac_binding(conn: Connection, customer_id: int, mac: str | None) -> None:
    """Bind a customer to a device, or to none."""
    values = {"customer_id": customer_id, "mac": mac}
    try:
        conn.execute(_QUERIES["set_mac_binding"], values)
    except errors.CheckViolation:
        raise MacError(mac or "") from None


def log_customer_event(
    conn: Connection,
    customer_id: int,
    *,
    at: datetime,
    actor: str,
    what: str,
    reason: str = "",
    note: str = "",
) -> None:
    """Log who did what to a customer, and why."""
    conn.execute(
        _QUERIES["insert_customer_event"],
        {
            "customer_id": customer_id,
            "at": at,
            "actor": actor,
            "what": what,
            "reason": reason,
            "note": note,
        },
    )


def list_customer_events(
    conn: Connection, customer_id: int, *, limit: int
) -> list[CustomerEvent]:
    """Return a customer's log, newest first."""
    with conn.cursor(row_factory=class_row(CustomerEvent)) as cursor:
        return cursor.execute(
            _QUERIES["list_customer_events"],
            {"customer_id": customer_id, "limit": limit},
        ).fetchall()
