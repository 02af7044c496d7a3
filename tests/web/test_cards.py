"""Recharge cards' pages: made, printed once, activated, sold; PINs shown to nobody."""

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from billing_core.db.cards import read_batch, read_card
from billing_core.db.connect import Connection
from billing_core.db.customers import read_customer
from billing_core.services.customers import give_to_operator
from tests.builders import (
    NOON,
    a_customer,
    a_hotspot_package,
    a_package,
    rows,
    username_of,
)
from tests.cards import CARD_KEYS, a_batch, activate_all, pins_of, print_cards, try_pin
from tests.web.conftest import Browser, Site, settings_for
from web import create_app
from web.desk import close_desks

ORDER = {"quantity": "3", "value": "100", "distributor": "shop", "commission": "5"}


@pytest.fixture
def shops(database_url: str, conn: Connection) -> Iterator[Site]:
    """A site that has a key for cards."""
    app = create_app(replace(settings_for(database_url), card_keys=CARD_KEYS))
    try:
        yield Site(app, conn)
    finally:
        close_desks(app)


def a_shop(site: Site, parent: str | None = None, name: str = "shop") -> Browser:
    return site.as_somebody(name, "distributor", parent=parent)


def test_cards_are_made_printed_once_activated_and_never_shown(shops: Site) -> None:
    admin = shops.as_admin()
    shops.operator_id("shop", "distributor")
    assert '<option value="shop">' in admin.get("/cards/new").text

    path = admin.post("/cards/new", ORDER).location
    page = admin.get(path).text
    assert "Print, once" in page
    first = read_batch(shops.conn, 1, now=NOON).serial_first
    too_early = admin.post(
        "/cards/activate", {"first": str(first), "last": str(first + 2)}
    )
    assert too_early.status_code == 422
    assert "have not been printed" in too_early.text
    printed = admin.post(f"{path}/print", {"form": "csv"})

    assert printed.mimetype == "text/csv"
    assert printed.headers["Cache-Control"] == "no-store"
    table = list(csv.DictReader(io.StringIO(printed.data.decode("utf-8-sig"))))
    assert [row["value"] for row in table] == ["100.00"] * 3
    pins = [row["pin"] for row in table]
    again = admin.post(f"{path}/print", {"form": "csv"})
    assert again.status_code == 422
    assert "was printed by" in again.text
    done = admin.post(
        "/cards/activate", {"first": str(first), "last": str(first + 1), "note": "paid"}
    )
    assert done.location == path
    assert read_card(shops.conn, first, now=NOON).state == "active"
    assert read_card(shops.conn, first + 2, now=NOON).state == "generated"
    for address in (
        *("/cards", path, "/cards/all", f"/cards/all/{first}", "/cards/tries"),
        *("/audit-log", "/sell-cards", f"{path}/print"),
    ):
        text = admin.get(address).text
        for pin in pins:
            assert pin not in text
            assert pin.replace(" ", "") not in text
    log = admin.get("/audit-log?log=cards").text
    assert "cards printed" in log
    assert "boss" in log


def test_sheets_come_with_the_file_they_are_made_of(shops: Site) -> None:
    admin = shops.as_admin()
    path = admin.post("/cards/new", ORDER | {"quantity": "2"}).location

    answer = admin.post(f"{path}/print", {"form": "pdf"})

    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        names = archive.namelist()
        assert [name[-3:] for name in names] == ["csv", "pdf"]
        assert archive.read(names[1]).startswith(b"%PDF")


def test_more_cards_than_somebody_waits_for_are_not_printed_here(shops: Site) -> None:
    admin = shops.as_admin()
    path = admin.post("/cards/new", ORDER | {"quantity": "421"}).location

    answer = admin.post(f"{path}/print", {"form": "pdf"})

    assert answer.status_code == 422
    assert "khata card print" in answer.text
    assert read_batch(shops.conn, 1, now=NOON).printed_at is None
    assert admin.post(f"{path}/print", {"form": "rtf"}).status_code == 422


def test_without_a_key_nothing_is_printed_and_the_pages_say_so(site: Site) -> None:
    admin = site.as_admin()
    path = admin.post("/cards/new", ORDER).location
    assert "KHATA_CARD_KEY" in admin.get("/cards").text
    assert admin.post(f"{path}/print", {"form": "csv"}).status_code == 422
    assert "has no recharge cards" in a_shop(site).get("/sell-cards").text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"quantity": "0"}, "between 1 and"),
        ({"quantity": "many"}, "Not a valid integer"),
        ({"value": ""}, "which package it buys"),
        ({"value": "0"}, "more than 0"),
        ({"commission": "101"}, "the commission is from 0"),
        ({"commission_percent": "5"}, "not both"),
        ({"distributor": ""}, "required"),
        ({"expires_on": "2020-01-01"}, "expired already"),
    ],
)
def test_cards_that_cannot_be_are_told_why(
    shops: Site, change: dict[str, str], told: str
) -> None:
    answer = shops.as_admin().post("/cards/new", ORDER | change)
    assert answer.status_code == 422
    assert told in answer.text
    assert rows(shops.conn, "SELECT FROM card_batch") == []


def test_a_card_for_a_package_is_worth_what_it_costs(shops: Site) -> None:
    name = a_hotspot_package(shops.conn, name="Day")
    path = (
        shops.as_admin()
        .post("/cards/new", ORDER | {"value": "", "package": name})
        .location
    )
    assert "Day" in shops.as_admin().get(path).text
    assert read_batch(shops.conn, 1, now=NOON).face_value == 10


def test_unused_cards_of_a_range_are_voided_for_a_reason(
    shops: Site, tmp_path: Path
) -> None:
    batch = a_batch(shops.conn, 4)
    print_cards(shops.conn, batch, tmp_path)
    activate_all(shops.conn, batch)
    admin = shops.as_admin()
    first, last = batch.serial_first, batch.serial_first + 1
    form = {"first": str(first), "last": str(last)}
    asked = admin.get(f"/cards/void?first={first}&last={last}")
    assert f'value="{first}"' in asked.text

    assert admin.post("/cards/void", form).status_code == 422
    assert admin.post("/cards/void", form | {"reason": "stolen"}).status_code == 303
    beyond = {"first": str(last), "last": str(last + 99), "reason": "x"}
    refused = admin.post("/cards/void", beyond)

    assert refused.status_code == 422
    assert "do not exist" in refused.text
    states = rows(shops.conn, "SELECT state FROM card ORDER BY serial")
    assert states == [("void",), ("void",), ("active",), ("active",)]
    assert "stolen" in admin.get(f"/cards/all/{first}").text


def test_cards_are_found_by_serial_state_batch_and_distributor(
    shops: Site, tmp_path: Path
) -> None:
    one, other = a_batch(shops.conn, 2), a_batch(shops.conn, 1, distributor="kiosk")
    print_cards(shops.conn, other, tmp_path)
    activate_all(shops.conn, other)
    admin = shops.as_admin()
    serials = {one.serial_first, one.serial_last, other.serial_first}
    for address, found in (
        ("", serials),
        (f"serial={one.serial_first}", {one.serial_first}),
        ("state=active", {other.serial_first}),
        (f"batch={one.batch_id}", {one.serial_first, one.serial_last}),
        ("distributor=kiosk", {other.serial_first}),
        (f"after={one.serial_last}", {one.serial_first}),
    ):
        page = admin.get(f"/cards/all?{address}").text
        assert {s for s in serials if f">{s}</a>" in page} == found, address
    assert admin.get("/cards/all?serial=abc").status_code == 400
    assert admin.get("/cards/all?state=torn").status_code == 400
    assert admin.get("/cards/all/5").status_code == 404
    assert "kiosk" in admin.get("/cards?distributor=kiosk").text
    assert "Corner shop" not in admin.get("/cards?distributor=kiosk").text


def test_who_guesses_is_seen_and_an_alarm_is_given(shops: Site) -> None:
    from datetime import UTC, datetime

    customer_id = a_customer(shops.conn, a_package(shops.conn), username="guesser")
    now = datetime.now(UTC)
    for _ in range(30):
        shops.conn.execute(
            "INSERT INTO card_try (customer_id, at, actor, client_address, outcome)"
            " VALUES (%s, %s, 'customer:guesser', '10.0.0.9', 'unknown')",
            [customer_id, now],
        )
    for _ in range(6):
        try_pin(shops.conn, customer_id, "00000000000000000", now=now)
    admin = shops.as_admin()

    assert "Somebody seems to guess" in admin.get("/cards").text
    page = admin.get("/cards/tries?bad=y").text
    assert "10.0.0.9" in page
    assert f"customer {customer_id}</a>: until" in page, "he is locked out"
    assert "guesser" in admin.get("/cards/tries?customer=guesser").text
    assert admin.get("/cards/tries?customer=nobody").status_code == 400
    assert admin.get("/cards/tries?outcome=luck").status_code == 400


def test_a_reseller_who_manages_cards_has_only_his_shops(
    shops: Site, tmp_path: Path
) -> None:
    mirpur = shops.as_somebody("mirpur", "operator", ("manage_cards",))
    shops.operator_id("his-shop", "distributor", parent="mirpur")
    his = a_batch(shops.conn, 2, distributor="his-shop")
    other = a_batch(shops.conn, 2, distributor="other-shop")
    for batch in (his, other):
        print_cards(shops.conn, batch, tmp_path)

    page = mirpur.get("/cards").text
    assert "his-shop" in page
    assert "other-shop" not in page
    assert "other-shop" not in mirpur.get("/cards/all").text
    assert mirpur.get(f"/cards/batches/{his.batch_id}").status_code == 200
    for path in (
        f"/cards/batches/{other.batch_id}",
        f"/cards/batches/{other.batch_id}/print",
        f"/cards/all/{other.serial_first}",
    ):
        assert mirpur.get(path).status_code == 404
    across = {"first": str(his.serial_last), "last": str(other.serial_first)}
    for what in ("activate", "void"):
        form = across | {"reason": "x"}
        assert mirpur.post(f"/cards/{what}", form).status_code == 404
    assert rows(shops.conn, "SELECT DISTINCT state FROM card") == [("generated",)]
    shops.operator_id("uttara")
    shops.operator_id("uttaras-shop", "distributor", parent="uttara")
    for another in ("other-shop", "uttaras-shop", "uttara"):
        refused = mirpur.post("/cards/new", ORDER | {"distributor": another})
        assert refused.status_code == 422
        assert "Choose one who works for you." in refused.text
    mine = mirpur.post("/cards/new", ORDER | {"distributor": "his-shop"})
    assert mine.status_code == 303


def test_who_made_cards_for_a_shop_of_a_reseller_is_told_that_he_sees_them(
    shops: Site,
) -> None:
    shops.operator_id("mirpur")
    shops.operator_id("his-shop", "distributor", parent="mirpur")
    shops.operator_id("shop", "distributor")
    his, ours = (a_batch(shops.conn, distributor=n) for n in ("his-shop", "shop"))
    admin = shops.as_admin()

    page = admin.get(f"/cards/batches/{his.batch_id}").text

    assert "mirpur <small>who sees these cards, too</small>" in page
    assert "who sees" not in admin.get(f"/cards/batches/{ours.batch_id}").text


def test_a_reseller_does_not_find_out_usernames_of_others(shops: Site) -> None:
    a_customer(shops.conn, a_package(shops.conn), username="somebody")
    mirpur = shops.as_somebody("mirpur", "operator", ("manage_cards",))
    for username in ("somebody", "nobody"):
        answer = mirpur.get(f"/cards/tries?customer={username}")
        assert answer.status_code == 400
        assert f"There is no customer {username}." in answer.text


def test_only_who_manages_cards_sees_them(shops: Site) -> None:
    batch = a_batch(shops.conn)
    for path in (
        *("/cards", "/cards/new", "/cards/all", "/cards/tries", "/cards/activate"),
        *(f"/cards/batches/{batch.batch_id}", "/cards/void"),
        f"/cards/batches/{batch.batch_id}/print",
    ):
        assert shops.anonymous().get(path).status_code == 303
        assert shops.as_operator().get(path).status_code == 403
        assert a_shop(shops).get(path).status_code == 403
        assert shops.as_manager("manage_cards").get(path).status_code == 200


def test_a_shop_sees_its_cards_and_redeems_them_for_customers(
    shops: Site, tmp_path: Path
) -> None:
    (pin, other) = pins_of(shops.conn, tmp_path, 2, distributor="shop", commission=5)
    customer_id = a_customer(shops.conn, a_package(shops.conn), username="rahim")
    shop = a_shop(shops)
    assert "worth BDT 200.00" in shop.get("/sell-cards").text.replace("৳", "BDT ")

    answer = shop.post("/sell-cards", {"username": "rahim", "pin": pin})

    assert answer.status_code == 303
    assert read_customer(shops.conn, customer_id).posted == 100
    page = shop.get("/sell-cards").text
    assert "rahim got" in page
    assert "95.00" in page, "what is the provider's"
    assert pin not in page
    assert other not in page
    assert rows(shops.conn, "SELECT distributor, actor FROM card_try") == [
        ("shop", "operator:shop")
    ]


def test_a_shop_is_told_no_more_than_it_may_know(shops: Site, tmp_path: Path) -> None:
    (pin,) = pins_of(shops.conn, tmp_path)
    a_customer(shops.conn, a_package(shops.conn), username="rahim")
    shop = a_shop(shops)

    mistyped = shop.post("/sell-cards", {"username": "rahim", "pin": "123"})
    wrong = shop.post("/sell-cards", {"username": "rahim", "pin": "0" * 17})
    nobody = shop.post("/sell-cards", {"username": "karim", "pin": pin})
    empty = shop.post("/sell-cards", {"username": "", "pin": ""})

    assert "mistyped" in mistyped.text
    assert 'value="123"' in mistyped.text, "a typo is mended, not typed anew"
    assert "is not taken" in wrong.text
    assert "0" * 17 not in wrong.text
    assert "no such customer" in nobody.text
    for answer in (mistyped, wrong, nobody, empty):
        assert answer.status_code == 422
    for _ in range(40):
        last = shop.post("/sell-cards", {"username": "karim", "pin": pin})
    assert last.status_code == 429


def test_a_shop_serves_only_the_customers_of_whom_it_works_for(
    shops: Site, tmp_path: Path
) -> None:
    (pin, second) = pins_of(shops.conn, tmp_path, 2)
    shops.operator_id("mirpur")
    shops.operator_id("sub", "sub_operator", parent="mirpur")
    ids = {}
    for name, operator in (("his", "mirpur"), ("below", "sub"), ("house", None)):
        ids[name] = a_customer(shops.conn, a_package(shops.conn), username=name)
        username = username_of(shops.conn, ids[name])
        give_to_operator(shops.conn, username, operator, actor="t", now=NOON)
    shop = a_shop(shops, parent="mirpur", name="mirpurs-shop")

    assert (
        shop.post("/sell-cards", {"username": "house", "pin": pin}).status_code == 422
    )
    assert shop.post("/sell-cards", {"username": "his", "pin": pin}).status_code == 303
    below = shop.post("/sell-cards", {"username": "below", "pin": second})
    assert below.status_code == 303
    assert read_customer(shops.conn, ids["house"]).posted == 0
    assert shops.anonymous().get("/sell-cards").status_code == 303
    assert shops.as_manager("view_bills").get("/sell-cards").status_code == 403
