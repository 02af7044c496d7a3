"""Fill a database with monthly or daily customers, and bill them without us."""

from datetime import datetime
from decimal import Decimal

import psycopg

from billing_core.db.packages import NewPackage, insert_package
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.passwords import seal_password
from billing_core.services.partitions import ensure_partitions

MONTHLY_PRICE = Decimal("600.00")
DAILY_PRICE = Decimal("300.00")
DAILY_DAYS = 30
BALANCE = Decimal("1000.00")


def fill_monthly(url: str, customers: int, *, joined: datetime, first: int = 1) -> None:
    """Take customers on whose cycles begin on the 1st; all are billed up to joined.

    They are numbered from the first on, where others are there already.
    """
    package = NewPackage("bench-monthly", "monthly", price=MONTHLY_PRICE)
    with psycopg.connect(url, autocommit=True) as conn:
        insert_package(conn, package)
        profile_id = insert_profile(
            conn, NewProfile("bench-monthly", "monthly", bill_trigger="first")
        )
        _customers(
            conn,
            customers,
            package.name,
            joined=joined,
            profile_id=profile_id,
            first=first,
        )
        conn.execute(
            "UPDATE customer SET billed_until = activated_at WHERE customer_id >= %s",
            [first],
        )
        _settle_down(conn, joined)


def fill_daily(url: str, customers: int, *, joined: datetime) -> None:
    """Take customers on who pay each day, from wallets with enough in them."""
    package = NewPackage(
        "bench-daily",
        "daily",
        price=DAILY_PRICE,
        validity_seconds=DAILY_DAYS * 86400,
    )
    with psycopg.connect(url, autocommit=True) as conn:
        insert_package(conn, package)
        _customers(conn, customers, package.name, joined=joined, profile_id=None)
        values = {"customers": customers, "balance": BALANCE, "joined": joined}
        for statement in _TOP_UPS:
            conn.execute(statement, values)
        _settle_down(conn, joined)


def _customers(
    conn: psycopg.Connection,
    customers: int,
    package: str,
    *,
    joined: datetime,
    profile_id: int | None,
    first: int = 1,
) -> None:
    values = {
        "first": first,
        "last": first + customers - 1,
        "package": package,
        "joined": joined,
        "profile_id": profile_id,
        # One for all: nobody logs in here.
        "sealed": seal_password(bytes(32), "bench"),
    }
    for statement in _CUSTOMERS:
        conn.execute(statement, values)


def _settle_down(conn: psycopg.Connection, joined: datetime) -> None:
    conn.execute(
        "SELECT setval('ledger_entry_entry_id_seq',"
        " (SELECT coalesce(max(entry_id), 0) + 1 FROM ledger_entry), false)"
    )
    ensure_partitions(conn, joined)
    conn.execute("VACUUM ANALYZE")


_CUSTOMERS = (
    """
    INSERT INTO customer (customer_id, username, password_sealed, package_id,
                          profile_id, activated_at)
    SELECT n, 'c' || n, %(sealed)s::bytea, package_id, %(profile_id)s::bigint,
           %(joined)s
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
      JOIN package ON name = %(package)s
    """,
    "INSERT INTO login SELECT username, customer_id FROM customer"
    " WHERE customer_id >= %(first)s",
    "INSERT INTO wallet (customer_id) SELECT customer_id FROM customer"
    " WHERE customer_id >= %(first)s",
)

_TOP_UPS = (
    """
    INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at,
                              idempotency_key, actor)
    SELECT n, n, 'top_up', %(joined)s, 'cash:bench', 'bench'
      FROM generate_series(1, %(customers)s) n
    """,
    """
    INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
    SELECT n, n, line_no, account, amount
      FROM generate_series(1, %(customers)s) n
     CROSS JOIN (VALUES (1, 'cash', %(balance)s::numeric),
                        (2, 'wallet', -%(balance)s::numeric))
             AS line (line_no, account, amount)
    """,
)
