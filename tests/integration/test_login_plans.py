"""What a login reads, when statistics were taken while nobody was online."""

from datetime import date

from billing_core.access import AccessRequest
from billing_core.db.connect import Connection
from radius_module.access_database import AccessDatabase
from tests.builders import (
    a_customer,
    a_grant,
    a_nas,
    a_package,
    open_session,
    rows,
    username_of,
)

_LOGINS = 300
# As a night or a power cut leaves it: many sessions, none of which runs.
_PAST = """
    INSERT INTO acct_session
    SELECT (jsonb_populate_record(s, jsonb_build_object(
               'session_id', 1000000 + n, 'state', 'ended', 'ended_at', now()))).*
      FROM acct_session s, generate_series(1, 20000) n
"""
_ENTRIES_READ = """
    SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = 'acct_session'
"""


def entries_read(conn: Connection) -> int:
    ((entries,),) = rows(conn, _ENTRIES_READ)
    return int(entries)


def test_logins_after_a_quiet_night_do_not_read_all_who_came_before_them(
    conn: Connection, database_url: str
) -> None:
    nas_id, package_id = a_nas(conn), a_package(conn, billing="free")
    customers = [a_customer(conn, package_id) for _ in range(_LOGINS)]
    open_session(conn, a_grant(conn, customers[0], nas_id))
    conn.execute(_PAST)
    conn.execute("DELETE FROM acct_session WHERE ended_at IS NULL")
    conn.execute("VACUUM ANALYZE")
    rows(conn, "SELECT pg_stat_force_next_flush()")
    before = entries_read(conn)

    database = AccessDatabase(database_url)
    for customer_id in customers:
        request = AccessRequest(username_of(conn, customer_id), str(nas_id), "")
        state = database.load_access_state(request, date(2026, 11, 24))
        assert state is not None
        assert open_session(conn, a_grant(conn, customer_id, nas_id)) == "OK"
    database.line.close()

    rows(conn, "SELECT pg_stat_force_next_flush()")
    assert entries_read(conn) - before < 20 * _LOGINS
