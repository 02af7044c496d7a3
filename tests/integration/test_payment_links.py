"""Payment links: they open one payment, for what they were made, while they may."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.connect import Connection
from billing_core.services.audit import audit
from billing_core.services.cash import take_cash
from billing_core.services.payment_links import (
    LinkDeadError,
    LinkError,
    LinkSpentError,
    NewLink,
    OpenedLink,
    make_link,
    open_link,
    pay_by_link,
    withdraw_link,
)
from billing_core.services.payments.quoting import PaymentError
from billing_core.services.payments.starting import StartedPayment
from tests.builders import KEY, at_once, rows, username_of
from tests.gateways.bkash_shop import Shop
from tests.integration.correcting import due, number
from tests.integration.paying import SITE, pay
from tests.integration.test_billing_run import a_monthly_customer, dhaka, run

JANUARY, FEBRUARY = dhaka(2026, 1, 1), dhaka(2026, 2, 1)
D = Decimal


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture(autouse=True)
def sound_books(conn: Connection) -> Iterator[None]:
    yield
    assert audit(conn) == []


def owing(conn: Connection) -> int:
    """A customer with bills of January and February, 600.00 each."""
    customer_id = a_monthly_customer(
        conn, joined=JANUARY, balance="0", bill_trigger="first"
    )
    run(conn, FEBRUARY)
    return customer_id


def a_link(conn: Connection, customer_id: int, **but: Any) -> NewLink:
    facts: dict[str, Any] = {"bill": None, "amount": None, "days": 7} | but
    return make_link(
        conn,
        username_of(conn, customer_id),
        secret_key=KEY,
        actor="nila",
        now=FEBRUARY,
        **facts,
    )


def opened(conn: Connection, token: str, now: datetime = FEBRUARY) -> OpenedLink:
    return open_link(conn, token, secret_key=KEY, now=now)


def begin(
    conn: Connection, shop: Shop, token: str, now: datetime = FEBRUARY
) -> StartedPayment:
    return pay_by_link(
        conn,
        token,
        shop.gateway,
        secret_key=KEY,
        site=SITE,
        client_address="203.0.113.7",
        now=now,
    )


def test_a_link_opens_the_payment_it_was_made_for(conn: Connection, shop: Shop) -> None:
    customer_id = owing(conn)
    february = number(conn, customer_id, 1)
    link = a_link(conn, customer_id, bill=february)
    told = opened(conn, link.token).wanted
    assert (told.amount, told.description) == (D(600), f"Bill {february}")
    pay(conn, shop, begin(conn, shop, link.token), now=FEBRUARY)
    assert rows(conn, "SELECT status FROM bill ORDER BY bill_id") == [
        ("unpaid",),
        ("paid",),
    ]


def test_a_link_without_amount_is_for_what_is_due_when_it_is_opened(
    conn: Connection,
) -> None:
    customer_id = owing(conn)
    link = a_link(conn, customer_id)
    name = username_of(conn, customer_id)
    take_cash(conn, name, D(500), key="k", operator="n", note="", now=FEBRUARY)
    assert opened(conn, link.token).wanted.amount == D(700)


def test_a_link_may_name_an_amount(conn: Connection, shop: Shop) -> None:
    customer_id = owing(conn)
    link = a_link(conn, customer_id, amount=D(250))
    pay(conn, shop, begin(conn, shop, link.token), now=FEBRUARY)
    assert due(conn, customer_id) == D(950)


def test_a_link_that_was_paid_is_spent(conn: Connection, shop: Shop) -> None:
    link = a_link(conn, owing(conn), amount=D(250))
    # Begun and left is not paid: he may begin again.
    left = begin(conn, shop, link.token, FEBRUARY - timedelta(minutes=3))
    started = begin(conn, shop, link.token)
    assert started.reference != left.reference
    pay(conn, shop, started, now=FEBRUARY)
    for act in (
        lambda: opened(conn, link.token),
        lambda: begin(conn, shop, link.token),
    ):
        with pytest.raises(LinkSpentError) as caught:
            act()
        assert caught.value.reference == started.reference


def test_an_older_try_that_is_paid_after_a_newer_one_began_spends_the_link(
    conn: Connection, shop: Shop
) -> None:
    link = a_link(conn, owing(conn), amount=D(250))
    older = begin(conn, shop, link.token, FEBRUARY - timedelta(minutes=3))
    begin(conn, shop, link.token)
    pay(conn, shop, older, now=FEBRUARY)
    with pytest.raises(LinkSpentError):
        begin(conn, shop, link.token)


def test_a_button_pressed_often_opens_one_checkout(
    conn: Connection, shop: Shop, database_url: str
) -> None:
    link = a_link(conn, owing(conn), amount=D(250))

    started = at_once(
        database_url, [lambda own: begin(own, shop, link.token).reference] * 8
    )

    assert len(set(started)) == 1
    assert shop.calls == {"create": 1}
    # Who gave it up gets another.
    conn.execute("UPDATE payment_attempt SET customer_cancelled_at = now()")
    assert begin(conn, shop, link.token).reference not in started


def test_a_link_ends_at_its_day(conn: Connection) -> None:
    link = a_link(conn, owing(conn), days=3)
    assert link.expires_at == FEBRUARY + timedelta(days=3)
    opened(conn, link.token, link.expires_at - timedelta(seconds=1))
    with pytest.raises(LinkDeadError):
        opened(conn, link.token, link.expires_at)


def test_a_link_that_is_withdrawn_opens_nothing(conn: Connection, shop: Shop) -> None:
    link = a_link(conn, owing(conn))
    withdraw_link(conn, link.link_id, actor="nila", now=FEBRUARY)
    with pytest.raises(LinkDeadError):
        begin(conn, shop, link.token)
    with pytest.raises(LinkError, match="withdrawn already"):
        withdraw_link(conn, link.link_id, actor="nila", now=FEBRUARY)
    for unknown in (4711, 2**70):
        with pytest.raises(LinkError, match="There is no payment link"):
            withdraw_link(conn, unknown, actor="nila", now=FEBRUARY)
    assert shop.calls == {}


def test_a_link_that_was_not_signed_by_us_opens_nothing(conn: Connection) -> None:
    link = a_link(conn, owing(conn))
    payload, _, signature = link.token.partition(".")
    other = make_link(
        conn,
        username_of(conn, owing(conn)),
        bill=None,
        amount=None,
        secret_key=bytes(32),
        actor="nila",
        now=FEBRUARY,
    ).token
    for wrong in (
        "",
        ".",
        payload,
        f"{payload}.",
        f"{payload}.{signature[:-2]}AA",
        f"Mg.{signature}",
        other,
        "\x00",
        "x" * 10_000,
    ):
        with pytest.raises(LinkDeadError):
            opened(conn, wrong)


def test_what_cannot_be_paid_gets_no_link(conn: Connection) -> None:
    one, other = owing(conn), owing(conn)
    with pytest.raises(LinkError, match="is not one of"):
        a_link(conn, one, bill=number(conn, other))
    for days in (0, 91):
        with pytest.raises(LinkError, match="1 to 90 days"):
            a_link(conn, one, days=days)
    with pytest.raises(PaymentError):
        a_link(conn, one, amount=D(-1))
    assert rows(conn, "SELECT count(*) FROM payment_link") == [(0,)]


def test_a_link_for_a_bill_that_is_paid_meanwhile_says_so(conn: Connection) -> None:
    customer_id = owing(conn)
    link = a_link(conn, customer_id, bill=number(conn, customer_id))
    name = username_of(conn, customer_id)
    take_cash(conn, name, D(1200), key="k", operator="n", note="", now=FEBRUARY)
    with pytest.raises(PaymentError, match="is paid"):
        opened(conn, link.token)
