"""Voids, credit notes, charges and reversals, on a real PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.db.corrections import UnknownBillError, find_bill
from billing_core.db.profiles import insert_vat_profile
from billing_core.db.queries import load_queries
from billing_core.db.sessions import lock_wallets
from billing_core.services import suspension
from billing_core.services.audit import audit
from billing_core.services.cash import take_cash
from billing_core.services.charges import bill_again, charge_customer
from billing_core.services.corrections import (
    CorrectionError,
    credit_bill,
    void_bill,
)
from billing_core.services.forgiving import forgive_open_bills
from billing_core.services.wallets import (
    AdjustmentError,
    KeyUsedError,
    NotReversibleError,
    ReasonMissingError,
    adjust,
    reverse_entry,
)
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_nas,
    a_package,
    at_once,
    fold,
    posted,
    rows,
    username_of,
)
from tests.integration.test_audit import break_with
from tests.integration.test_billing_run import (
    DHAKA,
    a_monthly_customer,
    bills,
    dhaka,
    run,
)

JANUARY, FEBRUARY = dhaka(2026, 1, 1), dhaka(2026, 2, 1)
D = Decimal


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever a test did, the books are sound after it."""
    yield
    assert audit(conn) == []


def billed(conn: Connection, *, balance: str = "0", **profile: Any) -> int:
    """A customer whose January is billed: 600.00."""
    customer_id = a_monthly_customer(
        conn,
        joined=JANUARY,
        balance=balance,
        **({"bill_trigger": "first"} | profile),
    )
    run(conn, JANUARY)
    return customer_id


def number(conn: Connection, customer_id: int, which: int = 0) -> str:
    found = rows(
        conn,
        "SELECT number FROM bill WHERE customer_id = %s ORDER BY bill_id",
        customer_id,
    )
    return str(found[which][0])


def due(conn: Connection, customer_id: int) -> Decimal:
    ((amount,),) = rows(
        conn, "SELECT due FROM wallet WHERE customer_id = %s", customer_id
    )
    return Decimal(amount)


def void(conn: Connection, bill: str, now: Any = JANUARY) -> None:
    void_bill(conn, bill, reason="wrong", actor="nila", now=now)


def credit(conn: Connection, bill: str, amount: str, key: str = "k") -> str:
    return credit_bill(
        conn, bill, D(amount), reason="slow", key=key, actor="nila", now=JANUARY
    )


def charge(
    conn: Connection, customer_id: int, amount: str, *, key: str = "k", **but: Any
) -> str:
    facts: dict[str, Any] = {"description": "router", "vat_profile": None} | but
    return charge_customer(
        conn,
        username_of(conn, customer_id),
        D(amount),
        key=key,
        actor="nila",
        now=JANUARY,
        zone=DHAKA,
        **facts,
    ).name


def put_in(conn: Connection, customer_id: int, amount: str, now: Any = JANUARY) -> int:
    return take_cash(
        conn,
        username_of(conn, customer_id),
        D(amount),
        key=f"{now}{amount}",
        operator="nila",
        note="",
        now=now,
    ).entry_id


def take_back(
    conn: Connection, customer_id: int, entry_id: int, now: Any = JANUARY
) -> int:
    return reverse_entry(
        conn,
        username_of(conn, customer_id),
        entry_id,
        reason="forged note",
        operator="nila",
        now=now,
    )


def last_event(conn: Connection, customer_id: int) -> tuple[Any, ...]:
    return rows(
        conn,
        "SELECT actor, what, note FROM customer_event WHERE customer_id = %s"
        " ORDER BY customer_event_id DESC LIMIT 1",
        customer_id,
    )[0]


# Voids -------------------------------------------------------------------------------


def test_a_void_bill_is_no_debt_and_is_not_billed_again(conn: Connection) -> None:
    customer_id = billed(conn)

    void(conn, number(conn, customer_id))
    run(conn, JANUARY + timedelta(days=3))

    assert [row[3] for row in bills(conn, customer_id)] == ["void"]
    assert due(conn, customer_id) == 0
    assert last_event(conn, customer_id) == (
        "nila",
        "bill void",
        f"{number(conn, customer_id)}: wrong",
    )
    run(conn, FEBRUARY)
    assert [row[3] for row in bills(conn, customer_id)] == ["void", "unpaid"]


def test_what_was_paid_of_a_void_bill_goes_back_and_settles_others(
    conn: Connection,
) -> None:
    customer_id = billed(conn, balance="700")
    charge(conn, customer_id, "150")
    assert (posted(conn, customer_id), due(conn, customer_id)) == (D(0), D(50))

    void(conn, number(conn, customer_id))

    assert (posted(conn, customer_id), due(conn, customer_id)) == (D(550), D(0))


def test_voiding_what_suspended_a_customer_restores_him(conn: Connection) -> None:
    customer_id = billed(conn)
    later = JANUARY + timedelta(days=30)
    assert suspension.sweep_suspensions(conn, later).suspended == 1

    void(conn, number(conn, customer_id), later)

    assert rows(conn, "SELECT status FROM customer") == [("active",)]


def test_a_bill_is_voided_once_by_whoever_comes_first(
    conn: Connection, database_url: str
) -> None:
    customer_id = billed(conn, balance="600")
    bill = number(conn, customer_id)

    tried = at_once(database_url, [lambda own: void(own, bill)] * 4)

    assert sum(t is None for t in tried) == 1
    assert sum(isinstance(t, CorrectionError) for t in tried) == 3
    assert posted(conn, customer_id) == 600


def test_the_period_of_a_void_bill_is_billed_again_by_a_person_once(
    conn: Connection,
) -> None:
    customer_id = billed(conn)
    first = number(conn, customer_id)
    with pytest.raises(CorrectionError, match="only the period of a void"):
        bill_again(conn, first, actor="nila", now=JANUARY, zone=DHAKA)
    void(conn, first)
    conn.execute("UPDATE customer SET special_price = 500")
    late = dhaka(2026, 1, 20, 12)

    again = bill_again(conn, first, actor="nila", now=late, zone=DHAKA)

    assert rows(
        conn,
        "SELECT period_start, period_end, gross, due_at FROM bill WHERE number = %s",
        again,
    ) == [(JANUARY, FEBRUARY, D("500.00"), dhaka(2026, 1, 27))]
    with pytest.raises(CorrectionError, match="billed again already"):
        bill_again(conn, first, actor="nila", now=late, zone=DHAKA)
    # The new one may be wrong as well.
    void(conn, again, late)
    bill_again(conn, again, actor="nila", now=late, zone=DHAKA)
    run(conn, FEBRUARY)
    assert due(conn, customer_id) == 1000


def test_a_period_of_other_cycles_is_not_billed_again(conn: Connection) -> None:
    customer_id = a_monthly_customer(
        conn, joined=dhaka(2026, 1, 10, 12), bill_trigger="day", bill_day=20
    )
    run(conn, dhaka(2026, 1, 25))
    bill = number(conn, customer_id)
    void(conn, bill)
    conn.execute("UPDATE billing_profile SET bill_trigger = 'first', bill_day = NULL")

    # It would reach to the first of February, over the cycle from the 20th.
    with pytest.raises(CorrectionError, match="nothing is to be billed"):
        bill_again(conn, bill, actor="nila", now=dhaka(2026, 1, 25), zone=DHAKA)


def test_what_was_paused_is_not_billed_again_either(conn: Connection) -> None:
    customer_id = billed(conn)
    name = username_of(conn, customer_id)
    middle = dhaka(2026, 1, 16, 12)
    suspension.pause(conn, name, note="", actor="nila", now=middle)
    suspension.resume(conn, name, note="", actor="nila", now=FEBRUARY)
    void(conn, number(conn, customer_id), FEBRUARY)

    bill_again(conn, number(conn, customer_id), actor="nila", now=FEBRUARY, zone=DHAKA)

    assert due(conn, customer_id) == D("300.00")


@pytest.mark.parametrize("name", ["B-99999999", "99", "x", "9" * 30, "²", ""])
def test_a_bill_that_nobody_issued_is_unknown(conn: Connection, name: str) -> None:
    with pytest.raises(UnknownBillError):
        void(conn, name)


def test_a_correction_says_why(conn: Connection) -> None:
    bill = number(conn, billed(conn))
    with pytest.raises(CorrectionError, match="Say why"):
        void_bill(conn, bill, reason=" ", actor="nila", now=JANUARY)


# Credit notes ------------------------------------------------------------------------


def test_a_credit_lowers_what_is_open_and_the_rest_goes_into_the_wallet(
    conn: Connection,
) -> None:
    customer_id = billed(conn, balance="500")
    bill = number(conn, customer_id)

    assert credit(conn, bill, "40", "a") == "CN-00000001"
    assert (due(conn, customer_id), posted(conn, customer_id)) == (D(60), D(0))
    assert credit(conn, bill, "100", "b") == "CN-00000002"
    assert (due(conn, customer_id), posted(conn, customer_id)) == (D(0), D(40))
    assert bills(conn, customer_id)[0][3] == "paid"


def test_credits_give_back_the_whole_vat_and_not_more_than_the_bill(
    conn: Connection,
) -> None:
    package = a_package(
        conn, billing="per_session", price_per_minute=D("0.07"), vat_percent=D(15)
    )
    customer_id = a_customer(conn, package, balance="50")
    p = Packets(username_of(conn, customer_id), a_nas(conn), started_at=NOON)
    fold(conn, p.start(), p.stop(600), now=NOON)
    ((bill, net, vat, gross),) = rows(conn, "SELECT bill_id, net, vat, gross FROM bill")

    for part in range(7):
        credit(conn, str(bill), str(gross / 7), str(part))

    assert rows(conn, "SELECT sum(net), sum(vat), sum(gross) FROM credit_note") == [
        (net, vat, gross)
    ]
    assert posted(conn, customer_id) == 50
    with pytest.raises(CorrectionError, match=r"up to 0\.00"):
        credit(conn, str(bill), "0.01", "more")


def test_the_same_key_credits_once(conn: Connection, database_url: str) -> None:
    customer_id = billed(conn)
    bill = number(conn, customer_id)

    numbers = at_once(database_url, [lambda own: credit(own, bill, "10")] * 4)

    assert numbers == ["CN-00000001"] * 4
    assert due(conn, customer_id) == 590


@pytest.mark.parametrize("amount", ["0", "-1", "600.01"])
def test_an_amount_that_is_no_part_of_a_bill_is_refused(
    conn: Connection, amount: str
) -> None:
    with pytest.raises(CorrectionError, match=r"up to 600\.00"):
        credit(conn, number(conn, billed(conn)), amount)


def test_what_was_credited_cannot_be_voided_nor_a_void_bill_credited(
    conn: Connection,
) -> None:
    credited, voided = billed(conn), billed(conn)
    credit(conn, number(conn, credited), "1")
    with pytest.raises(CorrectionError, match="credit the rest"):
        void(conn, number(conn, credited))
    void(conn, number(conn, voided))
    with pytest.raises(CorrectionError, match="is void"):
        credit(conn, number(conn, voided), "1")


# Charges -----------------------------------------------------------------------------


def test_a_charge_is_billed_once_with_the_vat_of_today(
    conn: Connection, database_url: str
) -> None:
    customer_id = billed(conn)
    insert_vat_profile(
        conn,
        "goods",
        registration_number="",
        inclusive=False,
        rates=[(JANUARY.date(), D(15)), (FEBRUARY.date(), D(20))],
    )

    names = at_once(
        database_url,
        [lambda own: charge(own, customer_id, "100", vat_profile="goods")] * 3,
    )

    assert len(set(names)) == 1
    assert rows(
        conn,
        "SELECT net, vat, gross, status, due_at FROM bill WHERE number = %s",
        names[0],
    ) == [(D(100), D(15), D(115), "unpaid", dhaka(2026, 1, 8))]
    assert due(conn, customer_id) == 715


def test_a_charge_is_void_like_any_bill(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="30")
    bill = charge(conn, customer_id, "20")
    assert posted(conn, customer_id) == 10

    void(conn, bill)

    assert posted(conn, customer_id) == 30


def test_a_charge_has_an_amount_and_says_what_for(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn))
    with pytest.raises(CorrectionError, match="more than 0"):
        charge(conn, customer_id, "0")
    with pytest.raises(CorrectionError, match="Say what"):
        charge(conn, customer_id, "1", description=" ")


# Wallets -----------------------------------------------------------------------------


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


# Due dates ---------------------------------------------------------------------------


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


# Audit -------------------------------------------------------------------------------

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
