"""NAS: who they are, and how to speak to them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError

_QUERIES = load_queries("nas")

# Vendors that are told an octet limit at login and keep it themselves.
_LIMITS_OCTETS = frozenset({"mikrotik", "coovachilli"})
# Vendors that change the rates of a running session by CoA.
_CHANGES_RATES = frozenset({"mikrotik", "accel-ppp"})


class NasExistsError(BillingError):
    """Another NAS already has this name, or (if there is one) this address."""

    def __init__(self, name: str, address: str | None) -> None:
        what = f"named {name}" if address is None else f"with address {address}"
        super().__init__(f"A NAS {what} exists already.")


class NasError(BillingError):
    """This cannot be said of a NAS."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"NAS {name}: {why}.")


class UnknownNasError(BillingError):
    """There is no such NAS."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no NAS {name}.")


# By what each vendor finds a session. MikroTik's hotspot needs the address too; others
# refuse a Disconnect with what is no identification to them (hostapd: NAK 401).
_IDENTIFICATION = {
    "mikrotik": (
        "User-Name",
        "Acct-Session-Id",
        "Framed-IP-Address",
        "NAS-IP-Address",
    ),
    "rfc": ("User-Name", "Acct-Session-Id", "NAS-IP-Address"),
    "coovachilli": ("User-Name", "Acct-Session-Id"),
    "accel-ppp": ("User-Name", "Acct-Session-Id"),
}

_CONSTRAINTS = {
    "nas_vendor_known": "vendor is mikrotik, rfc, coovachilli or accel-ppp",
    "nas_name_is_one_line": "a name is one line of at most 200 characters, without"
    " space at its ends",
    "nas_address_is_a_host": "its address is one host's, not a network's",
    "nas_address_is_of_one": "no machine has that address",
    "nas_coa_address_is_a_host": "its CoA address is one host's, not a network's",
    "nas_secret_is_one_line": "its secret has 1 to 200 octets and is one line",
    "nas_coa_secret_is_one_line": "its CoA secret has 1 to 200 octets and is one line",
    "nas_coa_port_range": "a CoA port is between 1 and 65535",
    "nas_interim_at_least_a_minute": "the interim interval is at least 60 seconds"
    " (RFC 2869 §5.16)",
    "nas_coa_identification_known": "sessions are identified by User-Name,"
    " Acct-Session-Id, Framed-IP-Address, NAS-IP-Address, Calling-Station-Id or"
    " NAS-Port-Id",
}


@dataclass(frozen=True, slots=True)
class NasTraits:
    """How a NAS identifies sessions, takes CoA and keeps limits."""

    nas_id: int
    name: str
    address: str
    secret: str
    vendor: str
    coa_address: str | None
    #: None = it takes neither CoA nor Disconnect.
    coa_port: int | None
    coa_secret: str | None
    accepts_coa: bool
    coa_event_timestamp: bool
    coa_message_authenticator: bool
    coa_identification: list[str]
    octets_swapped: bool
    interim_interval_seconds: int
    #: Nobody may log in from it.
    is_disabled: bool

    @property
    def limits_octets(self) -> bool:
        """Tell whether it keeps an octet limit itself."""
        return self.vendor in _LIMITS_OCTETS

    @property
    def changes_rates(self) -> bool:
        """Tell whether it takes other rates for a running session."""
        takes_coa = self.accepts_coa and self.coa_port is not None
        return takes_coa and self.vendor in _CHANGES_RATES


@dataclass(frozen=True, slots=True)
class NewNas:
    """What an engineer says of a NAS."""

    name: str
    address: str
    secret: str
    vendor: str = "mikrotik"
    coa_address: str | None = None
    coa_port: int | None = 3799
    coa_secret: str | None = None
    accepts_coa: bool = True
    coa_event_timestamp: bool = True
    coa_message_authenticator: bool = True
    #: None = what this vendor is known to match.
    coa_identification: tuple[str, ...] | None = None
    octets_swapped: bool = False
    interim_interval_seconds: int = 300


def insert_nas(conn: Connection, nas: NewNas) -> int:
    """Register a NAS and return its id."""
    with _explained(nas):
        row = conn.execute(_QUERIES["insert_nas"], _values(nas)).fetchone()
    if row is None:
        raise UnknownNasError(nas.name)
    return int(row[0])


def update_nas(conn: Connection, nas_id: int, nas: NewNas) -> None:
    """Say anew what a NAS is; an empty secret stays as it was."""
    with _explained(nas):
        values = _values(nas) | {"nas_id": nas_id}
        if conn.execute(_QUERIES["update_nas"], values).rowcount != 1:
            raise UnknownNasError(nas.name)


def set_nas_disabled(conn: Connection, nas_id: int, *, is_disabled: bool) -> bool:
    """Let nobody in from a NAS, or again; False when it was so already."""
    values = {"nas_id": nas_id, "is_disabled": is_disabled}
    return conn.execute(_QUERIES["set_nas_disabled"], values).rowcount == 1


def forget_unknown_nas(conn: Connection, address: str) -> None:
    """Take an address off the list of those that nobody knows."""
    conn.execute(_QUERIES["forget_unknown_nas"], {"address": address})


def _values(nas: NewNas) -> dict[str, object]:
    return asdict(nas) | {
        "coa_identification": list(
            nas.coa_identification or _IDENTIFICATION.get(nas.vendor, ("User-Name",))
        )
    }


@contextmanager
def _explained(nas: NewNas) -> Iterator[None]:
    """Tell in words what the database refuses."""
    try:
        yield
    except errors.UniqueViolation as error:
        is_name = (error.diag.constraint_name or "").startswith("nas_name")
        raise NasExistsError(nas.name, None if is_name else nas.address) from None
    except errors.CheckViolation as error:
        constraint = error.diag.constraint_name or ""
        raise NasError(nas.name, _CONSTRAINTS.get(constraint, constraint)) from None
    except errors.InvalidTextRepresentation:
        raise NasError(nas.name, f"{nas.address} is no IP address") from None


def list_nas(conn: Connection) -> list[NasTraits]:
    """Return every NAS, oldest first."""
    with conn.cursor(row_factory=class_row(NasTraits)) as cursor:
        return cursor.execute(_QUERIES["list_nas"]).fetchall()


def read_nas_traits(conn: Connection) -> dict[int, NasTraits]:
    """Return every NAS by its id."""
    return {nas.nas_id: nas for nas in list_nas(conn)}


def set_coa_port(conn: Connection, name: str, coa_port: int | None) -> None:
    """Say where a NAS takes CoA from now on; None = nowhere."""
    found = conn.execute(_QUERIES["set_coa_port"], {"name": name, "coa_port": coa_port})
    if found.rowcount != 1:
        raise UnknownNasError(name)
