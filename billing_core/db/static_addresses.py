"""Static addresses: each is one customer's alone, wherever he logs in."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from psycopg import errors

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError

_QUERIES = load_queries("static_addresses")

#: What the database's rule of this name means to a person.
REASONS = {
    "customer_framed_ip_is_a_host": "a static address is the IPv4 address of one"
    " customer's device"
}


class StaticAddressError(BillingError):
    """This cannot be a customer's static address."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__(f"{address}: {why}.")


def take_static_address(conn: Connection, customer_id: int, framed_ip: str) -> None:
    """Take an address for a customer."""
    values = {"framed_ip": framed_ip, "customer_id": customer_id}
    with _explained(framed_ip):
        conn.execute(_QUERIES["take_static_address"], values)


def release_static_address(conn: Connection, customer_id: int) -> None:
    """Let a customer's address go."""
    conn.execute(_QUERIES["release_static_address"], {"customer_id": customer_id})


def set_framed_ip(conn: Connection, customer_id: int, framed_ip: str | None) -> None:
    """Write what a customer's logins are given; None = an address of the pool."""
    values = {"framed_ip": framed_ip, "customer_id": customer_id}
    with _explained(framed_ip or ""):
        conn.execute(_QUERIES["set_framed_ip"], values)


def list_taken_addresses(conn: Connection, addresses: Sequence[str]) -> set[str]:
    """Return which of these addresses somebody has."""
    rows = conn.execute(
        _QUERIES["list_taken_addresses"], {"addresses": list(addresses)}
    )
    return {str(row[0]) for row in rows}


def copy_static_addresses(conn: Connection, taken: Iterable[tuple[str, int]]) -> None:
    """Take the addresses of many new customers at once."""
    with (
        _explained("?"),
        conn.cursor() as cursor,
        cursor.copy(_QUERIES["copy_static_addresses"]) as copy,
    ):
        for row in taken:
            copy.write_row(row)


@contextmanager
def _explained(address: str) -> Iterator[None]:
    """Tell in words what the database refuses."""
    try:
        yield
    except errors.UniqueViolation as error:
        # Detail: Key (framed_ip)=(…) already exists.
        found = (error.diag.message_detail or "").partition(")=(")[2].partition(")")[0]
        raise StaticAddressError(
            found or address, "it is another customer's static address"
        ) from None
    except errors.CheckViolation:
        (why,) = REASONS.values()
        raise StaticAddressError(address, why) from None
    except errors.InvalidTextRepresentation:
        raise StaticAddressError(address, "that is no IP address") from None
