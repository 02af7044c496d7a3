"""Ask about an attempt in a process of its own, which is killed before it commits."""

import json
import os
import signal
import sys
from datetime import timedelta
from typing import Any

import httpx
import psycopg

from billing_core.db.connect import connect
from billing_core.services.payments.asking import ask_about
from tests.builders import NOON
from tests.payment_shops import gateway_of


class DoomedCursor(psycopg.Cursor[tuple[Any, ...]]):
    """Kill the process when the payment is to be written: the gateway has answered."""

    def execute(self, query: Any, *args: Any, **options: Any) -> "DoomedCursor":
        super().execute(query, *args, **options)
        if "INSERT INTO payment (" in str(query):
            os.kill(os.getpid(), signal.SIGKILL)
        return self


def main() -> None:
    """Read settings from standard input, and ask."""
    database_url, name, reference = sys.argv[1:]
    gateway = gateway_of(name, json.load(sys.stdin), database_url, httpx.Client())
    conn = connect(database_url, application="doomed")
    conn.cursor_factory = DoomedCursor
    ask_about(
        conn,
        gateway,
        reference,
        finished=True,
        verification="automatic",
        actor="doomed",
        now=NOON + timedelta(seconds=5),
    )


if __name__ == "__main__":
    main()
