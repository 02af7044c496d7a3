"""The schema: made once by whoever comes first, and fit to be distributed."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from billing_core import stack
from billing_core.db.connect import Connection, connect
from billing_core.migrations import head_revision, migrate
from billing_core.services.partitions import ensure_partitions
from tests.builders import NOON, Packets, a_nas, at_once, fold, rows

_numbers = itertools.count(1)

# Tables that are not on a customer's path: the installation's own, queues that live on
# the coordinating node, and narrow look-ups whose global key is the point of them.
NOT_OF_A_CUSTOMER = {
    "acct_intake",
    "acct_parked",
    "access_reject",
    "alembic_version",
    "bill_number",
    "bill_series",
    "billing_profile",
    "billing_run",
    "card",
    "card_batch",
    "card_event",
    "card_guard",
    "card_pin",
    "customer_import",
    "day_sum",
    "gateway_message",
    "gateway_notice",
    "gateway_token",
    "gateway_transaction",
    "installation",
    "ledger_account",
    "login",
    "login_throttle",
    "message",
    "nas",
    "nas_restart",
    "operator",
    "operator_event",
    "outbox",
    "package",
    "payment_attempt",
    "payment_attempt_event",
    "payment_link",
    "process_heartbeat",
    "reminder_policy",
    "static_address",
    "unknown_nas",
    "vat_profile",
    "vat_rate",
    "web_session",
}
APPEND_ONLY = ("ledger_entry", "posting", "acct_event", "operator_event", "document")


@pytest.fixture
def empty_database(postgres: stack.Postgres) -> Iterator[str]:
    """The address of a database without any schema."""
    name = f"khata_empty_{next(_numbers)}"
    with psycopg.connect(postgres.url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlunsplit(urlsplit(postgres.url)._replace(path=f"/{name}"))
        admin.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    """One database for all that only looks."""
    return shared_database_url


def tables(conn: Connection) -> list[str]:
    return [
        name
        for (name,) in rows(
            conn,
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
            " AND relnamespace = 'public'::regnamespace AND NOT relispartition"
            " ORDER BY 1",
        )
    ]


def of_customers(conn: Connection) -> list[str]:
    return [name for name in tables(conn) if name not in NOT_OF_A_CUSTOMER]


def schema_of(url: str) -> list[tuple[object, ...]]:
    with connect(url, application="tests") as conn:
        return rows(
            conn,
            "SELECT table_name, column_name, data_type, is_nullable, column_default"
            " FROM information_schema.columns WHERE table_schema = 'public'"
            " ORDER BY 1, 2",
        )


def revision_of(url: str) -> list[tuple[object, ...]]:
    with connect(url, application="tests") as conn:
        return rows(conn, "SELECT version_num FROM alembic_version")


def test_migrating_makes_the_schema_and_migrating_again_changes_nothing(
    empty_database: str,
) -> None:
    migrate(empty_database)
    schema = schema_of(empty_database)
    assert revision_of(empty_database) == [(head_revision(),)]
    migrate(empty_database)
    assert schema_of(empty_database) == schema
    assert revision_of(empty_database) == [(head_revision(),)]


def test_three_that_migrate_at_once_make_one_schema(empty_database: str) -> None:
    """Processes, as stacks and nodes are: each that starts, migrates first."""
    code = (
        "import sys; from billing_core.migrations import migrate; migrate(sys.argv[1])"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, empty_database],
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    told = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], told
    assert revision_of(empty_database) == [(head_revision(),)]


def test_a_migration_that_breaks_leaves_nothing_behind(
    empty_database: str,
) -> None:
    with connect(empty_database, application="tests") as conn:
        # What the schema is about to make is in its way.
        conn.execute(
            "CREATE FUNCTION open_session(text, text, text, text, text)"
            " RETURNS text LANGUAGE sql AS 'SELECT 1::text'"
        )
    with pytest.raises(Exception, match="open_session"):
        migrate(empty_database)
    with connect(empty_database, application="tests") as conn:
        assert tables(conn) == []


def test_every_table_has_a_primary_key(conn: Connection) -> None:
    without = [
        name
        for name in tables(conn)
        if not rows(
            conn,
            "SELECT 1 FROM pg_constraint WHERE conrelid = %s::regclass"
            " AND contype = 'p'",
            name,
        )
    ]
    assert without == []


def keys(conn: Connection, table: str) -> Iterator[tuple[str, list[str]]]:
    """Return each primary, unique and foreign key of a table with its columns."""
    yield from rows(
        conn,
        "SELECT conname, (SELECT array_agg(attname ORDER BY n) FROM unnest(conkey)"
        "   WITH ORDINALITY AS k (number, n) JOIN pg_attribute"
        "   ON attrelid = conrelid AND attnum = number)"
        " FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('p', 'u')"
        " UNION ALL SELECT indexrelid::regclass::text,"
        " (SELECT array_agg(attname ORDER BY n) FROM unnest(indkey::int[])"
        "   WITH ORDINALITY AS k (number, n) JOIN pg_attribute"
        "   ON attrelid = indrelid AND attnum = number)"
        " FROM pg_index WHERE indrelid = %s::regclass AND indisunique",
        table,
        table,
    )


def test_every_key_on_a_customers_path_begins_with_the_customer(
    conn: Connection,
) -> None:
    astray = [
        (table, name, columns)
        for table in of_customers(conn)
        for name, columns in keys(conn, table)
        if columns[0] != "customer_id"
    ]
    assert astray == []


def test_every_table_on_a_customers_path_names_the_customer(conn: Connection) -> None:
    for table in of_customers(conn):
        assert rows(
            conn,
            "SELECT data_type, is_nullable FROM information_schema.columns"
            " WHERE table_name = %s AND column_name = 'customer_id'",
            table,
        ) == [("bigint", "NO")], table


def test_foreign_keys_between_tables_of_customers_begin_with_the_customer(
    conn: Connection,
) -> None:
    found = rows(
        conn,
        "SELECT conrelid::regclass::text, confrelid::regclass::text, conname,"
        " (SELECT attname FROM pg_attribute WHERE attrelid = conrelid"
        "   AND attnum = conkey[1]), confupdtype, confdeltype"
        " FROM pg_constraint WHERE contype = 'f' AND conparentid = 0"
        " AND connamespace = 'public'::regnamespace",
    )
    assert found
    for table, other, name, first, on_update, on_delete in found:
        if other not in NOT_OF_A_CUSTOMER and table not in NOT_OF_A_CUSTOMER:
            assert first == "customer_id", name
        # A name that says what it prevents, not one that PostgreSQL made up.
        assert not name.endswith("_fkey"), name
        assert (on_update, on_delete) == ("a", "a"), name


def test_constraints_are_named_by_us(conn: Connection) -> None:
    made_up = rows(
        conn,
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE contype IN ('c', 'u', 'f') AND connamespace = 'public'::regnamespace"
        " AND conparentid = 0 AND conname ~ '_(check|key|fkey)\\d*$'",
    )
    assert made_up == []


def test_identities_are_wide_and_rows_are_not_rewritten_by_rules(
    conn: Connection,
) -> None:
    narrow = rows(
        conn,
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND is_identity = 'YES'"
        " AND data_type <> 'bigint'",
    )
    assert narrow == []
    assert rows(conn, "SELECT rulename FROM pg_rules WHERE schemaname = 'public'") == []


def test_money_and_time_have_no_loose_types(conn: Connection) -> None:
    loose = rows(
        conn,
        "SELECT table_name, column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type IN ('real', 'double precision',"
        " 'money', 'timestamp without time zone', 'time without time zone')",
    )
    assert loose == []


def test_the_books_have_no_way_round(conn: Connection) -> None:
    """Every table of the truth refuses UPDATE, DELETE and TRUNCATE, partitions too."""
    for table in APPEND_ONLY:
        ((guards,),) = rows(
            conn,
            "SELECT bit_or(tgtype & 56) FROM pg_trigger WHERE tgrelid = %s::regclass"
            " AND tgenabled = 'O' AND tgfoid = 'refuse_rewriting'::regproc",
            table,
        )
        # pg_trigger.h: 8 DELETE, 16 UPDATE, 32 TRUNCATE.
        assert guards == 8 | 16 | 32, table
    for (partition,) in rows(
        conn,
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = 'acct_event'::regclass",
    ):
        assert rows(
            conn,
            "SELECT bit_or(tgtype & 56) FROM pg_trigger WHERE tgrelid = %s::regclass"
            " AND tgfoid = 'refuse_rewriting'::regproc",
            partition,
        ) == [(56,)], partition
    # Nothing may take the books away with what they point to, or be pointed at.
    assert (
        rows(
            conn,
            "SELECT conname FROM pg_constraint"
            " WHERE contype = 'f' AND confdeltype <> 'a'",
        )
        == []
    )


def test_history_is_parted_by_month_ahead_of_time(conn: Connection) -> None:
    made = ensure_partitions(conn, NOON.replace(year=2027))
    assert made == [
        "acct_event_2027_11",
        "acct_event_2027_12",
        "acct_event_2028_01",
        "acct_event_2028_02",
    ]
    assert ensure_partitions(conn, NOON.replace(year=2027)) == []


def test_a_month_that_began_in_the_catch_all_does_not_stop_the_next(
    conn: Connection,
) -> None:
    """Packets came before their month was made: they stay, the others get tables."""
    at = NOON.replace(year=2029, month=6)
    p = Packets("nobody", a_nas(conn))
    fold(conn, p.interim(60, received_at=at))
    assert rows(conn, "SELECT count(*) FROM acct_event_default") == [(1,)]

    assert ensure_partitions(conn, at) == [
        "acct_event_2029_07",
        "acct_event_2029_08",
        "acct_event_2029_09",
    ]
    assert rows(conn, "SELECT count(*) FROM acct_event") == [(1,)]


def test_two_schedulers_that_make_months_at_once_make_each_once(
    database_url: str,
) -> None:
    later = NOON.replace(year=2035)
    made = at_once(database_url, [lambda own: ensure_partitions(own, later)] * 3)
    assert sorted(len(m) for m in made if isinstance(m, list)) == [0, 0, 4], made
