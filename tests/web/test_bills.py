"""Customer Bills: the list, its totals, one bill, and what is done to them."""

import csv
import io
import re
from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.corrections import read_bill
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.services.billing_run import run_cycles
from billing_core.services.customers import give_to_operator
from tests.builders import NOON, a_customer, a_package, posted, rows, username_of
from tests.web.conftest import Browser, Site, settings_for

ZONE = settings_for("").zone


def a_billed_customer(
    site: Site, price: str = "500", operator: str | None = None, **changes: object
) -> tuple[int, int]:
    """Take a monthly customer on and bill him; returns (customer_id, bill_id)."""
    name = f"profile-{price}"
    if not rows(site.conn, "SELECT 1 FROM billing_profile WHERE name = %s", name):
        insert_profile(site.conn, NewProfile(name, "monthly", proration="none"))
    package = a_package(site.conn, billing="monthly", price=Decimal(price))
    customer_id = a_customer(site.conn, package, profile=name, **changes)  # type: ignore[arg-type]
    if operator is not None:
        site.operator_id(operator)
        username = username_of(site.conn, customer_id)
        give_to_operator(site.conn, username, operator, actor="t", now=NOON)
    run_cycles(site.conn, as_of=NOON, now=NOON, zone=ZONE, actor="scheduler")
    ((bill_id,),) = rows(
        site.conn, "SELECT bill_id FROM bill WHERE customer_id = %s", customer_id
    )
    return customer_id, bill_id


def number_of(site: Site, bill: tuple[int, int]) -> str:
    return read_bill(site.conn, *bill).name


def shown(page: str, site: Site, bills: dict[str, tuple[int, int]]) -> set[str]:
    return {
        name for name, bill in bills.items() if f">{number_of(site, bill)}</a>" in page
    }


def cash(browser: Browser, bill: tuple[int, int], amount: str, name: str) -> int:
    return browser.post(
        f"/customers/{bill[0]}/cash", {"amount": amount, "bills": name, "key": "k" * 32}
    ).status_code


def test_the_totals_are_those_of_the_filtered_bills(site: Site) -> None:
    first = a_billed_customer(site, "500")
    a_billed_customer(site, "800")
    admin = site.as_admin()
    assert cash(admin, first, "200", number_of(site, first)) == 303

    page = admin.get("/bills").text
    partly = admin.get("/bills?status=partial").text

    assert "2 bills" in page
    assert "billed BDT 1,300.00" in page
    assert "paid BDT 200.00" in page
    assert "open BDT 1,100.00" in page
    assert "1 bills" in partly
    assert "open BDT 300.00" in partly


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("", {"a", "b"}),
        ("q=rahim", {"a"}),
        ("q=0171200", {"a"}),
        ("zone=Mirpur", {"a"}),
        ("status=open", {"a", "b"}),
        ("status=overdue", set()),
        ("status=void", set()),
        ("kind=cycle", {"a", "b"}),
        ("kind=session", set()),
        ("issued_from=2026-11-24&issued_to=2026-11-24", {"a", "b"}),
        ("issued_to=2026-11-23", set()),
        ("period_from=2026-12-10&period_to=2026-12-12", {"a", "b"}),
        ("period_from=2026-12-26", set()),
        ("period_to=2026-11-23", set()),
        ("due_from=2026-12-01&due_to=2026-12-01", {"a", "b"}),
        ("due_to=2026-11-30", set()),
    ],
)
def test_filters_leave_what_matches(site: Site, address: str, found: set[str]) -> None:
    bills = {
        "a": a_billed_customer(
            site, username="rahim", mobile="01712000001", zone="Mirpur"
        ),
        "b": a_billed_customer(site, username="karim"),
    }
    page = site.as_admin().get(f"/bills?{address}")
    assert page.status_code == 200
    assert shown(page.text, site, bills) == found


def test_a_bill_is_found_by_its_number(site: Site) -> None:
    bills = {"a": a_billed_customer(site), "b": a_billed_customer(site)}
    number = number_of(site, bills["b"])
    page = site.as_admin().get(f"/bills?q={number.lower()}").text
    assert shown(page, site, bills) == {"b"}


def test_pages_follow_one_another_without_a_gap(site: Site) -> None:
    made = {str(n): a_billed_customer(site) for n in range(27)}
    admin = site.as_admin()
    first = admin.get("/bills?rows=25").text
    older = first.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    second = admin.get(older.replace("&amp;", "&")).text
    on_first, on_second = shown(first, site, made), shown(second, site, made)
    assert (len(on_first), len(on_second)) == (25, 2)
    assert on_first | on_second == set(made)


def test_a_broken_page_address_is_refused(site: Site) -> None:
    admin = site.as_admin()
    for after in ("x", "1-", "-1", "9" * 30 + "-1", "1-2-3"):
        assert admin.get(f"/bills?after={after}").status_code == 400
    assert admin.get("/bills?due_from=soon").status_code == 400


def test_an_operator_sees_bills_of_his_customers_only(site: Site) -> None:
    bills = {
        "mine": a_billed_customer(site, operator="mirpur"),
        "theirs": a_billed_customer(site, operator="uttara"),
    }
    mirpur = site.as_operator("mirpur")
    assert shown(mirpur.get("/bills").text, site, bills) == {"mine"}
    assert "1 bills" in mirpur.get("/bills").text
    customer_id, bill_id = bills["theirs"]
    for path in ("", "/void", "/credit", "/due"):
        address = f"/bills/{customer_id}/{bill_id}{path}"
        assert mirpur.get(address).status_code in (403, 404)
    assert mirpur.get(f"/bills/{customer_id}/{bill_id}").status_code == 404
    exported = mirpur.get("/bills/export.csv").text
    assert number_of(site, bills["theirs"]) not in exported
    # Another's bill under a customer of his own is none.
    mixed = f"/bills/{bills['mine'][0]}/{bill_id}"
    assert mirpur.get(mixed).status_code == 404


def test_the_export_is_what_the_filter_leaves(site: Site) -> None:
    a_billed_customer(site, "500", username="rahim")
    a_billed_customer(site, "800", username="karim")
    answer = site.as_admin().get("/bills/export.csv?q=karim&kind=cycle")
    table = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [(row["username"], row["gross"]) for row in table] == [("karim", "800.00")]
    assert table[0]["issued_at"] == "2026-11-24T12:00:00+06:00"


def test_one_bill_shows_its_lines_and_what_paid_it(site: Site) -> None:
    bill = a_billed_customer(site)
    admin = site.as_admin()
    cash(admin, bill, "200", number_of(site, bill))
    page = admin.get(f"/bills/{bill[0]}/{bill[1]}").text
    assert "partly paid" in page
    assert "bill paid from the wallet" in page
    assert "BDT 300.00" in page


def test_a_bill_is_marked_paid_from_its_row(site: Site) -> None:
    bill = a_billed_customer(site)
    admin, number = site.as_admin(), number_of(site, bill)
    form = admin.get(f"/customers/{bill[0]}/cash?bill={number}&amount=500.00").text
    assert 'value="500.00"' in form
    assert "checked" in form
    assert cash(admin, bill, "500", number) == 303
    assert read_bill(site.conn, *bill).status == "paid"


def test_a_void_needs_a_reason_and_gives_back_what_was_paid(site: Site) -> None:
    bill = a_billed_customer(site)
    admin, address = site.as_admin(), f"/bills/{bill[0]}/{bill[1]}/void"
    cash(admin, bill, "200", number_of(site, bill))
    assert "BDT 200.00" in admin.get(address).text, "it says what follows"
    assert admin.post(address, {"reason": ""}).status_code == 422
    assert admin.post(address, {"reason": "billed twice"}).status_code == 303
    assert read_bill(site.conn, *bill).status == "void"
    assert posted(site.conn, bill[0]) == Decimal(200)
    again = admin.post(address, {"reason": "once more"})
    assert again.status_code == 422
    assert "is void already" in again.text


def test_a_credit_note_is_issued_once_however_often_it_is_sent(site: Site) -> None:
    bill = a_billed_customer(site)
    admin, address = site.as_admin(), f"/bills/{bill[0]}/{bill[1]}/credit"
    note = {"amount": "100", "reason": "two days down", "key": "k" * 32}
    assert admin.post(address, note).status_code == 303
    assert admin.post(address, note).status_code == 303
    assert read_bill(site.conn, *bill).credited == Decimal(100)
    much = admin.post(address, note | {"amount": "500", "key": "l" * 32})
    assert much.status_code == 422


def test_another_due_date_moves_the_suspension_as_far(site: Site) -> None:
    bill = a_billed_customer(site)
    before = read_bill(site.conn, *bill)
    admin, address = site.as_admin(), f"/bills/{bill[0]}/{bill[1]}/due"
    assert admin.post(address, {"due_on": "never"}).status_code == 422

    assert admin.post(address, {"due_on": "2026-12-11"}).status_code == 303

    after = read_bill(site.conn, *bill)
    assert before.due_at is not None
    assert after.due_at == before.due_at + timedelta(days=10)
    assert before.suspend_at is not None
    assert after.suspend_at == before.suspend_at + timedelta(days=10)
    assert (after.gross, after.period_end) == (before.gross, before.period_end)


def test_many_bills_are_paid_at_once_after_a_look_at_their_sum(site: Site) -> None:
    bills = [a_billed_customer(site, "500"), a_billed_customer(site, "800")]
    keys = [f"{customer_id}-{bill_id}" for customer_id, bill_id in bills]
    admin = site.as_admin()

    look = admin.post("/bills/many", {"bill": keys, "what": "paid"})

    assert look.status_code == 200
    assert "BDT 1,300.00" in look.text
    assert read_bill(site.conn, *bills[0]).status == "unpaid"
    sent = {"bill": keys, "what": "paid", "key": "k" * 32, "next": "/bills?status=paid"}
    done = admin.post("/bills/many/do", sent)
    assert (done.status_code, done.location) == (303, "/bills?status=paid")
    assert [read_bill(site.conn, *bill).status for bill in bills] == ["paid", "paid"]
    assert "2 of 2 bills done." in admin.get("/bills").text
    admin.post("/bills/many/do", sent)
    ((count,),) = rows(site.conn, "SELECT count(*) FROM payment")
    assert count == 2, "sent twice, each is paid once"
    again = admin.get("/bills").text
    assert "2 of 2 bills done." in again, "and the second click tells no failure"
    assert "already" not in again


def test_of_many_the_ones_that_cannot_be_are_told(site: Site) -> None:
    good, void = a_billed_customer(site), a_billed_customer(site)
    admin = site.as_admin()
    admin.post(f"/bills/{void[0]}/{void[1]}/void", {"reason": "x"})
    sent = {
        "bill": [f"{b[0]}-{b[1]}" for b in (good, void)],
        "what": "void",
        "reason": "all wrong",
        "key": "k" * 32,
    }
    admin.post("/bills/many/do", sent)
    page = admin.get("/bills").text
    assert "1 of 2 bills done." in page
    assert "is void already" in page
    assert read_bill(site.conn, *good).status == "void"


def test_of_very_many_that_cannot_be_some_are_told_and_the_rest_counted(
    site: Site,
) -> None:
    bills = [a_billed_customer(site) for _ in range(12)]
    keys = [f"{customer_id}-{bill_id}" for customer_id, bill_id in bills]
    admin = site.as_admin()
    void = {"bill": keys, "what": "void", "reason": "wrong", "key": "k" * 32}
    admin.post("/bills/many/do", void)
    assert "12 of 12 bills done." in admin.get("/bills").text

    answer = admin.post("/bills/many/do", void | {"key": "l" * 32})

    # A browser drops a cookie of more than 4096 octets, and all messages with it.
    assert all(len(c) < 4096 for c in answer.headers.getlist("Set-Cookie"))
    page = admin.get("/bills").text
    assert "0 of 12 bills done." in page
    assert page.count("is void already") == 8
    assert "4 more could not be done." in page


def test_many_refuses_what_is_not_allowed_or_makes_no_sense(site: Site) -> None:
    mine = a_billed_customer(site, operator="mirpur")
    theirs = a_billed_customer(site, operator="uttara")
    mirpur = site.as_operator("mirpur")
    both = [f"{b[0]}-{b[1]}" for b in (mine, theirs)]
    paid = {"bill": both, "what": "paid", "key": "k" * 32}
    assert mirpur.post("/bills/many/do", paid).status_code == 404
    assert read_bill(site.conn, *mine).status == "unpaid", "nothing is half done"
    assert mirpur.post("/bills/many", paid | {"what": "void"}).status_code in (403, 404)
    admin = site.as_admin()
    assert admin.post("/bills/many", {"what": "paid"}).status_code == 422
    assert admin.post("/bills/many", {"bill": both, "what": "eat"}).status_code == 400
    assert admin.post("/bills/many", {"bill": "x", "what": "paid"}).status_code == 400
    nothing = {"bill": both, "what": "void", "reason": "", "key": "k" * 32}
    assert admin.post("/bills/many/do", nothing).status_code == 422


def test_the_bills_that_were_chosen_are_handed_out(site: Site) -> None:
    mine = a_billed_customer(site, operator="mirpur")
    other = a_billed_customer(site)
    a_billed_customer(site)
    keys = [f"{b[0]}-{b[1]}" for b in (mine, other)]
    admin = site.as_admin()

    answer = admin.post("/bills/chosen.csv", {"bill": keys})

    table = csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff")))
    chosen = {number_of(site, mine), number_of(site, other)}
    assert {line["number"] for line in table} == chosen
    assert admin.post("/bills/chosen.xlsx", {"bill": keys}).status_code == 200
    assert admin.post("/bills/chosen.csv", {}).status_code == 422
    mirpur = site.as_operator("mirpur")
    assert mirpur.post("/bills/chosen.csv", {"bill": keys}).status_code == 404


def test_what_is_void_is_not_among_the_bills_behind_a_figure(site: Site) -> None:
    good, void = a_billed_customer(site), a_billed_customer(site)
    admin = site.as_admin()
    admin.post(f"/bills/{void[0]}/{void[1]}/void", {"reason": "x"})

    summary = admin.get("/bills-summary?since=2026-11-01&until=2026-11-30").text

    assert "status=not_void" in summary
    page = admin.get("/bills?status=not_void").text
    assert "1 bills" in page
    assert shown(page, site, {"good": good, "void": void}) == {"good"}


def test_a_period_is_told_by_its_last_day(site: Site) -> None:
    customer_id, bill_id = a_billed_customer(site)
    site.conn.execute(
        "UPDATE bill SET period_start = '2026-11-01 00:00+06',"
        " period_end = '2026-12-01 00:00+06' WHERE bill_id = %s",
        [bill_id],
    )
    for path in ("/bills", f"/customers/{customer_id}"):
        page = re.sub(r"<[^>]*>", "", site.as_admin().get(path).text)
        assert "1 Nov 2026 \N{EN DASH} 30 Nov 2026" in page


def test_who_comes_from_a_list_goes_back_to_it_as_it_was_filtered(site: Site) -> None:
    customer_id, bill_id = a_billed_customer(site)
    admin, came_from = site.as_admin(), "/bills?status=open"
    page = admin.get(came_from).text
    for act in ("void", "due"):
        address = f"/bills/{customer_id}/{bill_id}/{act}?next=/bills?status%3Dopen"
        assert address in page
        assert f'href="{came_from}">Cancel' in admin.get(address).text
    links = f"/bills/links?bill={customer_id}-{bill_id}&amp;next=/bills?status%3Dopen"
    assert links in page
    void = f"/bills/{customer_id}/{bill_id}/void"
    done = admin.post(f"{void}?next=/bills?status%3Dopen", {"reason": "x"})
    assert done.location == came_from
    elsewhere = admin.get(f"{void}?next=//elsewhere.example/").text
    assert "elsewhere.example/" not in elsewhere.partition('class="card')[2]
