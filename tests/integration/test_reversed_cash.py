"""Cash that never was, taken back after it was used: bills and service follow."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.db.customers import read_customer
from billing_core.services.calendar import charge_the_day, suspend_the_overdue
from billing_core.services.cash import take_cash
from billing_core.services.purchases import buy_package
from billing_core.services.wallets import reverse_entry
from tests.builders import (
    Packets,
    a_customer,
    a_grant,
    a_hotspot_package,
    a_nas,
    audited,
    fold,
    open_session,
    posted,
    rows,
    username_of,
)
from tests.integration.test_daily_profiles import MIDNIGHT, a_daily_customer

D = Decimal


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audited(conn) == []


def put_in(
    conn: Connection, customer_id: int, amount: str, now: datetime = MIDNIGHT
) -> int:
    name = username_of(conn, customer_id)
    key = f"{amount} at {now}"
    return take_cash(
        conn, name, D(amount), key=key, operator="nila", note="", now=now
    ).entry_id


def take_back(
    conn: Connection, customer_id: int, entry_id: int, now: datetime = MIDNIGHT
) -> None:
    reverse_entry(
        conn,
        username_of(conn, customer_id),
        entry_id,
        reason="forged notes",
        operator="nila",
        now=now,
    )


def standing(conn: Connection, customer_id: int) -> tuple[str, str | None]:
    customer = read_customer(conn, customer_id)
    return customer.status, customer.suspend_reason


def test_a_daily_customer_who_used_it_is_put_off_until_he_has_made_it_good(
    conn: Connection,
) -> None:
    customer_id = a_daily_customer(conn, "0")
    entry_id = put_in(conn, customer_id, "30")
    nas_id = a_nas(conn)
    charge_the_day(conn, MIDNIGHT)
    assert (posted(conn, customer_id), standing(conn, customer_id)[0]) == (
        D(20),
        "active",
    )
    grant = a_grant(conn, customer_id, nas_id)
    assert open_session(conn, grant) == "OK"
    fold(
        conn,
        Packets(
            username_of(conn, customer_id), nas_id, class_value=grant.class_value
        ).start(),
    )

    take_back(conn, customer_id, entry_id)

    assert posted(conn, customer_id) == D(-10)
    assert standing(conn, customer_id) == ("suspended", "BALANCE_EXHAUSTED")
    assert rows(conn, "SELECT kind, reason FROM outbox WHERE state = 'pending'") == [
        ("disconnect", "BALANCE_EXHAUSTED")
    ]
    # A part of it buys him nothing.
    put_in(conn, customer_id, "5")
    assert standing(conn, customer_id) == ("suspended", "BALANCE_EXHAUSTED")
    put_in(conn, customer_id, "6")
    assert (posted(conn, customer_id), standing(conn, customer_id)[0]) == (
        D(1),
        "active",
    )
    suspend_the_overdue(conn, MIDNIGHT)
    assert standing(conn, customer_id) == ("active", None)


def test_a_package_that_was_bought_with_it_stops_until_it_is_made_good(
    conn: Connection,
) -> None:
    package = a_hotspot_package(conn)
    customer_id = a_customer(conn, package, kind="hotspot")
    entry_id = put_in(conn, customer_id, "10")
    name = username_of(conn, customer_id)
    buy_package(conn, name, package, key="1", actor="nila", now=MIDNIGHT)

    take_back(conn, customer_id, entry_id)

    assert posted(conn, customer_id) == D(-10)
    assert standing(conn, customer_id) == ("suspended", "BALANCE_EXHAUSTED")
    put_in(conn, customer_id, "9.99")
    assert standing(conn, customer_id)[0] == "suspended"
    put_in(conn, customer_id, "0.01")
    assert standing(conn, customer_id) == ("active", None)
