"""Take customers on: what is said of them is checked, and service begins."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing_core.cycles import minute_of
from billing_core.db import customers as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.operators import find_seller
from billing_core.db.packages import Package, find_package_on_sale
from billing_core.db.profiles import Profile, find_profile
from billing_core.kinds import STATIC, check_terms, usual_kind
from billing_core.mac_addresses import normalise_station, parse_mac
from billing_core.money import ZERO
from billing_core.passwords import seal_no_password, seal_password
from billing_core.services.prices import check_discount, check_special_price


@dataclass(frozen=True, slots=True)
class Registration:
    """What an operator says of a new customer."""

    #: Of a device, its MAC address however it is spelled.
    username: str
    #: None = he has none: of kind static, with his device's MAC address as username.
    password: str | None
    package: str
    name: str = ""
    mobile: str = ""
    framed_ip: str | None = None
    mac_binding: str | None = None
    sessions_allowed: int | None = None
    credit_limit: Decimal = ZERO
    #: pppoe | hotspot | static | other; None = what the package is for.
    kind: str | None = None
    #: Name of a billing profile.
    profile: str | None = None
    special_price: Decimal | None = None
    discount_percent: Decimal = ZERO
    mail: str = ""
    #: en | bn
    language: str = "en"
    #: Username of the operator whose customer he is; None = the provider's own.
    operator: str | None = None
    zone: str = ""
    address: str = ""
    comment: str = ""


def add_customer(
    conn: Connection,
    registration: Registration,
    *,
    secret_key: bytes,
    actor: str,
    now: datetime,
) -> int:
    """Take a customer on and return his id; the password is stored sealed.

    Service begins now: the civil day of this moment is the anchor of his cycles.
    """

    def work() -> int:
        package = find_package_on_sale(conn, registration.package)
        found = registration.profile
        profile = find_profile(conn, found) if found is not None else None
        operator = registration.operator
        operator_id = (
            find_seller(conn, operator).operator_id if operator is not None else None
        )
        customer = draft_customer(
            registration, package, profile, operator_id, secret_key=secret_key, now=now
        )
        customer_id = db.insert_customer(conn, customer, registration.credit_limit)
        db.log_customer_event(conn, customer_id, at=now, actor=actor, what="added")
        return customer_id

    return in_transaction(conn, work)


def draft_customer(
    registration: Registration,
    package: Package,
    profile: Profile | None,
    operator_id: int | None,
    *,
    secret_key: bytes,
    now: datetime,
) -> db.NewCustomer:
    """Check what is said of a new customer, and make of it what is written."""
    _check_username(registration.username)
    check_discount(registration.discount_percent)
    kind = registration.kind or usual_kind(package.billing)
    check_terms(
        kind,
        package.name,
        package.billing,
        profile.name if profile else None,
        profile.billing_type if profile else None,
    )
    if registration.special_price is not None:
        check_special_price(package.name, package.billing, registration.special_price)
    username = registration.username
    if kind == STATIC:
        username = normalise_station(username)
    return db.NewCustomer(
        username=username,
        password_sealed=_seal(secret_key, username, kind, registration),
        package_id=package.package_id,
        name=registration.name,
        mobile=registration.mobile,
        framed_ip=registration.framed_ip,
        mac_binding=registration.mac_binding,
        sessions_allowed=registration.sessions_allowed,
        kind=kind,
        profile_id=profile.profile_id if profile else None,
        activated_at=minute_of(now),
        special_price=registration.special_price,
        discount_percent=registration.discount_percent,
        mail=registration.mail,
        language=registration.language,
        operator_id=operator_id,
        zone=registration.zone,
        address=registration.address,
        comment=registration.comment,
    )


def _seal(
    secret_key: bytes, username: str, kind: str, registration: Registration
) -> bytes:
    """Seal his password; only a device that leases its address may have none.

    Whoever knows a MAC address could log in with it: so nobody whose service is PPPoE
    or a hotspot is without a password.
    """
    if registration.password is not None:
        return seal_password(secret_key, registration.password)
    if kind == STATIC and parse_mac(username):
        return seal_no_password(secret_key)
    raise db.CustomerError(
        username,
        f"needs a password: only of kind {STATIC}, with the MAC address of his device"
        " as username, he has none",
    )


def _check_username(username: str) -> None:
    """Refuse what FreeRADIUS' guard would refuse at login (RFC 2865 §5.1: text)."""
    if not username or username != username.strip():
        raise db.CustomerError(
            username, "a username is not empty and has no space at its ends"
        )
    if len(username.encode()) > 253 or not username.isprintable():
        raise db.CustomerError(
            username, "a username is printable and at most 253 octets long"
        )
