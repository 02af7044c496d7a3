"""Prices for one customer alone: special price and discount."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from billing_core.billing_terms import MONTHLY
from billing_core.db import changes as db
from billing_core.db import customers as customers_db
from billing_core.db.changes import Standing
from billing_core.db.connect import Connection, Result, in_transaction
from billing_core.db.sessions import lock_wallets
from billing_core.quotes import ChangeError


def set_special_price(
    conn: Connection,
    username: str,
    amount: Decimal | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Let a cycle cost a customer this from his next bill on; None = as the package.

    What is billed stays: change_package to the same package credits and charges it.
    """

    def work(standing: Standing) -> None:
        _write_special_price(conn, standing, amount, actor=actor, now=now)

    with_customer(conn, username, work)


def set_discount(
    conn: Connection, username: str, percent: Decimal, *, actor: str, now: datetime
) -> None:
    """Take so many percent off a customer's cycles from his next bill on."""
    check_discount(percent)

    def work(standing: Standing) -> None:
        _write_discount(conn, standing, percent, actor=actor, now=now)

    with_customer(conn, username, work)


def set_price(
    conn: Connection,
    username: str,
    amount: Decimal | None,
    percent: Decimal,
    *,
    actor: str,
    now: datetime,
) -> None:
    """Say both, special price and discount, or neither; what stays is not logged."""
    check_discount(percent)

    def work(standing: Standing) -> None:
        if amount != standing.facts.special_price:
            _write_special_price(conn, standing, amount, actor=actor, now=now)
        if percent != standing.facts.discount_percent:
            _write_discount(conn, standing, percent, actor=actor, now=now)

    with_customer(conn, username, work)


def check_special_price(package: str, billing: str, amount: Decimal) -> None:
    """Refuse a price that no cycle can have."""
    if billing != MONTHLY:
        raise ChangeError(
            f"A special price is that of a monthly cycle; package {package} is"
            f" {billing}."
        )
    if amount <= 0:
        raise ChangeError(
            f"A special price is more than 0, not {amount}: put a customer who pays"
            " nothing on a free profile."
        )


def check_discount(percent: Decimal) -> None:
    """Refuse what is no part of a price."""
    if not 0 <= percent <= 100 or percent != round(percent, 2):
        raise ChangeError(
            f"A discount is 0 to 100 percent with at most two decimals, not {percent}."
        )


def _write_special_price(
    conn: Connection,
    standing: Standing,
    amount: Decimal | None,
    *,
    actor: str,
    now: datetime,
) -> None:
    facts = standing.facts
    if amount is not None:
        check_special_price(facts.package.name, facts.package.billing, amount)
    db.set_special_price(conn, facts.customer_id, amount)
    note = f"{facts.special_price or 'none'} -> {amount or 'none'}"
    log_terms(conn, facts.customer_id, "special price", note, actor=actor, now=now)


def _write_discount(
    conn: Connection,
    standing: Standing,
    percent: Decimal,
    *,
    actor: str,
    now: datetime,
) -> None:
    facts = standing.facts
    db.set_discount(conn, facts.customer_id, percent)
    note = f"{facts.discount_percent} % -> {percent} %"
    log_terms(conn, facts.customer_id, "discount", note, actor=actor, now=now)


def with_customer(
    conn: Connection, username: str, work: Callable[[Standing], Result]
) -> Result:
    """Do something to a customer in one transaction, under his wallet's lock."""

    def locked() -> Result:
        customer_id = customers_db.find_customer_id(conn, username)
        lock_wallets(conn, [customer_id])
        return work(db.read_standing(conn, customer_id))

    return in_transaction(conn, locked)


def log_terms(
    conn: Connection,
    customer_id: int,
    what: str,
    note: str,
    actor: str,
    now: datetime,
) -> None:
    """Log what a customer is on from now."""
    customers_db.log_customer_event(
        conn, customer_id, at=now, actor=actor, what=what, note=note
    )
