"""Reminders on a real PostgreSQL: who is told what, and that it is told once."""

# ruff: noqa: RUF001 - Bangla digits are meant.

import threading
import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg

from billing_core.db.connect import Connection, connect
from billing_core.db.messages import set_contact, write_policy
from billing_core.reminders import CHANNELS, ReminderPolicy
from billing_core.service_days import DayPrice, day_charge
from billing_core.services import suspension
from billing_core.services.cash import take_cash
from billing_core.services.purchases import buy_package
from billing_core.services.reminders import queue_reminders
from billing_core.services.service_days import run_service_days
from tests.builders import (
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_package,
    at_once,
    rows,
    username_of,
)
from tests.integration.test_billing_run import DHAKA, a_monthly_customer, dhaka, run

JOINED = dhaka(2026, 1, 1)
TEN = timedelta(hours=10)
DAY = timedelta(days=1)


def told(conn: Connection) -> list[tuple[Any, ...]]:
    """What was told so far, by event and way."""
    return rows(conn, "SELECT event, channel FROM message ORDER BY message_id")


def bodies(conn: Connection, event: str) -> list[str]:
    found = rows(conn, "SELECT body FROM message WHERE event = %s ORDER BY 1", event)
    return [body for (body,) in found]


def tell_by(conn: Connection, *channels: str, **changes: Any) -> None:
    write_policy(conn, ReminderPolicy(channels=channels, **changes))


def reach(conn: Connection, customer_id: int, **changes: str) -> int:
    """Let a customer be written to by both ways."""
    contact = {"mobile": "01712345678", "mail": "rahim@example.org", "language": "en"}
    set_contact(
        conn,
        customer_id,
        username="",
        **(contact | changes),  # type: ignore[arg-type]
    )
    return customer_id


def an_owing_customer(conn: Connection, **profile: object) -> int:
    customer_id = a_monthly_customer(
        conn, joined=JOINED, bill_trigger="first", **({"grace_days": 3} | profile)
    )
    run(conn, JOINED)
    return reach(conn, customer_id)


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


def test_a_customer_is_told_each_thing_once_by_each_way(conn: Connection) -> None:
    tell_by(conn, *CHANNELS)
    customer_id = an_owing_customer(conn)

    for day in range(14):
        for hour in (9, 15, 20):
            now = JOINED + day * DAY + timedelta(hours=hour)
            suspension.sweep_suspensions(conn, now)
            queue_reminders(conn, now)
    pay(conn, customer_id, "600", JOINED + 14 * DAY)
    queue_reminders(conn, JOINED + 14 * DAY + TEN)

    assert rows(
        conn,
        "SELECT event, (created_at AT TIME ZONE 'Asia/Dhaka')::date - '2026-01-01',"
        " array_agg(channel ORDER BY channel) FROM message GROUP BY 1, 2 ORDER BY 2",
    ) == [
        ("bill_issued", 0, ["mail", "sms"]),
        # Due on the 8th, three days before; suspended after three days of grace.
        ("due_soon", 4, ["mail", "sms"]),
        ("overdue", 7, ["mail", "sms"]),
        ("suspended", 10, ["mail", "sms"]),
        ("restored", 14, ["mail", "sms"]),
    ]


def test_a_bill_is_told_with_its_number_amount_and_day(conn: Connection) -> None:
    tell_by(conn, "sms", "mail", provider="Shapla Net")
    reach(conn, an_owing_customer(conn), language="bn")

    assert queue_reminders(conn, JOINED + TEN) == 2

    ((number,),) = rows(conn, "SELECT number FROM bill")
    assert rows(conn, "SELECT recipient, body FROM message WHERE channel = 'sms'") == [
        (
            "01712345678",
            f"বিল {number}: ৬০০.০০ টাকা। অনুগ্রহ করে ৮ জানুয়ারি ২০২৬ তারিখের আগে"
            " ৬০০.০০ টাকা পরিশোধ করুন। - Shapla Net",
        )
    ]
    assert rows(
        conn, "SELECT recipient, title FROM message WHERE channel = 'mail'"
    ) == [("rahim@example.org", f"আপনার ইন্টারনেট বিল {number}: ৬০০.০০ টাকা")]


def test_nobody_is_told_by_a_way_that_is_not_set_up(conn: Connection) -> None:
    customer_id = an_owing_customer(conn)
    queue_reminders(conn, JOINED + TEN)
    assert told(conn) == []

    tell_by(conn, "sms")
    queue_reminders(conn, JOINED + TEN)
    suspension.sweep_suspensions(conn, JOINED + 11 * DAY)

    assert told(conn) == [("bill_issued", "sms"), ("suspended", "sms")]
    reach(conn, customer_id, mobile="")
    tell_by(conn, *CHANNELS)
    queue_reminders(conn, JOINED + 11 * DAY + TEN)
    assert told(conn)[2:] == []


def test_what_can_wait_waits_for_the_morning(conn: Connection) -> None:
    tell_by(conn, "sms")
    an_owing_customer(conn)

    assert queue_reminders(conn, JOINED + timedelta(minutes=5)) == 0
    assert queue_reminders(conn, JOINED + timedelta(hours=21)) == 0
    assert queue_reminders(conn, JOINED + timedelta(hours=9)) == 1


def test_a_way_that_is_set_up_later_tells_no_old_news(conn: Connection) -> None:
    tell_by(conn, "sms")
    an_owing_customer(conn)
    queue_reminders(conn, JOINED + TEN)

    tell_by(conn, *CHANNELS)
    queue_reminders(conn, JOINED + 4 * DAY)

    assert told(conn) == [("bill_issued", "sms")]


def test_a_way_that_is_set_up_later_tells_what_is_still_news(conn: Connection) -> None:
    tell_by(conn, "sms")
    an_owing_customer(conn)
    queue_reminders(conn, JOINED + TEN)

    tell_by(conn, *CHANNELS)
    queue_reminders(conn, JOINED + TEN + timedelta(hours=1))

    assert told(conn) == [("bill_issued", "sms"), ("bill_issued", "mail")]


def test_two_at_once_tell_each_thing_once(conn: Connection, database_url: str) -> None:
    tell_by(conn, *CHANNELS)
    for _ in range(5):
        an_owing_customer(conn)

    def work(own: Connection) -> int:
        return queue_reminders(own, JOINED + TEN, chunk=2)

    results = at_once(database_url, [work] * 4)

    assert [result for result in results if not isinstance(result, int)] == []
    assert sum(results) == 10  # type: ignore[arg-type]
    assert len(told(conn)) == 10


def test_who_comes_second_waits_and_tells_nothing_more(
    conn: Connection, database_url: str
) -> None:
    tell_by(conn, *CHANNELS)
    an_owing_customer(conn)
    results: list[int] = []

    def second() -> None:
        with connect(database_url, application="second") as own:
            results.append(queue_reminders(own, JOINED + TEN))

    waiting = threading.Thread(target=second)
    blocked = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE application_name = 'khata-second' AND wait_event_type = 'Lock'"
    )
    with (
        connect(database_url, application="first") as first,
        first.transaction(),
    ):
        assert queue_reminders(first, JOINED + TEN) == 2
        waiting.start()
        while rows(conn, blocked) != [(1,)]:
            assert waiting.is_alive()
            time.sleep(0.01)
    waiting.join()

    assert results == [0]
    assert len(told(conn)) == 2


def test_who_paid_at_once_is_told_of_the_bill_and_thanked(conn: Connection) -> None:
    tell_by(conn, "sms")
    customer_id = a_monthly_customer(
        conn, joined=JOINED, bill_trigger="first", balance="600"
    )
    reach(conn, customer_id)
    run(conn, JOINED)

    for day in range(12):
        queue_reminders(conn, JOINED + day * DAY + TEN)

    (body,) = bodies(conn, "bill_issued")
    assert "paid from your balance" in body
    assert told(conn) == [("bill_issued", "sms")]


def test_disabled_customers_are_left_alone(conn: Connection) -> None:
    tell_by(conn, "sms")
    an_owing_customer(conn)
    conn.execute("UPDATE customer SET status = 'disabled', suspend_reason = 'OPERATOR'")

    assert queue_reminders(conn, JOINED + TEN) == 0


def test_a_suspension_that_is_rolled_back_is_not_told(conn: Connection) -> None:
    tell_by(conn, "sms")
    customer_id = an_owing_customer(conn)
    now = JOINED + 11 * DAY

    with conn.transaction():
        suspension.review_service(conn, [customer_id], now=now, actor="test")
        assert told(conn) == [("suspended", "sms")]
        raise psycopg.Rollback

    assert told(conn) == []


def test_a_suspension_says_why_and_what_to_do(conn: Connection) -> None:
    tell_by(conn, "sms")
    an_owing_customer(conn)

    suspension.sweep_suspensions(conn, JOINED + 11 * DAY)

    assert bodies(conn, "suspended") == [
        "Your Internet connection is suspended: BDT 600.00 is unpaid."
        " Please pay to get it back."
    ]


def test_a_pause_and_its_end_are_told(conn: Connection) -> None:
    tell_by(conn, "sms")
    username = username_of(conn, an_owing_customer(conn))

    suspension.pause(conn, username, note="", actor="test", now=JOINED + DAY)
    suspension.resume(conn, username, note="", actor="test", now=JOINED + 2 * DAY)

    assert told(conn) == [("suspended", "sms"), ("restored", "sms")]
    assert bodies(conn, "suspended") == [
        "Your Internet connection is paused. Please call us when you want it back."
    ]


def test_a_daily_customer_is_told_on_the_day_before_he_cannot_pay(
    conn: Connection,
) -> None:
    tell_by(conn, "sms")
    customer_id = a_customer(conn, a_daily_package(conn), balance="35")
    reach(conn, customer_id)
    conn.execute("UPDATE customer SET activated_at = %s", [JOINED - DAY])

    for day in range(4):
        midnight = JOINED + day * DAY
        run_service_days(conn, now=midnight, zone=DHAKA, actor="test")
        queue_reminders(conn, midnight + TEN)
        queue_reminders(conn, midnight + TEN + TEN)

    assert rows(conn, "SELECT event, subject FROM message ORDER BY message_id") == [
        ("balance_low", "day:2026-01-04"),
        ("suspended", (JOINED + 3 * DAY).isoformat()),
    ]
    (body,) = bodies(conn, "balance_low")
    assert body.startswith("Your balance is BDT 5.00. The next day costs BDT 10.00")


def test_the_day_that_is_told_of_costs_what_that_day_costs(conn: Connection) -> None:
    tell_by(conn, "sms")
    # 33.33, 33.34 and 33.33 in turn.
    package = a_daily_package(conn, price=Decimal(100), validity_seconds=3 * 86400)
    reach(conn, a_customer(conn, package))
    price = DayPrice(Decimal(100), 3)
    expected = []

    for day in range(3):
        queue_reminders(conn, JOINED + day * DAY + TEN)
        tomorrow = date(2026, 1, 2) + day * DAY
        expected.append(
            f"Your balance is BDT 0.00. The next day costs BDT"
            f" {day_charge(price, tomorrow).gross}: please recharge today to stay"
            " connected."
        )

    assert len(set(expected)) == 2
    assert [
        body for (body,) in rows(conn, "SELECT body FROM message ORDER BY subject")
    ] == expected


def test_a_hotspot_wallet_is_low_once_for_each_top_up(conn: Connection) -> None:
    tell_by(conn, "sms", balance_low=Decimal(20))
    customer_id = reach(conn, a_customer(conn, a_package(conn)))
    # Nothing was ever paid in: nobody needs to be told that nothing is there.
    assert queue_reminders(conn, JOINED + TEN) == 0

    for day, amount in enumerate(("15", "4", "50")):
        now = JOINED + day * DAY + TEN
        pay(conn, customer_id, amount, now)
        queue_reminders(conn, now)
        queue_reminders(conn, now)

    assert told(conn) == [("balance_low", "sms")] * 2


def test_a_wallet_that_nobody_used_for_long_is_left_alone(conn: Connection) -> None:
    tell_by(conn, "sms", balance_low=Decimal(20))
    customer_id = reach(conn, a_customer(conn, a_package(conn)))
    pay(conn, customer_id, "15", JOINED)

    assert queue_reminders(conn, JOINED + 31 * DAY + TEN) == 0
    assert queue_reminders(conn, JOINED + 29 * DAY + TEN) == 1


def test_a_package_is_told_of_when_its_data_and_its_time_run_short(
    conn: Connection,
) -> None:
    tell_by(conn, "sms")
    package = a_hotspot_package(
        conn, validity_seconds=10 * 86400, quota_octets=1000, quota_seconds=None
    )
    customer_id = reach(conn, a_customer(conn, package, balance="20"))
    buy_package(
        conn,
        username_of(conn, customer_id),
        package,
        key="first",
        actor="test",
        now=JOINED + TEN,
    )

    def use(octets: int) -> None:
        conn.execute("UPDATE subscription SET octets_used = %s", [octets])

    use(799)
    assert queue_reminders(conn, JOINED + DAY) == 0
    use(850)
    # At night, too.
    assert queue_reminders(conn, JOINED + DAY) == 1
    assert bodies(conn, "data_80") == [
        "You have used 85% of the data in your package " + package + "."
    ]
    for day in (7, 8, 9):
        queue_reminders(conn, JOINED + day * DAY + TEN + timedelta(minutes=1))

    assert told(conn) == [("data_80", "sms"), ("package_expiring", "sms")]
    assert bodies(conn, "package_expiring")[0].startswith(
        f"Your package {package} ends on 11 Jan 2026, 10:00 AM."
    )
