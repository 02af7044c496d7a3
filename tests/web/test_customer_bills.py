"""Bills that a person makes: what is due, something else than service, once more."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.customers import read_customer
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.services.corrections import void_bill
from tests.builders import a_customer, a_package, audited, rows
from tests.integration.test_billing_run import DHAKA
from tests.web.conftest import Site
from tests.web.test_bills_summary import NOW, bill_of

D = Decimal


@pytest.fixture
def customer_id(site: Site) -> int:
    """Somebody who is billed only by hand; his first cycle is due."""
    insert_profile(site.conn, NewProfile("by hand", "monthly", bill_trigger="manual"))
    package = a_package(site.conn, billing="monthly", price=D(500))
    customer_id = a_customer(site.conn, package, profile="by hand")
    midnight = NOW.astimezone(DHAKA).replace(hour=0, minute=0, second=0, microsecond=0)
    site.conn.execute(
        "UPDATE customer SET activated_at = %s", [midnight - timedelta(days=1)]
    )
    return customer_id


def bills(site: Site, customer_id: int) -> list[tuple[object, ...]]:
    return rows(
        site.conn,
        "SELECT kind, gross, status FROM bill WHERE customer_id = %s ORDER BY bill_id",
        customer_id,
    )


def test_what_is_due_is_billed_by_hand_and_once(site: Site, customer_id: int) -> None:
    admin = site.as_admin()
    page = f"/customers/{customer_id}/bill"
    assert admin.get(page).status_code == 200
    assert bills(site, customer_id) == [], "a look bills nothing"
    assert admin.post(page).status_code == 303
    assert bills(site, customer_id) == [("cycle", D(500), "unpaid")]
    again = admin.post(page)
    assert again.status_code == 422
    assert "Nothing is due to be billed now." in again.text
    assert len(bills(site, customer_id)) == 1


def test_something_else_is_charged_once_however_often_it_is_sent(
    site: Site, customer_id: int
) -> None:
    admin = site.as_admin()
    page = f"/customers/{customer_id}/charge"
    sent = {"description": "A cable", "amount": "1,150", "vat": "", "key": "k" * 32}
    done = [admin.post(page, sent) for _ in range(2)]
    assert [answer.status_code for answer in done] == [303, 303]
    assert done[0].location == done[1].location
    assert "A cable" in admin.get(done[0].location).text
    assert bills(site, customer_id) == [("other_charge", D(1150), "unpaid")]
    for wrong in ({"amount": "0"}, {"amount": "much"}, {"description": " "}):
        refused = admin.post(page, sent | {"key": "x" * 32} | wrong)
        assert refused.status_code == 422, wrong
    assert len(bills(site, customer_id)) == 1
    assert audited(site.conn) == []


def test_the_period_of_a_void_bill_is_billed_again(
    site: Site, customer_id: int
) -> None:
    admin = site.as_admin()
    admin.post(f"/customers/{customer_id}/bill")
    ((bill_id,),) = rows(site.conn, "SELECT bill_id FROM bill")
    page = f"/bills/{customer_id}/{bill_id}/again"
    assert page not in admin.get(f"/bills/{customer_id}/{bill_id}").text
    assert admin.post(page).status_code == 422, "it stands"
    void_bill(site.conn, bill_of(site, customer_id), reason="r", actor="test", now=NOW)
    assert page in admin.get(f"/bills/{customer_id}/{bill_id}").text
    done = admin.post(page)
    assert done.status_code == 303
    assert "500.00" in admin.get(done.location).text
    assert [b[2] for b in bills(site, customer_id)] == ["void", "unpaid"]
    assert admin.post(page).status_code == 422, "once"


def test_whom_billing_leaves_out_is_taken_in_again(
    site: Site, customer_id: int
) -> None:
    site.conn.execute("UPDATE customer SET parked_reason = 'no_profile'")
    admin = site.as_admin()
    page = f"/customers/{customer_id}/unpark"
    assert page in admin.get(f"/customers/{customer_id}").text
    assert "cannot be billed" in admin.post(f"/customers/{customer_id}/bill").text
    assert admin.post(page).status_code == 303
    assert read_customer(site.conn, customer_id).parked_reason is None
    assert page not in admin.get(f"/customers/{customer_id}").text


def test_only_who_may_correct_bills_makes_any(site: Site, customer_id: int) -> None:
    who = site.as_manager("view_customers", "view_bills", "take_payments")
    for what in ("bill", "charge", "unpark"):
        page = f"/customers/{customer_id}/{what}"
        assert page not in who.get(f"/customers/{customer_id}").text
        assert who.get(page).status_code == 403
        assert who.post(page).status_code == 403
    may = site.as_manager("view_customers", "correct_bills")
    text = may.get(f"/customers/{customer_id}").text
    assert f"/customers/{customer_id}/bill" in text
    assert f"/customers/{customer_id}/charge" in text
