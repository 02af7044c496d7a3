"""Give a customer's device a key, with which his browser logs in at a hotspot."""

from datetime import datetime

from billing_core.db import customers as db
from billing_core.db.connect import Connection, in_transaction
from billing_core.hotspot_keys import HotspotKey, new_key, open_key, seal_key


def give_key(
    conn: Connection,
    customer_id: int,
    device: str,
    *,
    secret_key: bytes,
    actor: str,
    now: datetime,
) -> HotspotKey:
    """Return the key of a customer's device, good from now on.

    1. lock the customer: two pages that ask at once get the same key
    2. make a key, or let the one of this device go on; another device's ends
    3. log which device it is for, when that is new
    """

    def work() -> HotspotKey:
        sealed = db.read_hotspot_key(conn, customer_id)
        before = None if sealed is None else open_key(secret_key, sealed)
        key = new_key(device, now, before)
        db.set_hotspot_key(conn, customer_id, seal_key(secret_key, key))
        if before is None or before.secret != key.secret:
            db.log_customer_event(
                conn,
                customer_id,
                at=now,
                actor=actor,
                what="hotspot key given",
                note=device,
            )
        return key

    return in_transaction(conn, work)
