"""One customer's records from the first to the last, and the lists of him alone."""

import csv
import io
import re
from decimal import Decimal

import pytest

from billing_core.services.cash import take_cash
from billing_core.services.customers import give_to_operator
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
from tests.web.conftest import Browser, Site

RECORDS = ("wallet", "sessions", "log")


def pay(site: Site, customer_id: int, count: int) -> None:
    """Take 1, 2, 3 … in cash."""
    for amount in range(1, count + 1):
        take_cash(
            site.conn,
            username_of(site.conn, customer_id),
            Decimal(amount),
            key=f"{customer_id}-{amount}",
            operator="operator:boss",
            note=f"n{amount}",
            now=NOON,
        )


def table(browser: Browser, path: str) -> list[dict[str, str]]:
    text = browser.get(path).text.removeprefix("\ufeff")
    return list(csv.DictReader(io.StringIO(text)))


def test_the_balance_after_each_entry_is_right_on_every_page(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    pay(site, customer_id, 30)
    admin, path = site.as_admin(), f"/customers/{customer_id}/wallet"
    balances = [sum(range(n + 1)) for n in range(30, 0, -1)]

    shown = []
    address: str | None = f"{path}?rows=25"
    while address:
        page = admin.get(address).text
        shown += [
            line for line in page.split("<tr") if "n" in line and "<small>n" in line
        ]
        older = re.search(r'href="([^"]*)" rel="next"', page)
        address = older[1].replace("&amp;", "&") if older else None

    assert len(shown) == 30
    for line, balance in zip(shown, balances, strict=True):
        assert f">{balance}.00</td>" in line
    exported = table(admin, f"{path}/export.csv")
    assert [Decimal(line["balance"]) for line in exported] == balances
    assert {line["by"] for line in exported} == {"operator:boss"}


def test_sessions_of_before_can_be_reached_and_exported(site: Site) -> None:
    package, nas = a_package(site.conn), a_nas(site.conn)
    customer_id = a_customer(site.conn, package, username="rahim")
    a_customer(site.conn, package, username="karim")
    for number in range(22):
        fold(site.conn, Packets("rahim", nas, acct_session_id=f"s{number}").start())
    fold(site.conn, Packets("karim", nas, acct_session_id="other").start())
    admin = site.as_admin()

    home = admin.get(f"/customers/{customer_id}").text
    assert f'href="/customers/{customer_id}/sessions"' in home, "20 are shown there"
    assert f'href="/customers/{customer_id}/wallet"' not in home, "it has no more"
    page = admin.get(f"/customers/{customer_id}/sessions").text
    assert page.count('scope="row"') == 22
    exported = table(admin, f"/customers/{customer_id}/sessions/export.csv")
    assert len(exported) == 22


def test_the_log_says_who_it_was_by_name(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    admin = site.as_admin()
    admin.post(f"/customers/{customer_id}/suspend", {"note": "moved away"})
    for path in (f"/customers/{customer_id}", f"/customers/{customer_id}/log"):
        page = admin.get(path).text
        assert "moved away" in page
        assert ">boss</td>" in page
    exported = table(admin, f"/customers/{customer_id}/log/export.csv")
    assert exported[0]["note"] == "moved away"


@pytest.mark.parametrize("what", RECORDS)
def test_records_are_of_ones_own_customers_only(site: Site, what: str) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    site.operator_id("uttara")
    username = username_of(site.conn, customer_id)
    give_to_operator(site.conn, username, "uttara", actor="t", now=NOON)
    path = f"/customers/{customer_id}/{what}"
    for page in (path, f"{path}/export.csv", f"{path}/export.xlsx"):
        assert site.as_operator("uttara").get(page).status_code == 200
        assert site.as_operator("mirpur").get(page).status_code == 404
        assert site.as_manager("take_payments").get(page).status_code == 403
    assert site.as_admin().get(f"{path}?after=x").status_code == 400
    assert site.as_admin().get(f"/customers/{customer_id}/secrets").status_code == 404


def test_a_list_can_be_one_customers_whose_name_is_part_of_anothers(
    site: Site,
) -> None:
    package = a_package(site.conn)
    rahim = a_customer(site.conn, package, username="rahim")
    rahima = a_customer(site.conn, package, username="rahima")
    pay(site, rahim, 3)
    pay(site, rahima, 2)
    admin = site.as_admin()

    page = admin.get(f"/payments?customer={rahim}").text

    assert "3 payments" in page
    assert ">rahima</a>" not in page
    assert f'name="customer" value="{rahim}"' in page, "another filter keeps it"
    assert f"/payments/export.csv?customer={rahim}" in page
    exported = table(admin, f"/payments/export.csv?customer={rahim}")
    assert {line["username"] for line in exported} == {"rahim"}
    for path in ("/payments", "/bills"):
        assert admin.get(f"{path}?customer=x").status_code == 400
        assert admin.get(f"{path}?customer=999").status_code == 404
        mirpur = site.as_operator("mirpur")
        mirpur_may = site.as_somebody("t", "manager", ("take_payments", "view_bills"))
        assert mirpur.get(f"{path}?customer={rahim}").status_code == 404
        assert mirpur_may.get(f"{path}?customer={rahim}").status_code == 200
    assert rows(site.conn, "SELECT count(*) FROM payment") == [(5,)]
