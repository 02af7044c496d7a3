"""What follows when money comes into a wallet: bills, service, running sessions."""

from datetime import datetime

from billing_core.db.connect import Connection
from billing_core.db.customers import read_customer
from billing_core.db.installation import read_zone
from billing_core.db.sessions import lock_wallets
from billing_core.service_days import service_date
from billing_core.services.extension import extend_running
from billing_core.services.service_days import charge_days
from billing_core.services.settlement import settle_from_wallets
from billing_core.services.suspension import review_service
from billing_core.suspension import BY_A_PERSON


def money_came(
    conn: Connection, customer_id: int, *, now: datetime, actor: str
) -> None:
    """Use new money as it is meant, in the caller's transaction.

    1. settle open bills, the one due first first
    2. a daily customer who was cut by himself: charge today, if he can pay it now and,
       by his profile, the days after it
    3. restore service if nothing that stopped it holds any more
    4. give running sessions the limits that he can pay
    """
    wallets = lock_wallets(conn, [customer_id])
    settle_from_wallets(conn, wallets, now=now, actor=actor)
    customer = read_customer(conn, customer_id)
    not_covered: frozenset[int] = frozenset()
    if customer.status == "suspended" and customer.suspend_reason not in BY_A_PERSON:
        zone = read_zone(conn)
        not_covered = charge_days(
            conn,
            wallets,
            [customer_id],
            day=service_date(now, zone),
            zone=zone,
            now=now,
            actor=actor,
            statuses=("suspended",),
        ).not_covered
    review_service(conn, [customer_id], now=now, actor=actor, not_covered=not_covered)
    extend_running(conn, customer_id, now)
