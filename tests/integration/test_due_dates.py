"""A late run leaves time to pay."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from billing_core.db.connect import Connection
from billing_core.services import suspension
from billing_core.services.audit import audit
from tests.builders import rows
from tests.integration.correcting import JANUARY
from tests.integration.test_billing_run import a_monthly_customer, dhaka, run


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


def test_a_late_run_leaves_time_to_pay(conn: Connection) -> None:
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, bill_trigger="first", grace_days=3
    )
    late = dhaka(2026, 3, 20, 15)

    run(conn, late)

    assert rows(
        conn,
        "SELECT DISTINCT due_at, suspend_at FROM bill WHERE customer_id = %s",
        customer_id,
    ) == [(dhaka(2026, 3, 27), dhaka(2026, 3, 30))]
    assert suspension.sweep_suspensions(conn, late).suspended == 0


def test_a_run_after_midnight_is_not_late(conn: Connection) -> None:
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, bill_trigger="first", due_days=0
    )

    run(conn, JANUARY + timedelta(hours=5))

    assert rows(
        conn, "SELECT due_at FROM bill WHERE customer_id = %s", customer_id
    ) == [(JANUARY,)]
