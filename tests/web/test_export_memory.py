"""Exports take the same memory for a few rows and for many."""

import json
import subprocess
from datetime import UTC, datetime

import pytest

from bench import export_job
from billing_core.services.web_logins import (
    OPERATOR_IDLE,
    OPERATOR_LONGEST,
    open_session,
)
from tests.builders import a_package
from tests.web.conftest import Site

FEW, MANY = 1_000, 20_000
# Held in memory, a row and what is written of it come to a kilobyte: 19 MB more.
_GROWTH_MB_MAX = 8


def add_customers(site: Site, first: int, last: int) -> None:
    """Take people on, with a bill and a payment of each."""
    for statement in (
        "INSERT INTO customer (customer_id, username, name, mobile, password_sealed,"
        " package_id) SELECT n, 'user' || n, repeat('a long name ', 10), '01711', '',"
        " (SELECT min(package_id) FROM package)",
        "INSERT INTO wallet (customer_id) SELECT n",
        "INSERT INTO bill (customer_id, kind, period_start, period_end, issued_at, net,"
        " vat, gross, status, subject) SELECT n, 'other_charge', now(), now(), now(),"
        " 5, 0, 5, 'unpaid', repeat('x', 100)",
        "INSERT INTO ledger_entry (customer_id, entry_id, kind, occurred_at,"
        " idempotency_key, actor) SELECT n, n, 'top_up', now(), 'x', 'x'",
        "INSERT INTO payment (customer_id, method, amount, received_at, operator, note,"
        " entry_id) SELECT n, 'cash', 5, now(), 'x', repeat('n', 100), n",
    ):
        numbers = " FROM generate_series(%s::bigint, %s::bigint) n"
        site.conn.execute(statement + numbers, [first, last])
    site.conn.execute("ANALYZE")


def cookie_of_an_admin(site: Site) -> str:
    opened = open_session(
        site.conn,
        idle=OPERATOR_IDLE,
        longest=OPERATOR_LONGEST,
        address="127.0.0.1",
        now=datetime.now(UTC),
        operator_id=site.operator_id("boss", "admin"),
    )
    return opened.token


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
@pytest.mark.parametrize("name", ["customers", "bills", "payments"])
def test_an_export_of_many_takes_no_more_memory_than_one_of_few(
    site: Site, database_url: str, name: str, suffix: str
) -> None:
    """Each in a process of its own, as its peak resident memory tells."""
    a_package(site.conn)
    command = export_job.command(
        database_url, cookie_of_an_admin(site), f"/{name}/export.{suffix}"
    )

    def take() -> tuple[float, int]:
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        answer = json.loads(done.stdout)
        assert answer["status"] == 200
        return answer["peak_mb"], answer["octets"]

    add_customers(site, 1, FEW)
    few_mb, few_octets = take()
    add_customers(site, FEW + 1, MANY)
    many_mb, many_octets = take()

    assert many_octets > 8 * few_octets
    assert many_mb - few_mb < _GROWTH_MB_MAX
