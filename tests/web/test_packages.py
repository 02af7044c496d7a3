"""Packages' pages: what is sold, to whom what follows from a change, and withdrawal."""

from decimal import Decimal

import pytest

from billing_core.db.packages import PackageError, find_package
from billing_core.services.packages import change_package, set_withdrawn
from billing_core.services.registration import Registration, add_customer
from tests.builders import (
    KEY,
    NOON,
    Packets,
    a_customer,
    a_daily_package,
    a_hotspot_package,
    a_nas,
    a_package,
    fold,
    rows,
)
from tests.web.conftest import Site

MONTHLY = {
    "name": "Home 10",
    "price": "500",
    "vat_percent": "5",
    "vat_inclusive": "y",
    "rate_down": "10M",
    "rate_up": "5M",
    "sessions_allowed": "1",
}
HOTSPOT = MONTHLY | {
    "name": "Day",
    "price": "১০",
    "validity": "1d",
    "validity_from": "first_use",
    "quota_data": "1.5 GB",
}
SESSION = MONTHLY | {"name": "By the minute", "price_per_minute": "0.125"}


def package_id(site: Site, name: str) -> int:
    return find_package(site.conn, name).package_id


def notes(site: Site) -> str:
    return str(rows(site.conn, "SELECT what, note FROM operator_event"))


@pytest.mark.parametrize(
    ("billing", "form", "expected"),
    [
        ("monthly", MONTHLY, {"price": Decimal(500), "rate_down_bps": 10_000_000}),
        ("daily", MONTHLY | {"validity": "30d"}, {"validity_seconds": 2_592_000}),
        (
            "package",
            HOTSPOT,
            {
                "price": Decimal(10),
                "quota_octets": 1_500_000_000,
                "quota_seconds": None,
                "validity_from": "first_use",
            },
        ),
        (
            "per_session",
            SESSION,
            {"price_per_minute": Decimal("0.125"), "increment_seconds": 60},
        ),
        ("free", MONTHLY, {"price": Decimal(0)}),
        (
            "monthly",
            MONTHLY | {"fair_use": "300GB", "fair_use_rate_down": "2M"},
            {
                "fair_use_octets": 300 * 10**9,
                "fair_use_rate_down_bps": 2_000_000,
                "fair_use_rate_up_bps": None,
            },
        ),
    ],
)
def test_a_package_of_each_kind_is_put_on_sale(
    site: Site, billing: str, form: dict[str, str], expected: dict[str, object]
) -> None:
    admin = site.as_admin()
    if billing == "per_session":
        form = form | {"increment": "1m"}
    assert f"/packages/new/{billing}" in admin.get("/packages/new").text
    assert admin.get(f"/packages/new/{billing}").status_code == 200

    answer = admin.post(f"/packages/new/{billing}", form)

    assert answer.status_code == 303
    found = find_package(site.conn, form["name"])
    assert found.billing == billing
    assert {name: getattr(found, name) for name in expected} == expected
    assert form["name"] in admin.get("/packages").text
    page = admin.get(f"/packages/{found.package_id}")
    assert "10 Mbit/s" in page.text
    assert "package added" in notes(site)


@pytest.mark.parametrize(
    ("billing", "change", "told"),
    [
        ("monthly", {"price": ""}, "monthly needs a price"),
        ("monthly", {"price": "-5"}, "monthly needs a price"),
        ("monthly", {"price": "five"}, "five"),
        ("monthly", {"name": ""}, "required"),
        ("monthly", {"name": "taken"}, "another package has this name"),
        ("monthly", {"rate_down": "fast"}, "a rate like 10M"),
        ("monthly", {"vat_percent": "101"}, "between 0 and 100"),
        ("monthly", {"vat_percent": "NaN"}, "between 0 and 100"),
        ("monthly", {"sessions_allowed": "0"}, "between 1 and 1000"),
        ("monthly", {"fair_use": "300GB"}, "a rate beyond it"),
        ("monthly", {"fair_use_rate_up": "2M"}, "a number of octets"),
        (
            "monthly",
            {"fair_use": "1GB", "fair_use_rate_down": "20M"},
            "cannot be faster",
        ),
        ("daily", {"validity": "36h"}, "whole days"),
        ("package", {"validity_from": "purchase"}, "needs a validity"),
        ("package", {"quota_data": "lots"}, "500MB or 5GB"),
        ("per_session", {}, "needs a price per minute"),
    ],
)
def test_a_package_that_contradicts_itself_is_told_why_and_nothing_is_lost(
    site: Site, billing: str, change: dict[str, str], told: str
) -> None:
    a_package(site.conn, name="taken")

    answer = site.as_admin().post(
        f"/packages/new/{billing}", MONTHLY | {"rate_up": "7M"} | change
    )

    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="7M"' in answer.text
    assert rows(site.conn, "SELECT name FROM package") == [("taken",)]


def test_an_edit_first_says_what_it_would_do_to_whom(site: Site) -> None:
    name = a_package(site.conn, name="Home", billing="monthly", price=Decimal(500))
    a_customer(site.conn, name)
    a_customer(site.conn, name, special_price=Decimal(400))
    admin = site.as_admin()
    path = f"/packages/{package_id(site, name)}/edit"
    assert 'value="500.00"' in admin.get(path).text
    form = MONTHLY | {"name": "Home", "price": "600"}

    looked = admin.post(path, form | {"step": "look"})

    assert "2 customer(s) pay" in looked.text
    assert "600.00" in looked.text
    assert "1 of them have a special price" in looked.text
    assert "Rates and pool hold from the next login" in looked.text
    assert find_package(site.conn, "Home").price == 500, "looking changes nothing"
    assert admin.post(path, form | {"step": "make"}).status_code == 303
    assert find_package(site.conn, "Home").price == 600
    assert "price: 500.00 -&gt; 600" in admin.get("/audit-log").text
    same = admin.post(path, form | {"step": "look"})
    assert "Nothing is different" in same.text
    assert "Save it" not in same.text


def test_a_dearer_hotspot_package_says_which_cards_no_longer_buy_it(
    site: Site,
) -> None:
    from billing_core.services.cards.batches import BatchOrder, make_batch

    name = a_hotspot_package(site.conn, name="Day")
    make_batch(site.conn, BatchOrder(3, None, name, "shop"), actor="t", now=NOON)
    admin = site.as_admin()
    path = f"/packages/{package_id(site, name)}"
    form = HOTSPOT | {"name": "Day", "price": "12"}

    page = admin.post(f"{path}/edit", form | {"step": "look"}).text

    assert "3 recharge card(s)" in page
    assert "What was bought keeps its time and data" in page
    assert "3 recharge card(s)" in admin.get(f"{path}/withdraw").text


def test_a_tariff_is_not_changed_under_sessions_that_run(site: Site) -> None:
    name = a_package(site.conn, name="By the minute")
    a_customer(site.conn, name, username="rahim", balance="100")
    packets = Packets("rahim", a_nas(site.conn))
    fold(site.conn, packets.start())
    admin = site.as_admin()
    path = f"/packages/{package_id(site, name)}/edit"
    form = SESSION | {"vat_percent": "0", "increment": "1m", "data_increment": "1"}

    dearer = admin.post(path, form | {"price_per_minute": "2", "step": "make"})
    slower = admin.post(path, form | {"price_per_minute": "1", "step": "make"})

    assert dearer.status_code == 422
    assert "1 session(s) run at this tariff" in dearer.text
    assert slower.status_code == 303, slower.text
    fold(site.conn, packets.stop(60))
    assert (
        admin.post(path, form | {"price_per_minute": "2", "step": "make"}).status_code
        == 303
    )


def test_days_of_a_daily_package_stay(site: Site) -> None:
    name = a_daily_package(site.conn)
    was = find_package(site.conn, name)
    path = f"/packages/{was.package_id}/edit"
    form = MONTHLY | {"name": name, "price": "300", "step": "make"}

    answer = site.as_admin().post(path, form | {"validity": "15d"})

    assert answer.status_code == 422
    assert "its days stay" in answer.text
    assert find_package(site.conn, name) == was


def test_how_a_package_is_billed_stays(site: Site) -> None:
    from dataclasses import asdict

    from billing_core.db.packages import NewPackage

    name = a_daily_package(site.conn)
    facts = asdict(find_package(site.conn, name)) | {"billing": "monthly"}
    del facts["package_id"], facts["is_withdrawn"]
    with pytest.raises(PackageError, match="how it is billed stays"):
        change_package(site.conn, name, NewPackage(**facts), actor="t", now=NOON)


def test_a_withdrawn_package_is_kept_but_given_to_nobody(site: Site) -> None:
    name = a_package(site.conn, name="Old")
    a_customer(site.conn, name, username="has-it")
    admin = site.as_admin()
    path = f"/packages/{package_id(site, name)}/withdraw"
    assert "Who has it keeps it" in admin.get(path).text

    assert admin.post(path).status_code == 303

    assert "withdrawn" in admin.get("/packages").text
    with pytest.raises(PackageError, match="not sold any more"):
        add_customer(
            site.conn,
            Registration(username="late", password="secret", package="Old"),
            secret_key=KEY,
            actor="t",
            now=NOON,
        )
    assert ">Old " not in admin.get("/customers/new").text
    assert not set_withdrawn(
        site.conn, "Old", is_withdrawn=True, actor="t", now=NOON
    ), "it is so already"
    assert admin.post(path).status_code == 303
    assert "on sale" in admin.get("/packages").text


def test_only_who_manages_packages_sees_them_here(site: Site) -> None:
    number = package_id(site, a_package(site.conn))
    paths = ["", "/new", "/new/daily", f"/{number}", f"/{number}/edit"]
    for path in (f"/packages{p}" for p in (*paths, f"/{number}/withdraw")):
        assert site.anonymous().get(path).status_code == 303
        assert site.as_operator().get(path).status_code == 403
        assert site.as_manager("manage_packages").get(path).status_code == 200
    assert site.as_admin().get("/packages/999").status_code == 404
    assert site.as_admin().get("/packages/new/weekly").status_code == 404
