"""A credit limit: what it lets a customer do, and how low it may be."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.db.customers import list_customer_events, read_customer
from billing_core.services.calendar import charge_the_day
from billing_core.services.credit_limits import CreditLimitError, set_credit_limit
from tests.builders import (
    NOON,
    a_customer,
    a_grant,
    a_nas,
    a_package,
    audited,
    open_session,
    posted,
    sessions_of,
    username_of,
)
from tests.integration.test_daily_profiles import DAY, MIDNIGHT, a_daily_customer

D = Decimal


def credit(conn: Connection, customer_id: int, limit: str, **changes: object) -> None:
    set_credit_limit(
        conn,
        username_of(conn, customer_id),
        D(limit),
        **{"actor": "nila", "now": NOON} | changes,  # type: ignore[arg-type]
    )


def test_credit_brings_back_who_had_nothing_for_the_day(conn: Connection) -> None:
    customer_id = a_daily_customer(conn, "0")
    charge_the_day(conn, MIDNIGHT)
    assert read_customer(conn, customer_id).suspend_reason == "BALANCE_EXHAUSTED"

    credit(conn, customer_id, "30", now=MIDNIGHT + timedelta(hours=9))

    customer = read_customer(conn, customer_id)
    assert (customer.status, customer.posted, customer.available) == (
        "active",
        D("-10.00"),
        D("20.00"),
    )
    # The day he is on is charged: no less than he has used.
    with pytest.raises(CreditLimitError, match=r"has used 10\.00"):
        credit(conn, customer_id, "9.99")
    credit(conn, customer_id, "10")
    charge_the_day(conn, MIDNIGHT + DAY)
    assert read_customer(conn, customer_id).status == "suspended"
    assert posted(conn, customer_id) == D("-10.00")
    assert audited(conn) == []


def test_more_credit_lengthens_a_running_session_which_holds_it(
    conn: Connection,
) -> None:
    package = a_package(conn, billing="per_session", price_per_minute=D(1))
    customer_id = a_customer(conn, package, balance="10")
    nas_id = a_nas(conn)
    assert open_session(conn, a_grant(conn, customer_id, nas_id), at=NOON) == "OK"

    credit(conn, customer_id, "50")

    (session,) = sessions_of(conn, customer_id)
    assert session["cut_at"] - NOON == timedelta(minutes=60)
    with pytest.raises(CreditLimitError, match="what his sessions hold"):
        credit(conn, customer_id, "20")
    assert audited(conn) == []


def test_a_limit_that_is_none_or_stays_writes_nothing(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn))
    with pytest.raises(CreditLimitError, match="0 or more"):
        credit(conn, customer_id, "-1")
    credit(conn, customer_id, "0")
    assert [e.what for e in list_customer_events(conn, customer_id, limit=9)] == [
        "added"
    ]
