"""The settings of gateways: all or nothing, told by name, never with a secret."""

from pathlib import Path

import httpx
import pytest

from billing_core.gateway_settings import NO_GATEWAYS, read_payments
from billing_core.gateways.bkash import TokensInProcess
from billing_core.gateways.contract import GatewaySettingError
from billing_core.gateways.registry import make_gateways
from billing_core.gateways.transport import new_client
from billing_core.settings import KNOWN_KEYS, SettingsError, load_settings
from tests.unit.test_settings import WHOLE, in_file

SSLCOMMERZ = {
    "sslcommerz_base_url": "https://sandbox.sslcommerz.com",
    "sslcommerz_store_id": "exampleshop",
    "sslcommerz_store_password": "a-password-that-is-secret",
}
BKASH = {
    "bkash_base_url": "https://tokenized.sandbox.bka.sh/v1.2.0-beta",
    "bkash_username": "shop",
    "bkash_password": "a-password-that-is-secret",
    "bkash_app_key": "an-app-key-that-is-secret",
    "bkash_app_secret": "an-app-secret-that-is-secret",
}
SITE = {"public_url": "https://pay.isp.example/"}


def reading(values: dict[str, str]) -> object:
    def find(name: str) -> tuple[str, str] | None:
        return (values[name], f"KHATA_{name.upper()}") if name in values else None

    return read_payments(find)


def test_without_any_setting_there_is_no_gateway() -> None:
    def nothing(_name: str) -> None:
        return None

    settings = read_payments(nothing)
    with new_client() as client:
        assert make_gateways(settings, TokensInProcess(), client) == {}
        assert make_gateways(NO_GATEWAYS, TokensInProcess(), client) == {}


def test_each_gateway_that_is_set_is_made_and_verified_by_a_person_by_default(
    tmp_path: Path,
) -> None:
    environ = WHOLE | in_file(tmp_path, "")
    for name, value in {**SITE, **SSLCOMMERZ, **BKASH}.items():
        environ[f"KHATA_{name.upper()}"] = value
    environ["KHATA_BKASH_VERIFICATION"] = "Automatic"
    settings = load_settings(environ, tmp_path).payments
    assert settings.public_url == "https://pay.isp.example"
    with new_client() as client:
        made = make_gateways(settings, TokensInProcess(), client)
    assert {name: gateway.name for name, gateway in made.items()} == {
        "bkash": "bkash",
        "sslcommerz": "sslcommerz",
    }
    assert settings.verification["bkash"] == "automatic"
    assert settings.verification["sslcommerz"] == "operator"


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from-a-file\n")
    text = "".join(f'{k} = "{v}"\n' for k, v in {**SITE, **SSLCOMMERZ}.items())
    text = text.replace(
        'sslcommerz_store_password = "a-password-that-is-secret"',
        'sslcommerz_store_password_file = "password"',
    )
    settings = load_settings(WHOLE | in_file(tmp_path, text), tmp_path)
    assert settings.payments.sslcommerz is not None
    assert settings.payments.sslcommerz.store_password == "from-a-file"


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"public_url": None}, "KHATA_PUBLIC_URL"),
        ({"public_url": "http://pay.isp.example"}, "KHATA_PUBLIC_URL"),
        ({"public_url": "pay.isp.example"}, "KHATA_PUBLIC_URL"),
        ({"public_url": "https://u:p@isp.example"}, "KHATA_PUBLIC_URL"),
        ({"public_url": "https://isp.example:port"}, "KHATA_PUBLIC_URL"),
        ({"sslcommerz_store_password": None}, "KHATA_SSLCOMMERZ_STORE_PASSWORD"),
        ({"sslcommerz_base_url": "http://isp.example"}, "KHATA_SSLCOMMERZ_BASE_URL"),
        ({"bkash_app_secret": None}, "KHATA_BKASH_APP_SECRET"),
        ({"bkash_verification": "yes"}, "KHATA_BKASH_VERIFICATION"),
        ({"transfer_numbers": "0" * 501}, "KHATA_TRANSFER_NUMBERS"),
    ],
)
def test_a_wrong_setting_is_named_and_no_secret_is_told(
    changes: dict[str, str | None], names: str
) -> None:
    values = {**SITE, **SSLCOMMERZ, **BKASH, **changes}
    with pytest.raises(GatewaySettingError, match=names) as told:
        reading({name: value for name, value in values.items() if value is not None})
    assert "that-is-secret" not in str(told.value)


def test_a_wrong_setting_stops_the_start(tmp_path: Path) -> None:
    environ = WHOLE | in_file(tmp_path, "") | {"KHATA_NAGAD_MERCHANT_ID": "1"}
    with pytest.raises(SettingsError, match="KHATA_NAGAD_"):
        load_settings(environ, tmp_path)


def test_no_record_of_settings_shows_a_secret() -> None:
    text = repr(reading({**SITE, **SSLCOMMERZ, **BKASH}))
    assert "shop" in text
    assert "that-is-secret" not in text


def test_every_setting_may_stand_in_the_file() -> None:
    assert {*SITE, *SSLCOMMERZ, *BKASH, "nagad_verification"} <= KNOWN_KEYS


def test_the_client_of_gateways_waits_for_an_end_and_follows_no_redirect() -> None:
    with new_client() as client:
        assert client.timeout == httpx.Timeout(30.0, connect=10.0)
        assert client.follow_redirects is False
