"""Make recharge cards; let ranges of them be used, or never."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from billing_core.db import cards as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.packages import PackageError, find_package_on_sale
from billing_core.errors import BillingError
from billing_core.kinds import BY_PACKAGE
from billing_core.money import ZERO, round_money, split_vat

QUANTITY_MAX = 1_000_000


class CardRangeError(BillingError):
    """This cannot be done to all cards of a range, so it was done to none."""

    def __init__(self, first: int, last: int, why: str) -> None:
        super().__init__(f"Cards {first} to {last}: {why}.")


@dataclass(frozen=True, slots=True)
class BatchOrder:
    """What a person says of cards to be made."""

    quantity: int
    #: None: what the package costs now.
    face_value: Decimal | None
    #: Name of the hotspot package that a card buys; None = money in the wallet.
    package: str | None
    distributor: str
    #: What the distributor keeps of each card: an amount, or a share of its value.
    commission: Decimal = ZERO
    commission_percent: Decimal = ZERO
    #: The first moment at which no card is taken.
    expires_at: datetime | None = None


def make_batch(
    conn: Connection, order: BatchOrder, *, actor: str, now: datetime
) -> db.Batch:
    """Make cards with the next serials; they get their PINs when they are printed."""
    _check(order, now)

    def work() -> db.Batch:
        package_id, value = _worth(conn, order)
        share = round_money(value * order.commission_percent / 100)
        batch_id = db.insert_batch(
            conn,
            db.NewBatch(
                quantity=order.quantity,
                face_value=value,
                package_id=package_id,
                commission=order.commission or share,
                distributor=order.distributor.strip(),
                expires_at=order.expires_at,
            ),
            actor=actor,
            now=now,
        )
        batch = db.read_batch(conn, batch_id, now=now)
        first, last = batch.serial_first, batch.serial_last
        _note(conn, "generated", first, last, order.quantity, actor=actor, now=now)
        return batch

    return in_transaction(conn, work)


def activate(
    conn: Connection, first: int, last: int, *, actor: str, note: str, now: datetime
) -> int:
    """Let the printed cards of a serial range be used; returns how many became active.

    Those that are active, used or void already stay as they are. A range that reaches
    beyond what was printed is a mistake: none of it becomes active.
    """

    def work() -> int:
        troubles = _known(conn, first, last, now)
        if troubles.unprinted:
            raise CardRangeError(
                first, last, f"{troubles.unprinted} have not been printed yet"
            )
        if troubles.expired:
            raise CardRangeError(first, last, f"{troubles.expired} have expired")
        count = db.activate_cards(conn, first, last, now=now)
        _note(conn, "activated", first, last, count, actor=actor, now=now, note=note)
        return count

    return in_transaction(conn, work)


def void(
    conn: Connection, first: int, last: int, *, reason: str, actor: str, now: datetime
) -> int:
    """Void the unused cards of a serial range for good; returns how many there were."""
    if not reason.strip():
        raise CardRangeError(first, last, "say why they are void")

    def work() -> int:
        _known(conn, first, last, now)
        count = db.void_cards(conn, first, last)
        _note(conn, "voided", first, last, count, actor=actor, now=now, note=reason)
        return count

    return in_transaction(conn, work)


def _check(order: BatchOrder, now: datetime) -> None:
    if not 1 <= order.quantity <= QUANTITY_MAX:
        raise db.CardBatchError(
            f"A batch has from 1 to {QUANTITY_MAX} cards, not {order.quantity}."
        )
    if order.package is None and order.face_value is None:
        raise db.CardBatchError("Say what a card is worth, or which package it buys.")
    if order.package is not None and order.face_value is not None:
        raise db.CardBatchError(
            "A package card is worth what its package costs: say only one of them."
        )
    if order.face_value is not None and order.face_value <= 0:
        raise db.CardBatchError(f"A card is worth more than 0, not {order.face_value}.")
    if not order.distributor.strip():
        raise db.CardBatchError("Say which distributor the cards are for.")
    if order.commission and order.commission_percent:
        raise db.CardBatchError("The commission is an amount or a share, not both.")
    if order.expires_at is not None and order.expires_at <= now:
        raise db.CardBatchError("The cards would have expired already.")


def _worth(conn: Connection, order: BatchOrder) -> tuple[int | None, Decimal]:
    """Return the package's id and what a card is worth."""
    if order.package is None:
        return None, order.face_value or ZERO
    package = find_package_on_sale(conn, order.package)
    if package.billing != BY_PACKAGE:
        raise PackageError(
            package.name,
            f"is {package.billing}, not sold by package; make cards of an amount",
        )
    parts = split_vat(
        package.price, package.vat_percent, inclusive=package.vat_inclusive
    )
    return package.package_id, parts.gross


def _known(conn: Connection, first: int, last: int, now: datetime) -> db.RangeTroubles:
    """Refuse a range that is upside down or reaches beyond the cards there are."""
    if last < first:
        raise CardRangeError(first, last, "the range ends before it begins")
    troubles = db.count_outside(conn, first, last, now=now)
    if troubles.strange:
        raise CardRangeError(first, last, f"{troubles.strange} of them do not exist")
    return troubles


def _note(
    conn: Connection,
    what: str,
    first: int,
    last: int,
    count: int,
    *,
    actor: str,
    now: datetime,
    note: str = "",
) -> None:
    db.insert_event(conn, db.CardEvent(now, actor, what, first, last, count, note))
