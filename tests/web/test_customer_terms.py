"""What a customer is on, alone: price, credit, address; and whose he is."""

from decimal import Decimal

import pytest

from billing_core.db.customers import list_customer_events, read_customer
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.services.customers import give_to_operator
from billing_core.services.prices import set_special_price
from tests.builders import (
    NOON,
    a_customer,
    a_daily_package,
    a_package,
    audited,
    username_of,
)
from tests.web.conftest import Site
from tests.web.test_customer_actions import field_error


def monthly(site: Site) -> int:
    insert_profile(site.conn, NewProfile("monthly", "monthly"))
    package = a_package(site.conn, billing="monthly", price=Decimal(500))
    return a_customer(site.conn, package, profile="monthly")


def logged(site: Site, customer_id: int) -> list[tuple[str, str, str]]:
    events = list_customer_events(site.conn, customer_id, limit=9)
    return [(e.actor, e.what, e.note) for e in events if e.what != "added"]


def test_a_price_of_his_own_is_given_changed_and_taken_away(site: Site) -> None:
    customer_id = monthly(site)
    admin, address = site.as_admin(), f"/customers/{customer_id}/price"
    assert "BDT 500.00" in admin.get(address).text

    given = admin.post(address, {"special_price": "450", "discount": "10"})

    assert given.status_code == 303
    customer = read_customer(site.conn, customer_id)
    assert (customer.special_price, customer.discount_percent) == (450, 10)
    page = admin.get(address).text
    assert 'value="450.00"' in page
    assert 'value="10.00"' in page
    shown = admin.get(f"/customers/{customer_id}").text
    assert "BDT 450.00" in shown
    assert "10 %" in shown
    same = {"special_price": "450", "discount": "10.00"}
    assert admin.post(address, same).status_code == 303, "and logs nothing"
    assert admin.post(address, {"special_price": "", "discount": ""}).status_code == 303
    customer = read_customer(site.conn, customer_id)
    assert (customer.special_price, customer.discount_percent) == (None, 0)
    assert logged(site, customer_id) == [
        ("operator:boss", "discount", "10.00 % -> 0.00 %"),
        ("operator:boss", "special price", "450.00 -> none"),
        ("operator:boss", "discount", "0.00 % -> 10 %"),
        ("operator:boss", "special price", "none -> 450.00"),
    ]


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("special_price", "0"),
        ("special_price", "-5"),
        ("special_price", "cheap"),
        ("discount", "101"),
        ("discount", "-1"),
        ("discount", "12.345"),
        ("discount", "ten"),
        ("discount", "NaN"),
    ],
)
def test_what_is_no_price_is_told_at_its_field(
    site: Site, field: str, typed: str
) -> None:
    customer_id = monthly(site)
    form = {"special_price": "450", "discount": "5", field: typed}
    page = site.as_admin().post(f"/customers/{customer_id}/price", form)
    assert page.status_code == 422
    assert field_error(page.text, field)
    assert logged(site, customer_id) == [], "not the other one, either"


def test_who_is_not_billed_by_the_cycle_has_no_price_of_his_own(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    admin, address = site.as_admin(), f"/customers/{customer_id}/price"
    page = admin.get(address).text
    assert "not billed by the cycle" in page
    assert 'name="special_price"' not in page
    sent = {"special_price": "1", "discount": ""}
    assert admin.post(address, sent).status_code == 303
    assert read_customer(site.conn, customer_id).special_price is None


def test_a_price_left_from_another_package_can_be_taken_away(site: Site) -> None:
    customer_id = monthly(site)
    username = username_of(site.conn, customer_id)
    set_special_price(site.conn, username, Decimal(5), actor="t", now=NOON)
    daily = a_daily_package(site.conn)
    site.conn.execute(
        "UPDATE customer SET package_id = (SELECT package_id FROM package"
        " WHERE name = %s), profile_id = NULL WHERE customer_id = %s",
        [daily, customer_id],
    )
    admin, address = site.as_admin(), f"/customers/{customer_id}/price"
    kept = admin.post(address, {"special_price": "5", "discount": ""})
    assert kept.status_code == 303
    other = admin.post(address, {"special_price": "6", "discount": ""})
    assert other.status_code == 422
    assert "is that of a monthly cycle" in str(field_error(other.text, "special_price"))
    assert admin.post(address, {"special_price": ""}).status_code == 303
    assert read_customer(site.conn, customer_id).special_price is None


def test_credit_is_given_and_never_less_than_is_used(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn), balance="20")
    admin, address = site.as_admin(), f"/customers/{customer_id}/credit"
    assert admin.post(address, {"limit": "1,500"}).status_code == 303
    customer = read_customer(site.conn, customer_id)
    assert (customer.credit_limit, customer.available) == (1500, 1520)
    assert "BDT 1,500.00" in admin.get(f"/customers/{customer_id}").text
    site.conn.execute(
        "UPDATE wallet SET reserved = 120 WHERE customer_id = %s", [customer_id]
    )
    less = admin.post(address, {"limit": "99.99"})
    assert less.status_code == 422
    assert "has used 100.00 of his credit" in str(field_error(less.text, "limit"))
    assert admin.post(address, {"limit": "100"}).status_code == 303
    assert logged(site, customer_id) == [
        ("operator:boss", "credit limit", "1500.00 -> 100.00"),
        ("operator:boss", "credit limit", "0.00 -> 1500.00"),
    ]


@pytest.mark.parametrize("typed", ["-1", "much", "1.005", "9" * 20])
def test_what_is_no_credit_limit_is_told_at_its_field(site: Site, typed: str) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    page = site.as_admin().post(f"/customers/{customer_id}/credit", {"limit": typed})
    assert page.status_code == 422
    assert field_error(page.text, "limit")
    assert logged(site, customer_id) == []


def test_a_static_address_is_given_and_let_go(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    other = a_customer(site.conn, a_package(site.conn), framed_ip="10.9.1.1")
    admin, address = site.as_admin(), f"/customers/{customer_id}/address"

    taken = admin.post(address, {"address": "10.9.1.1"})
    assert taken.status_code == 422
    assert "another customer" in str(field_error(taken.text, "address"))
    for wrong in ("10.9.1", "10.9.1.0/24", "nonsense", "2001:db8::1"):
        page = admin.post(address, {"address": wrong})
        assert page.status_code == 422
        assert field_error(page.text, "address")
    assert admin.post(address, {"address": " 10.9.1.2 "}).status_code == 303
    assert admin.post(address, {"address": "10.9.1.2"}).status_code == 303
    assert read_customer(site.conn, customer_id).framed_ip == "10.9.1.2"
    assert 'value="10.9.1.2"' in admin.get(address).text
    assert admin.post(address, {"address": ""}).status_code == 303
    assert read_customer(site.conn, customer_id).framed_ip is None
    assert read_customer(site.conn, other).framed_ip == "10.9.1.1"
    assert logged(site, customer_id) == [
        ("operator:boss", "static address released", ""),
        ("operator:boss", "static address given", "10.9.1.2"),
    ]
    assert audited(site.conn) == []


def test_a_customer_is_given_to_an_operator_and_taken_back(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    uttara = site.operator_id("uttara")
    site.operator_id("cashier", "manager")
    admin, address = site.as_admin(), f"/customers/{customer_id}/operator"
    seller = site.as_operator("uttara")
    assert seller.get(f"/customers/{customer_id}").status_code == 404

    assert admin.post(address, {"operator": "uttara"}).status_code == 303

    assert read_customer(site.conn, customer_id).operator_id == uttara
    assert seller.get(f"/customers/{customer_id}").status_code == 200
    assert "uttara" in admin.get(f"/customers/{customer_id}").text
    for nobodys in ("cashier", "boss", "nobody"):
        assert admin.post(address, {"operator": nobodys}).status_code == 422
    assert admin.post(address, {"operator": ""}).status_code == 303
    assert seller.get(f"/customers/{customer_id}").status_code == 404
    assert logged(site, customer_id) == [
        ("operator:boss", "operator changed", "the provider's own"),
        ("operator:boss", "operator changed", "uttara"),
    ]


def test_a_reseller_gives_customers_to_those_below_him_and_nobody_else(
    site: Site,
) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    site.operator_id("uttara")
    mirpur = site.as_somebody("mirpur", "operator", ("manage_operators",))
    below = site.operator_id("mirpur2", "sub_operator", (), "mirpur")
    username = username_of(site.conn, customer_id)
    give_to_operator(site.conn, username, "mirpur", actor="t", now=NOON)
    address = f"/customers/{customer_id}/operator"

    page = mirpur.get(address).text
    assert "uttara" not in page
    assert "provider" not in page.partition("<form")[2].partition("</select>")[0]
    for not_his in ("uttara", ""):
        assert mirpur.post(address, {"operator": not_his}).status_code == 422
    assert mirpur.post(address, {"operator": "mirpur2"}).status_code == 303
    assert read_customer(site.conn, customer_id).operator_id == below
    sub = site.as_somebody("mirpur2", "sub_operator")
    assert sub.post(address, {"operator": "mirpur"}).status_code == 403
