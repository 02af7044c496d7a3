"""Billing runs killed at any statement, in any chunk, and run side by side.

Whatever happens to a run, the next one leaves each customer billed once for each
period, the numbers without a gap and the books whole.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from billing_core import stack
from billing_core.db.connect import Connection, connect
from billing_core.migrations import migrate
from billing_core.services.audit import audit
from billing_core.services.billing_run import run_cycles
from billing_core.services.calendar import number_new_bills, suspend_the_overdue
from billing_core.services.cash import take_cash
from billing_core.services.partitions import ensure_partitions
from billing_core.services.service_days import run_service_days
from tests.builders import a_customer, a_daily_package, at_once, rows, username_of
from tests.integration.test_billing_run import a_monthly_customer, dhaka

DHAKA = ZoneInfo("Asia/Dhaka")
JOINED = dhaka(2026, 1, 1)
# Three cycles are due, and one service day.
NOW = dhaka(2026, 3, 1, 0, 1)
CHUNK = 3
MONTHLY, DAILY = 10, 9
# Long enough for any machine; nothing is measured.
PATIENCE_SECONDS = 60

Run = Callable[..., object]


def bill(conn: Connection, **options: Any) -> int:
    return run_cycles(
        conn, as_of=NOW, now=NOW, zone=DHAKA, actor="test", chunk=CHUNK, **options
    ).billed


def charge(conn: Connection, **options: Any) -> int:
    return run_service_days(
        conn, now=NOW, zone=DHAKA, actor="test", chunk=CHUNK, **options
    ).billed


def populate(conn: Connection) -> None:
    """Take customers on: who can pay some bills, who none; one in each chunk cannot."""
    for number in range(MONTHLY):
        a_monthly_customer(
            conn, joined=JOINED, balance="1000" if number % 2 else "0", due_days=40
        )
    package = a_daily_package(conn)
    for number in range(DAILY):
        a_customer(conn, package, balance="0" if number % CHUNK == 0 else "100")
    conn.execute("UPDATE customer SET activated_at = %s", [JOINED])


def check(conn: Connection) -> None:
    """Each customer is billed once, numbers have no gap, the books are whole."""
    assert rows(
        conn,
        "SELECT c.kind, count(*), count(DISTINCT (customer_id, subject)), sum(gross)"
        "  FROM bill c GROUP BY 1 ORDER BY 1",
    ) == [
        ("cycle", 3 * MONTHLY, 3 * MONTHLY, Decimal(1800 * MONTHLY)),
        ("service_day", 6, 6, Decimal("60.00")),
    ]
    total = 3 * MONTHLY + 6
    assert rows(conn, "SELECT number FROM bill ORDER BY number") == [
        (f"B-{n:08d}",) for n in range(1, total + 1)
    ]
    assert rows(conn, "SELECT next_number FROM bill_series WHERE series = 'B'") == [
        (total + 1,)
    ]
    assert rows(
        conn, "SELECT count(*) FROM bill_number JOIN bill USING (number, bill_id)"
    ) == [(total,)]
    assert rows(
        conn,
        "SELECT kind, count(*) FROM ledger_entry WHERE kind <> 'top_up'"
        " GROUP BY 1 ORDER BY 1",
    ) == [("bill", 3 * MONTHLY), ("service_day", 6), ("settlement", MONTHLY)]
    assert rows(
        conn, "SELECT count(*) FROM customer WHERE suspend_reason IS NOT NULL"
    ) == [(3,)]
    assert audit(conn) == []


class DoomedCursor(psycopg.Cursor[tuple[Any, ...]]):
    """A cursor whose connection is struck before a statement that was chosen."""

    statements_left = 0
    strike: Callable[[int], object]

    def execute(self, *args: Any, **options: Any) -> "DoomedCursor":
        DoomedCursor.statements_left -= 1
        if DoomedCursor.statements_left == 0:
            DoomedCursor.strike(self.connection.info.backend_pid)
        super().execute(*args, **options)
        return self


def survives(
    database_url: str, run: Run, strike: Callable[[int], object], statement: int
) -> bool:
    """Run on a connection that is struck before a statement; tell if it came through.

    It does when everything is billed before that statement.
    """
    DoomedCursor.strike = staticmethod(strike)
    DoomedCursor.statements_left = statement
    victim = connect(database_url, application="victim")
    victim.cursor_factory = DoomedCursor
    try:
        run(victim)
    except psycopg.OperationalError:
        return False
    finally:
        victim.close()
    return True


@pytest.mark.parametrize("seed", range(3))
def test_runs_killed_before_any_statement_are_made_up_by_the_next(
    conn: Connection, database_url: str, seed: int
) -> None:
    dice = random.Random(seed)
    populate(conn)

    def strike(pid: int) -> None:
        conn.execute("SELECT pg_terminate_backend(%s)", [pid])

    for run in (bill, charge):
        # The first is killed for certain: the last statement of a run is later.
        killed = not survives(database_url, run, strike, dice.randint(2, 20))
        assert killed
        while not survives(database_url, run, strike, dice.randint(1, 45)):
            pass

    check(conn)


BLOCKED = (
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'khata-victim'"
    " AND datname = current_database() AND wait_event_type = 'Lock'"
)


@pytest.mark.parametrize(
    ("run", "table"),
    [
        *((bill, table) for table in ("bill_series", "bill", "bill_number")),
        *((bill, table) for table in ("bill_line", "ledger_entry", "posting")),
        *((bill, table) for table in ("wallet", "customer", "bill_allocation")),
        *((charge, table) for table in ("bill", "posting", "service_day")),
        *((charge, table) for table in ("customer", "customer_event")),
    ],
)
def test_a_run_killed_while_it_writes_a_table_is_made_up_by_the_next(
    conn: Connection, database_url: str, run: Run, table: str
) -> None:
    populate(conn)
    ended: list[psycopg.OperationalError] = []
    chunks: list[int] = []
    with connect(database_url, application="tests") as holder, holder.transaction():

        def stop_after_two(customers: int) -> None:
            chunks.append(customers)
            if len(chunks) == 2:
                # Reading goes on; whoever writes waits.
                holder.execute(f"LOCK TABLE {table} IN SHARE MODE")

        def run_and_die() -> None:
            with connect(database_url, application="victim") as own:
                try:
                    run(own, progress=stop_after_two)
                except psycopg.OperationalError as error:
                    ended.append(error)

        victim = threading.Thread(target=run_and_die)
        victim.start()
        pid = _wait_for(conn, BLOCKED)
        conn.execute("SELECT pg_terminate_backend(%s)", [pid])
        victim.join(PATIENCE_SECONDS)
    assert len(ended) == 1
    assert len(chunks) == 2
    assert rows(conn, "SELECT billed, finished_at FROM billing_run") == [
        (18 if run is bill else 4, None)
    ]

    bill(conn)
    charge(conn)

    check(conn)


def test_runs_side_by_side_bill_each_period_once(
    conn: Connection, database_url: str
) -> None:
    populate(conn)

    done = at_once(database_url, [bill, charge, bill, charge])

    assert [error for error in done if isinstance(error, BaseException)] == []
    assert sum(n for n in done if isinstance(n, int)) == 3 * MONTHLY + 6
    check(conn)


def test_runs_among_payments_sweeps_and_numbering_keep_the_books_whole(
    conn: Connection, database_url: str
) -> None:
    populate(conn)
    payers = [
        username_of(conn, customer_id)
        for (customer_id,) in rows(conn, "SELECT customer_id FROM customer")
    ]

    def pay(own: Connection) -> int:
        for username in payers:
            take_cash(
                own,
                username,
                Decimal(1800),
                key="all of it",
                operator="test",
                note="",
                now=NOW,
            )
        return 0

    works: list[Callable[[Connection], int]] = [
        bill,
        pay,
        charge,
        lambda own: suspend_the_overdue(own, NOW),
        lambda own: number_new_bills(own, NOW),
        lambda own: pay(own) or bill(own),
    ]
    done = at_once(database_url, works)

    assert [error for error in done if isinstance(error, BaseException)] == []
    assert rows(conn, "SELECT status, count(*) FROM bill GROUP BY 1") == [
        ("paid", 3 * MONTHLY + DAILY)
    ]
    assert rows(conn, "SELECT status, count(*) FROM customer GROUP BY 1") == [
        ("active", MONTHLY + DAILY)
    ]
    assert rows(conn, "SELECT sum(due) FROM wallet") == [(Decimal("0.00"),)]
    numbers = rows(conn, "SELECT number FROM bill ORDER BY number")
    assert numbers == [(f"B-{n:08d}",) for n in range(1, len(numbers) + 1)]
    assert audit(conn) == []


@pytest.fixture
def own_postgres() -> Iterator[stack.Postgres]:
    """A PostgreSQL that this test may crash."""
    with stack.scratch_var() as var, stack.start_postgres_only(var) as running:
        migrate(running.url)
        with connect(running.url, application="tests") as conn:
            conn.execute(
                "INSERT INTO installation (currency, zone) VALUES ('BDT', 'Asia/Dhaka')"
            )
            ensure_partitions(conn, datetime.now(UTC))
        yield running


def test_a_database_that_crashes_under_a_run_loses_and_doubles_nothing(
    own_postgres: stack.Postgres,
) -> None:
    url = own_postgres.url
    with connect(url, application="tests") as conn:
        populate(conn)
    for run, statement in ((bill, 30), (bill, 41), (charge, 19)):
        assert not survives(url, run, lambda _: own_postgres.kill(), statement)
        own_postgres.start()

    with connect(url, application="tests") as conn:
        bill(conn)
        charge(conn)
        check(conn)


def _wait_for(conn: Connection, query: str) -> int:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := rows(conn, query)):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.01)
    return int(found[0][0])
