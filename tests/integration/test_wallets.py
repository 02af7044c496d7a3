"""Top-ups and reversals: once each, and felt by the sessions that run."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.connect import Connection
from billing_core.db.ledger import EntryMissingError, read_postings
from billing_core.errors import BillingError
from billing_core.services.cash import CashError, take_cash
from billing_core.services.sessions import disconnect
from billing_core.services.wallets import (
    ReasonMissingError,
    ReversedAlreadyError,
    reverse_entry,
)
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_grant,
    a_nas,
    a_package,
    at_once,
    audited,
    fold,
    open_session,
    posted,
    rows,
    sessions_of,
    username_of,
)


def put_in(
    conn: Connection, customer_id: int, amount: str, key: str, seconds: int = 0
) -> int:
    return take_cash(
        conn,
        username_of(conn, customer_id),
        Decimal(amount),
        key=key,
        operator="nila",
        note="",
        now=NOON + timedelta(seconds=seconds),
    ).entry_id


def take_back(conn: Connection, customer_id: int, entry_id: int) -> int:
    return reverse_entry(
        conn,
        username_of(conn, customer_id),
        entry_id,
        reason="typed twice",
        operator="nila",
        now=NOON,
    )


def test_cash_goes_into_the_wallet_with_its_payment(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn))
    entry_id = put_in(conn, customer_id, "50.00", "receipt 1")

    assert posted(conn, customer_id) == Decimal("50.00")
    assert rows(conn, "SELECT method, amount, operator, entry_id FROM payment") == [
        ("cash", Decimal("50.00"), "nila", entry_id)
    ]
    assert audited(conn) == []


@pytest.mark.parametrize("amount", ["0", "-5.00"])
def test_a_top_up_of_nothing_is_refused(conn: Connection, amount: str) -> None:
    customer_id = a_customer(conn, a_package(conn))
    with pytest.raises(CashError, match="more than 0"):
        put_in(conn, customer_id, amount, "receipt 1")
    assert posted(conn, customer_id) == 0


def test_a_receipt_that_is_told_twice_counts_once(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn))
    first = put_in(conn, customer_id, "50.00", "receipt 1")

    assert put_in(conn, customer_id, "50.00", "receipt 1", 60) == first
    assert put_in(conn, customer_id, "50.00", "receipt 2") != first
    assert posted(conn, customer_id) == Decimal("100.00")
    assert rows(conn, "SELECT count(*) FROM payment") == [(2,)]


def test_a_receipt_that_is_told_with_another_amount_is_not_taken_for_the_first(
    conn: Connection,
) -> None:
    """Silence would swallow the money of whoever mistyped a receipt's number."""
    customer_id = a_customer(conn, a_package(conn))
    put_in(conn, customer_id, "50.00", "receipt 1")

    with pytest.raises(BillingError, match=r"receipt 1.*50\.00"):
        put_in(conn, customer_id, "70.00", "receipt 1")
    assert posted(conn, customer_id) == Decimal("50.00")


def test_a_receipt_told_by_eight_at_once_counts_once(
    conn: Connection, database_url: str
) -> None:
    customer_id = a_customer(conn, a_package(conn))

    told = at_once(
        database_url,
        [lambda own: put_in(own, customer_id, "50.00", "receipt 1")] * 8,
    )

    assert len(set(told)) == 1
    assert isinstance(told[0], int)
    assert posted(conn, customer_id) == Decimal("50.00")
    assert rows(conn, "SELECT count(*) FROM payment") == [(1,)]
    assert audited(conn) == []


def test_an_entry_is_taken_back_by_its_mirror_and_both_stay(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn))
    entry_id = put_in(conn, customer_id, "50.00", "receipt 1")
    mirror = take_back(conn, customer_id, entry_id)

    assert posted(conn, customer_id) == 0
    there, back = (
        {p.ledger_account: p.amount for p in read_postings(conn, customer_id, e)}
        for e in (entry_id, mirror)
    )
    assert back == {account: -amount for account, amount in there.items()}
    assert rows(
        conn,
        "SELECT kind, reverses_entry_id, note FROM ledger_entry WHERE entry_id = %s",
        mirror,
    ) == [("reversal", entry_id, "typed twice")]
    assert audited(conn) == []


def test_an_entry_is_taken_back_once_however_many_try(
    conn: Connection, database_url: str
) -> None:
    customer_id = a_customer(conn, a_package(conn))
    entry_id = put_in(conn, customer_id, "50.00", "receipt 1")

    tried = at_once(
        database_url, [lambda own: take_back(own, customer_id, entry_id)] * 5
    )

    assert sum(isinstance(t, int) for t in tried) == 1
    assert sum(isinstance(t, ReversedAlreadyError) for t in tried) == 4
    assert posted(conn, customer_id) == 0


def test_a_reversal_says_why_and_names_an_entry_of_that_customer(
    conn: Connection,
) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="5")
    other = a_customer(conn, a_package(conn))
    ((entry_id,),) = rows(conn, "SELECT entry_id FROM ledger_entry")
    with pytest.raises(ReasonMissingError):
        reverse_entry(
            conn,
            username_of(conn, customer_id),
            entry_id,
            reason=" ",
            operator="nila",
            now=NOON,
        )
    with pytest.raises(EntryMissingError):
        take_back(conn, other, entry_id)
    assert posted(conn, customer_id) == Decimal("5.00")


def test_a_reversal_may_itself_be_taken_back(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn))
    entry_id = put_in(conn, customer_id, "50.00", "receipt 1")
    take_back(conn, customer_id, take_back(conn, customer_id, entry_id))
    assert posted(conn, customer_id) == Decimal("50.00")


def a_running_session(
    conn: Connection, balance: str, **nas: object
) -> tuple[int, Packets]:
    """A session at 1.00 a minute that may last as long as the wallet."""
    customer_id = a_customer(conn, a_package(conn), balance=balance)
    nas_id = a_nas(conn, **nas)
    hold = Decimal(balance)
    grant = a_grant(
        conn,
        customer_id,
        nas_id,
        hold=hold,
        limit_seconds=int(hold) * 60,
        cut_at=NOON + timedelta(minutes=int(hold)),
        cut_reason="BALANCE_EXHAUSTED",
    )
    assert open_session(conn, grant) == "OK"
    p = Packets(username_of(conn, customer_id), nas_id, class_value=grant.class_value)
    fold(conn, p.start())
    return customer_id, p


def test_a_top_up_extends_the_session_that_runs_and_tells_the_nas(
    conn: Connection,
) -> None:
    customer_id, p = a_running_session(conn, "5.00")
    fold(conn, p.interim(60))

    put_in(conn, customer_id, "10.00", "receipt 1", 60)

    (session,) = sessions_of(conn, customer_id)
    assert session["limit_seconds"] == 15 * 60
    assert session["cut_at"] == NOON + timedelta(minutes=15)
    assert rows(conn, "SELECT posted, reserved FROM wallet") == [
        (Decimal("14.00"), Decimal("14.00"))
    ]
    ((kind, reason, state, attributes),) = rows(
        conn, "SELECT kind, reason, state, attributes FROM outbox"
    )
    assert (kind, reason, state) == ("coa", "LIMITS_CHANGED", "pending")
    assert attributes["session_timeout_seconds"] == 15 * 60


def test_a_nas_that_takes_no_coa_is_not_told_but_the_session_goes_on(
    conn: Connection,
) -> None:
    customer_id, _ = a_running_session(conn, "5.00", accepts_coa=False)
    put_in(conn, customer_id, "10.00", "receipt 1")
    assert sessions_of(conn, customer_id)[0]["limit_seconds"] == 15 * 60
    assert rows(conn, "SELECT count(*) FROM outbox") == [(0,)]


def test_a_top_up_takes_back_a_disconnect_that_has_not_left(conn: Connection) -> None:
    customer_id, p = a_running_session(conn, "2.00")
    assert fold(conn, p.interim(120)).disconnects == 1
    assert rows(conn, "SELECT kind, state FROM outbox") == [("disconnect", "pending")]

    put_in(conn, customer_id, "3.00", "receipt 1", 121)

    (session,) = sessions_of(conn, customer_id)
    assert session["disconnect_requested_at"] is None
    assert session["limit_seconds"] == 5 * 60
    assert rows(conn, "SELECT kind, state FROM outbox ORDER BY outbox_id") == [
        ("disconnect", "cancelled"),
        ("coa", "pending"),
    ]
    assert audited(conn) == []


def test_a_top_up_that_does_not_cover_what_ran_over_still_cuts(
    conn: Connection,
) -> None:
    customer_id, p = a_running_session(conn, "2.00")
    fold(conn, p.interim(600))
    assert posted(conn, customer_id) == Decimal("-8.00")

    put_in(conn, customer_id, "3.00", "receipt 1", 601)

    assert posted(conn, customer_id) == Decimal("-5.00")
    assert rows(
        conn,
        "SELECT count(*) FROM outbox WHERE kind = 'disconnect' AND state = 'pending'",
    ) == [(1,)]


def test_a_top_up_does_not_call_off_what_an_operator_asked_for(
    conn: Connection,
) -> None:
    customer_id, p = a_running_session(conn, "5.00")
    fold(conn, p.interim(60))
    (session,) = sessions_of(conn, customer_id)
    disconnect(conn, customer_id, session["session_id"], actor="nila", now=NOON)
    put_in(conn, customer_id, "3.00", "receipt 1", 61)

    assert rows(conn, "SELECT reason, state FROM outbox WHERE kind = 'disconnect'") == [
        ("OPERATOR", "pending")
    ]


def test_money_taken_back_cuts_the_session_that_lived_on_it(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn))
    entry_id = put_in(conn, customer_id, "5.00", "receipt 1")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start(), p.interim(120))

    take_back(conn, customer_id, entry_id)

    assert posted(conn, customer_id) == Decimal("-2.00")
    assert rows(conn, "SELECT reserved FROM wallet") == [(Decimal("0.00"),)]
    assert rows(conn, "SELECT kind, reason FROM outbox WHERE kind = 'disconnect'") == [
        ("disconnect", "BALANCE_EXHAUSTED")
    ]


def test_top_ups_and_packets_at_the_same_moment_add_up(
    conn: Connection, database_url: str
) -> None:
    customer_id, p = a_running_session(conn, "5.00")

    def top(own: Connection) -> None:
        for number in range(5):
            put_in(own, customer_id, "2.00", f"receipt {number}")

    def packets(own: Connection) -> None:
        for minute in range(1, 6):
            fold(own, p.interim(60 * minute))

    assert at_once(database_url, [top, packets]) == [None, None]
    assert posted(conn, customer_id) == Decimal("10.00")
    assert rows(conn, "SELECT reserved FROM wallet") == [(Decimal("10.00"),)]
    assert sessions_of(conn, customer_id)[0]["limit_seconds"] == 15 * 60
    assert audited(conn) == []
