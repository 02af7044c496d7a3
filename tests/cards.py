"""Recharge cards for tests: made, printed, activated, and their PINs."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from billing_core.cards import CardKey, CardKeys
from billing_core.db.cards import Batch
from billing_core.db.connect import Connection
from billing_core.services.cards.batches import BatchOrder, activate, make_batch
from billing_core.services.cards.printing import print_batch
from billing_core.services.cards.redeeming import Redemption, Tries, redeem
from billing_core.services.cards.sheets import read_print_file
from tests.builders import NOON

CARD_KEYS = CardKeys(CardKey(bytes(range(32, 64))))
DHAKA = ZoneInfo("Asia/Dhaka")


def a_batch(conn: Connection, quantity: int = 1, **changes: Any) -> Batch:
    """Make cards, by default worth 100.00 each."""
    facts: dict[str, Any] = {
        "quantity": quantity,
        "face_value": None if "package" in changes else Decimal(100),
        "package": None,
        "distributor": "Corner shop",
    }
    order = BatchOrder(**(facts | changes))
    return make_batch(conn, order, actor="test", now=NOON)


def print_cards(
    conn: Connection, batch: Batch, folder: Path, **changes: Any
) -> dict[int, str]:
    """Print a batch; returns each serial with its PIN, as the file has them."""
    facts: dict[str, Any] = {
        "keys": CARD_KEYS,
        "currency": "BDT",
        "zone": DHAKA,
        "actor": "test",
        "now": NOON,
    }
    facts |= changes
    keys = facts.pop("keys")
    file = print_batch(conn, keys, batch.batch_id, folder, **facts)
    return {int(row["serial"]): row["pin"] for row in read_print_file(file)}


def activate_all(conn: Connection, batch: Batch) -> None:
    """Let every card of a batch be used."""
    first, last = batch.serial_first, batch.serial_last
    activate(conn, first, last, actor="test", note="", now=NOON)


def pins_of(
    conn: Connection, folder: Path, quantity: int = 1, **changes: Any
) -> list[str]:
    """Make, print and activate cards; returns their PINs in order of serial."""
    batch = a_batch(conn, quantity, **changes)
    printed = print_cards(conn, batch, folder)
    activate_all(conn, batch)
    return [printed[serial] for serial in sorted(printed)]


def try_pin(
    conn: Connection, customer_id: int, typed: str, **changes: Any
) -> Redemption:
    """Try a PIN for a customer, at the desk."""
    now = changes.pop("now", NOON)
    keys = changes.pop("keys", CARD_KEYS)
    tries = Tries(customer_id, **({"actor": "test"} | changes))
    return redeem(conn, keys, typed, tries, now=now)
