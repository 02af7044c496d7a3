"""How much a customer may owe his wallet."""

from datetime import datetime
from decimal import Decimal

from billing_core.db import customers as customers_db
from billing_core.db.connect import Connection, in_transaction
from billing_core.db.sessions import lock_wallets
from billing_core.errors import BillingError
from billing_core.money import ZERO
from billing_core.services.arrival import money_came


class CreditLimitError(BillingError):
    """This cannot be a customer's credit limit."""


def set_credit_limit(
    conn: Connection, username: str, limit: Decimal, *, actor: str, now: datetime
) -> None:
    """Let a customer owe this much.

    Never less than he has used of it: his wallet would be overdrawn. More is money to
    spend, so that what waits for money is done as when some came.
    """
    if limit < ZERO:
        raise CreditLimitError(f"A credit limit is 0 or more, not {limit}.")

    def work() -> None:
        customer_id = customers_db.find_customer_id(conn, username)
        wallet = lock_wallets(conn, [customer_id])[customer_id]
        used = wallet.reserved - wallet.posted
        if limit == wallet.credit_limit:
            return
        if limit < used:
            raise CreditLimitError(
                f"{username} has used {used} of his credit, with what his sessions"
                f" hold: the limit cannot be {limit} now."
            )
        customers_db.set_credit_limit(conn, customer_id, limit)
        customers_db.log_customer_event(
            conn,
            customer_id,
            at=now,
            actor=actor,
            what="credit limit",
            note=f"{wallet.credit_limit} -> {limit}",
        )
        money_came(conn, customer_id, now=now, actor=actor)

    in_transaction(conn, work)
