"""bKash's settings, codes, dates and amounts, and where no secret may be."""

import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest

from billing_core.gateways.bkash import (
    PLAIN_NAMES,
    SECRET_NAMES,
    BkashSettings,
    Token,
    TokensInProcess,
    read_settings,
)
from billing_core.gateways.bkash.answers import read_amount, read_reply, read_time
from billing_core.gateways.bkash.codes import CodeClass, class_of
from billing_core.gateways.contract import GatewayError, GatewaySettingError
from tests.gateways.bkash_shop import (
    APP_KEY,
    APP_SECRET,
    PASSWORD,
    REFERENCE,
    Shop,
    answering,
)

NEEDED = {
    "bkash_base_url": "https://tokenized.sandbox.bka.sh/v1.2.0-beta/",
    "bkash_username": "merchant",
    "bkash_password": "a-password",
    "bkash_app_key": "a-key",
    "bkash_app_secret": "a-secret",
}
ALL = {
    **NEEDED,
    "bkash_auth_scheme": "Bearer",
    "bkash_refund_url": "https://tokenized.sandbox.bka.sh/v2/tokenized-checkout",
    "bkash_topic_arn": "arn:aws:sns:ap-southeast-1:354285753755:bpt_01929918378",
    "bkash_short_code": "01929918378",
}


def finding(values: dict[str, str]) -> Callable[[str], tuple[str, str] | None]:
    def find(name: str) -> tuple[str, str] | None:
        return (values[name], f"KHATA_{name.upper()}") if name in values else None

    return find


def read(values: dict[str, str]) -> BkashSettings:
    settings = read_settings(finding(values))
    assert settings is not None
    return settings


def test_without_settings_there_is_no_bkash() -> None:
    assert read_settings(finding({})) is None


def test_the_five_settings_of_an_account_are_enough() -> None:
    settings = read(NEEDED)
    assert settings.base_url == "https://tokenized.sandbox.bka.sh/v1.2.0-beta"
    assert settings.refund_url == (
        "https://tokenized.sandbox.bka.sh/v2/tokenized-checkout"
    )
    assert settings.auth_scheme == ""
    assert settings.topic_arn is None
    assert settings.short_code is None


def test_every_setting_is_read() -> None:
    assert set(ALL) == {*PLAIN_NAMES, *SECRET_NAMES}
    settings = read(ALL)
    assert settings.auth_scheme == "Bearer "
    assert settings.topic_arn == ALL["bkash_topic_arn"]
    assert settings.short_code == "01929918378"
    assert read(ALL | {"bkash_refund_url": "v1"}).refund_url is None


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_setting_is_named(name: str) -> None:
    rest = {key: value for key, value in ALL.items() if key != name}
    with pytest.raises(GatewaySettingError, match=f"KHATA_{name.upper()} is missing"):
        read(rest)


@pytest.mark.parametrize("name", sorted(ALL))
def test_one_setting_alone_is_not_enough(name: str) -> None:
    with pytest.raises(GatewaySettingError, match="is missing"):
        read({name: ALL[name]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bkash_base_url", "http://tokenized.pay.bka.sh/v1.2.0-beta"),
        ("bkash_base_url", "tokenized.pay.bka.sh"),
        ("bkash_base_url", "https://"),
        ("bkash_base_url", "https://[::1"),
        ("bkash_base_url", "https://user:pw@bka.sh/"),
        ("bkash_base_url", "https://bka.sh/?a=b"),
        ("bkash_base_url", "https://bka.sh:port/"),
        ("bkash_username", ""),
        ("bkash_password", "পাসওয়ার্ড"),
        ("bkash_app_key", "two\nlines"),
        ("bkash_app_secret", "  "),
        ("bkash_auth_scheme", "Basic"),
        ("bkash_refund_url", "v3"),
        ("bkash_refund_url", "http://bka.sh/v2"),
        ("bkash_topic_arn", "bpt_01929918378"),
        ("bkash_topic_arn", "arn:aws:sns:ap-southeast-1:*:bpt"),
        ("bkash_short_code", "ours"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_told(name: str, value: str) -> None:
    with pytest.raises(GatewaySettingError) as wrong:
        read(ALL | {name: value})
    assert f"KHATA_{name.upper()}" in str(wrong.value)
    if name in SECRET_NAMES and value.strip():
        assert value not in str(wrong.value)


def test_http_is_for_loopback_only() -> None:
    settings = read(ALL | {"bkash_base_url": "http://127.0.0.1:8090/bkash/v1.2.0-beta"})
    assert settings.base_url.startswith("http://127.0.0.1")
    local = {**NEEDED, "bkash_base_url": "http://127.0.0.1:8090/bkash/v1.2.0-beta"}
    assert read(local).refund_url == (
        "http://127.0.0.1:8090/bkash/v2/tokenized-checkout"
    )


def test_neither_settings_nor_tokens_show_a_secret() -> None:
    token = Token("id-secret", "refresh-secret", datetime.now(UTC), datetime.now(UTC))
    shown = f"{read(ALL)!r} {token!r} {read(ALL)} {token}"
    for secret in ("a-password", "a-key", "a-secret", "id-secret", "refresh-secret"):
        assert secret not in shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-12-09T16:12:43:828 GMT+0600", (2025, 12, 9, 10, 12, 43, 828_000)),
        ("2025-12-09T16:12:43:8 GMT+0600", (2025, 12, 9, 10, 12, 43, 800_000)),
        ("2025-12-09T16:12:43 GMT+06:00", (2025, 12, 9, 10, 12, 43)),
        ("2025-12-09T16:12:43.828Z", (2025, 12, 9, 16, 12, 43, 828_000)),
        ("2025-12-09T16:12:43", (2025, 12, 9, 10, 12, 43)),
        ("2025-12-09T01:12:43 GMT-0500", (2025, 12, 9, 6, 12, 43)),
    ],
)
def test_bkashs_dates_are_read(text: str, expected: tuple[int, ...]) -> None:
    assert read_time(text) == datetime(*expected, tzinfo=UTC)  # type: ignore[arg-type,misc] # year to microsecond


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2025-13-09T16:12:43:828 GMT+0600",
        "2025-02-30T16:12:43:828 GMT+0600",
        "2025-12-09T16:12:43:828 GMT+9900",
        "0001-01-01T00:00:00:000 GMT+0600",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_time(text) is None


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("15", "15"),
        ("100.00", "100.00"),
        ("5.0000", "5"),
        ("0.999", "0.999"),
        ("-0.01", "-0.01"),
    ],
)
def test_amounts_are_read_exactly(text: str, amount: str) -> None:
    assert read_amount(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text", ["", "NaN", "Infinity", "1e3", "1,000.00", " 5", "5 BDT", "৫", "9" * 40]
)
def test_what_is_no_amount_is_none(text: str) -> None:
    assert read_amount(text) is None


def test_an_answer_is_fit_to_be_kept_as_json_in_a_database() -> None:
    reply = read_reply(200, r'{"a": "x\u0000y", "b": ["\ud800"], "c": 1.10}', ())
    assert reply.fields == {"a": "xy", "b": ["?"], "c": "1.10"}


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (CodeClass.ALREADY_DONE, "2029 2062 2068 2117 2119"),
        (CodeClass.NOT_READY, "2056 2060"),
        (
            CodeClass.CUSTOMER,
            "2010 2011 2013 2014 2015 2016 2017 2018 2019 2023 2057 2058 2059 2069",
        ),
        (
            CodeClass.OURS,
            "2001 2006 2007 2008 2025 2031 2048 2049 2063 2064 2065 2067 2079 2080"
            " 2081 2082",
        ),
        (CodeClass.NO_SUCH, "2002 2033"),
        (CodeClass.UNKNOWN, "2003 2020 2024 503 9999 2037 2127 7777 0000 x"),
    ],
)
def test_each_code_is_of_its_class(kind: CodeClass, codes: str) -> None:
    assert {class_of(code) for code in codes.split()} == {kind}


def test_no_secret_is_in_a_log_an_error_or_an_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    shop = Shop()
    told = []

    def note(call: Callable[[], object]) -> None:
        try:
            told.append(repr(call()))
        except GatewayError as error:
            told.append("".join(traceback.format_exception(error)))
            told.append(repr(error.__context__))
            told.append(repr(error.__cause__))

    checkout, paid = shop.pay()
    told += [repr(checkout), repr(paid), repr(shop.gateway), repr(shop.tokens)]
    for fault in ("create_times_out", "create_503", "unauthorized", "query_9999"):
        shop.bkash.faults.arm(fault)
        note(lambda: shop.open("SECOND"))
        note(lambda: shop.ask(checkout))
        shop.bkash.faults.disarm(fault)
    shop.clock.forward(hours=2)
    shop.bkash.faults.arm("refresh_fails")
    note(lambda: shop.ask(checkout))
    shop.bkash.password = "changed"
    shop.clock.forward(hours=2)
    note(lambda: shop.ask(checkout))
    everything = "\n".join([*told, *(str(vars(r)) for r in caplog.records)])
    secrets = {PASSWORD, APP_KEY, APP_SECRET}
    secrets |= set(shop.bkash.tokens) | shop.bkash.refresh_tokens
    secrets |= {r.headers.get("Authorization", PASSWORD) for r in shop.wire.requests}
    assert len(secrets) >= 5
    assert [secret for secret in secrets if secret in everything] == []
    assert "GatewayUnknownError" in everything
    assert "GatewayRefusedError" in everything


def test_a_secret_that_bkash_sends_back_is_blanked() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        token = request.headers["Authorization"]
        return httpx.Response(
            200,
            json={
                "statusCode": "2001",
                "statusMessage": f"Invalid App Key {APP_KEY} {token}",
                "id_token": token,
                "nested": {"app_secret": APP_SECRET, "list": [PASSWORD]},
            },
        )

    gateway, _ = answering(echo)
    with pytest.raises(GatewayError) as refused:
        gateway.create(Shop().order(), now=datetime.now(UTC))
    assert APP_KEY not in str(refused.value)
    assert "token-that-is-secret" not in str(refused.value)
    assert "[hidden]" in str(refused.value)
    body = '{"x": "%s", "id_token": "t", "nested": {"app_secret": "s", "y": ["%s"]}}'
    reply = read_reply(200, body % (APP_KEY, PASSWORD), (APP_KEY, PASSWORD))
    assert reply.fields == {"x": "[hidden]", "nested": {"y": ["[hidden]"]}}


def test_an_error_of_httpx_is_not_carried_along_with_its_request() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route", request=request)

    gateway, _ = answering(fail)
    with pytest.raises(GatewayError) as unknown:
        gateway.create(Shop().order(), now=datetime.now(UTC))
    assert unknown.value.__context__ is None
    assert unknown.value.__cause__ is None
    assert "ConnectError" in str(unknown.value)


def test_a_store_of_tokens_shows_none() -> None:
    tokens = TokensInProcess()
    shop = Shop(tokens=tokens)
    shop.open(REFERENCE)
    (secret,) = shop.bkash.tokens
    assert secret not in repr(tokens)
