"""Fill our database: customers, money, past and running sessions; set-based."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql

from bench.people import PASSWORD, Sizes, username
from billing_core.db.packages import NewPackage, insert_package
from billing_core.passwords import seal_password
from billing_core.service_days import DayPrice, day_charge, service_date
from billing_core.services.partitions import ensure_partitions

DAILY_PRICE = Decimal("300.00")
BALANCE = Decimal("1000.00")
#: The running sessions began so long ago: their reports to come lie in the past, since
#: a report from the future is not believed.
RUNNING_SECONDS = 36_000

DAILY = "bench-pppoe-daily"
RATED = "bench-hotspot-session"


def fill(
    database_url: str, sizes: Sizes, *, secret_key: bytes, zone: ZoneInfo, nas_id: int
) -> None:
    """Put everything in: half of the customers pay daily, half per session.

    Odd customers are PPPoE daily, even ones hotspot per session at 1.00 a minute. The
    books are whole afterwards: `khata audit` finds nothing.
    """
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute("SET synchronous_commit = off")
        packages = _packages(conn)
        with conn.transaction():
            _customers(conn, sizes, packages, secret_key)
        _money(conn, sizes)
        _service_days(conn, sizes, zone)
        _past_sessions(conn, sizes, packages, nas_id)
        _running_sessions(conn, sizes, packages, nas_id, zone)
        move_sequences(conn)
        ensure_partitions(conn, datetime.now(UTC))
        conn.execute("SET synchronous_commit = on")
        conn.execute("VACUUM ANALYZE")


def move_sequences(conn: psycopg.Connection) -> None:
    """Let ids go on after those that were given out by number."""
    for sequence, table, column in _SEQUENCES:
        conn.execute(
            sql.SQL(
                "SELECT setval({}, (SELECT coalesce(max({}), 0) + 1 FROM {}), false)"
            ).format(
                sql.Literal(sequence), sql.Identifier(column), sql.Identifier(table)
            )
        )


_SEQUENCES = (
    ("customer_customer_id_seq", "customer", "customer_id"),
    ("subscription_subscription_id_seq", "subscription", "subscription_id"),
    ("ledger_entry_entry_id_seq", "ledger_entry", "entry_id"),
    ("bill_bill_id_seq", "bill", "bill_id"),
    ("acct_session_id", "acct_session", "session_id"),
)


def _packages(conn: psycopg.Connection) -> dict[str, int]:
    insert_package(
        conn,
        NewPackage(
            DAILY,
            "daily",
            price=DAILY_PRICE,
            validity_seconds=30 * 86400,
            vat_percent=Decimal(5),
            interim_interval_seconds=300,
            rate_up_bps=5_000_000,
            rate_down_bps=20_000_000,
        ),
    )
    insert_package(
        conn,
        NewPackage(
            RATED,
            "per_session",
            price_per_minute=Decimal(1),
            increment_seconds=60,
            vat_percent=Decimal(5),
            interim_interval_seconds=300,
            rate_up_bps=5_000_000,
            rate_down_bps=20_000_000,
        ),
    )
    rows = conn.execute("SELECT name, package_id FROM package").fetchall()
    return {row[0]: row[1] for row in rows}


def _customers(
    conn: psycopg.Connection, sizes: Sizes, packages: dict[str, int], key: bytes
) -> None:
    # Each password is sealed by itself: a server must not be able to know them by one.
    columns = "customer_id, username, name, password_sealed, package_id"
    with (
        conn.cursor() as cursor,
        cursor.copy(f"COPY customer ({columns}) FROM STDIN") as copy,
    ):
        for number in range(1, sizes.customers + 1):
            package_id = packages[DAILY if number % 2 else RATED]
            sealed = seal_password(key, PASSWORD)
            name = f"Customer {number}"
            copy.write_row((number, username(number), name, sealed, package_id))
    conn.execute("INSERT INTO login SELECT username, customer_id FROM customer")
    conn.execute("INSERT INTO wallet (customer_id) SELECT customer_id FROM customer")
    conn.execute(
        "INSERT INTO subscription"
        " (customer_id, subscription_id, package_id, state, started_at)"
        " SELECT customer_id, customer_id, package_id, 'active', now() FROM customer"
    )


def _money(conn: psycopg.Connection, sizes: Sizes) -> None:
    """Top each wallet up; the postings' trigger moves the balances."""
    values = {"customers": sizes.customers, "balance": BALANCE}
    conn.execute(
        "INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at,"
        " idempotency_key, actor)"
        " SELECT n, n, 'top_up', now(), 'top_up:bench', 'bench'"
        " FROM generate_series(1, %(customers)s) n",
        values,
    )
    conn.execute(
        "INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)"
        " SELECT n, n, line_no, account, amount"
        " FROM generate_series(1, %(customers)s) n"
        " CROSS JOIN (VALUES (1, 'cash', %(balance)s::numeric),"
        "  (2, 'wallet', -%(balance)s::numeric)) AS line (line_no, account, amount)",
        values,
    )


def _service_days(conn: psycopg.Connection, sizes: Sizes, zone: ZoneInfo) -> None:
    """Charge today to daily customers, as the change of day has done for most."""
    day = service_date(datetime.now(UTC), zone)
    parts = day_charge(DayPrice(DAILY_PRICE, 30, Decimal(5)), day)
    values = {
        "customers": sizes.customers,
        "day": day,
        "net": parts.net,
        "vat": parts.vat,
        "gross": parts.gross,
        "zone": zone.key,
    }
    for statement in _SERVICE_DAY:
        conn.execute(statement, values)


# Entries and bills of the day are numbered after the top-ups: customers + n.
_SERVICE_DAY = (
    """
    INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at,
                              idempotency_key, actor)
    SELECT n, %(customers)s + n, 'service_day', now(),
           'service_day:' || %(day)s::date, 'bench'
      FROM generate_series(1, %(customers)s, 2) n
    """,
    """
    INSERT INTO posting (customer_id, entry_id, line_no, ledger_account, amount)
    SELECT n, %(customers)s + n, line_no, account, amount
      FROM generate_series(1, %(customers)s, 2) n
     CROSS JOIN (VALUES (1, 'wallet', %(gross)s::numeric),
                        (2, 'income', -%(net)s::numeric),
                        (3, 'vat_payable', -%(vat)s::numeric))
             AS line (line_no, account, amount)
     WHERE amount <> 0
    """,
    """
    INSERT INTO bill (customer_id, bill_id, kind, period_start, period_end, issued_at,
                      net, vat, gross, paid, status, subject)
    SELECT n, n, 'service_day', %(day)s::date::timestamp AT TIME ZONE %(zone)s,
           (%(day)s::date + 1)::timestamp AT TIME ZONE %(zone)s, now(),
           %(net)s, %(vat)s, %(gross)s, %(gross)s, 'paid', %(day)s::date::text
      FROM generate_series(1, %(customers)s, 2) n
    """,
    """
    INSERT INTO bill_line (customer_id, bill_id, line_no, description, quantity, unit,
                           net, vat_percent, vat, gross)
    SELECT n, n, 1, 'bench', 1, 'day', %(net)s, 5, %(vat)s, %(gross)s
      FROM generate_series(1, %(customers)s, 2) n
    """,
    """
    INSERT INTO service_day (customer_id, service_date, amount, bill_id, entry_id)
    SELECT n, %(day)s, %(gross)s, n, %(customers)s + n
      FROM generate_series(1, %(customers)s, 2) n
    """,
)


def _past_sessions(
    conn: psycopg.Connection, sizes: Sizes, packages: dict[str, int], nas_id: int
) -> None:
    """Insert ended sessions, a day apart for each customer, the oldest first."""
    conn.execute(
        """
        INSERT INTO acct_session (
            customer_id, session_id, nas_id, package_id, subscription_id, state,
            username, acct_session_id, calling_station_id, called_station_id,
            nas_port_id, nas_ip, framed_ip, accepted_at, started_at, last_event_at,
            last_received_at, ended_at, terminate_cause, session_seconds, input_octets,
            output_octets, interim_interval_seconds)
        SELECT c, i, %(nas_id)s,
               CASE WHEN c %% 2 = 1 THEN %(daily)s ELSE %(rated)s END, c, 'ended',
               'c' || lpad(c::text, 7, '0'), '7' || lpad(to_hex(i), 7, '0'),
               '02:00:00:00:00:00', 'bench', 'ether1', '127.0.0.1', '10.0.0.1',
               at, at, at + interval '1 hour', at + interval '1 hour',
               at + interval '1 hour', 'User-Request', 3600, 100000000, 1000000000, 300
          FROM (SELECT i, 1 + (i - 1) %% %(customers)s AS c,
                       now() - make_interval(
                           days => (2 + (%(past)s - i) / %(customers)s)::integer) AS at
                  FROM generate_series(1, %(past)s::bigint) i) s
        """,
        {
            "nas_id": nas_id,
            "daily": packages[DAILY],
            "rated": packages[RATED],
            "customers": sizes.customers,
            "past": sizes.past_sessions,
        },
    )


def _running_sessions(
    conn: psycopg.Connection,
    sizes: Sizes,
    packages: dict[str, int],
    nas_id: int,
    zone: ZoneInfo,
) -> None:
    """Insert the running sessions that logins would have opened, holds included."""
    values = {
        "nas_id": nas_id,
        "daily": packages[DAILY],
        "rated": packages[RATED],
        "first": sizes.free + 1,
        "last": sizes.customers,
        "past": sizes.past_sessions,
        "seconds": RUNNING_SECONDS,
        "zone": zone.key,
    }
    for statement in _RUNNING:
        conn.execute(statement, values)


# Session ids go on after the past sessions: past + customer.
_RUNNING = (
    """
    CREATE FUNCTION pg_temp.base36(number bigint) RETURNS text LANGUAGE sql AS $$
        SELECT string_agg(substr('0123456789abcdefghijklmnopqrstuvwxyz', digit + 1, 1),
                          '' ORDER BY k DESC)
          FROM generate_series(0, floor(log(36, number::numeric))::integer) k,
               CAST(mod(div(number, 36::numeric ^ k), 36) AS integer) AS digit
    $$
    """,
    """
    INSERT INTO acct_session (
        customer_id, session_id, nas_id, package_id, subscription_id, state, username,
        acct_session_id, calling_station_id, called_station_id, nas_port_id, nas_ip,
        framed_ip, accepted_at, started_at, last_event_at, interim_interval_seconds,
        limit_seconds, cut_at, cut_reason, class_value)
    SELECT n, %(past)s + n, %(nas_id)s,
           CASE WHEN n %% 2 = 1 THEN %(daily)s ELSE %(rated)s END, n, 'open',
           'c' || lpad(n::text, 7, '0'), '8' || lpad(to_hex(n), 7, '0'), station,
           'bench', 'ether1', '127.0.0.1', '10.0.0.2', start, start, now(), 300,
           CASE WHEN n %% 2 = 0 THEN 60000 END,
           CASE WHEN n %% 2 = 0 THEN start + interval '60000 s'
                ELSE date_trunc('day', now() AT TIME ZONE %(zone)s)
                     AT TIME ZONE %(zone)s + interval '60 days' END,
           'BALANCE_EXHAUSTED',
           'k' || pg_temp.base36(n) || '.' || pg_temp.base36(%(past)s + n)
      FROM (SELECT n, date_trunc('second', now())
                      - make_interval(secs => %(seconds)s) AS start,
                   upper(regexp_replace('0200' || lpad(to_hex(n), 8, '0'),
                                        '(..)(?=.)', '\\1:', 'g')) AS station
              FROM generate_series(%(first)s::bigint, %(last)s::bigint) n) s
    """,
    """
    INSERT INTO reservation (customer_id, session_id, held, opened_at)
    SELECT w.customer_id, %(past)s + w.customer_id, w.posted, now()
      FROM wallet w
     WHERE w.customer_id BETWEEN %(first)s AND %(last)s AND w.customer_id %% 2 = 0
    """,
    """
    UPDATE wallet SET reserved = posted
     WHERE customer_id BETWEEN %(first)s AND %(last)s AND customer_id %% 2 = 0
    """,
)
