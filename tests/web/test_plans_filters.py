"""Filters that leave few of many: read by indexes and sums, not by a walk."""

import json
from dataclasses import replace

import pytest

from billing_core.db import web_bills, web_customers, web_payments
from billing_core.db.connect import Connection
from tests.web import test_plans as plans
from tests.web.plans import walked

big, watched = plans.big, plans.watched
CUSTOMERS = {
    "kind": replace(plans.ALL_CUSTOMERS, kind="hotspot"),
    "two letters": replace(plans.ALL_CUSTOMERS, search="qz"),
}
BILLS = {
    "void": replace(plans.ALL_BILLS, status="void"),
    "kind": replace(plans.ALL_BILLS, kind="package_change"),
    "package": replace(plans.ALL_BILLS, package_id=1),
    "operator": replace(plans.ALL_BILLS, operator_id=3),
    "two letters": replace(plans.ALL_BILLS, search="qz"),
}
PAYMENTS = {
    "reversed": replace(plans.ALL_PAYMENTS, standing="reversed"),
    "never used": replace(plans.ALL_PAYMENTS, methods=["sslcommerz"]),
}


@pytest.mark.parametrize("name", CUSTOMERS)
def test_few_of_many_customers_are_read_by_indexes(
    watched: Connection, name: str
) -> None:
    web_customers.list_customers(watched, CUSTOMERS[name], None, after=None, limit=51)
    plans.check()


@pytest.mark.parametrize("name", BILLS)
def test_few_of_many_bills_are_read_by_indexes(watched: Connection, name: str) -> None:
    web_bills.list_bills(watched, BILLS[name], None, after=None, limit=51)
    plans.check()


@pytest.mark.parametrize("name", PAYMENTS)
def test_few_of_many_payments_are_read_by_indexes(
    watched: Connection, name: str
) -> None:
    web_payments.list_payments(watched, PAYMENTS[name], None, after=None, limit=51)
    plans.check()


def test_old_customers_with_a_name_of_many_are_found_by_the_index_of_words(
    watched: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a walk from the newest on nobody of them is met for half of all."""
    monkeypatch.setattr(web_customers, "_WALKED_MAX", 1000)
    monkeypatch.setattr(web_customers, "_NAMED_MAX", 100)
    wanted = replace(plans.ALL_CUSTOMERS, search="person 11")
    found = web_customers.list_customers(watched, wanted, None, after=9000, limit=51)
    assert [row.customer_id for row in found] == list(range(1199, 1148, -1))
    assert not web_customers.total_customers(watched, wanted, None).is_whole
    # Whether many have the name is asked of as many as it takes, twice.
    _, *of_the_list, _ = plans.Explained.plans
    assert list(walked(of_the_list, plans.BIG)) == []
    walk, by_words, read = map(json.dumps, of_the_list)
    assert "customer_by_words" not in walk
    assert '"Index Name": "customer_by_words"' in by_words
    assert "person 11" not in read


def test_payments_by_somebody_who_took_few_are_found_by_his_name(
    watched: Connection,
) -> None:
    """Not by a walk through all of them by their time."""
    wanted = replace(plans.ALL_PAYMENTS, taken_by="operator:nobody")
    after = (plans.NOON, 1000)
    for begins in (None, after):
        web_payments.list_payments(watched, wanted, None, after=begins, limit=51)
    web_payments.total_payments(watched, wanted, None)
    for plan in map(json.dumps, plans.Explained.plans):
        assert '"Index Name": "payment_by_taker"' in plan
        assert "payment_by_time" not in plan


def test_the_number_of_a_bill_leads_to_it_alone(watched: Connection) -> None:
    wanted = plans.BILL_FILTERS["number"]
    (found,) = web_bills.list_bills(watched, wanted, None, after=None, limit=51)
    assert found.bill_id == 77
    plan = json.dumps(plans.Explained.plans)
    assert '"Index Name": "bill_pkey"' in plan
    assert "bill_newest" not in plan


@pytest.mark.parametrize(
    "wanted", [plans.ALL_BILLS, BILLS["package"], BILLS["operator"], BILLS["kind"]]
)
def test_any_number_of_bills_is_counted_without_a_look_at_them(
    watched: Connection, wanted: web_bills.BillFilter
) -> None:
    web_bills.total_bills(watched, wanted, None)
    plan = json.dumps(plans.Explained.plans)
    assert "day_sum" in plan
    assert '"Relation Name": "bill"' not in plan
