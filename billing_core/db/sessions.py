"""Sessions, and what a fold writes of them: set-based, thousands a statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from billing_core.accounting import AcctSession
from billing_core.charging import Charge, Quota, RatedPackage
from billing_core.db.arrays import array
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError
from billing_core.tariff import Tariff

_QUERIES = load_queries("sessions")


class UnknownSessionError(BillingError):
    """There is no such session."""

    def __init__(self, session_id: int) -> None:
        super().__init__(f"There is no session {session_id}.")


@dataclass(slots=True)
class Wallet:
    """A locked wallet; charges of a batch are taken from it before they are posted."""

    posted: Decimal
    reserved: Decimal
    credit_limit: Decimal
    # Of its customer: why suspended (None = active), sessions (None = as the package).
    suspend_reason: str | None
    sessions_allowed: int | None

    @property
    def available(self) -> Decimal:
        """Return what may be spent or held."""
        return self.posted - self.reserved + self.credit_limit


@dataclass(frozen=True, slots=True)
class CustomerPackage:
    """What a session of this customer runs on when it began without a login of ours."""

    customer_id: int
    username: str
    package_id: int
    subscription_id: int | None
    interim_interval_seconds: int | None
    billing: str


def lock_wallets(conn: Connection, customer_ids: Iterable[int]) -> dict[int, Wallet]:
    """Lock these customers' wallets; the lock guards their sessions and holds too."""
    whose = {"customer_ids": array(customer_ids)}
    conn.execute(_QUERIES["lock_wallets"], whose)
    rows = conn.execute(_QUERIES["read_wallets"], whose).fetchall()
    return {row[0]: Wallet(*row[1:]) for row in rows}


def lock_wallets_only(conn: Connection, customer_ids: Iterable[int]) -> None:
    """Lock these customers' wallets, where few of many will be looked into."""
    conn.execute(_QUERIES["lock_wallets"], {"customer_ids": array(customer_ids)})


def read_wallets_with_money(
    conn: Connection, customer_ids: Iterable[int]
) -> dict[int, Wallet]:
    """Return those of these locked wallets that have money that no session holds."""
    rows = conn.execute(
        _QUERIES["read_wallets_with_money"], {"customer_ids": array(customer_ids)}
    ).fetchall()
    return {row[0]: Wallet(*row[1:]) for row in rows}


def read_running(
    conn: Connection, customer_ids: Iterable[int]
) -> list[tuple[AcctSession, Decimal | None]]:
    """Return the running sessions of these customers, each with what it holds."""
    rows = conn.execute(
        _QUERIES["read_running"], {"customer_ids": array(customer_ids)}, binary=True
    ).fetchall()
    return [(AcctSession(*row[:-1]), row[-1]) for row in rows]


def read_ended(
    conn: Connection, keys: Sequence[tuple[int, str, int]]
) -> list[AcctSession]:
    """Return ended sessions by (customer_id, acct_session_id, session_id or 0)."""
    customer_ids, acct_session_ids, session_ids = zip(*keys, strict=True)
    rows = conn.execute(
        _QUERIES["read_ended"],
        {
            "customer_ids": array(customer_ids),
            "acct_session_ids": array(acct_session_ids),
            "session_ids": array(session_ids),
        },
        binary=True,
    ).fetchall()
    return [AcctSession(*row[:-1]) for row in rows]


def read_session(conn: Connection, customer_id: int, session_id: int) -> AcctSession:
    """Return one session, running or ended."""
    running = [s for s, _ in read_running(conn, [customer_id])]
    for session in running + read_ended(conn, [(customer_id, "", session_id)]):
        if session.session_id == session_id:
            return session
    raise UnknownSessionError(session_id)


def find_session_customer(conn: Connection, session_id: int) -> int:
    """Return whose session this is."""
    row = conn.execute(
        _QUERIES["find_session_customer"], {"session_id": session_id}
    ).fetchone()
    if row is None:
        raise UnknownSessionError(session_id)
    return int(row[0])


def read_customer_packages(
    conn: Connection, customer_ids: Iterable[int]
) -> dict[int, CustomerPackage]:
    """Return each customer's package and subscription of now."""
    rows = conn.execute(
        _QUERIES["read_customer_packages"], {"customer_ids": array(customer_ids)}
    ).fetchall()
    return {row[0]: CustomerPackage(*row) for row in rows}


def read_rated_packages(
    conn: Connection, package_ids: Iterable[int]
) -> dict[int, RatedPackage]:
    """Return the tariffs of these packages."""
    rows = conn.execute(
        _QUERIES["read_rated_packages"], {"package_ids": array(package_ids)}
    ).fetchall()
    return {
        row[0]: RatedPackage(
            row[0], row[1], row[2], row[3], Tariff(*row[4:-1]), has_fair_use=row[-1]
        )
        for row in rows
    }


def read_quotas(
    conn: Connection, keys: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Quota]:
    """Return what is left of packages, by (customer_id, subscription_id)."""
    customer_ids, subscription_ids = zip(*keys, strict=True)
    rows = conn.execute(
        _QUERIES["read_quotas"],
        {
            "customer_ids": array(customer_ids),
            "subscription_ids": array(subscription_ids),
        },
    ).fetchall()
    return {(row[0], row[1]): Quota(*row[1:]) for row in rows}


def next_session_ids(conn: Connection, count: int) -> list[int]:
    """Reserve ids for new sessions."""
    rows = conn.execute(_QUERIES["next_session_ids"], {"count": count}).fetchall()
    return [row[0] for row in rows]


def insert_sessions(
    conn: Connection, sessions: Sequence[AcctSession], usernames: Sequence[str]
) -> None:
    """Insert sessions that began without a login of ours; write_sessions fills them."""
    columns = _columns(sessions, _INSERTED) | {"username": array(usernames)}
    conn.execute(_QUERIES["insert_sessions"], columns)


def write_counters(conn: Connection, sessions: Sequence[AcctSession]) -> None:
    """Write the growth of sessions of which nothing else changed."""
    conn.execute(_QUERIES["write_counters"], _columns(sessions, _COUNTERS))


def write_sessions(conn: Connection, sessions: Sequence[AcctSession]) -> None:
    """Write everything that a fold may have changed."""
    conn.execute(_QUERIES["write_sessions"], _columns(sessions, _FOLDED))


def write_quotas(conn: Connection, quotas: dict[tuple[int, int], Quota]) -> None:
    """Write what has been used of packages."""
    conn.execute(
        _QUERIES["write_quotas"],
        {
            "customer_ids": array(customer_id for customer_id, _ in quotas),
            "subscription_ids": array(id_ for _, id_ in quotas),
            "seconds_used": array(q.seconds_used for q in quotas.values()),
            "octets_used": array(q.octets_used for q in quotas.values()),
        },
    )


def post_session_charges(
    conn: Connection, charges: Sequence[tuple[int, Charge]], now: datetime
) -> None:
    """Post one balanced ledger entry for each (customer_id, charge)."""
    conn.execute(
        _QUERIES["post_session_charges"],
        {
            "customer_ids": array(customer_id for customer_id, _ in charges),
            "keys": array(
                f"session:{c.session_id}:{c.charged_total}" for _, c in charges
            ),
            "nets": array(c.parts.net for _, c in charges),
            "vats": array(c.parts.vat for _, c in charges),
            "now": now,
        },
    )


def open_holds(
    conn: Connection, keys: Sequence[tuple[int, int]], now: datetime
) -> None:
    """Open an empty reservation for each (customer_id, session_id)."""
    conn.execute(_QUERIES["open_holds"], {**_session_keys(keys), "now": now})


def write_holds(
    conn: Connection, holds: Sequence[tuple[int, int, Decimal, Decimal]]
) -> None:
    """Write (customer_id, session_id, held before, held after) of open reservations."""
    customer_ids, session_ids, before, after = zip(*holds, strict=True)
    conn.execute(
        _QUERIES["write_holds"],
        {
            "customer_ids": array(customer_ids),
            "session_ids": array(session_ids),
            "before": array(before),
            "after": array(after),
        },
    )


def settle_holds(
    conn: Connection, keys: Sequence[tuple[int, int]], now: datetime
) -> None:
    """End the reservations of sessions that ended."""
    conn.execute(_QUERIES["settle_holds"], {**_session_keys(keys), "now": now})


def bill_ended_sessions(
    conn: Connection, keys: Sequence[tuple[int, int]], now: datetime
) -> None:
    """Bill what was charged to these ended sessions and stands on no bill yet."""
    conn.execute(_QUERIES["bill_ended_sessions"], {**_session_keys(keys), "now": now})


def enqueue_disconnects(
    conn: Connection, requests: Sequence[tuple[AcctSession, str]]
) -> None:
    """Ask, through the outbox, that each session be ended for its reason."""
    conn.execute(
        _QUERIES["enqueue_disconnects"],
        {
            "customer_ids": array(s.customer_id for s, _ in requests),
            "session_ids": array(s.session_id for s, _ in requests),
            "nas_ids": array(s.nas_id for s, _ in requests),
            "reasons": array(reason for _, reason in requests),
        },
    )


def _session_keys(keys: Sequence[tuple[int, int]]) -> dict[str, str]:
    return {
        "customer_ids": array(customer_id for customer_id, _ in keys),
        "session_ids": array(session_id for _, session_id in keys),
    }


def _columns(sessions: Sequence[AcctSession], names: Sequence[str]) -> dict[str, str]:
    return {name: array(map(attrgetter(name), sessions)) for name in names}


_INSERTED = (
    "customer_id",
    "session_id",
    "nas_id",
    "package_id",
    "subscription_id",
    "state",
    "started_at",
    "last_event_at",
    "interim_interval_seconds",
)
_COUNTERS = (
    "customer_id",
    "session_id",
    "last_event_at",
    "last_received_at",
    "session_seconds",
    "input_octets",
    "output_octets",
    "charged",
    "counted_seconds",
    "counted_octets",
)
_FOLDED = (
    *_COUNTERS,
    "state",
    "acct_session_id",
    "calling_station_id",
    "called_station_id",
    "nas_port_id",
    "nas_ip",
    "framed_ip",
    "framed_ipv6",
    "started_at",
    "ended_at",
    "terminate_cause",
    "limit_seconds",
    "limit_octets",
    "cut_at",
    "cut_reason",
    "disconnect_requested_at",
)
