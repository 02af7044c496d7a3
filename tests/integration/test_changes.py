"""Changes of package and profile: what a preview shows is what is posted."""

import itertools
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.errors import BillingError
from billing_core.quotes import ChangeError
from billing_core.services import changes, prices
from billing_core.services.audit import audit
from billing_core.services.calendar import charge_the_day
from billing_core.services.cash import take_cash
from billing_core.services.changes import Change
from billing_core.services.customers import activate
from tests.builders import (
    Packets,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_nas,
    a_package,
    at_once,
    fold,
    posted,
    rows,
    sessions_of,
    username_of,
)
from tests.integration.test_billing_run import DHAKA, a_monthly_customer, dhaka, run

# Thirty days, so that a half is a half.
JUNE, HALF, JULY = dhaka(2026, 6, 1), dhaka(2026, 6, 16), dhaka(2026, 7, 1)
D = Decimal
_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


def billed(conn: Connection, *, balance: str = "0", **profile: Any) -> int:
    """A customer whose June is billed in advance, due in autumn: 600.00."""
    customer_id = a_monthly_customer(
        conn,
        joined=JUNE,
        balance=balance,
        **({"bill_trigger": "first", "due_days": 90} | profile),
    )
    run(conn, JUNE)
    return customer_id


def a_monthly_package(conn: Connection, price: str = "1200", **changes: Any) -> str:
    return a_package(conn, billing="monthly", price=D(price), **changes)


def a_profile(conn: Connection, billing_type: str, **but: Any) -> str:
    name = f"{billing_type}-{next(_numbers)}"
    insert_profile(conn, NewProfile(name=name, billing_type=billing_type, **but))
    return name


def to_package(
    conn: Connection, customer_id: int, package: str, now: datetime = HALF, **but: Any
) -> Change:
    return changes.change_package(
        conn,
        username_of(conn, customer_id),
        package,
        actor="nila",
        now=now,
        zone=DHAKA,
        **but,
    )


def to_profile(
    conn: Connection, customer_id: int, profile: str, now: datetime = HALF, **but: Any
) -> Change:
    return changes.change_profile(
        conn,
        username_of(conn, customer_id),
        profile,
        actor="nila",
        now=now,
        zone=DHAKA,
        **but,
    )


def bills(conn: Connection, customer_id: int) -> list[tuple[Any, ...]]:
    return rows(
        conn,
        "SELECT kind, period_start, period_end, gross, status FROM bill"
        " WHERE customer_id = %s ORDER BY bill_id",
        customer_id,
    )


def credited(conn: Connection, customer_id: int) -> list[Decimal]:
    found = rows(
        conn,
        "SELECT gross FROM credit_note WHERE customer_id = %s ORDER BY 1",
        customer_id,
    )
    return [row[0] for row in found]


def money(conn: Connection, customer_id: int) -> tuple[Decimal, Decimal]:
    """What is in the wallet, and what is due on bills."""
    return rows(
        conn, "SELECT posted, due FROM wallet WHERE customer_id = %s", customer_id
    )[0]  # type: ignore[return-value]


def everything(conn: Connection) -> list[list[tuple[Any, ...]]]:
    tables = ("customer", "wallet", "bill", "credit_note", "ledger_entry", "outbox")
    return [rows(conn, f"SELECT * FROM {t} ORDER BY 1, 2") for t in tables]  # noqa: S608


# Packages ----------------------------------------------------------------------------


def test_an_upgrade_posts_what_its_preview_showed(conn: Connection) -> None:
    customer_id = billed(conn, balance="600")
    fast = a_monthly_package(conn)
    before = everything(conn)

    preview = to_package(conn, customer_id, fast, preview=True)
    assert everything(conn) == before
    made = to_package(conn, customer_id, fast)

    assert (preview.quote, preview.quote.payable) == (made.quote, D(300))
    assert bills(conn, customer_id) == [
        ("cycle", JUNE, JULY, D(600), "paid"),
        ("package_change", HALF, JULY, D(600), "partial"),
    ]
    assert credited(conn, customer_id) == [D(300)]
    assert money(conn, customer_id) == (D(0), D(300))
    assert rows(conn, "SELECT due_at FROM bill WHERE kind = 'package_change'") == [
        (HALF + timedelta(days=90),)
    ]
    assert rows(
        conn,
        "SELECT actor, what FROM customer_event ORDER BY customer_event_id DESC"
        " LIMIT 1",
    ) == [("nila", "package change")]


def test_the_next_cycle_costs_the_new_price(conn: Connection) -> None:
    customer_id = billed(conn)
    to_package(conn, customer_id, a_monthly_package(conn))

    run(conn, JULY)

    assert bills(conn, customer_id)[-1][:4] == ("cycle", JULY, dhaka(2026, 8, 1), 1200)


def test_a_downgrade_of_a_paid_cycle_gives_money_back(conn: Connection) -> None:
    customer_id = billed(conn, balance="600")

    to_package(conn, customer_id, a_monthly_package(conn, "300"))

    assert money(conn, customer_id) == (D(150), D(0))


def test_a_downgrade_of_an_open_cycle_lowers_what_is_owed(conn: Connection) -> None:
    customer_id = billed(conn)

    to_package(conn, customer_id, a_monthly_package(conn, "300"))

    assert money(conn, customer_id) == (D(0), D(450))


def test_changes_to_and_fro_cost_their_minutes(conn: Connection) -> None:
    customer_id = billed(conn)
    fast = a_monthly_package(conn, "1200", vat_percent=D(5))
    home = rows(conn, "SELECT name FROM package ORDER BY package_id LIMIT 1")[0][0]

    to_package(conn, customer_id, fast, dhaka(2026, 6, 11))
    to_package(conn, customer_id, home, dhaka(2026, 6, 21))
    to_package(conn, customer_id, fast, dhaka(2026, 6, 21))

    # Ten days at 20.00, then twenty at 40.00.
    assert money(conn, customer_id) == (D(0), D(1000))
    assert len(credited(conn, customer_id)) == 3


def test_an_unbilled_month_is_charged_up_to_the_change_only_once(
    conn: Connection,
) -> None:
    customer_id = a_monthly_customer(
        conn, joined=JUNE, bill_trigger="first", in_advance=False
    )

    to_package(conn, customer_id, a_monthly_package(conn))
    assert bills(conn, customer_id) == [
        ("package_change", JUNE, HALF, D(300), "unpaid")
    ]
    run(conn, JULY)

    assert bills(conn, customer_id)[1:] == [("cycle", HALF, JULY, D(600), "unpaid")]


def test_a_special_price_comes_with_a_package_and_ends_with_it(
    conn: Connection,
) -> None:
    customer_id = billed(conn)
    fast, faster = a_monthly_package(conn), a_monthly_package(conn, "2400")

    to_package(conn, customer_id, fast, special_price=D(900))
    assert bills(conn, customer_id)[-1][3] == 450
    to_package(conn, customer_id, faster)

    assert bills(conn, customer_id)[-1][3] == 1200
    assert rows(conn, "SELECT special_price FROM customer") == [(None,)]


def test_a_price_of_his_own_counts_from_the_next_bill(conn: Connection) -> None:
    customer_id = billed(conn)
    name = username_of(conn, customer_id)

    prices.set_special_price(conn, name, D(500), actor="nila", now=HALF)
    prices.set_discount(conn, name, D(10), actor="nila", now=HALF)
    run(conn, JULY)
    prices.set_special_price(conn, name, None, actor="nila", now=JULY)
    run(conn, dhaka(2026, 8, 1))

    assert [row[3] for row in bills(conn, customer_id)] == [600, 450, 540]
    assert rows(
        conn, "SELECT what, note FROM customer_event WHERE actor = 'nila' ORDER BY 1, 2"
    ) == [
        ("discount", "0.00 % -> 10 %"),
        ("special price", "500.00 -> none"),
        ("special price", "none -> 500"),
    ]


def test_prices_that_nobody_can_pay_are_refused(conn: Connection) -> None:
    monthly = username_of(conn, billed(conn))
    daily = username_of(conn, a_customer(conn, a_daily_package(conn)))
    for name, amount in ((monthly, D(0)), (monthly, D(-1)), (daily, D(5))):
        with pytest.raises(ChangeError, match="special price"):
            prices.set_special_price(conn, name, amount, actor="nila", now=HALF)
    for percent in (D(-1), D("100.01"), D("0.001")):
        with pytest.raises(ChangeError, match="discount"):
            prices.set_discount(conn, monthly, percent, actor="nila", now=HALF)


def test_a_running_session_comes_back_on_its_new_package(conn: Connection) -> None:
    customer_id = billed(conn)
    p = Packets(
        username_of(conn, customer_id), a_nas(conn, vendor="rfc"), started_at=HALF
    )
    fold(conn, p.start(), now=HALF)

    made = to_package(conn, customer_id, a_monthly_package(conn))
    # Money does not call it off.
    take_cash(
        conn,
        username_of(conn, customer_id),
        D(1000),
        key="k",
        operator="nila",
        note="",
        now=HALF,
    )

    assert made.disconnects == 1
    assert rows(conn, "SELECT kind, reason, state FROM outbox") == [
        ("disconnect", "PACKAGE_CHANGED", "pending")
    ]


def test_activating_does_not_keep_a_session_on_the_old_package(
    conn: Connection,
) -> None:
    customer_id = billed(conn)
    name = username_of(conn, customer_id)
    p = Packets(name, a_nas(conn, vendor="rfc"), started_at=HALF)
    fold(conn, p.start(), now=HALF)
    to_package(conn, customer_id, a_monthly_package(conn))
    conn.execute(
        "UPDATE customer SET status = 'suspended', suspend_reason = 'OPERATOR'"
    )

    activate(conn, name, note="", actor="nila", now=HALF)

    assert sessions_of(conn, customer_id)[0]["disconnect_requested_at"] is not None


def test_a_change_is_made_once_by_whoever_comes_first(
    conn: Connection, database_url: str
) -> None:
    customer_id = billed(conn)
    fast = a_monthly_package(conn)

    tried = at_once(database_url, [lambda own: to_package(own, customer_id, fast)] * 4)

    assert sum(isinstance(t, Change) for t in tried) == 1
    assert sum(isinstance(t, ChangeError) for t in tried) == 3
    assert len(bills(conn, customer_id)) == 2


def test_a_day_that_is_paid_stays_when_the_daily_package_changes(
    conn: Connection,
) -> None:
    customer_id = a_customer(conn, a_daily_package(conn), balance="100")
    conn.execute("UPDATE customer SET activated_at = %s", [JUNE])
    charge_the_day(conn, JUNE)

    to_package(conn, customer_id, a_daily_package(conn, price=D(600)), JUNE)
    charge_the_day(conn, JUNE)
    assert posted(conn, customer_id) == 90
    charge_the_day(conn, JUNE + timedelta(days=1))

    assert posted(conn, customer_id) == 70


def test_what_a_package_change_cannot_do_it_says(conn: Connection) -> None:
    monthly, daily = billed(conn), a_customer(conn, a_daily_package(conn))
    hotspot = a_customer(conn, a_hotspot_package(conn))
    package = rows(
        conn,
        "SELECT p.name FROM package p JOIN customer c USING (package_id)"
        " WHERE customer_id = %s",
        monthly,
    )[0][0]
    for customer_id, other, sentence in (
        (monthly, package, "already"),
        (monthly, a_daily_package(conn), "khata customer profile"),
        (daily, a_monthly_package(conn), "khata customer profile"),
        (monthly, "none", "There is no package"),
        (hotspot, a_daily_package(conn), "kind hotspot is billed"),
        (daily, a_hotspot_package(conn), "kind pppoe is billed"),
    ):
        before = everything(conn)
        with pytest.raises(BillingError, match=sentence):
            to_package(conn, customer_id, other)
        assert everything(conn) == before
