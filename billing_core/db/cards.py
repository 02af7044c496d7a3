"""Recharge cards: batches, cards by serial, and their PINs as keyed hashes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from psycopg import errors
from psycopg.rows import class_row

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.errors import BillingError

_QUERIES = load_queries("cards")


class UnknownBatchError(BillingError):
    """There is no such batch."""

    def __init__(self, batch_id: int) -> None:
        super().__init__(f"There is no batch {batch_id} of cards.")


class UnknownCardError(BillingError):
    """There is no such card."""

    def __init__(self, serial: int) -> None:
        super().__init__(f"There is no card {serial}.")


class CardBatchError(BillingError):
    """Cards cannot be made like this."""


@dataclass(frozen=True, slots=True)
class NewBatch:
    """Cards to be made together."""

    quantity: int
    face_value: Decimal
    package_id: int | None
    #: What the distributor keeps of each.
    commission: Decimal
    distributor: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch, and what became of its cards."""

    batch_id: int
    serial_first: int
    serial_last: int
    face_value: Decimal
    package: str | None
    commission: Decimal
    distributor: str
    expires_at: datetime | None
    created_at: datetime
    created_by: str
    printed_at: datetime | None
    printed_by: str | None
    generated: int
    active: int
    used: int
    expired: int
    void: int


@dataclass(frozen=True, slots=True)
class Card:
    """A card; its state is expired when nothing else was before it expired."""

    serial: int
    batch_id: int
    state: str
    face_value: Decimal
    package: str | None
    commission: Decimal
    distributor: str
    expires_at: datetime | None
    created_at: datetime
    activated_at: datetime | None
    used_at: datetime | None
    used_by: str | None


@dataclass(frozen=True, slots=True)
class CardEvent:
    """What was done to a range of cards."""

    at: datetime
    actor: str
    what: str
    serial_first: int
    serial_last: int
    cards: int
    note: str


@dataclass(frozen=True, slots=True)
class RangeTroubles:
    """What stands against doing something to a range of serials."""

    #: Serials that no card has.
    strange: int
    unprinted: int
    expired: int


# What a constraint of a batch means to a person.
_CONSTRAINTS = {
    "card_batch_value_positive": "a card is worth more than 0",
    "card_batch_commission_within_value": "the commission is from 0 to what a card is"
    " worth",
    "card_batch_serials_in_order": "a batch has at least one card",
}


def insert_batch(
    conn: Connection, batch: NewBatch, *, actor: str, now: datetime
) -> int:
    """Make a batch and its cards, without PINs; returns the batch's id."""
    conn.execute(_QUERIES["lock_serials"])
    try:
        row = conn.execute(
            _QUERIES["insert_batch"], {**asdict(batch), "actor": actor, "now": now}
        ).fetchone()
    except errors.CheckViolation as error:
        constraint = error.diag.constraint_name or ""
        raise CardBatchError(
            f"Cards: {_CONSTRAINTS.get(constraint, constraint)}."
        ) from None
    except errors.NumericValueOutOfRange:
        raise CardBatchError("Cards: a number is too large.") from None
    batch_id = 0 if row is None else int(row[0])
    conn.execute(_QUERIES["insert_cards"], {"batch_id": batch_id})
    return batch_id


def insert_event(conn: Connection, event: CardEvent) -> None:
    """Note what was done to a range of cards."""
    conn.execute(_QUERIES["insert_event"], asdict(event))


def list_batches(
    conn: Connection,
    *,
    now: datetime,
    limit: int,
    distributor: str | None = None,
    batch_id: int | None = None,
) -> list[Batch]:
    """Return the newest batches."""
    with conn.cursor(row_factory=class_row(Batch)) as cursor:
        return cursor.execute(
            _QUERIES["list_batches"],
            {
                "now": now,
                "limit": limit,
                "distributor": distributor,
                "batch_id": batch_id,
            },
        ).fetchall()


def read_batch(conn: Connection, batch_id: int, *, now: datetime) -> Batch:
    """Return one batch."""
    for batch in list_batches(conn, now=now, limit=1, batch_id=batch_id):
        return batch
    raise UnknownBatchError(batch_id)


def has_cards_for(conn: Connection, distributor: str) -> bool:
    """Tell whether cards were ever made for a distributor of this name."""
    row = conn.execute(
        _QUERIES["has_cards_for"], {"distributor": distributor}
    ).fetchone()
    return row is not None and bool(row[0])


def find_reseller(conn: Connection, distributor: str) -> str | None:
    """Return whom the account of a distributor's name works for, if it does."""
    row = conn.execute(
        _QUERIES["find_reseller"], {"distributor": distributor}
    ).fetchone()
    return None if row is None else str(row[0])


def list_cards(
    conn: Connection,
    *,
    now: datetime,
    limit: int,
    batch_id: int | None = None,
    serial: int | None = None,
    distributor: str | None = None,
    package_id: int | None = None,
    state: str | None = None,
) -> list[Card]:
    """Return the newest cards that match every filter given."""
    with conn.cursor(row_factory=class_row(Card)) as cursor:
        return cursor.execute(
            _QUERIES["list_cards"],
            {
                "now": now,
                "limit": limit,
                "batch_id": batch_id,
                "serial": serial,
                "distributor": distributor,
                "package_id": package_id,
                "state": state,
            },
        ).fetchall()


def read_card(conn: Connection, serial: int, *, now: datetime) -> Card:
    """Return one card."""
    for card in list_cards(conn, now=now, limit=1, serial=serial):
        return card
    raise UnknownCardError(serial)


def list_events(conn: Connection, serial: int) -> list[CardEvent]:
    """Return what was done to a card, oldest first."""
    with conn.cursor(row_factory=class_row(CardEvent)) as cursor:
        return cursor.execute(_QUERIES["list_events"], {"serial": serial}).fetchall()


def take_print(conn: Connection, batch_id: int, *, actor: str, now: datetime) -> bool:
    """Take a batch for printing; False when it was printed before."""
    row = conn.execute(
        _QUERIES["take_print"], {"batch_id": batch_id, "actor": actor, "now": now}
    ).fetchone()
    return row is not None


def list_unprinted(
    conn: Connection, batch_id: int, *, after: int, limit: int
) -> list[int]:
    """Return the next serials of a batch that shall have a PIN."""
    rows = conn.execute(
        _QUERIES["list_unprinted"],
        {"batch_id": batch_id, "after": after, "limit": limit},
    ).fetchall()
    return [int(row[0]) for row in rows]


def list_known_macs(conn: Connection, macs: Sequence[bytes]) -> set[bytes]:
    """Return those of these PINs that exist."""
    rows = conn.execute(_QUERIES["list_known_macs"], {"macs": list(macs)}).fetchall()
    return {bytes(row[0]) for row in rows}


def insert_pins(
    conn: Connection, key_id: str, macs: Sequence[bytes], serials: Sequence[int]
) -> set[int]:
    """Keep PINs of cards; returns the serials that have theirs now."""
    rows = conn.execute(
        _QUERIES["insert_pins"],
        {"key_id": key_id, "macs": list(macs), "serials": list(serials)},
    ).fetchall()
    return {int(row[0]) for row in rows}


def count_outside(
    conn: Connection, first: int, last: int, *, now: datetime
) -> RangeTroubles:
    """Return what stands against activating a range."""
    with conn.cursor(row_factory=class_row(RangeTroubles)) as cursor:
        row = cursor.execute(
            _QUERIES["count_outside"], {"first": first, "last": last, "now": now}
        ).fetchone()
    return RangeTroubles(0, 0, 0) if row is None else row


def activate_cards(conn: Connection, first: int, last: int, *, now: datetime) -> int:
    """Let the generated cards of a range be used; returns how many there were."""
    return conn.execute(
        _QUERIES["activate_cards"], {"first": first, "last": last, "now": now}
    ).rowcount


def void_cards(conn: Connection, first: int, last: int) -> int:
    """Void the unused cards of a range; returns how many there were."""
    return conn.execute(_QUERIES["void_cards"], {"first": first, "last": last}).rowcount
