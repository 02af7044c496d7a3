"""One token for all processes, sealed in the database."""

from datetime import datetime, timedelta

import pytest

from billing_core.db.connect import Connection
from billing_core.db.gateway_tokens import GatewayTokens
from billing_core.gateways.bkash import Token
from billing_core.services.payments.asking import OtherGatewayError
from tests.builders import KEY, NOON, at_once, rows


def a_token(number: int, now: datetime = NOON) -> Token:
    return Token(f"id-{number}", f"refresh-{number}", now + timedelta(hours=1), now)


def test_many_who_need_a_token_have_one_granted(
    conn: Connection, database_url: str
) -> None:
    granted: list[Token | None] = []

    def get(stale: Token | None) -> Token:
        granted.append(stale)
        return a_token(len(granted))

    def work(_own: Connection) -> Token:
        return GatewayTokens(database_url, KEY).token("bkash:1", NOON, get)

    assert at_once(database_url, [work] * 8) == [a_token(1)] * 8
    assert granted == [None]
    tokens = GatewayTokens(database_url, KEY)
    later = NOON + timedelta(minutes=59)
    assert tokens.token("bkash:1", later, get) == a_token(2)
    assert granted[1] == a_token(1)


def test_a_token_that_is_dropped_is_gone_and_a_newer_one_stays(
    conn: Connection, database_url: str
) -> None:
    tokens = GatewayTokens(database_url, KEY)
    tokens.token("bkash:1", NOON, lambda _: a_token(1))
    tokens.drop("bkash:1", a_token(9))
    assert tokens.token("bkash:1", NOON, lambda _: a_token(2)) == a_token(1)
    tokens.drop("bkash:1", a_token(1))
    assert tokens.token("bkash:1", NOON, lambda _: a_token(2)) == a_token(2)


def test_a_stolen_database_holds_no_token(conn: Connection, database_url: str) -> None:
    GatewayTokens(database_url, KEY).token("bkash:1", NOON, lambda _: a_token(1))
    ((sealed,),) = rows(conn, "SELECT sealed FROM gateway_token")
    assert b"id-1" not in sealed
    assert b"refresh-1" not in sealed
    # Another key, or a row that was moved to another account, opens nothing.
    other = GatewayTokens(database_url, bytes(32))
    assert other.token("bkash:1", NOON, lambda _: a_token(3)) == a_token(3)
    conn.execute("UPDATE gateway_token SET account = 'bkash:2'")
    mine = GatewayTokens(database_url, bytes(32))
    assert mine.token("bkash:2", NOON, lambda _: a_token(4)) == a_token(4)


def test_a_renewal_that_fails_leaves_the_lock_and_the_row_alone(
    conn: Connection, database_url: str
) -> None:
    tokens = GatewayTokens(database_url, KEY)

    def fails(_stale: Token | None) -> Token:
        raise OtherGatewayError("x", "y")

    with pytest.raises(OtherGatewayError):
        tokens.token("bkash:1", NOON, fails)
    assert tokens.token("bkash:1", NOON, lambda _: a_token(1)) == a_token(1)
