"""One token for all processes, granted as rarely as bKash wants it."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from billing_core.gateways.bkash import BkashGateway, Token, TokensInProcess
from billing_core.gateways.bkash.tokens import account_name
from billing_core.gateways.contract import (
    GatewayError,
    GatewayRefusedError,
    GatewayUnknownError,
    PaidState,
)
from tests.gateways.bkash_shop import APP_KEY, BASE, REFERENCE, Shop

NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


def test_twenty_checkouts_at_once_are_one_grant() -> None:
    shop = Shop()
    start = threading.Barrier(20)

    def order(number: int) -> None:
        start.wait()
        shop.open(f"REFERENCE{number}")

    threads = [threading.Thread(target=order, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shop.bkash.calls["grant"] == 1
    assert shop.bkash.calls["create"] == 20


def test_a_day_of_payments_is_one_grant_and_a_refresh_an_hour() -> None:
    shop = Shop()
    for number in range(24 * 6):
        shop.open(f"REFERENCE{number}")
        assert shop.bkash.grants_within_an_hour() <= 2
        shop.clock.forward(minutes=10)
    assert shop.bkash.calls["grant"] == 1
    assert 23 <= shop.bkash.calls["refresh"] <= 29


def test_a_token_is_renewed_before_it_ends_on_the_way() -> None:
    shop = Shop()
    shop.open("FIRST")
    shop.clock.forward(seconds=3600 - 121)
    shop.open("SECOND")
    assert shop.bkash.calls["refresh"] == 0
    shop.clock.forward(seconds=1)
    shop.open("THIRD")
    assert shop.bkash.calls["refresh"] == 1


def test_who_shares_a_store_shares_the_token() -> None:
    tokens = TokensInProcess()
    one = Shop(tokens=tokens)
    one.open()
    other = Shop(tokens=tokens)
    other.bkash.tokens = one.bkash.tokens
    other.open()
    assert (one.bkash.calls["grant"], other.bkash.calls["grant"]) == (1, 0)


def test_sandbox_and_live_and_two_merchants_never_share_a_token() -> None:
    names = {
        account_name(base, key)
        for base in (BASE, "https://tokenized.pay.bka.sh/v1.2.0-beta")
        for key in (APP_KEY, "another")
    }
    assert len(names) == 4
    assert not any(APP_KEY in name for name in names)


def test_a_refused_refresh_is_followed_by_a_grant() -> None:
    shop = Shop()
    shop.open("FIRST")
    shop.bkash.faults.arm("refresh_fails")
    shop.clock.forward(hours=1)
    shop.open("SECOND")
    assert shop.bkash.calls["refresh"] == 1
    assert shop.bkash.calls["grant"] == 2


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one() -> None:
    shop = Shop()
    shop.bkash.faults.arm("refresh_keeps_its_token")
    for number in range(5):
        shop.open(f"REFERENCE{number}")
        shop.clock.forward(hours=1)
    assert shop.bkash.calls["grant"] == 1
    assert shop.bkash.calls["refresh"] == 4


def test_a_refresh_token_is_not_used_past_its_life() -> None:
    shop = Shop()
    shop.open("FIRST")
    shop.clock.forward(days=28)
    shop.open("SECOND")
    assert shop.bkash.calls["refresh"] == 0
    assert shop.bkash.calls["grant"] == 2


@pytest.mark.parametrize("told", [3600, "3600"])
def test_the_life_of_a_token_may_come_as_a_number_or_as_text(told: object) -> None:
    shop = Shop()
    if isinstance(told, str):
        shop.bkash.faults.arm("expires_in_text")
    shop.bkash.token_seconds = 7200
    shop.open("FIRST")
    shop.clock.forward(seconds=7200 - 121)
    shop.open("SECOND")
    assert shop.bkash.calls["refresh"] == 0


def test_a_token_that_is_refused_is_granted_anew_and_the_call_sent_once_more() -> None:
    shop = Shop()
    checkout = shop.open()
    shop.bkash.customer_pays(REFERENCE)
    shop.clock.forward(minutes=5)
    shop.bkash.revoke_tokens()
    assert shop.ask(checkout, finished=True).state is PaidState.PAID
    assert shop.bkash.calls["grant"] == 2
    assert shop.bkash.calls["execute"] == 2  # the first was not let in
    assert shop.bkash.calls["query"] == 0


def test_twenty_refused_at_once_are_one_grant() -> None:
    shop = Shop()
    shop.open("FIRST")
    shop.clock.forward(minutes=5)
    shop.bkash.revoke_tokens()
    start = threading.Barrier(20)

    def order(number: int) -> None:
        start.wait()
        shop.open(f"REFERENCE{number}")

    threads = [threading.Thread(target=order, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shop.bkash.calls["grant"] == 2
    assert len(shop.bkash.payments) == 21


def test_an_account_that_is_always_refused_is_not_granted_for_each_payment() -> None:
    shop = Shop()
    shop.bkash.faults.arm("unauthorized")
    for number in range(10):
        with pytest.raises(GatewayRefusedError) as refused:
            shop.open(f"REFERENCE{number}")
        assert refused.value.ours
    assert shop.bkash.grants_within_an_hour() == 1


@pytest.mark.parametrize(("scheme", "strict"), [("", ""), ("Bearer ", "Bearer ")])
def test_the_scheme_before_the_token_is_a_setting(scheme: str, strict: str) -> None:
    shop = Shop(auth_scheme=scheme)
    shop.bkash.auth_scheme = strict
    shop.open()
    sent = shop.wire.requests[-1].headers["Authorization"]
    assert sent.startswith("Bearer ") is bool(scheme)


@pytest.mark.parametrize("name", ["username", "password", "app_key", "app_secret"])
def test_wrong_credentials_are_ours_to_mend(name: str) -> None:
    shop = Shop()
    setattr(shop.bkash, name, "something else")
    with pytest.raises(GatewayRefusedError) as refused:
        shop.open()
    assert refused.value.ours
    assert shop.bkash.calls["create"] == 0


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (lambda: httpx.Response(400, json={"message": "x"}), GatewayRefusedError),
        (lambda: httpx.Response(403, json={"message": "x"}), GatewayRefusedError),
        (lambda: httpx.Response(200, json={"statusCode": "9999"}), GatewayUnknownError),
        (lambda: httpx.Response(200, json={"statusCode": "0000"}), GatewayUnknownError),
        (lambda: httpx.Response(200, text="<html>"), GatewayUnknownError),
        (lambda: httpx.Response(504, json={"message": "x"}), GatewayUnknownError),
    ],
)
def test_a_grant_that_gives_no_token_keeps_nothing(
    response: Callable[[], httpx.Response], error: type[GatewayError]
) -> None:
    client = httpx.Client(transport=httpx.MockTransport(lambda _: response()))
    shop = Shop()
    gateway = BkashGateway(shop.settings, client, shop.tokens)
    with pytest.raises(error):
        gateway.create(shop.order(), now=NOW)
    shop.open()  # the next one has a token granted
    assert shop.bkash.calls["grant"] == 1


def test_who_waits_for_a_renewal_does_not_renew_again() -> None:
    tokens, gets = TokensInProcess(), []
    start = threading.Barrier(8)

    def get(stale: Token | None) -> Token:
        gets.append(stale)
        time.sleep(0.02)  # as long as a call takes: the others are there by now
        return Token(f"token {len(gets)}", "", NOW + timedelta(hours=1), NOW)

    def want() -> None:
        start.wait()
        tokens.token("a", NOW, get)

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gets == [None]


def test_dropping_an_old_token_leaves_the_new_one() -> None:
    tokens = TokensInProcess()
    old = Token("old", "", NOW + timedelta(hours=1), NOW)
    new = Token("new", "", NOW + timedelta(hours=2), NOW)
    tokens.token("a", NOW, lambda _: old)
    tokens.drop("a", old)
    tokens.token("a", NOW, lambda _: new)
    tokens.drop("a", old)
    assert tokens.token("a", NOW, lambda _: old) is new
