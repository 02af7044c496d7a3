"""Billing Profile: what a profile would do, making, changing, replacing, deleting."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.profiles import NewProfile, find_profile, insert_profile
from billing_core.services.billing_run import run_cycles
from billing_core.services.profiles import add_vat_profile
from tests.builders import NOON, a_customer, a_package, audited, rows
from tests.integration.test_billing_run import DHAKA
from tests.web.conftest import Site

D = Decimal
FORM = {
    "name": "home",
    "billing_type": "monthly",
    "bill_trigger": "renewal",
    "in_advance": "True",
    "proration": "by_minute",
    "due_days": "7",
    "grace_days": "3",
    "due_threshold": "0",
    "auto_bill": "y",
    "auto_suspend": "y",
    "auto_activate": "y",
    "suspended_state": "reject",
    "daily_charge": "every_day",
    "minimum_validity_days": "1",
    "joins_on": "2026-01-31",
}


def a_profile(site: Site, name: str = "home", **facts: Any) -> int:
    return insert_profile(
        site.conn, NewProfile(name=name, **({"billing_type": "monthly"} | facts))
    )


def cells(page: str) -> list[list[str]]:
    """Return the rows of the bills that a preview shows."""
    table = page.partition('class="stack"')[2].partition("</table>")[0]
    body = table.partition("<tbody>")[2]
    return [
        [
            re.sub("<[^>]+>", "", cell)
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        ]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)
    ]


def test_a_form_explains_what_somebody_joining_on_the_31st_is_billed(
    site: Site,
) -> None:
    admin = site.as_admin()

    page = admin.post("/profiles/preview", FORM).text

    assert "A customer joining on 31 Jan 2026 at noon" in page
    assert [row[0] for row in cells(page)] == [
        "31 Jan 2026",
        "28 Feb 2026",
        "31 Mar 2026",
    ]
    # The first cycle began at midnight and he at noon: a part of it.
    assert [row[4] for row in cells(page)] == ["982.14", "1,000.00", "1,000.00"]
    assert cells(page)[0][5:] == ["7 Feb 2026", "10 Feb 2026"]
    assert "who has not paid is suspended: 3." in page


def test_what_is_told_is_what_the_run_bills(site: Site) -> None:
    admin = site.as_admin()
    package = a_package(site.conn, billing="monthly", price=D(850), vat_percent=D(5))
    form = {**FORM, "bill_trigger": "day", "bill_day": "10", "sample_package": package}
    told = cells(admin.post("/profiles/preview", form).text)

    assert admin.post("/profiles/add", form).status_code == 303
    customer_id = a_customer(site.conn, package, profile="home")
    site.conn.execute(
        "UPDATE customer SET activated_at = %s WHERE customer_id = %s",
        [datetime(2026, 1, 31, 12, tzinfo=DHAKA), customer_id],
    )
    as_of = datetime(2026, 3, 20, tzinfo=DHAKA)
    run_cycles(site.conn, as_of=as_of, now=as_of, zone=DHAKA, actor="test")

    billed = rows(
        site.conn,
        "SELECT net, vat, gross FROM bill WHERE customer_id = %s ORDER BY period_start",
        customer_id,
    )
    assert len(billed) == 3
    assert [[D(x) for x in row[2:5]] for row in told] == [list(each) for each in billed]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"in_advance": "False"}, "billed at its end"),
        ({"cycle_ends_with_month": "y"}, "Cycles are calendar months."),
        ({"bill_trigger": "first"}, "begins on the 1st"),
        ({"bill_trigger": "manual"}, "somebody bills by hand"),
        ({"proration": "none"}, "costs the whole price"),
        ({"auto_suspend": ""}, "Overdue bills never stop service."),
        ({"due_threshold": "2,000"}, "as soon as more than"),
        ({"billing_type": "free"}, "Nothing is billed"),
        ({"billing_type": "daily"}, "Each day of service is charged"),
        ({"billing_type": "daily", "daily_charge": "days_used"}, "on which he logged"),
        ({"bill_while_suspended": "y"}, "Suspended time is billed, too."),
        ({"suspended_state": "pool", "suspended_pool": "late"}, "address of pool late"),
        ({"due_days": "1"}, "until it is due: 1."),
    ],
)
def test_each_choice_is_told_in_words(
    site: Site, changes: dict[str, str], said: str
) -> None:
    form = {k: v for k, v in {**FORM, **changes}.items() if v}
    page = site.as_admin().post("/profiles/preview", form).text
    assert said in page


def test_without_a_script_the_page_itself_tells(site: Site) -> None:
    admin = site.as_admin()
    assert "What it does" in admin.get("/profiles/add").text

    page = admin.post("/profiles/add", {**FORM, "step": "look"})

    assert page.status_code == 200
    assert "31 Mar 2026" in page.text
    assert 'value="home"' in page.text
    assert rows(site.conn, "SELECT count(*) FROM billing_profile") == [(0,)]


def test_a_profile_is_made_with_all_that_was_said(site: Site) -> None:
    admin = site.as_admin()
    form = {
        **FORM,
        "bill_trigger": "day",
        "bill_day": "5",
        "in_advance": "False",
        "due_threshold": "1,500",
        "suspended_state": "address_list",
        "suspended_address_list": "late",
    }
    del form["auto_activate"]

    assert admin.post("/profiles/add", form).location == "/profiles"

    made = find_profile(site.conn, "home")
    assert (made.bill_trigger, made.bill_day, made.in_advance) == ("day", 5, False)
    assert (made.due_days, made.grace_days) == (7, 3)
    assert made.due_threshold == D(1500)
    assert (made.auto_bill, made.auto_activate) == (True, False)
    assert made.suspended_address_list == "late"
    assert "home" in admin.get("/profiles").text
    assert rows(
        site.conn,
        "SELECT what, note, actor FROM operator_event WHERE what LIKE 'billing%%'",
    ) == [("billing profile made", "home", "operator:boss")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "taken"}, "another profile has this name"),
        ({"bill_trigger": "day"}, "Say on which day of the month."),
        ({"bill_trigger": "day", "bill_day": "32"}, "between 1 and 31"),
        ({"due_days": "367"}, "between 0 and 366"),
        ({"due_days": "soon"}, "Not a valid integer"),
        ({"suspended_state": "pool"}, "Name the address pool."),
        ({"billing_type": "yearly"}, "Not a valid choice"),
        ({"due_threshold": "much"}, "much"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_nothing_is_lost(
    site: Site, changes: dict[str, str], told: str
) -> None:
    a_profile(site, "taken")
    answer = site.as_admin().post(
        "/profiles/add", {**FORM, "suspended_address_list": "kept", **changes}
    )
    assert answer.status_code == 422
    assert told in answer.text
    assert 'value="kept"' in answer.text
    assert rows(site.conn, "SELECT count(*) FROM billing_profile") == [(1,)]
    preview = site.as_admin().post("/profiles/preview", {**FORM, **changes})
    assert preview.status_code == 200


def test_an_unused_profile_is_changed_in_everything(site: Site) -> None:
    profile_id = a_profile(site)
    admin = site.as_admin()
    assert 'name="bill_trigger"' in admin.get(f"/profiles/{profile_id}").text

    form = {**FORM, "name": "office", "bill_trigger": "first", "due_days": "10"}
    assert admin.post(f"/profiles/{profile_id}", form).status_code == 303

    changed = find_profile(site.conn, "office")
    assert (changed.bill_trigger, changed.due_days) == ("first", 10)


def test_a_used_profile_keeps_when_it_bills(site: Site) -> None:
    profile_id = a_profile(site, due_threshold=D(900))
    package = a_package(site.conn, billing="monthly", price=D(500))
    a_customer(site.conn, package, profile="home")
    admin = site.as_admin()
    page = admin.get(f"/profiles/{profile_id}").text
    assert 'name="bill_trigger"' not in page
    assert "when they are billed stays as it is" in page
    assert "more than" in page

    form = {**FORM, "bill_trigger": "first", "due_days": "10"}
    assert admin.post(f"/profiles/{profile_id}", form).status_code == 303

    changed = find_profile(site.conn, "home")
    assert (changed.bill_trigger, changed.due_days) == ("renewal", 10)


def test_the_list_tells_how_many_use_each_and_leads_to_them(site: Site) -> None:
    used, unused = a_profile(site, "used"), a_profile(site, "unused")
    package = a_package(site.conn, billing="monthly", price=D(500))
    for _ in range(2):
        a_customer(site.conn, package, profile="used")

    page = site.as_admin().get("/profiles").text

    assert f'<a href="/customers?profile={used}">2</a>' in page
    assert f"/profiles/{used}/replace" in page
    assert f"/profiles/{used}/delete" not in page
    assert f"/profiles/{unused}/delete" in page
    empty = site.as_admin().get(f"/customers?profile={used}").text
    assert "customer-" in empty


def test_only_an_unused_profile_is_deleted(site: Site) -> None:
    used, unused = a_profile(site, "used"), a_profile(site, "unused")
    package = a_package(site.conn, billing="monthly", price=D(500))
    a_customer(site.conn, package, profile="used")
    admin = site.as_admin()

    assert "move them to another first" in admin.get(f"/profiles/{used}/delete").text
    refused = admin.post(f"/profiles/{used}/delete")
    assert refused.status_code == 422
    assert "move them to another first" in refused.text
    assert admin.post(f"/profiles/{unused}/delete").location == "/profiles"
    assert admin.get(f"/profiles/{unused}").status_code == 404
    assert rows(site.conn, "SELECT name FROM billing_profile") == [("used",)]


def test_customers_are_moved_after_a_look_at_what_it_costs(site: Site) -> None:
    old, new = a_profile(site, "old"), a_profile(site, "new", due_days=30)
    daily = a_profile(site, "daily", billing_type="daily")
    package = a_package(site.conn, billing="monthly", price=D(500))
    customers = [a_customer(site.conn, package, profile="old") for _ in range(2)]
    admin, where = site.as_admin(), f"/profiles/{old}/replace"
    assert "2 customer(s) are on it." in admin.get(where).text

    looked = admin.post(where, {"to": str(new), "step": "look"})
    assert looked.status_code == 200
    assert looked.text.count("customer-") >= 2
    on_old = "SELECT count(*) FROM customer WHERE profile_id = %s"
    assert rows(site.conn, on_old, old) == [(2,)]

    refused = admin.post(where, {"to": str(daily), "step": "make"})
    assert "Who cannot be moved" in refused.text
    assert rows(site.conn, on_old, old) == [(2,)]

    assert admin.post(where, {"to": str(new), "step": "make"}).location == "/profiles"
    assert rows(site.conn, on_old, new) == [(len(customers),)]
    assert audited(site.conn) == []
    assert admin.post(where, {"to": str(old), "step": "make"}).status_code == 422
    assert admin.post(where, {"to": "x", "step": "look"}).status_code == 422


def test_vat_profiles_have_rates_from_a_day_on(site: Site) -> None:
    admin = site.as_admin()
    form = {
        "name": "isp",
        "registration_number": "000123-0001",
        "inclusive": "no",
        "percent": "5",
        "effective_from": "2024-07-01",
    }
    assert admin.post("/profiles/vat/add", form).location == "/profiles"
    ((vat_id,),) = rows(site.conn, "SELECT vat_profile_id FROM vat_profile")
    rate = f"/profiles/vat/{vat_id}/rate"
    assert "New rate of isp" in admin.get(rate).text
    later = {"percent": "7.5", "effective_from": "2026-03-15"}
    assert admin.post(rate, later).status_code == 303

    page = admin.get("/profiles").text
    assert "000123-0001" in page
    assert re.search(r"7\.50 % from 15 Mar 2026<br>5\.00 % from 1 Jul 2024", page)
    told = admin.post("/profiles/preview", {**FORM, "vat_profile_id": str(vat_id)}).text
    assert [row[3] for row in cells(told)] == ["49.11", "50.00", "75.00"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"percent": "101"}, "between 0 and 100"),
        ({"percent": "5.001"}, "cannot be 5.001 percent"),
        ({"percent": "much"}, "Not a valid decimal"),
        ({"effective_from": ""}, "This field is required"),
        ({"effective_from": "2024-07-01"}, "a day with two rates"),
    ],
)
def test_an_impossible_rate_is_told_at_its_field(
    site: Site, changes: dict[str, str], told: str
) -> None:
    vat_id = add_vat_profile(
        site.conn,
        "isp",
        registration_number="",
        inclusive=True,
        rates=[(date(2024, 7, 1), D(5))],
        actor="test",
        now=NOON,
    )
    form = {"percent": "7", "effective_from": "2026-01-01", **changes}
    answer = site.as_admin().post(f"/profiles/vat/{vat_id}/rate", form)
    assert answer.status_code == 422
    assert told in answer.text
    assert rows(site.conn, "SELECT count(*) FROM vat_rate") == [(1,)]


def test_two_vat_profiles_have_two_names(site: Site) -> None:
    form = {
        "name": "isp",
        "inclusive": "yes",
        "percent": "5",
        "effective_from": "2024-07-01",
    }
    admin = site.as_admin()
    assert admin.post("/profiles/vat/add", form).status_code == 303
    answer = admin.post("/profiles/vat/add", form)
    assert answer.status_code == 422
    assert "another has this name" in answer.text


def test_profiles_are_the_providers_alone(site: Site) -> None:
    profile_id = a_profile(site)
    paths = ("", "/add", f"/{profile_id}", f"/{profile_id}/replace", "/vat/add")
    reseller, manager = site.as_operator("mirpur"), site.as_manager("view_reports")
    biller = site.as_manager("manage_billing")
    for path in paths:
        assert site.anonymous().get(f"/profiles{path}").status_code == 303
        assert reseller.get(f"/profiles{path}").status_code == 403
        assert manager.get(f"/profiles{path}").status_code == 403
        assert biller.get(f"/profiles{path}").status_code == 200
    assert reseller.post("/profiles/preview", FORM).status_code == 403
    for path in ("/999", "/999/replace", "/999/delete", "/vat/999/rate"):
        assert biller.get(f"/profiles{path}").status_code == 404
    assert biller.get("/profiles/preview").status_code == 405


def test_what_a_profile_does_is_told_before_it_has_a_name(site: Site) -> None:
    page = site.as_admin().post("/profiles/preview", {**FORM, "name": ""}).text
    assert "31 Mar 2026" in page
