"""What bKash tells of by itself: kept once, and matched with what it is of."""

import pytest

from billing_core.db.connect import Connection
from billing_core.db.gateway_notices import find_notice, find_unmatched
from billing_core.db.payments import list_attempts
from billing_core.gateways.contract import CallbackRequest
from billing_core.services.payments.deciding import (
    approve,
)
from billing_core.services.payments.hints import keep_notice
from billing_core.services.payments.unmatched import (
    NoticeError,
    payers_reference,
    show_notice,
    suggest,
)
from billing_core.services.payments.waiting import read_shown
from tests.builders import (
    NOON,
    audited,
    posted,
    rows,
)
from tests.integration.gateway_attempts import announce
from tests.integration.merchant_wallet import (
    SENDER,
    D,
    Wallet,
    given,
    someone,
    told,
)
from tests.integration.paying import pay, start


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


def test_what_was_paid_in_bkashs_app_waits_with_all_that_is_known(
    conn: Connection, wallet: Wallet
) -> None:
    customer_id = someone(conn, mobile=f"+88 {SENDER}".replace(" ", ""))
    notice = told(conn, wallet, transactionReference="bill november")
    shown = show_notice(conn, notice)
    assert shown.answer.amount == D(500)
    assert shown.answer.payer == f"88{SENDER}"
    assert shown.answer.merchant == wallet.shop.bkash.short_code
    assert payers_reference(shown) == "bill november"
    assert (shown.reasons, shown.not_assignable) == ((), None)
    assert [each.customer_id for each in suggest(conn, shown)] == [customer_id]
    assert list_attempts(conn, limit=9) == []


def test_it_is_told_many_times_and_waits_once(conn: Connection, wallet: Wallet) -> None:
    notice = wallet.paid()
    for _ in range(3):
        wallet.tell(conn, notice)
    assert len(find_unmatched(conn, limit=9)) == 1


def test_who_announces_it_later_has_bkashs_word_beside_his(
    conn: Connection, wallet: Wallet
) -> None:
    customer_id = someone(conn)
    notice = told(conn, wallet)
    attempt = announce(
        conn,
        customer_id,
        transaction_id=notice.transaction_id.lower(),
        sender=SENDER,
        amount=D(600),
    )
    assert (attempt.state, attempt.reason) == ("review", "TRANSFER AMOUNT_DIFFERS")
    assert find_unmatched(conn, limit=9) == []
    with pytest.raises(NoticeError, match="decide on that"):
        given(conn, notice, customer_id)
    approve(conn, attempt.attempt_id, amount=D(500), operator="nila", now=NOON)
    after = find_notice(conn, notice.transaction_id)
    assert after is not None
    assert (after.state, after.attempt_id) == ("credited", attempt.attempt_id)
    assert posted(conn, customer_id) == D("500.00")
    assert audited(conn) == []


def test_a_transfer_that_waits_gets_bkashs_word_when_it_comes(
    conn: Connection, wallet: Wallet
) -> None:
    notice = wallet.paid()
    attempt = announce(
        conn, someone(conn), transaction_id=notice["trxID"], sender=SENDER
    )
    wallet.tell(conn, notice)
    shown, _events = read_shown(conn, attempt.reference)
    assert [each.agrees for each in shown.comparisons] == [True] * 4
    assert find_unmatched(conn, limit=9) == []


def test_the_notice_of_a_checkout_waits_for_nobody(
    conn: Connection, wallet: Wallet
) -> None:
    customer_id = someone(conn)
    started = start(conn, wallet.shop, customer_id, "500.00")
    wallet.shop.bkash.customer_pays(started.reference)
    payment = wallet.shop.bkash.payment_of(started.reference)
    wallet.shop.bkash.capture(payment)
    wallet.tell(conn, wallet.sns.notice(wallet.shop.bkash, payment))
    late = start(conn, wallet.shop, customer_id, "100.00")
    pay(conn, wallet.shop, late)
    wallet.tell(
        conn,
        wallet.sns.notice(
            wallet.shop.bkash, wallet.shop.bkash.payment_of(late.reference)
        ),
    )
    assert posted(conn, customer_id) == D("600.00")
    assert find_unmatched(conn, limit=9) == []
    assert rows(conn, "SELECT DISTINCT state FROM gateway_notice") == [("credited",)]


def test_money_that_names_an_attempt_which_never_gets_it_waits_with_that_name(
    conn: Connection, wallet: Wallet
) -> None:
    """bKash denies the checkout, and tells of its money all the same."""
    customer_id = someone(conn)
    started = start(conn, wallet.shop, customer_id, "500.00")
    notice = wallet.paid(merchantInvoiceNumber=started.reference)
    wallet.tell(conn, notice)
    # It is asked about still: that may yet be its money.
    assert find_unmatched(conn, limit=9) == []
    conn.execute("UPDATE payment_attempt SET state = 'expired'")
    (waits,) = find_unmatched(conn, limit=9)
    assert waits.names_reference == started.reference
    given(conn, waits, customer_id)
    assert posted(conn, customer_id) == D("500.00")
    assert audited(conn) == []


@pytest.mark.parametrize("status", ["Failed", "Initiated", ""])
def test_a_notice_of_money_that_did_not_move_is_not_kept(
    conn: Connection, wallet: Wallet, status: str
) -> None:
    wallet.tell(conn, wallet.paid(transactionStatus=status))
    assert rows(conn, "SELECT count(*) FROM gateway_notice") == [(0,)]


def test_without_a_topic_a_notice_is_nobodys_and_nothing_is_kept(
    conn: Connection, wallet: Wallet
) -> None:
    foreign = {"TopicArn": "arn:aws:sns:ap-southeast-1:000000000000:bpt_01929918378"}
    post = wallet.sns.notification(wallet.paid(), changes=foreign)
    hint = wallet.gateway.read_callback(
        CallbackRequest({}, {}, post.body, post.headers)
    )
    keep_notice(conn, wallet.gateway, hint, now=NOON)
    assert rows(conn, "SELECT count(*) FROM gateway_notice") == [(0,)]


def test_the_longest_waiting_comes_first_and_pages_go_on(
    conn: Connection, wallet: Wallet
) -> None:
    for _ in range(3):
        wallet.tell(conn, wallet.paid())
    first, second = find_unmatched(conn, limit=2)
    assert first.notice_id < second.notice_id
    (third,) = find_unmatched(conn, after=second.notice_id, limit=2)
    assert third.notice_id > second.notice_id
