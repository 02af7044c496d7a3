"""The worker's sending loop: what cannot be said to a NAS stops nobody."""

import threading
import time
from pathlib import Path

from psycopg.types.json import Jsonb

from billing_core.db.connect import Connection
from billing_core.settings import load_settings
from billing_core.worker.sending import run_sending
from tests.builders import (
    Packets,
    a_customer,
    a_nas,
    a_package,
    fold,
    rows,
    sessions_of,
    username_of,
)
from tests.integration.cli_runner import khata_for

PATIENCE_SECONDS = 30.0


def test_a_limit_that_no_attribute_holds_is_given_up_and_what_follows_is_sent(
    database_url: str, conn: Connection, tmp_path: Path
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="100")
    nas_id = a_nas(conn)
    p = Packets(username_of(conn, customer_id), nas_id)
    fold(conn, p.start(), p.interim(60))
    session_id = sessions_of(conn, customer_id)[0]["session_id"]
    for seconds in (2**40, 3600):
        conn.execute(
            "INSERT INTO outbox (customer_id, session_id, nas_id, kind, reason,"
            " attributes) VALUES (%s, %s, %s, 'coa', %s, %s)",
            [
                customer_id,
                session_id,
                nas_id,
                # Of one reason only the newest is sent.
                f"AFTER {seconds} s",
                Jsonb({"session_timeout_seconds": seconds, "limit_octets": None}),
            ],
        )
    settings = load_settings(
        {"KHATA_CONFIG": str(khata_for(database_url, tmp_path).config)}
    )
    stop = threading.Event()
    sending = threading.Thread(target=run_sending, args=(settings, stop))
    sending.start()
    try:
        patience = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < patience:
            found = rows(conn, "SELECT outcome FROM outbox ORDER BY outbox_id")
            # Nobody listens at that NAS: it is asked, and silent.
            if found == [("NO_COA",), ("TIMEOUT",)]:
                break
            time.sleep(0.05)
    finally:
        stop.set()
        sending.join()
    assert rows(conn, "SELECT state, outcome FROM outbox ORDER BY outbox_id") == [
        ("failed", "NO_COA"),
        ("pending", "TIMEOUT"),
    ]
