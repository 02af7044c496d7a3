"""Payment pages for everybody: links, returns, notices and results, with a simulated
bKash behind them."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from billing_core.db.connect import Connection
from billing_core.db.payments import list_attempts
from billing_core.gateway_settings import PaymentSettings, Verification
from billing_core.services.audit import audit
from billing_core.services.payment_links import make_link
from billing_core.services.payments.deciding import approve, reject
from billing_core.settings import Settings
from simulators.gateways.common import wall_clock
from tests.builders import KEY, a_customer, a_package, posted, username_of
from tests.gateways.bkash_shop import Shop
from tests.integration.paying import start
from web import create_app
from web.desk import close_desks
from web.following import finish_following, in_page

D = Decimal


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def shop() -> Shop:
    made = Shop()
    made.bkash.clock = wall_clock
    return made


def an_app(
    database_url: str, shop: Shop, verification: Verification = "automatic"
) -> Flask:
    settings = Settings(
        database_url=database_url,
        secret_key=KEY,
        currency="BDT",
        zone=ZoneInfo("Asia/Dhaka"),
        var_dir=Path("var"),
        web_host="127.0.0.1",
        web_port=8080,
        log_level="INFO",
        payments=PaymentSettings(
            public_url="https://isp.example", verification={"bkash": verification}
        ),
    )
    app = create_app(settings)
    app.extensions["khata_gateways"] = {"bkash": shop.gateway}
    return app


@pytest.fixture
def app(database_url: str, shop: Shop) -> Iterator[Flask]:
    made = an_app(database_url, shop)
    yield made
    close_desks(made)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    """Whatever was sent, the books are sound after it."""
    yield
    assert audit(conn) == []


def a_payer(conn: Connection) -> int:
    return a_customer(conn, a_package(conn), name="Rahim Uddin", mobile="01712345678")


def a_link(conn: Connection, customer_id: int, amount: str = "500") -> str:
    name = username_of(conn, customer_id)
    token = make_link(
        conn,
        name,
        bill=None,
        amount=D(amount),
        secret_key=KEY,
        actor="nila",
        now=now(),
    ).token
    return f"/pay/link/{token}"


def csrf_in(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


def press(client: FlaskClient, link: str, gateway: str = "bkash"):  # type: ignore[no-untyped-def]
    token = csrf_in(client.get(link).text)
    return client.post(link, data={"csrf_token": token, "gateway": gateway})


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def reference(conn: Connection) -> str:
    (attempt,) = list_attempts(conn, limit=9)
    return attempt.reference


def test_a_link_leads_through_the_gateway_to_paid(
    conn: Connection, client: FlaskClient, shop: Shop
) -> None:
    customer_id = a_payer(conn)
    link = a_link(conn, customer_id)
    page = client.get(link)
    assert page.status_code == 200
    assert "৳" in page.text or "500.00" in page.text

    leads = press(client, link)
    assert leads.status_code == 303
    assert leads.location.startswith("http://127.0.0.1/pay?")
    # Browsers hold form-action against the redirect to the gateway's page, too.
    assert "form-action 'self' https:" in leads.headers["Content-Security-Policy"]

    (back,) = shop.bkash.customer_pays(reference(conn))
    returned = client.get(path_of(back))
    assert returned.status_code == 303
    assert returned.location == f"/pay/result/{reference(conn)}"
    result = client.get(returned.location)
    assert 'data-state="paid"' in result.text
    assert "http-equiv" not in result.text
    assert posted(conn, customer_id) == D(500)
    # And the link is spent: it leads to what became of it.
    assert client.get(link).location == returned.location
    assert press_again(client, link) == returned.location


def press_again(client: FlaskClient, link: str) -> str:
    token = csrf_in(client.get("/login").text)
    sent = client.post(link, data={"csrf_token": token, "gateway": "bkash"})
    return str(sent.location)


def test_no_page_of_a_payment_says_who_pays(
    conn: Connection, client: FlaskClient, shop: Shop
) -> None:
    customer_id = a_payer(conn)
    link = a_link(conn, customer_id)
    pages = [client.get(link).text]
    press(client, link)
    result = f"/pay/result/{reference(conn)}"
    pages.append(client.get(result).text)
    (back,) = shop.bkash.customer_pays(reference(conn))
    client.get(path_of(back))
    pages.append(client.get(result).text)
    for page in pages:
        for personal in ("Rahim", "01712345678", username_of(conn, customer_id)):
            assert personal not in page


def test_a_link_opens_no_session(conn: Connection, client: FlaskClient) -> None:
    link = a_link(conn, a_payer(conn))
    client.get(link)
    press(client, link)
    assert client.get_cookie("khata_session") is None
    assert client.get("/customers").status_code == 303


def test_the_page_waits_and_looks_again_until_it_is_settled(
    conn: Connection, client: FlaskClient, shop: Shop
) -> None:
    link = a_link(conn, a_payer(conn))
    press(client, link)
    page = client.get(f"/pay/result/{reference(conn)}")
    assert 'http-equiv="refresh" content="5"' in page.text
    (back,) = shop.bkash.customer_cancels(reference(conn))
    client.get(path_of(back))
    page = client.get(f"/pay/result/{reference(conn)}")
    assert 'data-state="paid"' not in page.text


def test_what_an_operator_must_see_says_so_and_then_what_he_decided(
    conn: Connection, database_url: str, shop: Shop
) -> None:
    app = an_app(database_url, shop, "operator")
    client = app.test_client()
    states = []
    for decide in (
        lambda a: approve(conn, a, operator="nila", now=now()),
        lambda a: reject(conn, a, reason="not ours", operator="nila", now=now()),
    ):
        started = start(conn, shop, a_payer(conn), "500", now=now())
        (back,) = shop.bkash.customer_pays(started.reference)
        result = client.get(path_of(back)).location
        states.append(re.findall(r'data-state="(\w+)"', client.get(result).text)[0])
        decide(started.attempt_id)
        states.append(re.findall(r'data-state="(\w+)"', client.get(result).text)[0])
    close_desks(app)
    assert states == ["confirmed", "paid", "confirmed", "rejected"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_forged_return_changes_nothing(
    conn: Connection, client: FlaskClient, shop: Shop, method: str
) -> None:
    customer_id = a_payer(conn)
    started = start(conn, shop, customer_id, "500", now=now())
    (attempt,) = list_attempts(conn, limit=1)
    forged = f"/pay/return/bkash?paymentID={attempt.gateway_payment_id}&status=success"
    answer = getattr(client, method)(forged)
    assert answer.status_code == 303
    page = client.get(f"/pay/result/{started.reference}")
    assert 'data-state="pending"' in page.text
    assert posted(conn, customer_id) == 0


@pytest.mark.parametrize(
    "address",
    [
        "/pay/return/bkash?paymentID=TR0011foreign&status=success",
        "/pay/return/bkash",
        "/pay/return/nagad?order_id=1",
        "/pay/return/nobody",
        "/pay/return/bkash?paymentID=%00&status=%00",
    ],
)
def test_a_return_that_names_no_payment_of_ours_asks_nobody(
    client: FlaskClient, shop: Shop, address: str
) -> None:
    assert client.get(address).status_code == 404
    assert shop.calls == {}


def test_a_notice_is_thanked_for_and_followed(
    conn: Connection, client: FlaskClient, shop: Shop
) -> None:
    customer_id = a_payer(conn)
    started = start(conn, shop, customer_id, "500", now=now())
    (back,) = shop.bkash.customer_pays(started.reference)
    for _ in range(2):
        notice = client.post(f"/pay/notify/bkash?{urlsplit(back).query}")
        assert (notice.status_code, notice.text) == (200, "OK\n")
    finish_following(client.application)
    assert posted(conn, customer_id) == D(500)


def test_a_notice_of_nothing_is_thanked_for_too(
    client: FlaskClient, shop: Shop
) -> None:
    for body in (b"", b"{", b"\x00\xff", b"[]", b'{"Type":"Notification"}'):
        notice = client.post(
            "/pay/notify/bkash",
            data=body,
            headers={"x-amz-sns-message-type": "Notification"},
        )
        assert notice.status_code == 200
    finish_following(client.application)
    assert client.post("/pay/notify/nagad").status_code == 404
    assert client.get("/pay/notify/bkash").status_code == 405
    assert shop.calls == {}


def test_a_form_that_we_did_not_make_begins_no_payment(
    conn: Connection, client: FlaskClient, shop: Shop
) -> None:
    link = a_link(conn, a_payer(conn))
    assert client.post(link, data={"gateway": "bkash"}).status_code == 400
    assert press(client, link, "nobody").status_code == 400
    assert press(client, link, "").status_code == 400
    assert shop.calls == {}
    assert list_attempts(conn, limit=1) == []


def test_a_gateway_that_is_silent_is_told_and_can_be_tried_again(
    conn: Connection, client: FlaskClient, shop: Shop
) -> None:
    link = a_link(conn, a_payer(conn))
    shop.bkash.faults.arm("create_times_out", times=1)
    silent = press(client, link)
    assert silent.status_code == 422
    assert "try again" in silent.text
    assert press(client, link).status_code == 303


def test_links_that_ended_say_so_without_saying_why(
    conn: Connection, client: FlaskClient
) -> None:
    customer_id = a_payer(conn)
    ended = make_link(
        conn,
        username_of(conn, customer_id),
        bill=None,
        amount=D(5),
        secret_key=KEY,
        actor="nila",
        now=now() - timedelta(days=8),
    ).token
    texts = set()
    for token in (ended, "x", "MQ.AAAA"):
        page = client.get(f"/pay/link/{token}")
        assert page.status_code == 410
        texts.add(page.text.partition("<article")[2].partition("</article>")[0])
    assert len(texts) == 1


@pytest.mark.parametrize(
    "what", ["0" * 20, "A" * 19, "a" * 20, "..%2F..%2Fetc", "%00" * 20]
)
def test_a_result_that_is_not_there_is_not_found(
    client: FlaskClient, what: str
) -> None:
    assert client.get(f"/pay/result/{what}").status_code == 404


def test_a_customer_of_bangla_reads_bangla_digits(
    conn: Connection, client: FlaskClient
) -> None:
    customer_id = a_customer(conn, a_package(conn), language="bn")
    assert "৫০০" in client.get(a_link(conn, customer_id)).text


def test_a_customer_of_bangla_is_told_in_it_that_the_gateway_is_silent(
    conn: Connection, client: FlaskClient, shop: Shop
) -> None:
    link = a_link(conn, a_customer(conn, a_package(conn), language="bn"))
    shop.bkash.faults.arm("create_times_out", times=1)
    told = press(client, link).text.partition('role="alert">')[2].partition("<")[0]
    assert "চেষ্টা করুন" in told


def test_a_gateway_that_hangs_keeps_no_page_and_no_other_customer(
    conn: Connection, client: FlaskClient, shop: Shop
) -> None:
    """All threads of pages would wait with him for as long as the gateway likes."""
    answers, asked = threading.Event(), threading.Event()

    def hang() -> None:
        asked.set()
        answers.wait(60)

    customer_id = a_payer(conn)
    started = start(conn, shop, customer_id, "500", now=now())
    (back,) = shop.bkash.customer_pays(started.reference)
    shop.wire.on_request = hang

    noticed = client.post(f"/pay/notify/bkash?{urlsplit(back).query}")
    returned = client.get(path_of(back))

    assert asked.wait(60)
    # Both were answered while the gateway hangs, and the page says that it waits.
    assert (noticed.status_code, returned.status_code) == (200, 303)
    waiting = client.get(returned.location).text
    assert 'data-state="pending"' in waiting
    assert "http-equiv" in waiting
    answers.set()
    finish_following(client.application)
    assert 'data-state="paid"' in client.get(returned.location).text
    assert posted(conn, customer_id) == D(500)


def test_what_must_wait_for_a_gateway_leaves_threads_to_other_pages(
    conn: Connection, app: Flask, shop: Shop
) -> None:
    link = a_link(conn, a_payer(conn))
    with app.app_context(), in_page(), in_page():
        busy = press(app.test_client(), link)
    assert busy.status_code == 422
    assert "Others are waiting" in busy.text
    assert list_attempts(conn, limit=1) == []
    assert press(app.test_client(), link).status_code == 303
