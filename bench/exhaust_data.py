"""Sessions that are about to use up their wallets, on NAS of their own."""

from datetime import UTC, datetime
from decimal import Decimal

from bench.data import move_sequences
from bench.people import PASSWORD, Sizes, base36
from billing_core.db.connect import connect
from billing_core.db.nas import NewNas
from billing_core.db.packages import NewPackage, insert_package
from billing_core.passwords import seal_password
from billing_core.services.nas import add_nas

NAS_COUNT = 100
#: Every so many-th NAS listens and says nothing.
DEAD_EVERY = 10
SECRET = "bench-exhaust"  # noqa: S105 - of NAS on loopback
PACKAGE = "bench-hotspot-volume"
BALANCE = Decimal("5.00")
#: More than the wallet pays for at 1.00 a MB: half a minor unit is rounded away.
OCTETS = 5_010_000


def nas_address(number: int) -> str:
    """Give the loopback address of a NAS, counted from 0."""
    return f"127.77.{number // 200}.{number % 200 + 1}"


def is_dead(number: int) -> bool:
    """Tell whether a NAS answers nothing."""
    return number % DEAD_EVERY == 0


def exhausting_username(number: int) -> str:
    """Name one of these customers, counted from 0."""
    return f"x{number:07d}"


def exhausting_session(number: int) -> str:
    """Name his session, as the NAS does."""
    return f"9{number:07x}"


def fill(
    database_url: str, sizes: Sizes, *, sessions: int, secret_key: bytes, coa_port: int
) -> None:
    """Put in the NAS, and customers whose wallet pays for 5 MB, each with a session."""
    with connect(database_url, application="bench") as conn:
        conn.execute("SET synchronous_commit = off")
        for number in range(NAS_COUNT):
            address = nas_address(number)
            nas = NewNas(f"bench-{address}", address, SECRET, coa_port=coa_port)
            add_nas(conn, nas)
        insert_package(
            conn, NewPackage(PACKAGE, "per_session", price_per_mb=Decimal(1))
        )
        values = {
            "first": sizes.customers + 1,
            "past": sizes.past_sessions + sizes.customers,
            "entry": 2 * sizes.customers,
            "sessions": sessions,
            "sealed": seal_password(secret_key, PASSWORD),
            "package": PACKAGE,
            "balance": BALANCE,
            "octets": OCTETS,
            "nas_count": NAS_COUNT,
            "classes": [
                f"k{base36(sizes.customers + 1 + i)}"
                f".{base36(sizes.past_sessions + sizes.customers + i)}"
                for i in range(sessions)
            ],
            "now": datetime.now(UTC),
        }
        with conn.transaction():
            conn.execute(_PEOPLE, values)
            for statement in _FILL:
                conn.execute(statement, values)
        move_sequences(conn)
        conn.execute("ANALYZE")


# i counts from 0: customer first + i, session past + i.
_PEOPLE = """
CREATE TEMPORARY TABLE exhausting ON COMMIT DROP AS
SELECT i, %(first)s::bigint + i AS customer_id, %(past)s::bigint + i AS session_id,
       'x' || lpad(i::text, 7, '0') AS username, n.nas_id, p.package_id,
       (%(classes)s::text[])[i + 1] AS class_value
  FROM generate_series(0, %(sessions)s::integer - 1) i
  JOIN (SELECT nas_id, row_number() OVER (ORDER BY nas_id) - 1 AS number
          FROM nas WHERE name LIKE 'bench-%%') n ON n.number = i %% %(nas_count)s
  JOIN package p ON p.name = %(package)s
"""
_FILL = (
    """
    INSERT INTO customer (customer_id, username, password_sealed, package_id)
    SELECT customer_id, username, %(sealed)s, package_id FROM exhausting
    """,
    "INSERT INTO login (username, customer_id)"
    " SELECT username, customer_id FROM exhausting",
    "INSERT INTO wallet (customer_id) SELECT customer_id FROM exhausting",
    """
    INSERT INTO subscription (customer_id, subscription_id, package_id, started_at)
    SELECT customer_id, customer_id, package_id, %(now)s FROM exhausting
    """,
    """
    INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at, idempotency_key,
                              actor)
    SELECT customer_id, %(entry)s::bigint + 1 + i, 'top_up', %(now)s, 'top_up:bench',
           'bench' FROM exhausting
    """,
    """
    INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
    SELECT customer_id, %(entry)s::bigint + 1 + i, line_no, account, amount
      FROM exhausting
     CROSS JOIN (VALUES (1, 'cash', %(balance)s::numeric),
                        (2, 'wallet', -%(balance)s::numeric))
             AS line (line_no, account, amount)
    """,
    """
    INSERT INTO acct_session (
        customer_id, session_id, nas_id, package_id, subscription_id, state, username,
        acct_session_id, class_value, calling_station_id, accepted_at, started_at,
        last_event_at, limit_octets, interim_interval_seconds)
    SELECT customer_id, session_id, nas_id, package_id, customer_id, 'open', username,
           '9' || lpad(to_hex(i), 7, '0'), class_value, '02:00:00:00:00:01', %(now)s,
           %(now)s, %(now)s, %(octets)s, 300
      FROM exhausting
    """,
    """
    INSERT INTO reservation (customer_id, session_id, held, opened_at)
    SELECT customer_id, session_id, %(balance)s, %(now)s FROM exhausting
    """,
    """
    UPDATE wallet w SET reserved = %(balance)s
      FROM exhausting e WHERE w.customer_id = e.customer_id
    """,
)
