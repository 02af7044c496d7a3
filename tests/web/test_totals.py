"""Totals over lists: right for any number where the sums by day know, else bounded."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from billing_core.db import web_bills, web_lists, web_payments
from billing_core.db.web_bills import BillFilter
from billing_core.db.web_payments import PaymentFilter
from billing_core.services.corrections import void_bill
from billing_core.services.customers import give_to_operator
from tests.builders import rows, username_of
from tests.integration.test_billing_run import DHAKA
from tests.web.conftest import Site
from tests.web.test_bills_summary import NOW, bill_all, bill_of, monthly, pay

ALL = BillFilter()
_TODAY = datetime.combine(NOW.astimezone(DHAKA).date(), datetime.min.time(), DHAKA)


@pytest.fixture
def shop(site: Site) -> Site:
    """Five bills: two of a reseller's, one of them paid; one void; another package."""
    who = [monthly(site, price=p, joined_days_ago=1) for p in ("1000",) * 4 + ("700",)]
    site.operator_id("mirpur")
    for customer_id in who[:2]:
        give_to_operator(
            site.conn,
            username_of(site.conn, customer_id),
            "mirpur",
            actor="test",
            now=NOW,
        )
    bill_all(site.conn)
    pay(site, who[0], "1200")
    void_bill(site.conn, bill_of(site, who[3]), reason="r", actor="test", now=NOW)
    return site


def filters(site: Site) -> dict[str, BillFilter]:
    ((package_id,),) = rows(
        site.conn, "SELECT package_id FROM package WHERE name = 'monthly-700'"
    )
    tomorrow = _TODAY + timedelta(days=1)
    return {
        "all": ALL,
        "standing": replace(ALL, is_valid=True),
        "package": replace(ALL, package_id=package_id),
        "no such package": replace(ALL, package_id=10**6),
        "reseller": replace(ALL, operator_id=site.operator_id("mirpur")),
        "own": replace(ALL, operator_id=0),
        "kind": replace(ALL, kind="cycle"),
        "another kind": replace(ALL, kind="session"),
        "today": replace(ALL, issued_from=_TODAY, issued_until=tomorrow),
        "yesterday": replace(ALL, issued_until=_TODAY),
        "within a day": replace(ALL, issued_from=NOW - timedelta(minutes=1)),
        "void": replace(ALL, status="void"),
        "open": replace(ALL, is_open=True),
    }


def test_totals_are_those_of_the_bills_that_are_listed(shop: Site) -> None:
    for scope in (None, [shop.operator_id("mirpur")]):
        for name, wanted in filters(shop).items():
            listed = web_bills.list_bills(
                shop.conn, wanted, scope, after=None, limit=51
            )
            totals = web_bills.total_bills(shop.conn, wanted, scope)
            stand = [row for row in listed if row.status != "void"]
            assert totals == web_bills.BillTotals(
                len(listed),
                sum((row.gross for row in stand), Decimal(0)),
                sum((row.paid for row in stand), Decimal(0)),
                sum((row.open_amount for row in listed), Decimal(0)),
            ), name


def test_a_list_of_a_package_kind_or_operator_leaves_nothing_out(shop: Site) -> None:
    everything = web_bills.list_bills(shop.conn, ALL, None, after=None, limit=51)
    assert len(everything) == 5
    mirpur = shop.operator_id("mirpur")
    for wanted, count in (
        (replace(ALL, operator_id=mirpur), 2),
        (replace(ALL, operator_id=0), 3),
        (replace(ALL, kind="cycle"), 5),
        (replace(ALL, kind="session"), 0),
    ):
        listed = web_bills.list_bills(shop.conn, wanted, None, after=None, limit=51)
        assert len(listed) == count


def test_any_number_of_bills_is_summed_up_where_the_days_know(
    shop: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_lists, "COUNTED_MAX", 1)
    assert web_bills.total_bills(shop.conn, ALL, None).bills == 5
    searched = web_bills.total_bills(shop.conn, replace(ALL, is_open=True), None)
    assert not searched.is_whole


def test_payments_of_a_method_or_a_standing_are_all_listed(shop: Site) -> None:
    mirpur = shop.operator_id("mirpur")
    everything = PaymentFilter()
    for wanted, count in (
        (everything, 1),
        (replace(everything, methods=["cash"]), 1),
        (replace(everything, methods=["nagad"]), 0),
        (replace(everything, operator_id=mirpur), 1),
        (replace(everything, operator_id=0), 0),
        (replace(everything, standing="stands"), 1),
        (replace(everything, standing="reversed"), 0),
    ):
        listed = web_payments.list_payments(
            shop.conn, wanted, None, after=None, limit=51
        )
        totals = web_payments.total_payments(shop.conn, wanted, None)
        assert (len(listed), totals.payments) == (count, count), wanted
        assert totals.is_whole


def test_two_letters_find_who_is_called_so_from_the_beginning(site: Site) -> None:
    monthly(site, price="500", joined_days_ago=1, username="rahim", name="Abdul Karim")
    monthly(site, price="500", joined_days_ago=1, username="selim", name="Nasrin")
    admin = site.as_admin()
    found = {
        words: [name in admin.get(f"/customers?q={words}").text for name in NAMES]
        for words in ("ra", "ka", "im", "rim")
    }
    assert found == {
        "ra": [True, False],
        "ka": [True, False],
        "im": [False, False],
        "rim": [True, False],
    }


NAMES = ("rahim", "selim")
