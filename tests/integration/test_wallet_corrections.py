"""Money that never was is taken back, and wallets are adjusted; bills follow."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.services import suspension
from billing_core.services.audit import audit
from billing_core.services.corrections import CorrectionError
from billing_core.services.wallets import (
    AdjustmentError,
    KeyUsedError,
    NotReversibleError,
    ReasonMissingError,
    adjust,
)
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_nas,
    a_package,
    fold,
    posted,
    rows,
    username_of,
)
from tests.integration.correcting import (
    FEBRUARY,
    JANUARY,
    billed,
    charge,
    credit,
    due,
    number,
    put_in,
    take_back,
    void,
)
from tests.integration.test_billing_run import bills, run

D = Decimal


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


def test_cash_that_never_was_opens_the_newest_bills_again(conn: Connection) -> None:
    customer_id = billed(conn)
    run(conn, FEBRUARY)
    put_in(conn, customer_id, "700", FEBRUARY)
    forged = put_in(conn, customer_id, "400", FEBRUARY)
    assert [row[3] for row in bills(conn, customer_id)] == ["paid", "partial"]

    take_back(conn, customer_id, forged, FEBRUARY)

    found = rows(conn, "SELECT paid FROM bill ORDER BY period_start")
    assert found == [(D(600),), (D(100),)]
    assert (posted(conn, customer_id), due(conn, customer_id)) == (D(0), D(500))


def test_cash_that_never_was_suspends_again_who_is_overdue(conn: Connection) -> None:
    customer_id = billed(conn)
    late = JANUARY + timedelta(days=30)
    suspension.sweep_suspensions(conn, late)
    entry_id = put_in(conn, customer_id, "600", late)
    assert rows(conn, "SELECT status FROM customer") == [("active",)]

    take_back(conn, customer_id, entry_id, late)

    assert rows(conn, "SELECT status, suspend_reason FROM customer") == [
        ("suspended", "PAYMENT_DUE")
    ]
    assert bills(conn, customer_id)[0][3] == "unpaid"


def test_cash_that_paid_no_bill_is_just_taken_back(conn: Connection) -> None:
    customer_id = billed(conn, balance="600")
    entry_id = put_in(conn, customer_id, "50")

    take_back(conn, customer_id, entry_id)

    assert bills(conn, customer_id)[0][3] == "paid"
    assert posted(conn, customer_id) == 0


def test_entries_that_bills_stand_on_are_not_reversed(conn: Connection) -> None:
    customer_id = billed(conn, balance="700")
    bill = number(conn, customer_id)
    credit(conn, bill, "10")
    charge(conn, customer_id, "20", key="c")
    void(conn, number(conn, customer_id, 1))
    entries = dict(
        rows(conn, "SELECT kind, max(entry_id) FROM ledger_entry GROUP BY kind")
    )

    for kind in ("bill", "settlement", "credit_note", "bill_void"):
        with pytest.raises(NotReversibleError, match=f"is a {kind}: .*khata"):
            take_back(conn, customer_id, entries[kind])


def test_the_reversal_of_a_settlement_is_not_reversed(conn: Connection) -> None:
    customer_id = billed(conn)
    take_back(conn, customer_id, put_in(conn, customer_id, "600"))
    ((entry_id,),) = rows(
        conn,
        "SELECT e.entry_id FROM ledger_entry e JOIN ledger_entry s"
        " ON s.entry_id = e.reverses_entry_id WHERE s.kind = 'settlement'",
    )
    with pytest.raises(NotReversibleError):
        take_back(conn, customer_id, entry_id)


def test_a_session_is_corrected_on_its_bill(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="50")
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=NOON)
    fold(conn, p.start(), p.stop(600), now=NOON)
    ((entry_id,),) = rows(
        conn, "SELECT entry_id FROM ledger_entry WHERE kind = 'session_charge'"
    )
    with pytest.raises(NotReversibleError, match="khata bill credit"):
        take_back(conn, customer_id, entry_id)
    ((bill_id,),) = rows(conn, "SELECT bill_id FROM bill")
    with pytest.raises(CorrectionError, match="khata bill credit"):
        void(conn, str(bill_id))


def test_an_adjustment_pays_bills_and_keeps_its_reason(conn: Connection) -> None:
    customer_id = billed(conn)

    for _ in range(2):
        adjusted(conn, customer_id, "650", key="gift")

    assert (posted(conn, customer_id), due(conn, customer_id)) == (D(50), D(0))
    assert rows(conn, "SELECT note FROM ledger_entry WHERE kind = 'adjustment'") == [
        ("outage",)
    ]
    with pytest.raises(KeyUsedError):
        adjusted(conn, customer_id, "651", key="gift")


def test_an_adjustment_takes_out_no_more_than_there_is(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="50", credit_limit=D(100))

    with pytest.raises(AdjustmentError, match=r"has 50\.00"):
        adjusted(conn, customer_id, "-50.01")
    adjusted(conn, customer_id, "-50")

    assert posted(conn, customer_id) == 0
    with pytest.raises(AdjustmentError, match="changes nothing"):
        adjusted(conn, customer_id, "0")
    with pytest.raises(ReasonMissingError):
        adjusted(conn, customer_id, "1", reason=" ")


def adjusted(
    conn: Connection,
    customer_id: int,
    amount: str,
    *,
    key: str = "k",
    reason: str = "outage",
) -> int:
    return adjust(
        conn,
        username_of(conn, customer_id),
        D(amount),
        reason=reason,
        key=key,
        operator="nila",
        now=JANUARY,
    )
