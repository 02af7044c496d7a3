"""Fill a database for the bench of pages: whole books, put in by bulk SQL."""

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

    They would check and add up each of fifty million rows, which takes half an hour.
    What they keep is kept by the statements, and `khata audit` finds nothing.
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
        conn.execute("INSERT INTO installation VALUES (true, 'BDT', %(zone)s)", values)
        for statement in filter(str.strip, text.split(";\n")):
            conn.execute(statement.encode(), values)
        move_sequences(conn)
        ensure_partitions(conn, now)
        conn.execute("VACUUM ANALYZE")
        conn.execute("CHECKPOINT")
