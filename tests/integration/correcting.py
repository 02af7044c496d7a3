"""Bills that are issued, paid and corrected, for the tests of corrections."""

from decimal import Decimal
from typing import Any

from billing_core.db.connect import Connection
from billing_core.services.cash import take_cash
from billing_core.services.charges import charge_customer
from billing_core.services.corrections import credit_bill, void_bill
from billing_core.services.wallets import reverse_entry
from tests.builders import rows, username_of
from tests.integration.test_billing_run import DHAKA, a_monthly_customer, dhaka, run

JANUARY, FEBRUARY = dhaka(2026, 1, 1), dhaka(2026, 2, 1)
D = Decimal


def billed(conn: Connection, *, balance: str = "0", **profile: Any) -> int:
    """A customer whose January is billed: 600.00."""
    customer_id = a_monthly_customer(
        conn,
        joined=JANUARY,
        balance=balance,
        **({"bill_trigger": "first"} | profile),
    )
    run(conn, JANUARY)
    return customer_id


def number(conn: Connection, customer_id: int, which: int = 0) -> str:
    found = rows(
        conn,
        "SELECT number FROM bill WHERE customer_id = %s ORDER BY bill_id",
        customer_id,
    )
    return str(found[which][0])


def due(conn: Connection, customer_id: int) -> Decimal:
    ((amount,),) = rows(
        conn, "SELECT due FROM wallet WHERE customer_id = %s", customer_id
    )
    return Decimal(amount)


def void(conn: Connection, bill: str, now: Any = JANUARY) -> None:
    void_bill(conn, bill, reason="wrong", actor="nila", now=now)


def credit(conn: Connection, bill: str, amount: str, key: str = "k") -> str:
    return credit_bill(
        conn, bill, D(amount), reason="slow", key=key, actor="nila", now=JANUARY
    )


def charge(
    conn: Connection, customer_id: int, amount: str, *, key: str = "k", **but: Any
) -> str:
    facts: dict[str, Any] = {"description": "router", "vat_profile": None} | but
    return charge_customer(
        conn,
        username_of(conn, customer_id),
        D(amount),
        key=key,
        actor="nila",
        now=JANUARY,
        zone=DHAKA,
        **facts,
    ).name


def put_in(conn: Connection, customer_id: int, amount: str, now: Any = JANUARY) -> int:
    return take_cash(
        conn,
        username_of(conn, customer_id),
        D(amount),
        key=f"{now}{amount}",
        operator="nila",
        note="",
        now=now,
    ).entry_id


def take_back(
    conn: Connection, customer_id: int, entry_id: int, now: Any = JANUARY
) -> int:
    return reverse_entry(
        conn,
        username_of(conn, customer_id),
        entry_id,
        reason="forged note",
        operator="nila",
        now=now,
    )


def last_event(conn: Connection, customer_id: int) -> tuple[Any, ...]:
    return rows(
        conn,
        "SELECT actor, what, note FROM customer_event WHERE customer_id = %s"
        " ORDER BY customer_event_id DESC LIMIT 1",
        customer_id,
    )[0]
