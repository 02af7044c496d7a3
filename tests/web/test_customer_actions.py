"""What is done to one customer: it works, it is refused, it is somebody else's."""

import re
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from billing_core.db.customers import list_customer_events, read_customer
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.passwords import open_password
from billing_core.services.billing_run import run_cycles
from billing_core.services.customers import give_to_operator
from billing_core.services.packages import set_withdrawn
from tests.builders import (
    KEY,
    NOON,
    Packets,
    a_customer,
    a_nas,
    a_package,
    fold,
    posted,
    rows,
    username_of,
)
from tests.web.conftest import Site

ACTIONS = {
    "cash": {"amount": "10", "key": "k" * 32},
    "suspend": {"note": "why"},
    "activate": {},
    "hold": {"until": "2099-01-01"},
    "pause": {},
    "password": {"password": "new-secret"},
    "device": {"mac": ""},
    "contact": {"name": "Rahim", "language": "en"},
    "package": {"package": "other"},
    "profile": {"profile": "none"},
    "price": {"discount": "10"},
    "credit": {"limit": "100"},
    "address": {"address": "10.1.1.1"},
    "operator": {"operator": "mirpur"},
}
NEEDED = {
    "cash": "take_payments",
    "suspend": "change_service",
    "activate": "change_service",
    "hold": "change_service",
    "pause": "change_service",
    "password": "edit_customers",
    "device": "edit_customers",
    "contact": "edit_customers",
    "package": "change_packages",
    "profile": "change_packages",
    "price": "change_packages give_discounts",
    "credit": "change_packages give_discounts",
    "address": "edit_customers",
    "operator": "edit_customers manage_operators",
}


def one(site: Site, **changes: object) -> int:
    return a_customer(site.conn, a_package(site.conn), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_has_a_page_that_says_what_follows(site: Site, action: str) -> None:
    page = site.as_admin().get(f"/customers/{one(site)}/{action}")
    assert page.status_code == 200
    assert "<form" in page.text


@pytest.mark.parametrize("action", ACTIONS)
def test_nobody_does_it_without_the_permission(site: Site, action: str) -> None:
    customer_id = one(site)
    address = f"/customers/{customer_id}/{action}"
    before = list_customer_events(site.conn, customer_id, limit=9)
    onlooker = site.as_manager("view_customers")
    assert onlooker.get(address).status_code == 403
    assert onlooker.post(address, ACTIONS[action]).status_code == 403
    assert site.anonymous().post(address, ACTIONS[action]).status_code == 303
    assert list_customer_events(site.conn, customer_id, limit=9) == before
    # A manager cannot be given the last of these.
    needed = [each for each in NEEDED[action].split() if each != "manage_operators"]
    for missing in needed:
        rest = [each for each in needed if each != missing]
        clerk = site.as_manager("view_customers", *rest)
        assert clerk.post(address, ACTIONS[action]).status_code == 403
    every = site.as_manager("view_customers", *needed)
    able = every if len(needed) == len(NEEDED[action].split()) else site.as_admin()
    assert list_customer_events(site.conn, customer_id, limit=9) == before
    assert able.get(address).status_code == 200


@pytest.mark.parametrize("action", ACTIONS)
def test_nobody_does_it_to_anothers_customer(site: Site, action: str) -> None:
    customer_id = one(site)
    site.operator_id("uttara")
    give_to_operator(
        site.conn, username_of(site.conn, customer_id), "uttara", actor="t", now=NOON
    )
    before = list_customer_events(site.conn, customer_id, limit=9)
    given = ("give_discounts", "manage_operators")
    mirpur = site.as_somebody("mirpur", "operator", given)
    address = f"/customers/{customer_id}/{action}"
    assert mirpur.get(address).status_code == 404
    assert mirpur.post(address, ACTIONS[action]).status_code == 404
    assert list_customer_events(site.conn, customer_id, limit=9) == before
    assert posted(site.conn, customer_id) == 0


def test_cash_goes_into_the_wallet_once_however_often_it_is_sent(site: Site) -> None:
    customer_id = one(site)
    admin, cash = site.as_admin(), {"amount": "1,250.50", "key": "k" * 32, "note": "n"}
    address = f"/customers/{customer_id}/cash"

    assert admin.post(address, cash).status_code == 303
    assert admin.post(address, cash).status_code == 303

    assert posted(site.conn, customer_id) == Decimal("1250.50")
    page = admin.get(f"/customers/{customer_id}").text
    assert "the receipt is R1" in page
    assert rows(site.conn, "SELECT operator FROM payment") == [("operator:boss",)]


@pytest.mark.parametrize("amount", ["", "0", "-5", "ten", "1.005", "12,50"])
def test_what_is_no_amount_is_told_at_its_field(site: Site, amount: str) -> None:
    customer_id = one(site)
    page = site.as_admin().post(
        f"/customers/{customer_id}/cash", {"amount": amount, "key": "k" * 32}
    )
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text
    assert posted(site.conn, customer_id) == 0


def test_a_discount_needs_a_permission_of_its_own(site: Site) -> None:
    customer_id = one(site)
    cash = {"amount": "10", "discount": "5", "key": "k" * 32}
    clerk = site.as_manager("view_customers", "take_payments")
    assert clerk.post(f"/customers/{customer_id}/cash", cash).status_code == 403
    assert posted(site.conn, customer_id) == 0


def test_suspending_and_activating_are_logged_with_who_and_why(site: Site) -> None:
    customer_id = one(site)
    admin = site.as_admin()
    admin.post(f"/customers/{customer_id}/suspend", {"note": "moved away"})
    assert read_customer(site.conn, customer_id).status == "suspended"
    again = admin.post(f"/customers/{customer_id}/suspend", {"note": "again"})
    assert again.status_code == 422
    assert "is suspended already" in again.text
    admin.post(f"/customers/{customer_id}/activate", {"note": "back"})
    assert read_customer(site.conn, customer_id).status == "active"
    events = list_customer_events(site.conn, customer_id, limit=2)
    assert [(e.actor, e.what, e.note) for e in events] == [
        ("operator:boss", "activated", "back"),
        ("operator:boss", "suspended", "moved away"),
    ]


def test_a_hold_is_for_a_day_to_come_and_ends_by_an_empty_field(site: Site) -> None:
    customer_id = one(site)
    admin, address = site.as_admin(), f"/customers/{customer_id}/hold"
    past = admin.post(address, {"until": "2020-01-01"})
    assert past.status_code == 422
    assert "That day is over" in past.text
    assert admin.post(address, {"until": "2099-01-01"}).status_code == 303
    held = read_customer(site.conn, customer_id).suspension_hold_until
    assert held is not None
    assert held.isoformat() == "2098-12-31T18:00:00+00:00", "the day of Dhaka"
    assert admin.post(address, {"until": ""}).status_code == 303
    assert read_customer(site.conn, customer_id).suspension_hold_until is None


def test_a_pause_ends_by_the_same_page(site: Site) -> None:
    customer_id = one(site)
    admin = site.as_admin()
    admin.post(f"/customers/{customer_id}/pause", {})
    assert read_customer(site.conn, customer_id).suspend_reason == "PAUSED"
    told = admin.get(f"/customers/{customer_id}/pause").text
    assert "No bill to come covers the time of the pause." in told
    assert "What is billed or bought already stays" in told
    admin.post(f"/customers/{customer_id}/pause", {})
    assert read_customer(site.conn, customer_id).status == "active"


def test_a_new_password_ends_what_the_old_one_opened(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    portal = site.as_customer(customer_id)
    assert portal.get("/portal").status_code == 200
    path = f"/customers/{customer_id}/password"

    assert site.as_admin().post(path, {"password": "another one"}).status_code == 303

    assert portal.get("/portal").status_code == 303


def test_a_password_is_sealed_and_keeps_its_spaces(site: Site) -> None:
    customer_id = one(site)
    site.as_admin().post(
        f"/customers/{customer_id}/password", {"password": " with spaces "}
    )
    ((sealed,),) = rows(site.conn, "SELECT password_sealed FROM customer")
    assert open_password(KEY, sealed) == " with spaces "


def test_the_device_is_reset(site: Site) -> None:
    customer_id = one(site, mac_binding="AA:BB:CC:DD:EE:FF")
    admin, address = site.as_admin(), f"/customers/{customer_id}/device"
    assert "AA:BB:CC:DD:EE:FF" in admin.get(address).text
    assert admin.post(address, {"mac": "nonsense"}).status_code == 422
    assert admin.post(address, {"mac": ""}).status_code == 303
    assert read_customer(site.conn, customer_id).mac_binding is None


def test_the_log_tells_what_of_the_contact_changed(site: Site) -> None:
    customer_id = one(site, name="Rahim", mobile="1")
    site.as_admin().post(
        f"/customers/{customer_id}/contact",
        {"name": "Rahim", "mobile": "2", "language": "en", "zone": "Mirpur"},
    )
    (event, *_) = list_customer_events(site.conn, customer_id, limit=2)
    assert event.note == "mobile: 1 -> 2; zone: - -> Mirpur"


def test_a_session_is_disconnected(site: Site) -> None:
    customer_id = one(site, username="rahim", balance="50")
    packets = Packets("rahim", a_nas(site.conn))
    fold(site.conn, packets.start())
    ((session_id,),) = rows(site.conn, "SELECT session_id FROM acct_session")
    admin = site.as_admin()
    address = f"/customers/{customer_id}/sessions/{session_id}/disconnect"
    assert admin.get(address).status_code == 200
    assert admin.post(address).status_code == 303
    assert rows(site.conn, "SELECT kind FROM outbox") == [("disconnect",)]
    fold(site.conn, packets.stop(60))
    assert admin.post(address).status_code == 422, "it has ended"
    other = f"/customers/{customer_id}/sessions/999/disconnect"
    assert admin.get(other).status_code == 404


def test_a_package_change_shows_what_it_costs_and_then_costs_that(site: Site) -> None:
    profile = NewProfile("monthly", "monthly")
    insert_profile(site.conn, profile)
    small = a_package(site.conn, billing="monthly", price=Decimal(500))
    large = a_package(site.conn, billing="monthly", price=Decimal(800))
    customer_id = a_customer(site.conn, small, profile="monthly")
    admin, address = site.as_admin(), f"/customers/{customer_id}/package"

    look = admin.post(address, {"package": large, "step": "look"})

    assert look.status_code == 200
    assert "What it would do now" in look.text
    assert read_customer(site.conn, customer_id).package == small
    make = admin.post(address, {"package": large, "step": "make"})
    assert make.status_code == 303
    assert read_customer(site.conn, customer_id).package == large
    same = admin.post(address, {"package": large, "step": "make"})
    assert same.status_code == 422
    assert re.search("The package is .* already", same.text)
    assert admin.post(address, {"package": "no such"}).status_code == 422


def test_a_profile_change_shows_what_it_costs(site: Site) -> None:
    insert_profile(site.conn, NewProfile("monthly", "monthly"))
    insert_profile(site.conn, NewProfile("nothing", "free"))
    package = a_package(site.conn, billing="monthly", price=Decimal(500))
    customer_id = a_customer(site.conn, package, profile="monthly")
    admin, address = site.as_admin(), f"/customers/{customer_id}/profile"
    assert (
        admin.post(address, {"profile": "nothing", "step": "look"}).status_code == 200
    )
    assert (
        admin.post(address, {"profile": "nothing", "step": "make"}).status_code == 303
    )
    assert read_customer(site.conn, customer_id).profile == "nothing"


def test_a_price_of_ones_own_needs_the_permission_to_give_discounts(site: Site) -> None:
    insert_profile(site.conn, NewProfile("monthly", "monthly"))
    small = a_package(site.conn, billing="monthly", price=Decimal(500))
    large = a_package(site.conn, billing="monthly", price=Decimal(800))
    customer_id = a_customer(site.conn, small, profile="monthly")
    address = f"/customers/{customer_id}/package"
    cheap = {"package": large, "special_price": "1", "step": "make"}
    clerk = site.as_manager("view_customers", "change_packages")

    assert "Special price" not in clerk.get(address).text
    assert clerk.post(address, cheap).status_code == 403
    assert read_customer(site.conn, customer_id).package == small
    plain = {"package": large, "step": "make"}
    assert clerk.post(address, plain).status_code == 303

    chief = site.as_manager("view_customers", "change_packages", "give_discounts")
    assert "Special price" in chief.get(address).text
    assert chief.post(address, cheap).status_code == 303
    assert read_customer(site.conn, customer_id).special_price == 1


def test_to_bill_nobody_needs_the_permission_to_give_discounts(site: Site) -> None:
    insert_profile(site.conn, NewProfile("monthly", "monthly"))
    insert_profile(site.conn, NewProfile("nothing", "free"))
    package = a_package(site.conn, billing="monthly", price=Decimal(500))
    customer_id = a_customer(site.conn, package, profile="monthly")
    address = f"/customers/{customer_id}/profile"
    free = {"profile": "nothing", "step": "make"}
    clerk = site.as_manager("view_customers", "change_packages")

    assert clerk.post(address, free).status_code == 422
    assert read_customer(site.conn, customer_id).profile == "monthly"
    chief = site.as_manager("view_customers", "change_packages", "give_discounts")
    assert chief.post(address, free).status_code == 303


def test_nobody_is_put_on_a_package_that_is_not_sold_any_more(site: Site) -> None:
    insert_profile(site.conn, NewProfile("monthly", "monthly"))
    insert_profile(site.conn, NewProfile("other", "monthly"))
    package = a_package(site.conn, billing="monthly", price=Decimal(500))
    old = a_package(site.conn, billing="monthly", price=Decimal(5))
    set_withdrawn(site.conn, old, is_withdrawn=True, actor="t", now=NOON)
    customer_id = a_customer(site.conn, package, profile="monthly")
    change = {"profile": "other", "package": old, "step": "make"}
    page = site.as_admin().post(f"/customers/{customer_id}/profile", change)
    assert page.status_code == 422
    assert read_customer(site.conn, customer_id).package == package


def test_the_second_of_two_clicks_leads_to_the_receipt_of_the_first(site: Site) -> None:
    insert_profile(site.conn, NewProfile("monthly", "monthly"))
    package = a_package(site.conn, billing="monthly", price=Decimal(500))
    customer_id = a_customer(site.conn, package, profile="monthly")
    run_cycles(
        site.conn, as_of=NOON, now=NOON, zone=ZoneInfo("Asia/Dhaka"), actor="scheduler"
    )
    ((number,),) = rows(site.conn, "SELECT number FROM bill")
    cash = {"amount": "500", "bills": number, "key": "k" * 32}
    admin, address = site.as_admin(), f"/customers/{customer_id}/cash"

    first, second = admin.post(address, cash), admin.post(address, cash)

    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location
    assert rows(site.conn, "SELECT amount FROM payment") == [(Decimal(500),)]


def test_what_is_wrong_with_cash_is_told_at_its_field(site: Site) -> None:
    customer_id = one(site)
    admin, address = site.as_admin(), f"/customers/{customer_id}/cash"
    cash = {"amount": "10", "key": "k" * 32}
    unexplained = admin.post(address, {**cash, "discount": "5"})
    assert unexplained.status_code == 422
    assert field_error(unexplained.text, "note") == "Say why there is a discount."
    early = admin.post(address, {**cash, "received_on": "2099-01-01"})
    assert early.status_code == 422
    assert field_error(early.text, "received_on") == "That day is yet to come."
    assert posted(site.conn, customer_id) == 0


def test_one_may_do_a_thing_without_seeing_all_customers(site: Site) -> None:
    customer_id = one(site)
    clerk = site.as_manager("take_payments")
    page = clerk.get(f"/customers/{customer_id}/cash")
    assert page.status_code == 200
    assert f'href="/customers/{customer_id}"' not in page.text, "a page not for him"


def field_error(page: str, field: str) -> str | None:
    found = re.search(rf'id="{field}-told"><strong>([^<]*)</strong>', page)
    return found[1] if found else None
