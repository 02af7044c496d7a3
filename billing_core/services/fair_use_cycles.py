"""Give customers their full rate back when a cycle begins."""

from datetime import datetime

from billing_core.db.connect import Connection, in_transaction
from billing_core.db.fair_use import find_cycles_over
from billing_core.fair_use import FAIR_USE
from billing_core.services.fair_use import stand, tell_rates
from billing_core.services.rating import load_batch, rate_and_write

# Customers a transaction: the first of a month is many short waits and no long one.
_CHUNK = 200


def restore_full_rates(conn: Connection, now: datetime) -> int:
    """Let those beyond fair use begin anew whose cycle is over; returns how many."""
    restored = 0
    while customer_ids := find_cycles_over(conn, now, limit=_CHUNK):

        def work(customer_ids: list[int] = customer_ids) -> None:
            batch = load_batch(conn, customer_ids)
            sessions = [s for c in customer_ids for s in batch.running[c]]
            for session in tell_rates(conn, sessions, stand(conn, customer_ids, now)):
                batch.touch(session)
                batch.due[session.session_id] = FAIR_USE
            rate_and_write(conn, batch, now)

        in_transaction(conn, work)
        restored += len(customer_ids)
    return restored
