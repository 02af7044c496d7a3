"""Money that is nobody's yet: whose a person says it is, and what may not be."""

from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.db.gateway_notices import find_notice, find_unmatched
from billing_core.db.payments import Attempt
from billing_core.db.queries import load_queries
from billing_core.services.payments.deciding import (
    ChangedSinceError,
    reject,
)
from billing_core.services.payments.transfers import DuplicateTransferError
from billing_core.services.payments.unmatched import (
    NoticeError,
    dismiss,
    reopen,
    show_notice,
)
from billing_core.services.payments.waiting import read_shown
from billing_core.services.refunds import refund_payment
from tests.builders import (
    NOON,
    at_once,
    audited,
    posted,
    rows,
)
from tests.integration.gateway_attempts import announce
from tests.integration.merchant_wallet import (
    D,
    Wallet,
    asked,
    given,
    someone,
    told,
)


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


def test_a_person_says_whose_it_is_and_it_is_credited_once_in_his_name(
    conn: Connection, wallet: Wallet
) -> None:
    customer_id, other = someone(conn), someone(conn)
    notice = told(conn, wallet)
    attempt = given(conn, notice, customer_id)
    assert (attempt.state, attempt.decided_by) == ("paid", "operator:nila")
    assert posted(conn, customer_id) == D("500.00")
    with pytest.raises(NoticeError, match=r"credited already to .* by operator:nila"):
        given(conn, notice, other)
    wallet.tell(conn, notice.answer["raw"])
    assert find_unmatched(conn, limit=9) == []
    assert posted(conn, other) == 0
    assert rows(conn, "SELECT method, amount, operator FROM payment") == [
        ("bkash", D("500.00"), "operator:nila")
    ]
    logged = rows(conn, "SELECT actor, what FROM customer_event WHERE note <> ''")
    assert ("operator:nila", "unmatched money assigned") in logged
    shown, events = read_shown(conn, attempt.reference)
    assert [event.what for event in events] == ["assigned", "paid"]
    assert shown.differences == ()
    assert audited(conn) == []


def test_of_two_who_assign_it_at_once_one_does(
    conn: Connection, database_url: str, wallet: Wallet
) -> None:
    customers = [someone(conn) for _ in range(4)]
    notice = told(conn, wallet)
    results = at_once(
        database_url,
        [lambda own, each=each: given(own, notice, each) for each in customers],  # type: ignore[misc]  # one each
    )
    assert len([each for each in results if isinstance(each, Attempt)]) == 1
    assert all(isinstance(each, Attempt | NoticeError) for each in results)
    assert sum(posted(conn, each) for each in customers) == D("500.00")
    assert audited(conn) == []


def test_money_whose_transfer_was_rejected_is_nobodys_again(
    conn: Connection, wallet: Wallet
) -> None:
    thief, owner = someone(conn), someone(conn)
    notice = told(conn, wallet)
    wrong = announce(conn, thief, transaction_id=notice.transaction_id)
    reject(conn, wrong.attempt_id, reason="not his", operator="nila", now=NOON)
    (again,) = find_unmatched(conn, limit=9)
    given(conn, again, owner)
    assert (posted(conn, thief), posted(conn, owner)) == (0, D("500.00"))
    with pytest.raises(DuplicateTransferError):
        announce(conn, thief, transaction_id=notice.transaction_id)
    assert audited(conn) == []


def test_bkash_is_asked_for_it_and_what_it_says_otherwise_is_marked(
    conn: Connection, wallet: Wallet
) -> None:
    customer_id = someone(conn)
    notice = told(conn, wallet)
    assert asked(conn, wallet, notice).differences == ()
    wallet.shop.bkash.payment_of(notice.transaction_id).amount = D("450.00")
    shown = asked(conn, wallet, notice)
    assert shown.differences == ("amount",)
    with pytest.raises(ChangedSinceError, match=r"450\.00"):
        given(conn, notice, customer_id)
    given(conn, notice, customer_id, "450.00")
    assert posted(conn, customer_id) == D("450.00")


def test_what_bkash_knows_nothing_of_when_asked_is_not_assigned(
    conn: Connection, wallet: Wallet
) -> None:
    notice = told(conn, wallet)
    wallet.shop.bkash.payments.clear()
    shown = asked(conn, wallet, notice)
    assert shown.not_assignable is not None
    with pytest.raises(NoticeError, match="no answer says now that it was paid"):
        given(conn, notice, someone(conn))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"currency": "USD"}, "CURRENCY_DIFFERS"),
        ({"amount": "0"}, "not an amount that can be credited"),
        ({"amount": "-5"}, "not an amount that can be credited"),
        ({"amount": "much"}, "AMOUNT_UNUSABLE"),
        ({"creditShortCode": "01999999999"}, "MERCHANT_DIFFERS"),
    ],
)
def test_money_that_cannot_be_ours_is_shown_and_not_assigned(
    conn: Connection, wallet: Wallet, changes: dict[str, str], why: str
) -> None:
    notice = told(conn, wallet, **changes)
    shown = show_notice(conn, notice)
    assert shown.not_assignable is not None
    assert why in shown.not_assignable
    with pytest.raises(NoticeError):
        given(conn, notice, someone(conn))


def test_a_short_code_of_which_bkash_hides_a_part_is_still_ours(
    conn: Connection, wallet: Wallet
) -> None:
    hidden = wallet.shop.bkash.short_code[:8] + "***"
    notice = told(conn, wallet, creditShortCode=hidden)
    assert show_notice(conn, notice).not_assignable is None


def test_what_is_no_customers_is_dismissed_with_a_reason_and_the_row_stays(
    conn: Connection, wallet: Wallet
) -> None:
    notice = told(conn, wallet)
    who: dict[str, Any] = {"operator": "operator:nila", "now": NOON}
    with pytest.raises(NoticeError, match="Say why"):
        dismiss(conn, notice.notice_id, reason=" ", **who)
    dismiss(conn, notice.notice_id, reason="our own money", **who)
    assert find_unmatched(conn, limit=9) == []
    after = find_notice(conn, notice.transaction_id)
    assert after is not None
    assert (after.state, after.reason) == ("dismissed", "our own money")
    with pytest.raises(NoticeError, match="dismissed already"):
        given(conn, notice, someone(conn))
    logged = rows(conn, "SELECT actor, note FROM operator_event")
    assert logged == [
        ("operator:nila", f"bkash {notice.transaction_id}: our own money")
    ]


def test_what_was_put_aside_is_taken_up_again_and_given_to_whose_it_is(
    conn: Connection, wallet: Wallet
) -> None:
    notice, customer_id = told(conn, wallet), someone(conn)
    who: dict[str, Any] = {"operator": "operator:nila", "now": NOON}
    with pytest.raises(NoticeError, match="is unmatched: only what was put aside"):
        reopen(conn, notice.notice_id, **who)
    dismiss(conn, notice.notice_id, reason="our own money", **who)

    again = reopen(conn, notice.notice_id, **who)

    assert (again.state, again.reason, again.decided_by) == ("unmatched", "", None)
    assert [each.notice_id for each in find_unmatched(conn, limit=9)] == [
        notice.notice_id
    ]
    given(conn, again, customer_id)
    assert posted(conn, customer_id) == D("500.00")
    with pytest.raises(NoticeError, match="is credited: only"):
        reopen(conn, notice.notice_id, **who)
    ((note,),) = rows(
        conn, "SELECT note FROM operator_event WHERE what = 'unmatched money reopened'"
    )
    assert note == (
        f"bkash {notice.transaction_id}; operator:nila had put it aside: our own money"
    )
    assert audited(conn) == []


def test_assigned_money_is_given_back_by_hand_for_it_has_no_checkout(
    conn: Connection, wallet: Wallet
) -> None:
    customer_id = someone(conn)
    given(conn, told(conn, wallet), customer_id)
    ((payment_id,),) = rows(conn, "SELECT payment_id FROM payment")
    how: dict[str, Any] = {"reason": "left", "operator": "nila", "now": NOON}
    refused = refund_payment(
        conn, f"R{payment_id}", None, key="1", by=wallet.gateway, **how
    )
    assert (refused.state, posted(conn, customer_id)) == ("refused", D("500.00"))
    assert "by hand" in refused.outcome
    done = refund_payment(conn, f"R{payment_id}", None, key="2", by="transfer", **how)
    assert (done.state, posted(conn, customer_id)) == ("done", 0)
    assert audited(conn) == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE payment_attempt SET state = 'pending'",
        "DELETE FROM gateway_transaction",
        "UPDATE gateway_notice SET transaction_id = 'OTHER'",
    ],
)
def test_the_audit_sees_money_that_counts_as_credited_and_is_not(
    conn: Connection, wallet: Wallet, damage: str
) -> None:
    given(conn, told(conn, wallet), someone(conn))
    query = load_queries("audit")["notices_unlike_attempts"]
    with conn.transaction(force_rollback=True):
        conn.execute(damage.encode())
        assert conn.execute(query, {"limit": 9}).fetchall()
    assert conn.execute(query, {"limit": 9}).fetchall() == []
