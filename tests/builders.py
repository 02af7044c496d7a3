"""Build what tests speak of: packages, customers, sessions and packets."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from billing_core.db.connect import Connection, connect
from billing_core.db.customers import (
    find_customer_id,
    read_customer,
    read_subscription,
)
from billing_core.db.nas import NewNas
from billing_core.db.packages import NewPackage, insert_package
from billing_core.services.accounting import FoldResult, fold_intake
from billing_core.services.audit import Finding, audit
from billing_core.services.cash import take_cash
from billing_core.services.closing import close_sessions_of_restarted_nas
from billing_core.services.nas import add_nas
from billing_core.services.registration import Registration, add_customer

KEY = bytes(range(32))
NOON = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)  # 12:00 in Dhaka
_numbers = itertools.count(1)
_WRAP = 1 << 32
_Result = TypeVar("_Result")


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


def a_daily_package(conn: Connection, **changes: Any) -> str:
    """Put a daily prepaid package on sale: 30 days for 300.00, so 10.00 a day."""
    facts: dict[str, Any] = {
        "billing": "daily",
        "price": Decimal(300),
        "validity_seconds": 30 * 86400,
    }
    return a_package(conn, **(facts | changes))


def a_hotspot_package(conn: Connection, **changes: Any) -> str:
    """Put a hotspot package on sale: an hour within a day from purchase, for 10.00."""
    facts: dict[str, Any] = {
        "billing": "package",
        "price": Decimal(10),
        "validity_seconds": 86400,
        "validity_from": "purchase",
        "quota_seconds": 3600,
    }
    return a_package(conn, **(facts | changes))


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
        take_cash(
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


def audited(conn: Connection) -> list[Finding]:
    """Return what is wrong with the books (an overdrawn wallet is not)."""
    return [finding for finding in audit(conn) if finding.is_error]


@dataclass(frozen=True, slots=True)
class Grant:
    """What Python granted a login, as the words that open_session() reads."""

    customer_id: int
    session_id: int
    nas_id: int
    package_id: int
    subscription_id: int | None = None
    sessions_allowed: int = 1
    hold: Decimal = Decimal(0)
    limit_seconds: int | None = None
    limit_octets: int | None = None
    cut_at: datetime | None = None
    cut_reason: str | None = None
    interim_seconds: int = 300
    valid_until: datetime | None = None
    day: date | None = None
    day_net: Decimal = Decimal(0)
    day_vat: Decimal = Decimal(0)
    vat_percent: Decimal = Decimal(0)
    #: restricted | reduced
    standing: str | None = None
    has_running: bool = False

    @property
    def class_value(self) -> str:
        """Return the cookie of the Access-Accept."""
        return f"k{_base36(self.customer_id)}.{_base36(self.session_id)}"

    @property
    def words(self) -> str:
        """Return the grant as it travels through FreeRADIUS."""
        moments = [None if m is None else int(m.timestamp()) for m in self._moments]
        words: list[object] = [
            self.customer_id,
            self.session_id,
            self.nas_id,
            self.package_id,
            self.subscription_id,
            self.sessions_allowed,
            self.hold,
            self.limit_seconds,
            self.limit_octets,
            moments[0],
            self.cut_reason,
            self.interim_seconds,
            self.class_value,
            moments[1],
            self.day,
            self.day_net,
            self.day_vat,
            self.vat_percent,
            self.standing,
            "running" if self.has_running else None,
        ]
        return " ".join("-" if word is None else str(word) for word in words)

    @property
    def _moments(self) -> tuple[datetime | None, datetime | None]:
        return self.cut_at, self.valid_until


def a_grant(conn: Connection, customer_id: int, nas_id: int, **changes: Any) -> Grant:
    """Grant a login to a customer, by default without limits and holding nothing."""
    customer = read_customer(conn, customer_id)
    bought = read_subscription(conn, customer_id)
    (session_id,) = rows(conn, "SELECT nextval('acct_session_id')")[0]
    facts: dict[str, Any] = {
        "subscription_id": None if bought is None else bought.subscription_id,
        "sessions_allowed": customer.sessions_allowed,
    }
    return Grant(
        customer_id, session_id, nas_id, customer.package_id, **(facts | changes)
    )


def open_session(
    conn: Connection,
    grant: Grant,
    *,
    mac: str = "02:00:00:00:00:01",
    nas_port_id: str = "ether1",
    acct_session_id: str = "",
    at: datetime | None = None,
) -> str:
    """Open a granted session as post-auth does; returns OK or the reason why not.

    The database accepts by its own clock; `at` sets when that was.
    """
    (answer,) = rows(
        conn,
        "SELECT open_session(%s, %s, 'hotspot1', %s, %s)",
        grant.words,
        mac,
        nas_port_id,
        acct_session_id,
    )[0]
    if at is not None and answer == "OK":
        conn.execute(
            "UPDATE acct_session SET accepted_at = %(at)s, started_at = %(at)s,"
            " last_event_at = %(at)s, last_received_at = %(at)s"
            " WHERE customer_id = %(customer_id)s AND session_id = %(session_id)s",
            {
                "at": at,
                "customer_id": grant.customer_id,
                "session_id": grant.session_id,
            },
        )
    return str(answer)


def at_once(
    database_url: str, works: Sequence[Callable[[Connection], _Result]]
) -> list[_Result | BaseException]:
    """Do each work on a connection of its own, all at the same moment.

    Returns what each returned or raised, in order.
    """
    barrier = threading.Barrier(len(works))
    results: list[_Result | BaseException] = [RuntimeError("did not run")] * len(works)

    def run(number: int, work: Callable[[Connection], _Result]) -> None:
        try:
            with connect(database_url, application="tests") as conn:
                barrier.wait(30)
                results[number] = work(conn)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            results[number] = error

    threads = [
        threading.Thread(target=run, args=(number, work))
        for number, work in enumerate(works)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def wait_until_blocked(conn: Connection) -> None:
    """Wait until somebody else waits for a lock in this database."""
    deadline = time.monotonic() + 30
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    # Within a transaction the view is the same until it is told to look again.
    while rows(conn, "SELECT pg_stat_clear_snapshot()") and rows(conn, waiting) == [
        (0,)
    ]:
        if time.monotonic() > deadline:
            raise TimeoutError("nobody came to wait for a lock")
        time.sleep(0.01)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"
