"""What the audit sees of corrected bills, and odd ones that it must bear."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.db.corrections import find_bill
from billing_core.db.queries import load_queries
from billing_core.db.sessions import lock_wallets
from billing_core.services.audit import audit
from billing_core.services.cash import take_cash
from billing_core.services.charges import charge_customer
from billing_core.services.corrections import credit_bill
from billing_core.services.forgiving import forgive_open_bills
from billing_core.services.wallets import adjust, reverse_entry
from tests.builders import posted, rows, username_of
from tests.integration.correcting import (
    JANUARY,
    billed,
    charge,
    credit,
    due,
    number,
    void,
)
from tests.integration.test_audit import break_with
from tests.integration.test_billing_run import DHAKA, a_monthly_customer, run

D = Decimal


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


DAMAGES = {
    "bills_unlike_entries": break_with(
        "UPDATE bill SET net = net + 1, gross = gross + 1"
        " $HIS AND kind = 'other_charge' AND status <> 'void'"
    ),
    "voids_unlike_entries": break_with(
        "UPDATE bill SET status = 'void', void_reason = 'x', voided_at = now()"
        " $HIS AND kind = 'other_charge' AND status <> 'void'"
    ),
    "credit_notes_unlike_entries": break_with(
        "UPDATE credit_note SET net = net + 1, gross = gross + 1 $HIS"
    ),
    "bills_credited_too_much": break_with(
        "UPDATE credit_note SET net = net + 1000, gross = gross + 1000 $HIS"
    ),
    "bills_unlike_allocations": break_with("DELETE FROM bill_allocation $HIS"),
}


def test_the_audit_sees_bills_that_were_tampered_with(conn: Connection) -> None:
    customer_id = billed(conn, balance="600")
    credit(conn, number(conn, customer_id), "10")
    charge(conn, customer_id, "5", key="paid and void")
    void(conn, number(conn, customer_id, 1))
    charge(conn, customer_id, "100", key="open")
    for check, damage in DAMAGES.items():
        with conn.transaction(force_rollback=True):
            damage(conn, customer_id)
            found = conn.execute(load_queries("audit")[check], {"limit": 9}).fetchall()
        assert found, f"{check} found nothing"


def test_a_bill_is_found_by_its_id_through_an_index(conn: Connection) -> None:
    customer_id = billed(conn)
    ((bill_id,),) = rows(conn, "SELECT bill_id FROM bill")
    assert find_bill(conn, str(bill_id)) == (customer_id, bill_id)
    # As a login leaves it, before the job that numbers bills has come.
    conn.execute("DELETE FROM bill_number")
    conn.execute("UPDATE bill SET number = NULL")
    assert find_bill(conn, str(bill_id)) == (customer_id, bill_id)

    query = load_queries("corrections")["find_by_id"]
    with conn.transaction():
        conn.execute("SET LOCAL enable_seqscan = off")
        plan = conn.execute("EXPLAIN " + query, {"bill_id": bill_id}).fetchall()

    text = "\n".join(line for (line,) in plan)
    assert "bill_number_by_bill" in text
    assert "bill_to_number" in text


def test_a_bill_that_owes_more_than_is_left_to_credit_is_forgiven_all_the_same(
    conn: Connection,
) -> None:
    """Paid, credited in full, and open again: its payment was taken back after all."""
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, balance="0", bill_trigger="first"
    )
    run(conn, JANUARY)
    name = username_of(conn, customer_id)
    who: dict[str, Any] = {"operator": "nila", "now": JANUARY}
    cable = charge_customer(
        conn,
        name,
        D(600),
        description="a cable",
        vat_profile=None,
        key="cable",
        actor="nila",
        now=JANUARY,
        zone=DHAKA,
    )
    first = take_cash(conn, name, D(600), key="1", note="", bills=[cable.name], **who)
    take_cash(conn, name, D(600), key="2", note="", **who)
    january = number(conn, customer_id)
    credit_bill(
        conn, january, D(600), reason="no line", key="c", actor="nila", now=JANUARY
    )
    adjust(conn, name, D(-600), reason="paid out", key="out", **who)
    reverse_entry(conn, name, first.entry_id, reason="no such cash", **who)
    assert due(conn, customer_id) == D(600)
    with conn.transaction():
        lock_wallets(conn, [customer_id])
        forgive_open_bills(
            conn, customer_id, reason="goes free", actor="nila", now=JANUARY
        )
    assert due(conn, customer_id) == 0
    assert posted(conn, customer_id) == 0
    assert rows(conn, "SELECT sum(gross) FROM credit_note") == [(D(600),)]
