"""What the pages show of the network: NAS, sessions that run, logins refused."""

import ipaddress
from collections.abc import Generator
from dataclasses import asdict, dataclass
from datetime import datetime

from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.db.web_lists import (
    COUNTED_MAX,
    Scope,
    as_list,
    like,
    read_page,
    read_totals,
    stream_all,
)
from billing_core.mac_addresses import parse_mac

_QUERIES = load_queries("web_network")


@dataclass(frozen=True, slots=True)
class NasHealth:
    """How a NAS does."""

    nas_id: int
    sessions: int
    #: Of sessions that run; None = none runs.
    heard_at: datetime | None
    #: What it answered to CoA and Disconnect lately.
    acks: int
    naks: int
    timeouts: int
    waiting: int
    #: Sessions run, and for three intervals it told of none of them.
    is_silent: bool


@dataclass(frozen=True, slots=True)
class NasRequest:
    """Something that was asked of a NAS."""

    outbox_id: int
    customer_id: int
    username: str
    session_id: int
    kind: str
    reason: str
    created_at: datetime
    state: str
    attempts: int
    outcome: str | None
    error_cause: int | None


@dataclass(frozen=True, slots=True)
class UnknownNas:
    """An address that speaks RADIUS to us and is no NAS."""

    address: str
    first_seen_at: datetime
    last_seen_at: datetime
    packets: int


@dataclass(frozen=True, slots=True)
class OnlineFilter:
    """Which sessions that run; None and False = whichever."""

    #: Part of a username, name or mobile; or a whole MAC or IP address.
    search: str | None = None
    nas_id: int | None = None
    package_id: int | None = None
    #: Let in although suspended.
    restricted: bool = False
    #: Not heard of for three intervals.
    silent: bool = False


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """A session that runs."""

    customer_id: int
    session_id: int
    username: str
    name: str
    package: str
    nas: str | None
    state: str
    started_at: datetime
    last_received_at: datetime
    session_seconds: int
    input_octets: int
    output_octets: int
    framed_ip: str | None
    framed_ipv6: str
    calling_station_id: str
    nas_port_id: str
    is_restricted: bool
    disconnect_requested_at: datetime | None
    is_silent: bool


@dataclass(frozen=True, slots=True)
class OnlineTotals:
    """How many sessions a filter leaves, and what they carried."""

    sessions: int
    up_octets: int
    down_octets: int

    @property
    def is_whole(self) -> bool:
        """Tell whether all were counted."""
        return self.sessions <= COUNTED_MAX


@dataclass(frozen=True, slots=True)
class RejectFilter:
    """Which refused logins."""

    username: str | None = None
    reason: str | None = None
    nas_id: int | None = None
    mac: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RejectRow:
    """A login that was refused."""

    reject_id: int
    rejected_at: datetime
    username: str
    #: None = nobody has that username.
    customer_id: int | None
    nas: str | None
    calling_station_id: str
    reason: str


def read_nas_health(
    conn: Connection, *, since: datetime, now: datetime
) -> dict[int, NasHealth]:
    """Return how each NAS does; what it answered is that since a moment."""
    with conn.cursor(row_factory=class_row(NasHealth)) as cursor:
        rows = cursor.execute(
            _QUERIES["list_nas_health"], {"since": since, "now": now}, prepare=False
        ).fetchall()
    return {row.nas_id: row for row in rows}


def list_requests_to(
    conn: Connection, nas_id: int, *, since: datetime, limit: int
) -> list[NasRequest]:
    """Return what was asked of a NAS, newest first."""
    values = {"nas_id": nas_id, "since": since, "limit": limit}
    with conn.cursor(row_factory=class_row(NasRequest)) as cursor:
        return cursor.execute(_QUERIES["list_requests_to"], values).fetchall()


def list_unknown_nas(
    conn: Connection, *, since: datetime, limit: int
) -> list[UnknownNas]:
    """Return the addresses that spoke RADIUS to us lately and are no NAS."""
    values = {"since": since, "limit": limit}
    with conn.cursor(row_factory=class_row(UnknownNas)) as cursor:
        return cursor.execute(_QUERIES["list_unknown_nas"], values).fetchall()


def list_online(
    conn: Connection,
    wanted: OnlineFilter,
    scope: Scope,
    *,
    now: datetime,
    after: int | None,
    limit: int,
) -> list[OnlineRow]:
    """Return sessions that run, newest first, before a session's id."""
    values = _online(wanted, scope, now, after) | {"limit": limit}
    return read_page(conn, _QUERIES["list_online"], values, OnlineRow)


def stream_online(
    conn: Connection, wanted: OnlineFilter, scope: Scope, *, now: datetime
) -> Generator[OnlineRow, None, None]:
    """Yield every session that a filter leaves, without holding them all."""
    values = _online(wanted, scope, now)
    return stream_all(conn, _QUERIES["list_online"], values, OnlineRow)


def total_online(
    conn: Connection, wanted: OnlineFilter, scope: Scope, *, now: datetime
) -> OnlineTotals:
    """Sum up what a filter leaves, if it is not too much."""
    found = read_totals(
        conn,
        _QUERIES["total_online"],
        _QUERIES["list_online"],
        _online(wanted, scope, now),
        OnlineTotals,
    )
    return found[0] if found else OnlineTotals(COUNTED_MAX + 1, 0, 0)


def list_rejects(
    conn: Connection,
    wanted: RejectFilter,
    scope: Scope,
    *,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[RejectRow]:
    """Return refused logins, newest first, before a (time, id)."""
    values = _rejects(wanted, scope, after) | {"limit": limit}
    return read_page(conn, _QUERIES["list_rejects"], values, RejectRow)


def stream_rejects(
    conn: Connection, wanted: RejectFilter, scope: Scope
) -> Generator[RejectRow, None, None]:
    """Yield every refused login that a filter leaves, without holding them all."""
    values = _rejects(wanted, scope)
    return stream_all(conn, _QUERIES["list_rejects"], values, RejectRow)


def count_rejects(
    conn: Connection, scope: Scope, *, since: datetime
) -> list[tuple[str, int]]:
    """Return how many logins were refused since a moment, by reason, most first."""
    rows = conn.execute(
        _QUERIES["count_rejects"],
        {"scope": as_list(scope), "since": since},
        prepare=False,
    ).fetchall()
    return [(str(reason), int(count)) for reason, count in rows]


def _rejects(
    wanted: RejectFilter, scope: Scope, after: tuple[datetime, int] | None = None
) -> dict[str, object]:
    after_at, after_id = after or (None, None)
    return {
        **asdict(wanted),
        "scope": as_list(scope),
        "after_at": after_at,
        "after_id": after_id,
    }


def _online(
    wanted: OnlineFilter, scope: Scope, now: datetime, after: int | None = None
) -> dict[str, object]:
    search = (wanted.search or "").strip()
    mac, address = parse_mac(search), _address(search)
    return {
        **asdict(wanted),
        "mac": mac,
        "address": address,
        "words": None if mac or address else like(search),
        "scope": as_list(scope),
        "now": now,
        "after": after,
    }


def _address(search: str) -> str | None:
    try:
        return str(ipaddress.ip_address(search))
    except ValueError:
        return None
