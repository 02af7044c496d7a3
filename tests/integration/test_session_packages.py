"""A package change on a running session: by CoA where it can be, else by its end."""

from typing import Any

import pytest
from psycopg import sql

from billing_core.db.connect import Connection
from billing_core.db.outbox import OutboxItem
from billing_core.services.outbox import Answer, claim, record
from tests.builders import (
    Packets,
    a_customer,
    a_daily_package,
    a_nas,
    a_package,
    audited,
    fold,
    rows,
    sessions_of,
    username_of,
)
from tests.integration.test_changes import HALF, a_monthly_package, billed, to_package

FAST = {"rate_up_bps": 5_000_000, "rate_down_bps": 10_000_000}
TOLD = ("coa", "PACKAGE_CHANGED", FAST)
ENDED = ("disconnect", "PACKAGE_CHANGED", {})


def change(
    conn: Connection,
    *,
    nas: dict[str, Any] | None = None,
    package: dict[str, Any] | None = None,
    sessions: int = 1,
    **customer: Any,
) -> tuple[int, int]:
    """Change the package of a monthly customer who is on line."""
    customer_id = billed(conn)
    for name, value in customer.items():
        column = sql.Identifier(name)
        conn.execute(sql.SQL("UPDATE customer SET {} = %s").format(column), [value])
    nas_id = a_nas(conn, **(nas or {}))
    for _ in range(sessions):
        p = Packets(username_of(conn, customer_id), nas_id, started_at=HALF)
        fold(conn, p.start(), now=HALF)
    new = a_monthly_package(conn, **FAST, **(package or {}))
    made = to_package(conn, customer_id, new)
    return customer_id, made.disconnects


def asked(conn: Connection) -> list[tuple[Any, ...]]:
    return rows(conn, "SELECT kind, reason, attributes FROM outbox ORDER BY outbox_id")


@pytest.mark.parametrize("vendor", ["mikrotik", "accel-ppp"])
def test_a_session_goes_on_with_the_new_rates(conn: Connection, vendor: str) -> None:
    customer_id, disconnects = change(conn, nas={"vendor": vendor})

    assert (asked(conn), disconnects) == ([TOLD], 0)
    (session,) = sessions_of(conn, customer_id)
    assert rows(conn, "SELECT package_id FROM customer") == [(session["package_id"],)]
    assert session["disconnect_requested_at"] is None
    assert audited(conn) == []


@pytest.mark.parametrize(
    "differs",
    [
        {"nas": {"vendor": "rfc"}},
        {"nas": {"vendor": "coovachilli"}},
        {"nas": {"accepts_coa": False}},
        {"nas": {"coa_port": None}},
        {"package": {"framed_pool": "fast"}},
        {"sessions_allowed": 1, "sessions": 2},
    ],
    ids=["rfc", "coovachilli", "disconnect only", "no CoA", "pool", "too many"],
)
def test_a_session_that_cannot_be_told_is_ended(
    conn: Connection, differs: dict[str, Any]
) -> None:
    _, disconnects = change(conn, **differs)

    assert set(kind for kind, _, _ in asked(conn)) == {"disconnect"}
    assert disconnects == differs.get("sessions", 1)


def test_an_address_of_his_own_stays_whatever_the_pool(conn: Connection) -> None:
    change(conn, package={"framed_pool": "fast"}, framed_ip="10.0.0.9")

    assert asked(conn) == [TOLD]


def test_a_session_that_is_rated_is_ended(conn: Connection) -> None:
    """Its minutes before the change cost the old price."""
    customer_id = a_customer(conn, a_package(conn), balance="100")
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=HALF)
    fold(conn, p.start(), now=HALF)

    to_package(conn, customer_id, a_package(conn, **FAST))

    assert asked(conn) == [ENDED]


def test_a_daily_session_goes_on_until_what_the_new_price_covers(
    conn: Connection,
) -> None:
    customer_id = a_customer(conn, a_daily_package(conn), balance="100")
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=HALF)
    fold(conn, p.start(), now=HALF)

    to_package(conn, customer_id, a_daily_package(conn, price=3000, **FAST))

    told, limits = asked(conn)
    assert told == TOLD
    assert limits[:2] == ("coa", "LIMITS_CHANGED")
    # 100.00 a day now: the wallet covers this day, not ten.
    assert limits[2]["session_timeout_seconds"] < 2 * 86_400


def due(conn: Connection) -> list[OutboxItem]:
    """Claim everything that waits, as if its time had come."""
    conn.execute("UPDATE outbox SET next_attempt_at = %s", [HALF])
    return claim(conn, HALF, lease_seconds=1, limit=9)


def answer(conn: Connection, outcome: str, *, is_retryable: bool = False) -> None:
    items = due(conn)
    answers = [(item, Answer(outcome, None, is_retryable)) for item in items]  # type: ignore[arg-type]
    record(conn, answers, HALF)


def test_a_nas_that_takes_the_rates_ends_nothing(conn: Connection) -> None:
    change(conn)
    answer(conn, "ACK")
    assert asked(conn) == [TOLD]


@pytest.mark.parametrize("outcome", ["NAK", "TIMEOUT", "NO_COA"])
def test_a_nas_that_does_not_take_the_rates_ends_the_session(
    conn: Connection, outcome: str
) -> None:
    customer_id, _ = change(conn)

    answer(conn, outcome)

    assert asked(conn) == [TOLD, ENDED]
    assert sessions_of(conn, customer_id)[0]["disconnect_requested_at"] is not None


def test_a_nas_that_does_not_answer_is_asked_again_first(conn: Connection) -> None:
    change(conn)
    for attempts in range(1, 6):
        assert asked(conn) == [TOLD], attempts
        answer(conn, "TIMEOUT", is_retryable=True)
    assert asked(conn) == [TOLD, ENDED]


def test_only_the_last_of_two_changes_is_told_again(conn: Connection) -> None:
    customer_id, _ = change(conn)
    slow = a_monthly_package(conn, rate_up_bps=1, rate_down_bps=2)
    to_package(conn, customer_id, slow)

    assert [item.attributes for item in due(conn)] == [
        {"rate_up_bps": 1, "rate_down_bps": 2}
    ]
