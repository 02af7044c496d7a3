"""Fill a database for the bench of pages, by bulk SQL."""

import re
from datetime import datetime
from pathlib import Path

import psycopg

from bench.data import move_sequences
from billing_core.passwords import seal_password
from billing_core.services.partitions import ensure_partitions

SECRET_KEY = bytes(32)
ZONE = "Asia/Dhaka"
_STATEMENTS = Path(__file__).with_suffix(".sql")


def fill(superuser_url: str, customers: int, now: datetime) -> None:
    """Put everything in, as of a moment; a superuser may leave the triggers out.

    They would check and add up each of thirty million rows. What they keep, as far as
    pages show it, the statements keep.
    """
    values = {
        "customers": customers,
        "now": now,
        # One for all: nobody logs in by it.
        "sealed": seal_password(SECRET_KEY, "bench"),
        "zone": ZONE,
    }
    text = re.sub(r"^--.*\n", "", _STATEMENTS.read_text("utf-8"), flags=re.MULTILINE)
    with psycopg.connect(superuser_url, autocommit=True) as conn:
        conn.execute("SET synchronous_commit = off")
        conn.execute("SET session_replication_role = replica")
        conn.execute("SET work_mem = '256MB'")
        _be_quick(conn, "full_page_writes = off", "max_wal_size = '6GB'")
        conn.execute("INSERT INTO installation VALUES (true, 'BDT', %(zone)s)", values)
        for statement in filter(str.strip, text.split(";\n")):
            conn.execute(statement.encode(), values)
        conn.execute("SELECT rebuild_day_sums()")
        move_sequences(conn)
        ensure_partitions(conn, now)
        conn.execute("VACUUM ANALYZE")
        conn.execute("ALTER SYSTEM RESET ALL")
        conn.execute("SELECT pg_reload_conf()")
        conn.execute("CHECKPOINT")


def _be_quick(conn: psycopg.Connection, *settings: str) -> None:
    """What is half filled is made anew, not mended."""
    for setting in (*settings, "autovacuum = off"):
        conn.execute(f"ALTER SYSTEM SET {setting}".encode())
    conn.execute("SELECT pg_reload_conf()")
