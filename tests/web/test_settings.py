"""The settings' page: what is set where, never a secret; and trying what is set."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from billing_core.channels import SmsGateway
from billing_core.db.connect import Connection
from billing_core.gateway_settings import PaymentSettings
from billing_core.gateways.bkash import BkashGateway, TokensInProcess
from billing_core.reminders import Event, ReminderPolicy
from billing_core.settings import Settings, SettingsError, list_places
from simulators.gateways.common import wall_clock
from tests.builders import rows
from tests.gateways import sslcommerz_shop
from tests.gateways.bkash_shop import APP_KEY, APP_SECRET, PASSWORD, Shop
from tests.message_ends import Phones, an_sms_gateway
from tests.web.conftest import Site, settings_for
from web import create_app
from web.desk import close_desks

Make = Callable[..., Site]


@pytest.fixture
def made(database_url: str, conn: Connection) -> Iterator[Make]:
    """Make sites with settings and gateways of one's own."""
    apps = []

    def make(gateways: dict[str, Any] | None = None, **changes: Any) -> Site:
        settings: Settings = replace(settings_for(database_url), **changes)
        app = create_app(settings)
        app.extensions["khata_gateways"] = gateways or {}
        apps.append(app)
        return Site(app, conn)

    yield make
    for app in apps:
        close_desks(app)


def a_shop() -> Shop:
    shop = Shop()
    shop.bkash.clock = wall_clock
    return shop


def with_bkash(make: Make, shop: Shop) -> Site:
    payments = PaymentSettings(public_url="https://isp.example", bkash=shop.settings)
    return make({"bkash": shop.gateway}, payments=payments)


def test_settings_show_their_place_and_no_secret(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "khata.toml"
    config.write_text(
        'zone = "Asia/Dhaka"\nprovider = "Shapla Net"\n'
        'secret_key_file = "secrets/key"\nsms_url = "http://sms.example/?k=s3cret"\n'
    )
    monkeypatch.setenv("KHATA_CONFIG", str(config))
    monkeypatch.setenv("KHATA_BKASH_PASSWORD", "hush-hush")
    monkeypatch.setenv("KHATA_BKASH_VERIFICATION", "automatic")
    shop = a_shop()
    site = with_bkash(made, shop)

    page = site.as_admin().get("/settings").text

    assert "Shapla Net" in page
    assert f"provider in {config}" in page
    assert "KHATA_BKASH_VERIFICATION" in page
    assert "secrets/key" in page
    for secret in ("s3cret", "hush-hush", PASSWORD, APP_KEY, APP_SECRET):
        assert secret not in page


def test_a_wrong_file_is_told_and_the_page_stands(
    made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "khata.toml"
    config.write_text("colour = 'blue'\n")
    monkeypatch.setenv("KHATA_CONFIG", str(config))
    page = made().as_admin().get("/settings")
    assert page.status_code == 200
    assert "no such setting" in page.text


def test_places_are_of_the_environment_first(tmp_path: Path) -> None:
    config = tmp_path / "khata.toml"
    config.write_text('zone = "Asia/Dhaka"\n')
    environ = {
        "KHATA_CONFIG": str(config),
        "KHATA_ZONE": "UTC",
        "KHATA_SECRET_KEY_FILE": "/run/key",
    }
    found = {p.name: p for p in list_places(environ)}
    assert (found["zone"].value, found["zone"].place) == ("UTC", "KHATA_ZONE")
    assert found["secret_key"].value == ""
    assert found["secret_key"].place == "KHATA_SECRET_KEY_FILE: /run/key"
    assert (found["currency"].place, found["web_port"].value) == ("", "8080")
    with pytest.raises(SettingsError):
        list_places({"KHATA_CONFIG": "/nowhere/khata.toml"})


def test_a_gateway_that_takes_our_keys_says_so_and_nothing_is_created(
    made: Make,
) -> None:
    shop = a_shop()
    site = with_bkash(made, shop)
    admin = site.as_admin()
    assert "/settings/gateways/bkash/test" in admin.get("/settings").text

    answer = admin.post("/settings/gateways/bkash/test")

    assert answer.status_code == 303
    assert "bKash: it answered, and took our keys" in admin.get("/settings").text
    assert shop.calls == {"query": 1}
    assert rows(
        site.conn, "SELECT actor, what, note FROM operator_event ORDER BY at DESC"
    )[0] == ("operator:boss", "gateway tried", "bkash: accepted")


def test_a_gateway_that_refuses_our_keys_says_why(made: Make) -> None:
    shop = a_shop()
    wrong = replace(shop.settings, password="not-it")
    http = httpx.Client(transport=shop.wire)
    shop.gateway = BkashGateway(wrong, http, TokensInProcess(), None)
    admin = with_bkash(made, shop).as_admin()

    admin.post("/settings/gateways/bkash/test")

    page = admin.get("/settings").text
    assert "does not take our keys" in page
    assert "not-it" not in page


def test_a_gateway_that_is_silent_is_told_so(made: Make) -> None:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("nobody there", request=request)

    shop = a_shop()
    http = httpx.Client(transport=httpx.MockTransport(nobody))
    shop.gateway = BkashGateway(shop.settings, http, TokensInProcess(), None)
    admin = with_bkash(made, shop).as_admin()

    admin.post("/settings/gateways/bkash/test")

    assert "no answer that can be read" in admin.get("/settings").text


def test_sslcommerz_checks_store_and_password(made: Make) -> None:
    shop = sslcommerz_shop.Shop()
    admin = made({"sslcommerz": shop.gateway}).as_admin()
    admin.post("/settings/gateways/sslcommerz/test")
    assert "SSLCommerz: it answered, and took our keys" in admin.get("/settings").text


def test_a_gateway_that_is_not_set_cannot_be_tried(made: Make) -> None:
    admin = made().as_admin()
    assert admin.post("/settings/gateways/bkash/test").status_code == 404
    assert admin.post("/settings/gateways/paypal/test").status_code == 404
    assert "set KHATA_NAGAD_" in admin.get("/settings").text


@pytest.mark.parametrize("event", list(Event))
def test_each_message_is_shown_in_both_languages_and_ways(
    made: Make, event: Event
) -> None:
    site = made(reminders=ReminderPolicy(provider="Shapla Net"))
    page = site.as_admin().get(f"/settings/messages?event={event.value}")
    assert page.status_code == 200
    assert page.text.count("Shapla Net") == 4
    assert f"{event.value}.sms.bn.txt" in page.text


def test_a_test_sms_shows_what_the_gateway_answered(made: Make) -> None:
    with an_sms_gateway(Phones(answers=[(200, "SENT 77"), (401, "bad key")])) as it:
        gateway = SmsGateway(
            f"http://127.0.0.1:{it.port}/?k=s3cret&to={{recipient}}&m={{text}}"
        )
        admin = made(sms_gateway=gateway).as_admin()
        assert "127.0.0.1" in admin.get("/settings").text
        form = {"recipient": "01712345678", "language": "bn"}
        path = "/settings/channels/sms/test"

        sent = admin.post(path, form)
        refused = admin.post(path, form)
        empty = admin.post(path, {"recipient": "", "language": "bn"})

    assert "Sent to 01712345678" in sent.text
    assert "SENT 77" in sent.text
    assert (refused.status_code, empty.status_code) == (422, 422)
    assert "bad key" in refused.text
    assert "s3cret" not in sent.text + refused.text


def test_a_way_that_is_not_set_says_what_is_missing(made: Make) -> None:
    admin = made().as_admin()
    form = {"recipient": "rahim@example.org", "language": "en"}
    answer = admin.post("/settings/channels/mail/test", form)
    assert answer.status_code == 422
    assert "KHATA_SMTP_URL" in answer.text
    assert admin.get("/settings/channels/pigeon/test").status_code == 404


def test_nobodys_phone_is_flooded_from_here(made: Make) -> None:
    admin = made().as_admin()
    form = {"recipient": "01712345678", "language": "en"}
    answers = [
        admin.post("/settings/channels/sms/test", form).status_code for _ in range(21)
    ]
    assert answers == [422] * 20 + [429]


def test_only_who_manages_settings_sees_them(made: Make) -> None:
    site = made()
    for path in ("/settings", "/settings/messages", "/settings/channels/sms/test"):
        assert site.anonymous().get(path).status_code == 303
        assert site.as_operator().get(path).status_code == 403
        assert site.as_manager("manage_settings").get(path).status_code == 200
    assert site.as_operator().post("/settings/gateways/bkash/test").status_code == 403
    assert site.as_admin().get("/settings/messages?event=party").status_code == 404
