"""Customers suspended over a bill, each with a session in the suspended pool."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from bench.data import move_sequences
from bench.exhaust_data import NAS_COUNT
from bench.people import PASSWORD
from billing_core.db.connect import connect
from billing_core.db.packages import NewPackage, insert_package
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.passwords import seal_password
from billing_core.services.billing_run import run_cycles
from billing_core.services.suspension import sweep_suspensions

PACKAGE, PROFILE = "bench-pppoe-monthly", "bench-strict"
PRICE = Decimal("600.00")


def paying_username(number: int) -> str:
    """Name one of these customers, counted from 0."""
    return f"p{number:07d}"


def paying_session(number: int) -> str:
    """Name his session, as the NAS does."""
    return f"a{number:07x}"


def fill(database_url: str, *, payers: int, secret_key: bytes, zone: ZoneInfo) -> None:
    """Put them in, on the NAS of the exhaustion; bill and suspend them by our own jobs.

    The NAS are there already.
    """
    now = datetime.now(UTC)
    with connect(database_url, application="bench") as conn:
        conn.execute("SET synchronous_commit = off")
        insert_package(conn, NewPackage(PACKAGE, "monthly", price=PRICE))
        profile_id = insert_profile(
            conn,
            NewProfile(
                PROFILE,
                "monthly",
                due_threshold=Decimal("0.01"),
                proration="none",
                suspended_state="pool",
                suspended_pool="suspended",
            ),
        )
        values = {
            "payers": payers,
            "sealed": seal_password(secret_key, PASSWORD),
            "package": PACKAGE,
            "profile_id": profile_id,
            "nas_count": NAS_COUNT,
            "now": now,
        }
        with conn.transaction():
            for statement in _PEOPLE:
                conn.execute(statement, values)
        run_cycles(
            conn, as_of=now, now=now, zone=zone, actor="bench", profile_id=profile_id
        )
        sweep_suspensions(conn, now)
        conn.execute(_SESSIONS, values)
        move_sequences(conn)
        conn.execute("ANALYZE")


# i counts from 0.
_PEOPLE = (
    """
    INSERT INTO customer (username, password_sealed, package_id, profile_id, kind,
                          activated_at)
    SELECT 'p' || lpad(i::text, 7, '0'), %(sealed)s, package_id, %(profile_id)s,
           'pppoe', date_trunc('minute', %(now)s::timestamptz)
      FROM generate_series(0, %(payers)s::integer - 1) i
      JOIN package ON name = %(package)s
    """,
    """
    INSERT INTO login (username, customer_id)
    SELECT username, customer_id FROM customer WHERE profile_id = %(profile_id)s
    """,
    """
    INSERT INTO wallet (customer_id)
    SELECT customer_id FROM customer WHERE profile_id = %(profile_id)s
    """,
)
_SESSIONS = """
INSERT INTO acct_session (
    customer_id, session_id, nas_id, package_id, state, username, acct_session_id,
    calling_station_id, accepted_at, started_at, last_event_at,
    interim_interval_seconds, is_restricted)
SELECT c.customer_id, nextval('acct_session_id'), n.nas_id, c.package_id, 'open',
       c.username, 'a' || lpad(to_hex(c.i), 7, '0'), '02:00:00:00:00:01', %(now)s,
       %(now)s, %(now)s, 300, true
  FROM (SELECT substr(username, 2)::integer AS i, customer_id, package_id, username
          FROM customer WHERE profile_id = %(profile_id)s) c
  JOIN (SELECT nas_id, row_number() OVER (ORDER BY nas_id) - 1 AS number
          FROM nas WHERE name LIKE 'bench-%%') n ON n.number = c.i %% %(nas_count)s
"""
