"""Recharge cards in use: the card of a PIN, who tried, and who may not for a while."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from psycopg.rows import class_row

from billing_core.cards import Guard, Outcome
from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries

_QUERIES = load_queries("cards")


@dataclass(frozen=True, slots=True)
class UsedCard:
    """A card that was just used."""

    serial: int
    face_value: Decimal
    #: What its distributor keeps of it.
    commission: Decimal
    package: str | None


@dataclass(frozen=True, slots=True)
class RefusedCard:
    """A card that could not be used."""

    serial: int
    state: str
    is_his: bool
    is_expired: bool


@dataclass(frozen=True, slots=True)
class CardTry:
    """Who tried a PIN, and what became of it."""

    at: datetime
    username: str
    outcome: str
    serial: int | None
    client_address: str | None
    distributor: str
    actor: str


def use_card(
    conn: Connection, macs: Sequence[bytes], *, customer_id: int, now: datetime
) -> UsedCard | None:
    """Use the card of a PIN; None when there is none that can be used."""
    with conn.cursor(row_factory=class_row(UsedCard)) as cursor:
        return cursor.execute(
            _QUERIES["use_card"],
            {"macs": list(macs), "customer_id": customer_id, "now": now},
        ).fetchone()


def read_refused_card(
    conn: Connection, macs: Sequence[bytes], *, customer_id: int, now: datetime
) -> RefusedCard | None:
    """Return the card of a PIN that could not be used."""
    with conn.cursor(row_factory=class_row(RefusedCard)) as cursor:
        return cursor.execute(
            _QUERIES["read_refused_card"],
            {"macs": list(macs), "customer_id": customer_id, "now": now},
        ).fetchone()


def lock_guards(
    conn: Connection, subjects: Sequence[str], *, now: datetime
) -> list[Guard]:
    """Lock what is remembered of subjects that try, for the transaction."""
    with conn.cursor(row_factory=class_row(Guard)) as cursor:
        return cursor.execute(
            _QUERIES["lock_guards"], {"subjects": list(subjects), "now": now}
        ).fetchall()


def write_guard(conn: Connection, guard: Guard) -> None:
    """Remember a subject's wrong tries."""
    conn.execute(_QUERIES["write_guard"], asdict(guard))


def insert_try(
    conn: Connection,
    *,
    customer_id: int,
    at: datetime,
    actor: str,
    client_address: str | None,
    distributor: str,
    outcome: Outcome,
    serial: int | None,
) -> None:
    """Record a try, without its PIN."""
    conn.execute(
        _QUERIES["insert_try"],
        {
            "customer_id": customer_id,
            "at": at,
            "actor": actor,
            "client_address": client_address,
            "distributor": distributor,
            "outcome": outcome.value,
            "serial": serial,
        },
    )


def list_tries(
    conn: Connection, *, customer_id: int | None, bad_only: bool, limit: int
) -> list[CardTry]:
    """Return the newest tries."""
    with conn.cursor(row_factory=class_row(CardTry)) as cursor:
        return cursor.execute(
            _QUERIES["list_tries"],
            {"customer_id": customer_id, "bad_only": bad_only, "limit": limit},
        ).fetchall()


def count_tries(conn: Connection, *, since: datetime) -> tuple[int, int]:
    """Return how many tries were wrong and how many right."""
    row = conn.execute(_QUERIES["count_tries"], {"since": since}).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def count_foreign_cards(
    conn: Connection, key_ids: Sequence[str]
) -> list[tuple[str, int]]:
    """Return keys that are not among these, and how many usable cards need each."""
    rows = conn.execute(
        _QUERIES["count_foreign_cards"], {"key_ids": list(key_ids)}
    ).fetchall()
    return [(str(key_id), int(cards)) for key_id, cards in rows]
