"""bKash's webhook: messages of one topic of Amazon SNS, and of nobody else."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from billing_core.gateways.bkash import SUBSCRIPTION, BkashGateway, Certificates
from billing_core.gateways.contract import (
    CallbackRequest,
    GatewayUnknownError,
    Hint,
)
from simulators.gateways.bkash_sns import HOST, SimulatedSns, SnsPost
from tests.gateways.bkash_shop import REFERENCE, Shop

#: A key takes long to make, and any test may share it.
_SENDER: list[SimulatedSns] = []


class Webhook:
    """A shop that gets messages of its topic."""

    def __init__(self) -> None:
        if not _SENDER:
            _SENDER.append(SimulatedSns(Shop().clock()))
        self.sns = _SENDER[0]
        self.sns.fetched.clear()
        self.shop = Shop(certificates=Certificates(self.sns.fetch))
        self.shop.pay()
        payment = self.shop.bkash.payment_of(REFERENCE)
        self.notice = self.sns.notice(self.shop.bkash, payment)

    def read(self, post: SnsPost) -> Hint:
        return self.shop.gateway.read_callback(
            CallbackRequest({}, {}, post.body, post.headers)
        )


NOBODYS = Hint(None, None, "", signature_is_right=False)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_notice_of_our_topic_names_the_attempt_and_the_money(version: str) -> None:
    webhook = Webhook()
    hint = webhook.read(webhook.sns.notification(webhook.notice, version=version))
    assert hint.reference == REFERENCE
    assert hint.payment_id is None
    assert hint.claims == "success"
    assert hint.transaction_id == webhook.notice["trxID"]
    assert hint.signature_is_right is True


def test_the_headers_name_is_known_however_it_is_written() -> None:
    webhook = Webhook()
    post = webhook.sns.notification(webhook.notice)
    headers = {"X-Amz-Sns-Message-Type": "Notification"}
    assert webhook.read(replace(post, headers=headers)).reference == REFERENCE


def test_a_payment_in_bkashs_app_names_no_attempt_but_its_money() -> None:
    webhook = Webhook()
    del webhook.notice["merchantInvoiceNumber"]
    hint = webhook.read(webhook.sns.notification(webhook.notice))
    assert hint.reference is None
    assert hint.transaction_id == webhook.notice["trxID"]


def test_another_topic_is_nobodys_and_amazon_is_not_even_asked() -> None:
    # Rightly signed: any AWS account can have Amazon sign what it likes.
    webhook = Webhook()
    foreign = "arn:aws:sns:ap-southeast-1:000000000000:bpt_01929918378"
    post = webhook.sns.notification(webhook.notice, changes={"TopicArn": foreign})
    assert webhook.read(post) == NOBODYS
    assert webhook.sns.fetched == []


def test_without_a_topic_in_the_settings_nothing_is_ours() -> None:
    webhook = Webhook()
    shop = webhook.shop
    gateway = BkashGateway(
        replace(shop.settings, topic_arn=None),
        httpx.Client(transport=shop.wire),
        shop.tokens,
        Certificates(webhook.sns.fetch),
    )
    post = webhook.sns.notification(webhook.notice)
    request = CallbackRequest({}, {}, post.body, post.headers)
    assert gateway.read_callback(request) == NOBODYS
    assert webhook.sns.fetched == []


@pytest.mark.parametrize(
    "change",
    [
        {"Message": '{"merchantInvoiceNumber": "KHATA0000000000000B2"}'},
        {"MessageId": "another"},
        {"Timestamp": "2026-11-24T06:00:01.000Z"},
        {"Subject": "added"},
        {"Signature": ""},
        {"Signature": "AAAA"},
        {"Signature": "not base64!"},
        {"SignatureVersion": "2"},  # signed as version 1
        {"SignatureVersion": "3"},
        {"SignatureVersion": ""},
        {"Timestamp": "yesterday"},
        {"Message": "\ud800"},
        {"MessageId": ""},
        {"Type": "SubscriptionConfirmation"},
        {"Type": "Anything"},
    ],
)
def test_a_message_changed_after_it_was_signed_is_nobodys(
    change: dict[str, str],
) -> None:
    webhook = Webhook()
    post = webhook.sns.notification(webhook.notice, after_signing=change)
    assert webhook.read(post) == NOBODYS


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.evil.example/SimpleNotificationService.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/a.pem",
        "https://user:pw@sns.us-east-1.amazonaws.com/a.pem",
        "http://sns.us-east-1.amazonaws.com/a.pem",
        "https://sns.us-east-1.amazonaws.com:8443/a.pem",
        "https://sns.us-east-1.amazonaws.com/a.txt",
        "https://sns.us-east-1.amazonaws.com/a?b=.pem",
        "https://sns.us-east-1.amazonaws.com/a.pem?x=1",
        "https://sns.us-east-1.amazonaws.com\n.evil.example/a.pem",
        "https://s3.amazonaws.com/bucket/a.pem",
        "https://[::1/a.pem",
        "file:///etc/a.pem",
        "",
    ],
)
def test_a_certificate_is_fetched_from_amazon_only(url: str) -> None:
    webhook = Webhook()
    post = webhook.sns.notification(webhook.notice, changes={"SigningCertURL": url})
    assert webhook.read(post) == NOBODYS
    assert webhook.sns.fetched == []


def test_a_certificate_is_fetched_once() -> None:
    webhook = Webhook()
    for _ in range(5):
        webhook.read(webhook.sns.notification(webhook.notice))
    assert webhook.sns.fetched == [webhook.sns.certificate_url]


def test_many_addresses_of_certificates_do_not_fill_the_memory() -> None:
    webhook = Webhook()
    certificates = Certificates(webhook.sns.fetch)
    for number in range(40):
        assert certificates.at(f"{HOST}/{number}.pem") is not None
    for number in range(40):
        certificates.at(f"{HOST}/{number}.pem")
    assert len(webhook.sns.fetched) == 80


@pytest.mark.parametrize("pem", [None, b"", b"no certificate", b"x" * 100_000])
def test_what_is_no_certificate_signs_nothing(pem: bytes | None) -> None:
    webhook = Webhook()
    shop = Shop(certificates=Certificates(lambda _: pem))
    post = webhook.sns.notification(webhook.notice)
    request = CallbackRequest({}, {}, post.body, post.headers)
    assert shop.gateway.read_callback(request) == NOBODYS


def test_a_message_of_another_year_than_its_certificate_is_nobodys() -> None:
    webhook = Webhook()
    late = {"Timestamp": "2029-11-24T06:00:00.000Z"}
    post = webhook.sns.notification(webhook.notice, changes=late)
    assert webhook.read(post) == NOBODYS


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"[" * 100_000, b" " * 300_000],
)
def test_a_body_that_is_no_message_is_nobodys(body: bytes) -> None:
    webhook = Webhook()
    post = SnsPost({"x-amz-sns-message-type": "Notification"}, body)
    assert webhook.read(post) == NOBODYS


@pytest.mark.parametrize("message", ["", "text", "[]", '{"trxID": 5}', "{}"])
def test_a_notice_that_says_nothing_names_nothing(message: str) -> None:
    webhook = Webhook()
    hint = webhook.read(webhook.sns.notification(message))
    assert (hint.reference, hint.payment_id, hint.claims) == (None, None, "")


def test_a_subscription_to_our_topic_is_confirmed_when_asked_for() -> None:
    webhook = Webhook()
    post = webhook.sns.subscription()
    assert webhook.read(post).claims == SUBSCRIPTION
    assert not any("Action=" in url for url in webhook.sns.fetched)
    request = CallbackRequest({}, {}, post.body, post.headers)
    assert webhook.shop.gateway.confirm_subscription(request)
    assert webhook.sns.fetched[-1].endswith("Token=simulated-token")


@pytest.mark.parametrize(
    "changes",
    [
        {"SubscribeURL": "https://169.254.169.254/latest/meta-data/"},
        {"SubscribeURL": "http://sns.ap-southeast-1.amazonaws.com/?Action=x"},
        {"SubscribeURL": "https://sns.ap-southeast-1.amazonaws.com.evil.example/"},
        {"SubscribeURL": ""},
        {"TopicArn": "arn:aws:sns:ap-southeast-1:000000000000:bpt_01929918378"},
    ],
)
def test_no_other_subscription_is_confirmed(changes: dict[str, str]) -> None:
    webhook = Webhook()
    post = webhook.sns.subscription(changes=changes)
    request = CallbackRequest({}, {}, post.body, post.headers)
    assert webhook.read(post) == NOBODYS
    assert not webhook.shop.gateway.confirm_subscription(request)
    assert webhook.sns.fetched in ([], [webhook.sns.certificate_url])


def test_a_notice_confirms_no_subscription() -> None:
    webhook = Webhook()
    post = webhook.sns.notification(webhook.notice)
    request = CallbackRequest({}, {}, post.body, post.headers)
    assert not webhook.shop.gateway.confirm_subscription(request)
    assert webhook.sns.fetched == [webhook.sns.certificate_url]


def test_a_notice_read_over_https_needs_amazons_answer() -> None:
    webhook = Webhook()
    post = webhook.sns.notification(webhook.notice)
    request = CallbackRequest({}, {}, post.body, post.headers)
    asked: list[httpx.Request] = []

    def amazon(response: httpx.Response | None) -> Hint:
        def handle(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            if response is None:
                raise httpx.ConnectTimeout("no")
            return response

        client = httpx.Client(
            transport=httpx.MockTransport(handle), follow_redirects=True
        )
        shop = webhook.shop
        return BkashGateway(shop.settings, client, shop.tokens).read_callback(request)

    pem = webhook.sns.fetch(webhook.sns.certificate_url)
    assert amazon(httpx.Response(200, content=pem)).reference == REFERENCE
    for silent in (None, httpx.Response(503)):
        with pytest.raises(GatewayUnknownError):
            amazon(silent)
    assert amazon(httpx.Response(404, content=pem)) == NOBODYS
    moved = httpx.Response(302, headers={"Location": "https://evil.example/a.pem"})
    assert amazon(moved) == NOBODYS
    assert [request.url.host for request in asked] == [
        "sns.ap-southeast-1.amazonaws.com"
    ] * 5


def test_a_refusal_is_logged_without_what_came(
    caplog: pytest.LogCaptureFixture,
) -> None:
    webhook = Webhook()
    changes: dict[str, Any] = {"TopicArn": "arn:aws:sns:x:000000000000:evil"}
    webhook.read(webhook.sns.notification(webhook.notice, changes=changes))
    (record,) = [r for r in caplog.records if "refused" in r.message]
    assert record.message == "bkash.webhook.refused why=topic"
    assert "evil" not in json.dumps(record.__dict__, default=str)
