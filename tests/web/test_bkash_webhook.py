"""bKash's notices by Amazon SNS, as they arrive at our web server."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask

from billing_core.db.connect import Connection
from billing_core.db.payments import list_attempts
from billing_core.gateways.bkash import Certificates
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
