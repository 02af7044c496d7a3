"""Customers by a part of a name that many have."""

from dataclasses import replace

import pytest

from billing_core.db import web_customers
from billing_core.db.web_customers import (
    CustomerFilter,
    list_customers,
    total_customers,
)
from billing_core.services.customers import suspend
from tests.builders import NOON, a_customer, a_package, username_of
from tests.web.conftest import Site


def test_a_name_of_many_is_listed_and_counted_like_one_of_few(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many have it, and wherever they are among all."""
    package = a_package(site.conn)
    everybody = [a_customer(site.conn, package, name="Rahim Mia") for _ in range(3)]
    everybody += [a_customer(site.conn, package, name="Karim") for _ in range(3)]
    everybody += [a_customer(site.conn, package, name="Rahim Ali")]
    suspend(
        site.conn,
        username_of(site.conn, everybody[0]),
        note="",
        actor="test",
        now=NOON,
    )
    wanted = CustomerFilter(search="rahim")
    found = sorted([*everybody[:3], everybody[6]], reverse=True)

    def look(of: CustomerFilter, after: int | None, limit: int) -> list[int]:
        rows = list_customers(site.conn, of, None, after=after, limit=limit)
        return [row.customer_id for row in rows]

    for few, near in ((10, 10), (2, 10), (2, 1)):
        monkeypatch.setattr(web_customers, "_NAMED_MAX", few)
        monkeypatch.setattr(web_customers, "_WALKED_MAX", near)
        assert look(wanted, None, 10) == found
        assert look(wanted, None, 2) == found[:2]
        assert look(wanted, found[1], 10) == found[2:]
        assert look(replace(wanted, status="suspended"), None, 10) == [everybody[0]]

    total = total_customers(site.conn, wanted, None)
    assert (total.customers, total.is_whole) == (2, False)
    assert "At least 2 customers" in site.as_admin().get("/customers?q=rahim").text
    total = total_customers(site.conn, replace(wanted, status="suspended"), None)
    assert (total.customers, total.is_whole) == (1, True)
