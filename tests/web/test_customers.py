"""Customers: the list and its filters, one customer, taking one on, exports."""

import csv
import io
from datetime import timedelta
from decimal import Decimal
from zipfile import ZipFile

import pytest

from billing_core.db.customers import read_customer
from billing_core.services.cash import take_cash
from billing_core.services.customers import give_to_operator, suspend
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_nas,
    a_package,
    fold,
    rows,
    username_of,
)
from tests.web.conftest import Site


def theirs(site: Site, operator: str, **changes: object) -> int:
    """Take on a customer of an operator's."""
    site.operator_id(operator)
    package = a_package(site.conn)
    customer_id = a_customer(site.conn, package, **changes)  # type: ignore[arg-type]
    give_to_operator(
        site.conn, username_of(site.conn, customer_id), operator, actor="t", now=NOON
    )
    return customer_id


def test_the_list_shows_customers_newest_first_a_page_at_a_time(site: Site) -> None:
    package = a_package(site.conn)
    for number in range(30):
        a_customer(site.conn, package, username=f"person-{number:02d}")
    admin = site.as_admin()

    first = admin.get("/customers?rows=25")

    assert "30 customers" in first.text
    assert "person-29" in first.text
    assert "person-05" in first.text
    assert "person-04" not in first.text
    assert "after=" in first.text
    (last,) = rows(
        site.conn, "SELECT customer_id FROM customer WHERE username = 'person-05'"
    )
    second = admin.get(f"/customers?rows=25&after={last[0]}")
    assert "person-04" in second.text
    assert "person-05" not in second.text


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("q=RAHIM", {"rahim"}),
        ("q=01712", {"rahim"}),
        ("q=kar", {"karim"}),
        ("q=100%25", set()),
        ("status=suspended", {"karim"}),
        ("zone=Mirpur", {"karim"}),
        ("online=1", {"rahim"}),
        ("kind=static", set()),
        ("", {"rahim", "karim"}),
    ],
)
def test_filters_leave_who_matches(site: Site, address: str, found: set[str]) -> None:
    package = a_package(site.conn)
    a_customer(site.conn, package, username="rahim", mobile="01712000001")
    a_customer(site.conn, package, username="karim", zone="Mirpur", name="Karim Mia")
    fold(site.conn, Packets("rahim", a_nas(site.conn)).start())
    suspend(site.conn, "karim", note="", actor="t", now=NOON)

    page = site.as_admin().get(f"/customers?{address}")

    assert page.status_code == 200
    assert {u for u in ("rahim", "karim") if f">{u}</a>" in page.text} == found


def test_a_filter_by_operator_knows_the_providers_own(site: Site) -> None:
    theirs(site, "mirpur", username="of-mirpur")
    a_customer(site.conn, a_package(site.conn), username="of-the-house")
    site.operator_id("till", "manager")
    ((mirpur,),) = rows(
        site.conn, "SELECT operator_id FROM operator WHERE username = 'mirpur'"
    )
    admin = site.as_admin()

    page = admin.get("/customers?operator=0").text
    assert ">of-the-house</a>" in page
    assert ">of-mirpur</a>" not in page
    assert "1 customers" in page
    theirs_only = admin.get(f"/customers?operator={mirpur}").text
    assert ">of-the-house</a>" not in theirs_only
    assert ">till</option>" not in page, "staff has no customers"
    assert "of-mirpur" not in admin.get("/customers/export.csv?operator=0").text


def test_a_filter_that_cannot_be_is_told_at_its_field(site: Site) -> None:
    admin = site.as_admin()
    for address in ("package=abc", "suspended_by=tomorrow", "status=asleep"):
        page = admin.get(f"/customers?{address}")
        assert page.status_code == 400
        assert 'aria-invalid="true"' in page.text
    assert admin.get("/customers?after=abc").status_code == 400


def test_an_operator_sees_his_own_and_his_resellers_customers_only(site: Site) -> None:
    mine = theirs(site, "mirpur", username="of-mirpur")
    other = theirs(site, "uttara", username="of-uttara")
    house = a_customer(site.conn, a_package(site.conn), username="of-the-house")
    below = site.operator_id("sub", "sub_operator", parent="mirpur")
    site.conn.execute(
        "UPDATE customer SET operator_id = %s WHERE customer_id = %s", [below, house]
    )
    mirpur = site.as_operator("mirpur")

    page = mirpur.get("/customers").text

    assert "of-mirpur" in page
    assert "of-the-house" in page
    assert "of-uttara" not in page
    assert mirpur.get(f"/customers/{mine}").status_code == 200
    assert mirpur.get(f"/customers/{other}").status_code == 404
    assert "of-uttara" not in mirpur.get("/customers/export.csv").text
    staff = site.as_manager("view_customers", parent="mirpur")
    assert staff.get(f"/customers/{mine}").status_code == 200
    assert staff.get(f"/customers/{other}").status_code == 404


def test_one_customers_page_tells_why_he_was_cut_off(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn), balance="12.50")
    username = username_of(site.conn, customer_id)
    suspend(site.conn, username, note="moved away", actor="operator:boss", now=NOON)

    page = site.as_admin().get(f"/customers/{customer_id}").text

    assert "by an operator" in page
    assert "moved away" in page
    assert "12.50" in page
    assert "secret" not in page.replace("secret_", ""), "a password is never shown"


def test_what_a_customer_calls_himself_is_text(site: Site) -> None:
    name = '<script>alert(1)</script>" onload="x'
    customer_id = a_customer(site.conn, a_package(site.conn), name=name)
    admin = site.as_admin()
    for path in ("/customers", f"/customers/{customer_id}", "/customers?q=<script>"):
        page = admin.get(path).text
        assert "<script>alert" not in page
        assert '" onload="' not in page


def test_the_export_is_what_the_filter_leaves(site: Site) -> None:
    package = a_package(site.conn)
    a_customer(site.conn, package, username="rahim", name="=HYPERLINK(1)", zone="A")
    a_customer(site.conn, package, username="karim", zone="B", balance="1234.5")
    admin = site.as_admin()

    answer = admin.get("/customers/export.csv?zone=A")
    whole = admin.get("/customers/export.csv")

    assert answer.mimetype == "text/csv"
    found = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["username"] for row in found] == ["rahim"]
    assert found[0]["name"] == "'=HYPERLINK(1)", "a spreadsheet must not run it"
    table = list(csv.DictReader(io.StringIO(whole.text.removeprefix("\ufeff"))))
    assert [row["balance"] for row in table] == ["1234.50", "0.00"]


def test_the_sheet_holds_the_same_rows(site: Site) -> None:
    a_customer(site.conn, a_package(site.conn), username="rahim", zone="A")
    answer = site.as_admin().get("/customers/export.xlsx?zone=A")
    with ZipFile(io.BytesIO(answer.data)) as sheet:
        text = sheet.read("xl/worksheets/sheet1.xml").decode()
    assert answer.status_code == 200
    assert "rahim" in text


def test_a_customer_is_taken_on(site: Site) -> None:
    package = a_package(site.conn)
    admin = site.as_admin()
    facts = {
        "username": "rahim",
        "password": "secret",
        "package": package,
        "language": "bn",
        "name": "রহিম",
        "mac": "aa-bb-cc-00-11-22",
    }
    assert package in admin.get("/customers/new").text

    answer = admin.post("/customers/new", facts)

    assert answer.status_code == 303
    customer = read_customer(site.conn, int(answer.location.rpartition("/")[2]))
    assert (customer.name, customer.mac_binding) == ("রহিম", "AA:BB:CC:00:11:22")
    assert customer.operator_id is None


def test_a_failed_form_keeps_what_was_typed_and_says_what_is_wrong(site: Site) -> None:
    package = a_package(site.conn)
    a_customer(site.conn, package, username="rahim")
    facts = {
        "username": "rahim",
        "password": "secret",
        "package": package,
        "language": "en",
        "name": "Somebody Else",
        "mac": "not a mac",
    }
    admin = site.as_admin()

    page = admin.post("/customers/new", facts)

    assert page.status_code == 422
    assert "Somebody Else" in page.text
    assert "Write a MAC address" in page.text
    taken = admin.post("/customers/new", facts | {"mac": ""})
    assert taken.status_code == 422
    assert "the username is taken" in taken.text


def test_a_resellers_new_customer_is_his(site: Site) -> None:
    package = a_package(site.conn)
    facts = {"username": "rahim", "password": "x", "package": package, "language": "en"}
    mirpur = site.as_operator("mirpur")
    site.operator_id("uttara")

    assert mirpur.post("/customers/new", facts | {"operator": ""}).status_code == 422
    stolen = mirpur.post("/customers/new", facts | {"operator": "uttara"})
    assert stolen.status_code == 422
    answer = mirpur.post("/customers/new", facts | {"operator": "mirpur"})

    assert answer.status_code == 303
    assert rows(
        site.conn,
        "SELECT o.username FROM customer c JOIN operator o USING (operator_id)",
    ) == [("mirpur",)]


def test_usage_and_bills_stand_on_the_page(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn), username="rahim")
    take_cash(
        site.conn,
        "rahim",
        Decimal(100),
        key="k",
        operator="operator:boss",
        note="",
        now=NOON,
    )
    p = Packets("rahim", a_nas(site.conn), started_at=NOON - timedelta(hours=1))
    fold(site.conn, p.start(), p.stop(600, octets=(10**6, 5 * 10**8)))

    page = site.as_admin().get(f"/customers/{customer_id}").text

    assert "500.00 MB" in page
    assert "data-chart=" in page
    assert "90.00" in page, "100.00 less ten minutes"


def test_whom_a_reseller_takes_on_is_his_own_unless_he_says_otherwise(
    site: Site,
) -> None:
    a_package(site.conn)
    site.operator_id("mirpur")
    site.operator_id("a-first", "sub_operator", parent="mirpur")
    chosen = '<option selected value="mirpur">'
    assert chosen in site.as_operator("mirpur").get("/customers/new").text
    staff = site.as_manager("view_customers", "add_customers", parent="mirpur")
    assert chosen in staff.get("/customers/new").text
    assert '<option selected value="">' in site.as_admin().get("/customers/new").text


def test_who_has_no_package_to_give_is_told_so_before_he_fills_the_form(
    site: Site,
) -> None:
    told = "No package is on sale yet"
    page = site.as_admin().get("/customers/new").text
    assert told in page
    assert 'href="/packages/new"' in page
    clerk = site.as_manager("view_customers", "add_customers").get("/customers/new")
    assert told in clerk.text
    assert "/packages/new" not in clerk.text
    a_package(site.conn)
    assert told not in site.as_admin().get("/customers/new").text
