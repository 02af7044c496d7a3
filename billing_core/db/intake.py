"""The intake queue: packets that were recorded and wait to be folded."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow

from billing_core.accounting import AcctEvent, without_absurdities
from billing_core.db.arrays import array
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.mac_addresses import normalise_station

_QUERIES = load_queries("intake")
LANES = 16
# Advisory lock class of the lanes; the second key is the lane.
_LANE_LOCK_CLASS = 0x4B48


def claim_lanes(conn: Connection, lanes: Sequence[int]) -> list[int]:
    """Take those of the lanes that no other worker holds, to the transaction's end."""
    rows = conn.execute(
        _QUERIES["claim_lanes"],
        {"lanes": list(lanes), "lock_class": _LANE_LOCK_CLASS},
    )
    return [row[0] for row in rows]


def read_intake(
    conn: Connection, lanes: Sequence[int], *, limit: int
) -> list[AcctEvent]:
    """Return the oldest unfolded packets of these lanes, oldest first."""
    rows = conn.execute(
        _QUERIES["read_intake"], {"lanes": list(lanes), "limit": limit}, binary=True
    ).fetchall()
    return [_event(row) for row in rows]


def read_session_events(
    conn: Connection, customer_id: int, session_id: int
) -> list[AcctEvent]:
    """Return every packet that was folded into one session."""
    rows = conn.execute(
        _QUERIES["read_session_events"],
        {"customer_id": customer_id, "session_id": session_id},
        binary=True,
    ).fetchall()
    return [_event(row) for row in rows]


def move_to_events(
    conn: Connection, folded: Sequence[tuple[int, int, int | None]]
) -> None:
    """Make history of folded packets: (intake_id, customer_id, session_id) each."""
    intake_ids, customer_ids, session_ids = zip(*folded, strict=True)
    conn.execute(
        _QUERIES["move_to_events"],
        {
            "intake_ids": array(intake_ids),
            "customer_ids": array(customer_ids),
            "session_ids": array(session_ids),
        },
    )


def has_intake(conn: Connection) -> bool:
    """Tell whether any packet waits to be folded."""
    row = conn.execute(_QUERIES["oldest_intake"]).fetchone()
    return row is not None and row[0] is not None


def park_oldest(conn: Connection, lanes: Sequence[int], error: str) -> int | None:
    """Set aside the oldest packet of these lanes; returns its intake_id."""
    row = conn.execute(
        _QUERIES["park_oldest"], {"lanes": list(lanes), "error": error}
    ).fetchone()
    return None if row is None else int(row[0])


def beat(conn: Connection, name: str, pid: int, at: datetime) -> None:
    """Record that a process is alive."""
    conn.execute(_QUERIES["beat"], {"name": name, "pid": pid, "at": at})


def _event(row: TupleRow) -> AcctEvent:
    fields: list[Any] = list(row)
    for position in _TEXT_FIELDS:
        if "=" in fields[position]:
            fields[position] = unescape_radius(fields[position])
    fields[_STATION_FIELD] = normalise_station(fields[_STATION_FIELD])
    return without_absurdities(AcctEvent(*fields))


def unescape_radius(escaped: str) -> str:
    """Undo rlm_sql's =XX writing of octets; what is no UTF-8 text stays as written."""
    octets = bytearray()
    position = 0
    while position < len(escaped):
        digits = escaped[position + 1 : position + 3]
        if escaped[position] == "=" and len(digits) == 2:
            try:
                octets.append(int(digits, 16))
            except ValueError:
                return escaped
            position += 3
        else:
            octets += escaped[position].encode()
            position += 1
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return escaped
    return escaped if "\0" in text else text


_TEXT_FIELDS = tuple(
    AcctEvent._fields.index(name)
    for name in (
        "acct_session_id",
        "class_value",
        "nas_port_id",
        "calling_station_id",
        "called_station_id",
        "framed_ipv6",
    )
)
_STATION_FIELD = AcctEvent._fields.index("calling_station_id")
