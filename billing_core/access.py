"""What a login asks, what is known then, and what is decided: records; pure.

Times are Unix seconds and amounts are minor units here, and the records of one login
are named tuples: it is decided under Python's lock, one login at a time for the whole
server, where each microsecond counts. What a package means is computed once
and shared (Package).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from billing_core.fair_use import Rates
from billing_core.service_days import DayPrice
from billing_core.tariff import Tariff


class RejectReason(StrEnum):
    """Why a login was refused: logged, and told to the customer in words."""

    UNKNOWN_CUSTOMER = "UNKNOWN_CUSTOMER"
    BAD_CREDENTIALS = "BAD_CREDENTIALS"
    SUSPENDED = "SUSPENDED"
    DISABLED = "DISABLED"
    NO_SUBSCRIPTION = "NO_SUBSCRIPTION"
    BALANCE_EXHAUSTED = "BALANCE_EXHAUSTED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    PACKAGE_EXPIRED = "PACKAGE_EXPIRED"
    TOO_MANY_SESSIONS = "TOO_MANY_SESSIONS"
    MAC_MISMATCH = "MAC_MISMATCH"
    UNKNOWN_NAS = "UNKNOWN_NAS"
    MALFORMED = "MALFORMED"
    COULD_NOT_DECIDE = "COULD_NOT_DECIDE"


@dataclass(frozen=True, slots=True, eq=False)
class Package:
    """What a login must know of a package; one object for each version of it."""

    package_id: int
    billing: str
    sessions_allowed: int
    validity_seconds: int | None = None
    rate_up_bps: int | None = None
    rate_down_bps: int | None = None
    #: Of a customer beyond fair use.
    reduced_rates: Rates | None = None
    framed_pool: str | None = None
    interim_interval_seconds: int | None = None
    idle_timeout_seconds: int | None = None
    #: Of a daily package.
    day_price: DayPrice | None = None
    #: Of a per-session package.
    tariff: Tariff | None = None


class Nas(NamedTuple):
    """What a login must know of the NAS it comes through."""

    vendor: str
    interim_interval_seconds: int


class AccessRequest(NamedTuple):
    """What a decision needs of an Access-Request."""

    username: str
    #: Decimal, as FreeRADIUS tells it.
    nas_id: str
    #: As the NAS wrote it: sessions of one device are told by it.
    calling_station_id: str
    #: A DHCP server asks about a device, by its MAC address and without a password.
    is_of_device: bool = False


class Subscription(NamedTuple):
    """What is left of what the customer is on."""

    subscription_id: int
    #: Bought, and its validity from first use has not begun.
    is_waiting: bool
    valid_until_epoch: int | None
    seconds_left: int | None
    octets_left: int | None


class RunningSession(NamedTuple):
    """A session of the customer that has not ended."""

    #: Of the same device on the same NAS: this login replaces it.
    is_superseded: bool
    #: What it was promised and has not used.
    seconds_promised: int
    octets_promised: int
    held_minor: int


class Suspension(NamedTuple):
    """Why a customer is suspended, and what his billing profile gives him then."""

    reason: str
    #: reject | pool | address_list
    state: str = "reject"
    #: Name of the pool or address list.
    target: str | None = None


class AccessState(NamedTuple):
    """What the database knows when somebody logs in."""

    customer_id: int
    status: str
    password_sealed: bytes
    framed_ip: str | None
    mac_binding: str | None
    #: The customer's own number, over the package's.
    sessions_allowed: int | None
    available_minor: int
    package: Package
    #: None = the packet came from no NAS of ours.
    nas: Nas | None
    subscription: Subscription | None
    day_is_charged: bool
    running: Sequence[RunningSession]
    #: The number of the session, if it comes to one.
    session_id: int
    #: Of a suspended customer.
    suspension: Suspension | None = None
    #: What one of his devices may show instead of the password.
    hotspot_key_sealed: bytes | None = None
    #: Beyond fair use until then.
    reduced_until_epoch: int | None = None


class DayCharge(NamedTuple):
    """A service day that this login is to charge."""

    day: date
    net: Decimal
    vat: Decimal
    vat_percent: Decimal


class Accept(NamedTuple):
    """Let the customer in, within these limits; None = no such limit."""

    sessions_allowed: int
    session_timeout_seconds: int | None = None
    limit_seconds: int | None = None
    limit_octets: int | None = None
    hold_minor: int = 0
    cut_at_epoch: int | None = None
    cut_reason: RejectReason | None = None
    #: The validity starts with this login and ends then.
    new_valid_until_epoch: int | None = None
    day_charge: DayCharge | None = None
    #: Let in although suspended, to where he can see why and pay.
    restriction: Suspension | None = None
    #: Beyond fair use: at the package's lower rates.
    is_reduced: bool = False


class Reject(NamedTuple):
    """Refuse the customer."""

    reason: RejectReason


Decision = Accept | Reject
