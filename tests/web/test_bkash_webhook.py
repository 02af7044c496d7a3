"""bKash's notices by Amazon SNS, as they arrive at our web server."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask

from billing_core.db.connect import Connection
from billing_core.db.gateway_notices import find_unmatched
from billing_core.db.payments import list_attempts
from billing_core.gateways.bkash import Certificates
from billing_core.gateways.contract import GatewayUnknownError
from billing_core.services.audit import audit
from simulators.gateways.bkash_sns import SimulatedSns, SnsPost
from simulators.gateways.common import wall_clock
from tests.builders import a_customer, a_package, posted
from tests.gateways.bkash_shop import Shop
from tests.integration.paying import start
from tests.web.test_pay import an_app
from web.desk import close_desks
from web.following import finish_following


@pytest.fixture(scope="module")
def sns() -> SimulatedSns:
    return SimulatedSns(datetime.now(UTC))


@pytest.fixture
def shop(sns: SimulatedSns) -> Shop:
    sns.fetched.clear()
    made = Shop(certificates=Certificates(sns.fetch))
    made.bkash.clock = wall_clock
    return made


def notify(app: Flask, *posts: SnsPost) -> None:
    for post in posts:
        answer = app.test_client().post(
            "/pay/notify/bkash", data=post.body, headers=dict(post.headers)
        )
        assert answer.status_code == 200
    finish_following(app)


def test_a_notice_credits_what_bkash_confirms_once_however_often_it_comes(
    conn: Connection, database_url: str, shop: Shop, sns: SimulatedSns
) -> None:
    app = an_app(database_url, shop)
    customer_id = a_customer(conn, a_package(conn), mobile="01712345678")
    attempt = start(conn, shop, customer_id, "500.00", now=datetime.now(UTC))
    shop.bkash.customer_pays(attempt.reference)
    payment = shop.bkash.payment_of(attempt.reference)
    shop.bkash.capture(payment)
    post = sns.notification(sns.notice(shop.bkash, payment))
    notify(app, post, post, post)
    assert posted(conn, customer_id) == Decimal("500.00")
    assert [each.state for each in list_attempts(conn, limit=9)] == ["paid"]
    assert audit(conn) == []
    close_desks(app)


def test_a_forged_notice_asks_nobody(
    conn: Connection, database_url: str, shop: Shop, sns: SimulatedSns
) -> None:
    app = an_app(database_url, shop)
    customer_id = a_customer(conn, a_package(conn), mobile="01712345678")
    attempt = start(conn, shop, customer_id, "500.00", now=datetime.now(UTC))
    payment = shop.bkash.payment_of(attempt.reference)
    notice = sns.notice(shop.bkash, payment) | {"trxID": "6H7801QFYM"}
    foreign = {"TopicArn": "arn:aws:sns:ap-southeast-1:000000000000:bpt_01929918378"}
    notify(
        app,
        sns.notification(notice, changes=foreign),
        sns.notification(notice, after_signing={"MessageId": "another"}),
    )
    assert shop.calls == {"create": 1}
    assert posted(conn, customer_id) == Decimal("0.00")
    close_desks(app)


def test_a_subscription_to_our_topic_is_confirmed_and_no_other(
    database_url: str, shop: Shop, sns: SimulatedSns
) -> None:
    app = an_app(database_url, shop)
    foreign = {"TopicArn": "arn:aws:sns:ap-southeast-1:000000000000:bpt_01929918378"}
    notify(app, sns.subscription(changes=foreign))
    assert sns.fetched == []
    notify(app, sns.subscription())
    assert sns.fetched[-1].endswith("Action=ConfirmSubscription&Token=simulated-token")
    close_desks(app)


def test_money_of_no_attempt_is_written_down_before_bkash_is_thanked(
    conn: Connection,
    database_url: str,
    shop: Shop,
    sns: SimulatedSns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who was thanked does not tell again, and our process may die at any moment."""
    app = an_app(database_url, shop)
    monkeypatch.setattr("web.pay.follow", lambda *_: None)
    payment = shop.bkash.payment_of(shop.bkash.pay_to_wallet(Decimal(500)))
    notify(app, sns.notification(sns.notice(shop.bkash, payment)))
    (waiting,) = find_unmatched(conn, limit=9)
    assert waiting.transaction_id == payment.trx_id
    close_desks(app)


def test_amazon_is_told_to_send_it_again_while_its_certificate_cannot_be_had(
    conn: Connection, database_url: str, sns: SimulatedSns
) -> None:
    def silent(url: str) -> bytes | None:
        raise GatewayUnknownError("Amazon did not answer.")

    shop = Shop(certificates=Certificates(silent))
    app = an_app(database_url, shop)
    payment = shop.bkash.payment_of(shop.bkash.pay_to_wallet(Decimal(500)))
    post = sns.notification(sns.notice(shop.bkash, payment))
    answer = app.test_client().post(
        "/pay/notify/bkash", data=post.body, headers=dict(post.headers)
    )
    assert answer.status_code == 503
    assert find_unmatched(conn, limit=9) == []
    close_desks(app)
