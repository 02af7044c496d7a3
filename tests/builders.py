"""Build what tests speak of: packages, customers, sessions and packets."""

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing_core.db.connect import Connection
from billing_core.db.customers import find_customer_id, read_customer
from billing_core.db.nas import NewNas
from billing_core.db.packages import NewPackage, insert_package
from billing_core.services.accounting import FoldResult, fold_intake
from billing_core.services.closing import close_sessions_of_restarted_nas
from billing_core.services.customers import Registration, add_customer
from billing_core.services.nas import add_nas
from billing_core.services.wallets import top_up

KEY = bytes(range(32))
NOON = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)  # 12:00 in Dhaka
_numbers = itertools.count(1)
_WRAP = 1 << 32


def a_nas(conn: Connection, **changes: Any) -> int:
    """Register a NAS of its own address."""
    number = next(_numbers)
    facts = {
        "name": f"nas-{number}",
        "address": f"127.1.{number // 250}.{number % 250 + 1}",
        "secret": "testing123",
    }
    return add_nas(conn, NewNas(**(facts | changes)))


def a_package(conn: Connection, **changes: Any) -> str:
    """Put a package on sale: by default 1.00 a minute, charged by the minute."""
    facts: dict[str, Any] = {"name": f"package-{next(_numbers)}"}
    if "billing" not in changes:
        facts |= {
            "billing": "per_session",
            "price_per_minute": Decimal(1),
            "increment_seconds": 60,
        }
    package = NewPackage(**(facts | changes))
    insert_package(conn, package)
    return package.name


def a_customer(
    conn: Connection, package: str, *, balance: str = "0", **changes: Any
) -> int:
    """Take a customer on, with money in the wallet."""
    number = next(_numbers)
    facts: dict[str, Any] = {
        "username": f"customer-{number}",
        "password": "secret",
        "package": package,
    }
    registration = Registration(**(facts | changes))
    customer_id = add_customer(
        conn, registration, secret_key=KEY, actor="test", now=NOON
    )
    if Decimal(balance):
        top_up(
            conn,
            registration.username,
            Decimal(balance),
            key=f"first-{number}",
            operator="test",
            note="",
            now=NOON,
        )
    return customer_id


@dataclass(slots=True)
class Packets:
    """Writes accounting packets of one session, as FreeRADIUS would record them."""

    username: str
    nas_id: int
    acct_session_id: str = field(default_factory=lambda: f"8{next(_numbers):07x}")
    class_value: str = ""
    started_at: datetime = NOON
    sends_gigawords: bool = True

    def packet(self, status: str, seconds: int, **changes: Any) -> dict[str, Any]:
        """Return one packet at so many seconds into the session."""
        octets_in, octets_out = changes.pop("octets", (0, 0))
        at = changes.pop("at", self.started_at + timedelta(seconds=seconds))
        gigawords = self.sends_gigawords
        facts: dict[str, Any] = {
            "nas_id": self.nas_id,
            "status_type": status,
            "username": self.username,
            "acct_session_id": self.acct_session_id,
            "class_value": self.class_value,
            "event_epoch": int(at.timestamp()),
            "delay_seconds": 0,
            "session_seconds": None if status == "Start" else seconds,
            "input_octets": octets_in % _WRAP,
            "output_octets": octets_out % _WRAP,
            "input_gigawords": octets_in // _WRAP if gigawords else None,
            "output_gigawords": octets_out // _WRAP if gigawords else None,
            "terminate_cause": "User-Request" if status == "Stop" else "",
            "nas_ip": "127.0.0.1",
            "nas_identifier": "nas",
            "nas_port_id": "ether1",
            "calling_station_id": "02:00:00:00:00:01",
            "called_station_id": "hotspot1",
            "framed_ip": "10.0.0.2",
            "framed_ipv6": "",
            "received_at": at,
        }
        if status == "Start":
            facts |= {"input_octets": None, "output_octets": None}
            facts |= {"input_gigawords": None, "output_gigawords": None}
        return facts | changes

    def start(self, **changes: Any) -> dict[str, Any]:
        """Return the Start."""
        return self.packet("Start", 0, **changes)

    def interim(self, seconds: int, **changes: Any) -> dict[str, Any]:
        """Return an Interim-Update at so many seconds."""
        return self.packet("Interim-Update", seconds, **changes)

    def stop(self, seconds: int, **changes: Any) -> dict[str, Any]:
        """Return the Stop at so many seconds."""
        return self.packet("Stop", seconds, **changes)


def record(conn: Connection, *packets: dict[str, Any]) -> None:
    """Record packets as intake does."""
    for packet in packets:
        columns = ", ".join(packet)
        values = ", ".join(f"%({name})s" for name in packet)
        conn.execute(
            f"INSERT INTO acct_intake ({columns}) VALUES ({values})",  # noqa: S608 - ours
            packet,
        )


def fold(
    conn: Connection, *packets: dict[str, Any], now: datetime = NOON
) -> FoldResult:
    """Record packets and fold everything that waits."""
    record(conn, *packets)
    total = FoldResult()
    while (done := fold_intake(conn, now, lanes=range(16), limit=1000)).events:
        total.events += done.events
        total.charges += done.charges
        total.disconnects += done.disconnects
    close_sessions_of_restarted_nas(conn, now)
    return total


def sessions_of(conn: Connection, customer_id: int) -> list[dict[str, Any]]:
    """Return a customer's sessions as rows, oldest first."""
    cursor = conn.execute(
        "SELECT * FROM acct_session WHERE customer_id = %s ORDER BY session_id",
        [customer_id],
    )
    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def posted(conn: Connection, customer_id: int) -> Decimal:
    """Return what is in a customer's wallet."""
    return read_customer(conn, customer_id).posted


def username_of(conn: Connection, customer_id: int) -> str:
    """Return a customer's username."""
    return read_customer(conn, customer_id).username


def id_of(conn: Connection, username: str) -> int:
    """Return the customer with a username."""
    return find_customer_id(conn, username)


def rows(conn: Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return conn.execute(query, values).fetchall()
