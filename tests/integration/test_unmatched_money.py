"""Money that bKash tells of by itself: paid in its app, and no attempt's of ours."""

from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.db.gateway_notices import Notice, find_notice, find_unmatched
from billing_core.db.payments import Attempt, list_attempts
from billing_core.gateways.bkash import Certificates
from billing_core.gateways.contract import CallbackRequest
from billing_core.services.payments.deciding import (
    ChangedSinceError,
    approve,
    reject,
)
from billing_core.services.payments.hints import keep_notice, take_hint
from billing_core.services.payments.transfers import DuplicateTransferError
from billing_core.services.payments.unmatched import (
    NoticeError,
    ShownNotice,
    ask_about_notice,
    assign,
    dismiss,
    payers_reference,
    show_notice,
    suggest,
)
from billing_core.services.payments.waiting import read_shown
from billing_core.services.refunds import refund_payment
from simulators.gateways.bkash_sns import SimulatedSns
from tests.builders import (
    NOON,
    a_customer,
    a_package,
    at_once,
    audited,
    posted,
    rows,
    username_of,
)
from tests.gateways.bkash_shop import Shop
from tests.integration.paying import pay, start
from tests.integration.test_payments import announce

SENDER = "01770618575"
D = Decimal
_SENDERS: list[SimulatedSns] = []


class Wallet:
    """A merchant's wallet at bKash, whose notices come to us by SNS."""

    def __init__(self) -> None:
        if not _SENDERS:
            _SENDERS.append(SimulatedSns(NOON))
        self.sns = _SENDERS[0]
        self.shop = Shop(certificates=Certificates(self.sns.fetch))
        self.gateway = self.shop.gateway

    def paid(self, amount: str = "500.00", **told: str) -> dict[str, str]:
        """Pay in bKash's app; return what bKash says of it."""
        trx_id = self.shop.bkash.pay_to_wallet(D(amount), SENDER)
        notice = self.sns.notice(self.shop.bkash, self.shop.bkash.payment_of(trx_id))
        return notice | {"transactionType": "10003126"} | told

    def tell(self, conn: Connection, notice: dict[str, str]) -> None:
        """Let the notice arrive as it does at our web server."""
        post = self.sns.notification(notice)
        hint = self.gateway.read_callback(
            CallbackRequest({}, {}, post.body, post.headers)
        )
        keep_notice(conn, self.gateway, hint, now=NOON)
        take_hint(
            conn,
            self.gateway,
            hint,
            verification="automatic",
            actor="gateway:bkash",
            now=NOON,
        )


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


def someone(conn: Connection, **facts: Any) -> int:
    return a_customer(conn, a_package(conn), **facts)


def told(conn: Connection, wallet: Wallet, **notice: str) -> Notice:
    wallet.tell(conn, wallet.paid() | notice)
    (found,) = find_unmatched(conn, limit=9)
    return found


def given(
    conn: Connection, notice: Notice, customer_id: int, amount: str = "500.00"
) -> Attempt:
    return assign(
        conn,
        notice.notice_id,
        username_of(conn, customer_id),
        amount=D(amount),
        operator="operator:nila",
        now=NOON,
    )


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


def asked(conn: Connection, wallet: Wallet, notice: Notice) -> ShownNotice:
    return ask_about_notice(conn, wallet.gateway, notice.notice_id, now=NOON)


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


@pytest.mark.parametrize("status", ["Failed", "Initiated", ""])
def test_a_notice_of_money_that_did_not_move_is_not_kept(
    conn: Connection, wallet: Wallet, status: str
) -> None:
    wallet.tell(conn, wallet.paid(transactionStatus=status))
    assert rows(conn, "SELECT count(*) FROM gateway_notice") == [(0,)]


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
