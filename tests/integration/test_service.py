"""Suspension and restoration of monthly customers, on a real PostgreSQL."""

import threading
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection, connect
from billing_core.db.customers import CustomerError, read_customer
from billing_core.db.sessions import lock_wallets_only
from billing_core.db.suspension import ToBeSuspended
from billing_core.services import suspension
from billing_core.services.audit import audit
from billing_core.services.calendar import charge_the_day
from billing_core.services.cash import take_cash
from billing_core.services.customers import activate, suspend
from billing_core.services.service_days import run_service_days
from billing_core.services.suspensions_to_come import preview_suspensions
from tests.builders import (
    Packets,
    a_customer,
    a_daily_package,
    a_nas,
    fold,
    rows,
    sessions_of,
    username_of,
    wait_until_blocked,
)
from tests.integration.test_billing_run import (
    DHAKA,
    a_monthly_customer,
    bills,
    dhaka,
    run,
)

JOINED = dhaka(2026, 1, 1)
# Due after 7 days, and 3 days of grace.
CUT_OFF = dhaka(2026, 1, 11)


def an_owing_customer(conn: Connection, **profile: object) -> int:
    customer_id = a_monthly_customer(
        conn, joined=JOINED, bill_trigger="first", **({"grace_days": 3} | profile)
    )
    run(conn, JOINED)
    return customer_id


def status(conn: Connection, customer_id: int) -> tuple[str, str | None]:
    customer = read_customer(conn, customer_id)
    return customer.status, customer.suspend_reason


def pay(conn: Connection, customer_id: int, amount: str, now: datetime) -> None:
    take_cash(
        conn,
        username_of(conn, customer_id),
        Decimal(amount),
        key=f"{now}{amount}",
        operator="test",
        note="",
        now=now,
    )


def test_an_overdue_bill_suspends_after_its_grace_and_not_before(
    conn: Connection,
) -> None:
    customer_id = an_owing_customer(conn)

    suspension.sweep_suspensions(conn, CUT_OFF - timedelta(seconds=1))
    assert status(conn, customer_id) == ("active", None)

    assert suspension.sweep_suspensions(conn, CUT_OFF).suspended == 1
    assert status(conn, customer_id) == ("suspended", "PAYMENT_DUE")
    assert suspension.sweep_suspensions(conn, CUT_OFF).suspended == 0


def test_suspension_reaches_the_running_session(conn: Connection) -> None:
    customer_id = an_owing_customer(conn)
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=CUT_OFF)
    fold(conn, p.start(), now=CUT_OFF)

    suspension.sweep_suspensions(conn, CUT_OFF)

    assert rows(conn, "SELECT kind, reason FROM outbox") == [
        ("disconnect", "PAYMENT_DUE")
    ]


def test_full_payment_restores_and_a_part_does_not(conn: Connection) -> None:
    customer_id = an_owing_customer(conn)
    suspension.sweep_suspensions(conn, CUT_OFF)

    pay(conn, customer_id, "100", CUT_OFF + timedelta(hours=1))
    assert status(conn, customer_id) == ("suspended", "PAYMENT_DUE")
    assert bills(conn, customer_id)[0][3] == "partial"

    pay(conn, customer_id, "500", CUT_OFF + timedelta(hours=2))
    assert status(conn, customer_id) == ("active", None)
    assert bills(conn, customer_id)[0][3] == "paid"
    assert rows(
        conn,
        "SELECT what, reason FROM customer_event WHERE customer_id = %s"
        " ORDER BY customer_event_id DESC LIMIT 2",
        customer_id,
    ) == [("restored", "PAYMENT_DUE"), ("suspended", "PAYMENT_DUE")]
    assert audit(conn) == []


def test_a_profile_may_leave_restoring_to_a_person(conn: Connection) -> None:
    customer_id = an_owing_customer(conn, auto_activate=False)
    suspension.sweep_suspensions(conn, CUT_OFF)

    pay(conn, customer_id, "600", CUT_OFF)

    assert status(conn, customer_id)[0] == "suspended"


def test_more_due_than_the_threshold_suspends_at_once(conn: Connection) -> None:
    customer_id = an_owing_customer(conn, due_threshold=Decimal(500))

    suspension.sweep_suspensions(conn, JOINED)

    assert status(conn, customer_id) == ("suspended", "DUE_THRESHOLD")


def test_a_profile_without_auto_suspend_never_suspends(conn: Connection) -> None:
    customer_id = an_owing_customer(conn, auto_suspend=False, due_threshold=Decimal(1))

    suspension.sweep_suspensions(conn, CUT_OFF + timedelta(days=100))

    assert status(conn, customer_id) == ("active", None)


def test_who_the_sweep_fails_on_keeps_nobody_else_his_service(
    conn: Connection,
) -> None:
    one, broken, other = (an_owing_customer(conn) for _ in range(3))
    conn.execute(
        "UPDATE customer SET suspension_hold_until = '-infinity'"
        " WHERE customer_id = %s",
        [broken],
    )

    assert suspension.sweep_suspensions(conn, CUT_OFF).suspended == 2

    for customer_id in (one, other):
        assert status(conn, customer_id) == ("suspended", "PAYMENT_DUE")


def test_a_hold_keeps_service_until_its_day(conn: Connection) -> None:
    customer_id = an_owing_customer(conn)
    until = CUT_OFF + timedelta(days=5)
    suspension.hold(
        conn,
        username_of(conn, customer_id),
        until,
        note="promised",
        actor="test",
        now=JOINED,
    )

    suspension.sweep_suspensions(conn, CUT_OFF)
    assert status(conn, customer_id) == ("active", None)
    suspension.sweep_suspensions(conn, until)
    assert status(conn, customer_id) == ("suspended", "PAYMENT_DUE")


def test_who_will_be_suspended_is_known_before(conn: Connection) -> None:
    customer_id = an_owing_customer(conn)

    (found,) = preview(conn, CUT_OFF)

    assert found == ToBeSuspended(
        customer_id,
        username_of(conn, customer_id),
        "PAYMENT_DUE",
        CUT_OFF,
        Decimal("600.00"),
    )
    assert preview(conn, CUT_OFF - timedelta(days=1)) == []


def preview(conn: Connection, by: datetime) -> list[ToBeSuspended]:
    return preview_suspensions(conn, by, now=JOINED, zone=DHAKA, limit=100)


def test_whose_money_pays_no_more_days_is_known_before(conn: Connection) -> None:
    package = a_daily_package(conn)
    poor, rich, charged = (
        a_customer(conn, package, balance=b) for b in ("25", "300", "25")
    )
    conn.execute("UPDATE customer SET activated_at = %s", [JOINED - timedelta(days=1)])
    suspend(
        conn,
        username_of(conn, a_customer(conn, package)),
        note="",
        actor="test",
        now=JOINED,
    )
    days = [JOINED + timedelta(days=number) for number in range(4)]
    assert [row.suspend_at for row in preview(conn, days[3])] == [days[2]] * 2
    run_service_days(conn, now=JOINED, zone=DHAKA, actor="test")
    suspension.hold(
        conn,
        username_of(conn, charged),
        days[3],
        note="",
        actor="test",
        now=JOINED,
    )

    # The 1st is paid, 15.00 are left for the 2nd, and 5.00 of the 10.00 for the 3rd.
    assert preview(conn, days[1]) == []
    (found,) = preview(conn, days[2])
    assert found == ToBeSuspended(
        poor, username_of(conn, poor), "BALANCE_EXHAUSTED", days[2], Decimal("5.00")
    )
    assert [row.customer_id for row in preview(conn, days[3])] == [poor, charged]
    assert rich not in {row.customer_id for row in preview(conn, days[3])}

    assert charge_the_day(conn, days[1]) == 3
    charge_the_day(conn, days[2])
    assert status(conn, poor) == ("suspended", "BALANCE_EXHAUSTED")
    assert status(conn, charged) == ("active", None)


def a_mixed_crowd(conn: Connection) -> dict[str, int]:
    """Customers who owe a bill each, and differ in what decides their service."""
    crowd = {
        "plain": an_owing_customer(conn),
        "no grace": an_owing_customer(conn, grace_days=0),
        "over his threshold": an_owing_customer(
            conn, grace_days=60, due_threshold=Decimal(500)
        ),
        "under his threshold": an_owing_customer(
            conn, grace_days=60, due_threshold=Decimal(700)
        ),
        "never by itself": an_owing_customer(
            conn, auto_suspend=False, due_threshold=Decimal(1)
        ),
        "moved to who is not": an_owing_customer(conn),
        "held for long": an_owing_customer(conn),
        "held, over his threshold": an_owing_customer(
            conn, grace_days=60, due_threshold=Decimal(1)
        ),
        "suspended already": an_owing_customer(conn),
        "paid": an_owing_customer(conn),
    }
    conn.execute(
        "UPDATE customer c SET profile_id = n.profile_id FROM customer n"
        " WHERE n.customer_id = %s AND c.customer_id = %s",
        [crowd["never by itself"], crowd["moved to who is not"]],
    )
    for name, days in (("held for long", 20), ("held, over his threshold", 5)):
        suspension.hold(
            conn,
            username_of(conn, crowd[name]),
            CUT_OFF + timedelta(days=days),
            note="",
            actor="test",
            now=JOINED,
        )
    suspend(
        conn,
        username_of(conn, crowd["suspended already"]),
        note="",
        actor="test",
        now=JOINED,
    )
    pay(conn, crowd["paid"], "600", JOINED)
    return crowd


@pytest.mark.parametrize(
    ("days", "suspended"),
    [
        (-10, {"over his threshold"}),
        (-3, {"over his threshold", "no grace"}),
        (0, {"over his threshold", "no grace", "plain"}),
        (
            5,
            {"over his threshold", "no grace", "plain", "held, over his threshold"},
        ),
        (
            20,
            {
                *("over his threshold", "no grace", "plain"),
                *("held, over his threshold", "held for long"),
            },
        ),
    ],
)
def test_the_preview_of_a_day_is_whom_its_sweep_suspends(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, days: int, suspended: set[str]
) -> None:
    crowd = a_mixed_crowd(conn)
    day = CUT_OFF + timedelta(days=days)
    # Several chunks, each committed while the rest is kept.
    monkeypatch.setattr(suspension, "_CHUNK", 2)

    foretold = {one.customer_id: one.reason for one in preview(conn, day)}
    active = [one for one in crowd.values() if status(conn, one)[0] == "active"]
    suspension.sweep_suspensions(conn, day)

    swept = {one: status(conn, one) for one in active}
    assert foretold == {
        one: reason for one, (state, reason) in swept.items() if state == "suspended"
    }
    assert {name for name, one in crowd.items() if one in foretold} == suspended


def test_a_hold_waits_for_who_is_at_work_on_the_customer(
    conn: Connection, database_url: str
) -> None:
    customer_id = an_owing_customer(conn)
    username = username_of(conn, customer_id)

    def hold() -> None:
        with connect(database_url, application="tests") as own:
            until = CUT_OFF + timedelta(days=1)
            suspension.hold(own, username, until, note="", actor="test", now=JOINED)

    other = threading.Thread(target=hold)
    held = "SELECT suspension_hold_until FROM customer FOR UPDATE NOWAIT"
    with conn.transaction():
        lock_wallets_only(conn, [customer_id])
        other.start()
        wait_until_blocked(conn)
        # It has written nothing while it waits.
        assert rows(conn, held) == [(None,)]
    other.join()
    assert rows(conn, held) == [(CUT_OFF + timedelta(days=1),)]


def test_a_customer_suspended_by_a_person_is_restored_by_a_person_only(
    conn: Connection,
) -> None:
    customer_id = an_owing_customer(conn)
    conn.execute(
        "UPDATE customer SET status = 'suspended', suspend_reason = 'OPERATOR'"
        " WHERE customer_id = %s",
        [customer_id],
    )

    pay(conn, customer_id, "600", CUT_OFF)

    assert status(conn, customer_id) == ("suspended", "OPERATOR")


def test_paused_time_is_not_billed(conn: Connection) -> None:
    customer_id = an_owing_customer(conn)
    pay(conn, customer_id, "600", JOINED)
    username = username_of(conn, customer_id)
    suspension.pause(conn, username, note="", actor="test", now=dhaka(2026, 1, 16))
    run(conn, dhaka(2026, 2, 1))
    assert len(bills(conn, customer_id)) == 1

    suspension.resume(conn, username, note="", actor="test", now=dhaka(2026, 2, 15))
    run(conn, dhaka(2026, 2, 15))

    assert [row[2] for row in bills(conn, customer_id)] == [
        Decimal("600.00"),
        Decimal("300.00"),
    ]
    with pytest.raises(CustomerError, match="not paused"):
        suspension.resume(conn, username, note="", actor="test", now=dhaka(2026, 2, 16))


def test_pausing_puts_off_the_running_session(conn: Connection) -> None:
    customer_id = an_owing_customer(conn)
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=JOINED)
    fold(conn, p.start(), now=JOINED)

    cut = suspension.pause(
        conn,
        username_of(conn, customer_id),
        note="",
        actor="test",
        now=JOINED + timedelta(minutes=1),
    )

    assert cut == 1
    assert rows(conn, "SELECT kind, reason FROM outbox") == [("disconnect", "PAUSED")]
    assert status(conn, customer_id) == ("suspended", "PAUSED")


def test_who_would_be_suspended_again_at_once_is_not_activated(
    conn: Connection,
) -> None:
    customer_id = an_owing_customer(conn)
    username = username_of(conn, customer_id)
    said = {"note": "", "actor": "nila", "now": CUT_OFF}
    suspension.sweep_suspensions(conn, CUT_OFF)

    with pytest.raises(CustomerError, match=r"owes 600\.00 .*: take his payment, or"):
        activate(conn, username, **said)  # type: ignore[arg-type] # named above
    assert status(conn, customer_id) == ("suspended", "PAYMENT_DUE")

    until = CUT_OFF + timedelta(days=5)
    suspension.hold(conn, username, until, **said)  # type: ignore[arg-type] # named above
    activate(conn, username, **said)  # type: ignore[arg-type] # named above
    suspension.sweep_suspensions(conn, until - timedelta(seconds=1))
    assert status(conn, customer_id) == ("active", None)


def test_who_owes_nothing_overdue_is_activated_and_stays(conn: Connection) -> None:
    customer_id = an_owing_customer(conn, auto_activate=False)
    suspension.sweep_suspensions(conn, CUT_OFF)
    pay(conn, customer_id, "600", CUT_OFF)

    username = username_of(conn, customer_id)
    activate(conn, username, note="", actor="nila", now=CUT_OFF)

    suspension.sweep_suspensions(conn, CUT_OFF + timedelta(days=1))
    assert status(conn, customer_id) == ("active", None)


def test_a_restricted_session_is_cut_when_service_comes_back(conn: Connection) -> None:
    customer_id = an_owing_customer(conn)
    suspension.sweep_suspensions(conn, CUT_OFF)
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=CUT_OFF)
    fold(conn, p.start(), now=CUT_OFF)
    conn.execute("DELETE FROM outbox")
    conn.execute(
        "UPDATE acct_session SET is_restricted = true, disconnect_requested_at = NULL"
    )
    fold(conn, p.interim(120), now=CUT_OFF + timedelta(seconds=120))
    assert rows(conn, "SELECT count(*) FROM outbox") == [(0,)]

    pay(conn, customer_id, "600", CUT_OFF + timedelta(seconds=180))

    assert rows(conn, "SELECT reason FROM outbox") == [("RESTORED",)]
    assert sessions_of(conn, customer_id)[0]["disconnect_requested_at"] is not None


def test_an_operator_who_activates_ends_the_restricted_session_too(
    conn: Connection,
) -> None:
    customer_id = an_owing_customer(conn)
    username = username_of(conn, customer_id)
    suspend(conn, username, note="", actor="test", now=JOINED)
    p = Packets(username, a_nas(conn), started_at=JOINED)
    fold(conn, p.start(), now=JOINED)
    conn.execute("DELETE FROM outbox")
    conn.execute(
        "UPDATE acct_session SET is_restricted = true, disconnect_requested_at = NULL"
    )

    activate(conn, username, note="", actor="test", now=JOINED + timedelta(minutes=1))

    assert rows(conn, "SELECT reason, state FROM outbox") == [("RESTORED", "pending")]
