"""Bills Summary: its figures are the ledger's, and lead to the bills behind them."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

from billing_core.db.connect import Connection
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.db.web_summary import age_open_bills, read_summary
from billing_core.services.billing_run import run_cycles
from billing_core.services.cash import take_cash
from billing_core.services.corrections import credit_bill, void_bill
from billing_core.services.customers import give_to_operator
from billing_core.services.wallets import reverse_entry
from tests.builders import a_customer, a_package, audited, rows, username_of
from tests.integration.test_billing_run import DHAKA
from tests.web.conftest import Site

D = Decimal
NOW = datetime.now(UTC)


def monthly(site: Site, *, price: str, joined_days_ago: int, **facts: Any) -> int:
    """Take on who pays monthly, and bill him as the runs of those days would have."""
    name = f"monthly-{price}"
    if not rows(site.conn, "SELECT FROM billing_profile WHERE name = 'monthly'"):
        insert_profile(site.conn, NewProfile(name="monthly", billing_type="monthly"))
    if not rows(site.conn, "SELECT FROM package WHERE name = %s", name):
        a_package(site.conn, name=name, billing="monthly", price=D(price))
    customer_id = a_customer(site.conn, name, profile="monthly", **facts)
    joined = (NOW - timedelta(days=joined_days_ago)).astimezone(DHAKA)
    # At midnight, so that his first cycle is a whole one.
    midnight = joined.replace(hour=0, minute=0, second=0, microsecond=0)
    site.conn.execute(
        "UPDATE customer SET activated_at = %s WHERE customer_id = %s",
        [midnight, customer_id],
    )
    return customer_id


def bill_all(conn: Connection, *, days_ago: int = 0) -> None:
    as_of = NOW - timedelta(days=days_ago)
    run_cycles(conn, as_of=as_of, now=as_of, zone=DHAKA, actor="test")


def pay(site: Site, customer_id: int, amount: str) -> int:
    taken = take_cash(
        site.conn,
        username_of(site.conn, customer_id),
        D(amount),
        key=f"{amount}-{customer_id}",
        operator="operator:boss",
        note="n",
        now=NOW,
    )
    return taken.entry_id


def bill_of(site: Site, customer_id: int) -> str:
    ((number,),) = rows(
        site.conn, "SELECT number FROM bill WHERE customer_id = %s", customer_id
    )
    return str(number)


def a_month(site: Site) -> dict[str, int]:
    """A small month: paid, partly paid, unpaid, void, credited, and money of nobody."""
    who = {
        name: monthly(site, price=price, joined_days_ago=1)
        for name, price in (
            ("full", "1000"),
            ("part", "1000"),
            ("none", "700"),
            ("void", "700"),
            ("credit", "1000"),
        )
    }
    bill_all(site.conn)
    pay(site, who["full"], "1500")
    pay(site, who["part"], "400")
    wrong = pay(site, who["none"], "300")
    reverse_entry(
        site.conn,
        username_of(site.conn, who["none"]),
        wrong,
        reason="typed twice",
        operator="operator:boss",
        now=NOW,
    )
    void_bill(site.conn, bill_of(site, who["void"]), reason="r", actor="test", now=NOW)
    credit_bill(
        site.conn,
        bill_of(site, who["credit"]),
        D(250),
        reason="r",
        key="k" * 32,
        actor="test",
        now=NOW,
    )
    return who


def figures_of(page: str, label: str) -> list[str]:
    row = re.search(
        rf'<tr>\s*<th scope="row">{re.escape(label)}</th>(.*?)</tr>', page, re.S
    )
    assert row is not None, label
    return [
        re.sub("<[^>]+>", "", cell).strip()
        for cell in re.findall(r"<td[^>]*>(.*?)</td>", row[1], re.S)
    ]


def ledger(conn: Connection, accounts: list[str], kinds: list[str]) -> Decimal:
    ((total,),) = rows(
        conn,
        "SELECT coalesce(sum(p.amount), 0) FROM posting p JOIN ledger_entry e"
        " USING (customer_id, entry_id) WHERE p.ledger_account = ANY (%s)"
        " AND e.kind = ANY (%s)",
        accounts,
        kinds,
    )
    return D(total)


def test_the_figures_are_the_ledgers(site: Site) -> None:
    a_month(site)
    conn = site.conn

    summary = read_summary(
        conn,
        None,
        operator_id=None,
        since=NOW - timedelta(days=40),
        until=NOW + timedelta(days=1),
        zone=DHAKA,
    )
    (total,) = summary.by_operator().values()

    sold = ["income", "vat_payable"]
    assert total.billed == -ledger(conn, sold, ["bill", "bill_void"])
    assert total.billed == D("3700.00")
    everything = ["bill", "bill_void", "credit_note", "settlement", "reversal"]
    assert total.outstanding == ledger(conn, ["receivable"], everything)
    assert rows(conn, "SELECT sum(due) FROM wallet") == [(total.outstanding,)]
    assert total.outstanding == D("2050.00")
    assert summary.received[0] == ledger(conn, ["cash"], ["top_up", "reversal"])
    assert summary.received[0] == D("1900.00")
    assert sum(summary.billed_by_day.values()) == total.billed
    assert sum(summary.received_by_day.values()) == summary.received[0]
    ages = age_open_bills(conn, None, operator_id=None, edges=[NOW])
    assert sum(age.open_amount for age in ages) == total.outstanding
    assert audited(conn) == []


def test_every_figure_leads_to_what_is_behind_it(site: Site) -> None:
    a_month(site)
    admin = site.as_admin()
    page = admin.get("/bills-summary").text

    assert figures_of(page, "monthly-1000") == ["3", "3,000.00", "1,650.00", "1,350.00"]
    assert figures_of(page, "monthly-700") == ["1", "700.00", "0.00", "700.00"]
    assert figures_of(page, "the provider's own".replace("'", "&#39;")) == [
        "4",
        "3,700.00",
        "1,650.00",
        "2,050.00",
        "1,900.00",
    ]
    behind = [
        (unescape(address), unescape(text))
        for address, text in re.findall(
            r'<td class="figure"[^>]*><a href="([^"]+)">([^<]+)</a>', page
        )
    ]
    assert len({address for address, _text in behind}) == 8
    for address, text in behind:
        assert text in admin.get(address).text, address


def test_open_bills_are_told_by_age_with_links_that_find_them(site: Site) -> None:
    for days_ago in (1, 20, 50, 80, 130):
        customer_id = monthly(site, price="500", joined_days_ago=days_ago)
        bill_all(site.conn, days_ago=days_ago)
        # One bill each, due a week after it.
        site.conn.execute(
            "UPDATE customer SET billed_until = %s WHERE customer_id = %s",
            [NOW + timedelta(days=40), customer_id],
        )
    admin = site.as_admin()

    page = admin.get("/bills-summary").text

    ages = re.findall(
        r'<th scope="row"><a href="(/bills\?status=open[^"]*)">([^<]+)</a></th>'
        r'<td class="figure"[^>]*>(\d+)</td>',
        page,
    )
    assert [(text, count) for _, text, count in ages] == [
        ("not due yet", "1"),
        ("1 to 30 days overdue", "1"),
        ("31 to 60 days overdue", "1"),
        ("61 to 90 days overdue", "1"),
        ("more than 90 days overdue", "1"),
    ]
    for address, _, _ in ages:
        assert "1 bills" in admin.get(unescape(address)).text, address


def test_a_range_leaves_out_what_is_not_in_it(site: Site) -> None:
    monthly(site, price="500", joined_days_ago=1)
    bill_all(site.conn)
    last_year = "since=2020-01-01&until=2020-12-31"
    page = site.as_admin().get(f"/bills-summary?{last_year}").text
    assert "Nothing was billed or received" in page


def test_the_export_is_named_by_its_range(site: Site) -> None:
    a_month(site)
    day = (NOW + timedelta(hours=6)).date()
    first = day - timedelta(days=10)
    query = f"since={first}&until={day}"

    answer = site.as_admin().get(f"/bills-summary/export.csv?{query}")

    assert (
        f"bills-summary-{first}-to-{day}.csv" in answer.headers["Content-Disposition"]
    )
    lines = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [(line["by"], line["billed"]) for line in lines] == [
        ("operator", "3700.00"),
        ("package", "3000.00"),
        ("package", "700.00"),
    ]
    sheet = site.as_admin().get(f"/bills-summary/export.xlsx?{query}")
    assert sheet.data[:2] == b"PK"


def test_bad_input_is_refused_at_its_field(site: Site) -> None:
    admin = site.as_admin()
    for query, told in (
        ("since=x", "Not a valid date"),
        ("since=2026-02-01&until=2026-01-01", "before the first"),
        ("since=2020-01-01&until=2026-01-01", "a year at most"),
        ("operator=99", "Not a valid choice"),
    ):
        for path in ("/bills-summary", "/bills-summary/export.csv"):
            answer = admin.get(f"{path}?{query}")
            assert answer.status_code == 400, query
            assert told in answer.text


def test_who_may_not_see_reports_sees_none(site: Site) -> None:
    for path in ("/bills-summary", "/bills-summary/export.csv"):
        assert site.anonymous().get(path).status_code == 303
        assert site.as_manager("view_bills").get(path).status_code == 403
        assert site.as_manager("view_reports").get(path).status_code == 200


def test_a_reseller_sees_his_own_figures_only(site: Site) -> None:
    site.operator_id("mirpur")
    own = monthly(site, price="1000", joined_days_ago=1)
    other = monthly(site, price="700", joined_days_ago=1)
    give_to_operator(
        site.conn, username_of(site.conn, own), "mirpur", actor="test", now=NOW
    )
    bill_all(site.conn)
    pay(site, other, "700")

    page = site.as_operator("mirpur").get("/bills-summary").text

    assert figures_of(page, "mirpur")[:2] == ["1", "1,000.00"]
    assert "700.00" not in page
    assert "operator=0" not in page
    admin = site.as_admin().get(f"/bills-summary?operator={site.operator_id('mirpur')}")
    assert figures_of(admin.text, "mirpur")[:2] == ["1", "1,000.00"]
    assert "700.00" not in admin.text


def test_a_bill_is_handed_out_as_pdf(site: Site) -> None:
    customer_id = monthly(site, price="1000", joined_days_ago=1)
    bill_all(site.conn)
    ((bill_id,),) = rows(site.conn, "SELECT bill_id FROM bill")
    where, admin = f"/bills/{customer_id}/{bill_id}/bill.pdf", site.as_admin()
    assert where in admin.get(f"/bills/{customer_id}/{bill_id}").text

    answer = admin.get(where)

    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF-")
    assert admin.get(f"/bills/{customer_id}/999/bill.pdf").status_code == 404
    site.operator_id("mirpur")
    assert site.as_operator("mirpur").get(where).status_code == 404
    assert site.anonymous().get(where).status_code == 303
