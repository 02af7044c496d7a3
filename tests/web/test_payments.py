"""Customer Payments: lists, totals, exports, receipts, and what is done to payments."""

import csv
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing_core.db.payments import find_payment
from billing_core.services.cash import take_cash
from billing_core.services.customers import give_to_operator
from billing_core.services.payments.deciding import approve
from billing_core.services.wallets import reverse_entry
from tests.builders import a_customer, a_package, audited, posted, rows, username_of
from tests.payment_shops import Shop, a_shop
from tests.web.conftest import Site
from tests.web.test_verify import waiting

D = Decimal


@pytest.fixture
def shop(database_url: str, site: Site) -> Shop:
    made = a_shop("bkash", database_url)
    site.app.extensions["khata_gateways"] = {"bkash": made.gateway}
    return made


def someone(site: Site, **facts: Any) -> int:
    return a_customer(site.conn, a_package(site.conn), **facts)


def cash(
    site: Site, customer_id: int, amount: str, *, days_ago: int = 0, **more: Any
) -> int:
    now = datetime.now(UTC)
    taken = take_cash(
        site.conn,
        username_of(site.conn, customer_id),
        D(amount),
        key=f"{amount}-{days_ago}-{customer_id}",
        now=now,
        received_on=(now + timedelta(hours=6)).date() - timedelta(days=days_ago),
        **({"operator": "operator:boss", "note": ""} | more),
    )
    return taken.payment_id


def by_gateway(site: Site, shop: Shop, customer_id: int) -> int:
    attempt = waiting(site, shop, customer_id)
    approve(
        site.conn, attempt.attempt_id, operator="operator:boss", now=datetime.now(UTC)
    )
    payment_id = find_payment(site.conn, attempt.attempt_id)
    assert payment_id is not None
    return payment_id


def receipts(page: str) -> list[str]:
    body = page.partition('<table class="stack">')[2]
    return re.findall(r">(R\d+)</a></th>", body)


def address(customer_id: int, payment_id: int, what: str = "") -> str:
    return f"/payments/{customer_id}/{payment_id}{what}"


def test_payments_of_every_method_are_listed_newest_first(
    site: Site, shop: Shop
) -> None:
    customer_id = someone(site, name="Rahim Uddin")
    old = cash(site, customer_id, "100", days_ago=3)
    new = by_gateway(site, shop, customer_id)

    page = site.as_admin().get("/payments").text

    assert receipts(page) == [f"R{new}", f"R{old}"]
    assert "Rahim Uddin" in page
    assert "bKash" in page
    assert "boss" in page


def test_pages_go_on_where_the_last_one_ended(site: Site) -> None:
    customer_id = someone(site)
    made = [cash(site, customer_id, str(100 + n), days_ago=n) for n in range(27)]
    admin = site.as_admin()

    first = admin.get("/payments?rows=25").text
    older = re.search(r'href="([^"]*after=[^"]*)" rel="next"', first)
    assert older is not None
    second = admin.get(older[1].replace("&amp;", "&")).text

    assert receipts(first) + receipts(second) == [f"R{each}" for each in made]


def test_filters_leave_what_they_say(site: Site, shop: Shop) -> None:
    rahim, karim = someone(site, name="Rahim", mobile="01711"), someone(site)
    today = cash(site, rahim, "100")
    before = cash(site, karim, "200", days_ago=10, operator="operator:nila")
    online = by_gateway(site, shop, karim)
    site.operator_id("nila", "admin")
    reference, money = rows(
        site.conn,
        "SELECT a.reference, t.transaction_id FROM payment p"
        " JOIN payment_attempt a USING (attempt_id)"
        " JOIN gateway_transaction t USING (attempt_id) WHERE payment_id = %s",
        online,
    )[0]
    day = (datetime.now(UTC) + timedelta(hours=6)).date()
    admin = site.as_admin()

    def found(query: str) -> set[str]:
        answer = admin.get(f"/payments?{query}")
        assert answer.status_code == 200, query
        return set(receipts(answer.text))

    r_today, r_before, r_online = (f"R{n}" for n in (today, before, online))
    assert found(f"received_from={day}") == {r_today, r_online}
    assert found(f"received_to={day - timedelta(days=1)}") == {r_before}
    assert found("method=cash") == {r_today, r_before}
    assert found("method=online") == found("gateway=bkash") == {r_online}
    assert found("method=online&gateway=nagad") == set()
    assert found("method=cash&gateway=bkash") == set()
    assert found("taken_by=operator:nila") == {r_before}
    assert found("q=rahim") == found("q=01711") == {r_today}
    assert found(f"q={r_before.lower()}") == {r_before}
    assert found(f"q={reference}") == found(f"q={money}") == {r_online}


def test_totals_are_of_the_filtered_set_by_method_and_leave_out_what_never_was(
    site: Site, shop: Shop
) -> None:
    customer_id = someone(site)
    cash(site, customer_id, "100")
    wrong = cash(site, customer_id, "250")
    by_gateway(site, shop, customer_id)
    ((entry_id,),) = rows(
        site.conn, "SELECT entry_id FROM payment WHERE payment_id = %s", wrong
    )
    reverse_entry(
        site.conn,
        username_of(site.conn, customer_id),
        entry_id,
        reason="typed twice",
        operator="operator:boss",
        now=datetime.now(UTC),
    )
    admin = site.as_admin()

    def totals(query: str) -> dict[str, list[str]]:
        page = admin.get(f"/payments{query}").text.partition('<th scope="col">Receipt')[
            0
        ]
        table = re.findall(r'<tr><th scope="row">([^<]+)</th>(.*?)</tr>', page)
        return {
            name: [
                re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", tds)
            ]
            for name, tds in table
        }

    everything = totals("")
    assert everything["cash"][:2] == ["2", "100.00"]
    assert everything["cash"][-1] == "250.00"
    assert everything["bKash"][:2] == ["1", "500.00"]
    assert everything["Together"][1] == "600.00"
    assert totals("?method=online").keys() == {"bKash"}
    assert receipts(admin.get("/payments?standing=reversed").text) == [f"R{wrong}"]


def test_exports_hold_exactly_what_is_filtered(site: Site, shop: Shop) -> None:
    customer_id = someone(site, name="=cmd()")
    cash(site, customer_id, "1234.50")
    by_gateway(site, shop, customer_id)
    admin = site.as_admin()

    text = admin.get("/payments/export.csv?method=cash")
    lines = list(csv.DictReader(io.StringIO(text.data.decode("utf-8-sig"))))
    assert [(line["amount"], line["method"]) for line in lines] == [("1234.50", "cash")]
    assert lines[0]["name"] == "'=cmd()"
    with zipfile.ZipFile(io.BytesIO(admin.get("/payments/export.xlsx").data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 3
    assert "<v>1234.5</v>" in sheet


def test_an_empty_list_says_what_to_do(site: Site) -> None:
    admin = site.as_admin()
    assert "No payments yet." in admin.get("/payments").text
    assert "No payment matches this filter." in admin.get("/payments?q=nobody").text


def test_cash_is_recorded_by_finding_who_pays_and_leads_to_the_receipt(
    site: Site,
) -> None:
    customer_id = someone(site, name="Rahim Uddin")
    other = someone(site, name="Karim")
    admin = site.as_admin()

    assert "Find who pays" in admin.get("/payments/cash").text
    assert "Nobody matches." in admin.get("/payments/cash?q=zzz").text
    page = admin.get("/payments/cash?q=rahim").text
    assert f"/customers/{customer_id}/cash" in page
    assert f"/customers/{other}/cash" not in page
    answer = admin.post(
        f"/customers/{customer_id}/cash", {"amount": "700", "key": "k" * 32}
    )

    ((payment_id,),) = rows(site.conn, "SELECT payment_id FROM payment")
    assert answer.location == address(customer_id, payment_id)
    receipt = admin.get(answer.location).text
    assert "700.00" in receipt
    assert "Into the wallet" in receipt


def test_a_receipt_tells_where_the_money_came_from(site: Site, shop: Shop) -> None:
    customer_id = someone(site, name="Rahim Uddin")
    payment_id = by_gateway(site, shop, customer_id)

    page = site.as_admin().get(address(customer_id, payment_id)).text

    assert f"Receipt R{payment_id}" in page
    assert f"/verify/{customer_id}/" in page
    assert "Take back" not in page


def test_a_mistake_is_taken_back_with_a_reason(site: Site) -> None:
    customer_id = someone(site)
    payment_id = cash(site, customer_id, "300")
    admin, where = site.as_admin(), address(customer_id, payment_id, "/reverse")

    assert "both entries stay" in admin.get(where).text.lower()
    assert admin.post(where, {"reason": ""}).status_code == 422
    assert admin.post(where, {"reason": "typed twice"}).status_code == 303
    assert posted(site.conn, customer_id) == 0
    page = admin.get(address(customer_id, payment_id)).text
    assert "typed twice" in page
    assert "/refund" not in page
    again = admin.post(where, {"reason": "again"})
    assert again.status_code == 422
    assert "was reversed already" in again.text
    assert audited(site.conn) == []


def test_part_of_a_payment_is_given_back_once_however_often_it_is_sent(
    site: Site,
) -> None:
    customer_id = someone(site)
    payment_id = cash(site, customer_id, "300")
    admin, where = site.as_admin(), address(customer_id, payment_id, "/refund")
    form = {"amount": "120", "by": "cash", "reason": "moved away", "key": "k" * 32}

    for _ in range(2):
        assert admin.post(where, form).status_code == 303

    assert posted(site.conn, customer_id) == D("180.00")
    page = admin.get(address(customer_id, payment_id)).text
    assert "moved away" in page
    too_much = admin.post(where, {**form, "amount": "181", "key": "m" * 32})
    assert too_much.status_code == 422
    assert "up to 180.00 can be given back" in too_much.text
    assert 'value="181"' in too_much.text
    listed = receipts(admin.get("/payments?standing=refunded").text)
    assert listed == [f"R{payment_id}"]
    assert audited(site.conn) == []


def test_a_gateway_gives_its_own_payment_back(site: Site, shop: Shop) -> None:
    customer_id = someone(site)
    payment_id = by_gateway(site, shop, customer_id)
    admin, where = site.as_admin(), address(customer_id, payment_id, "/refund")
    assert 'value="bkash"' in admin.get(where).text

    admin.post(where, {"by": "bkash", "reason": "paid twice", "key": "k" * 32})

    assert rows(site.conn, "SELECT by_gateway, amount FROM refund") == [
        (True, D("500.00"))
    ]
    page = admin.get(address(customer_id, payment_id)).text
    ((state, reference),) = rows(site.conn, "SELECT state, reference FROM refund")
    assert reference in page
    if state in ("requested", "unknown"):
        decide = address(customer_id, payment_id, f"/refunds/{reference}")
        assert decide in page


def test_a_person_says_what_became_of_a_refund(site: Site, shop: Shop) -> None:
    customer_id = someone(site)
    payment_id = by_gateway(site, shop, customer_id)
    admin = site.as_admin()
    where = address(customer_id, payment_id)
    admin.post(f"{where}/refund", {"by": "bkash", "reason": "r", "key": "k" * 32})
    site.conn.execute("UPDATE refund SET state = 'unknown', finished_at = NULL")
    ((reference,),) = rows(site.conn, "SELECT reference FROM refund")
    decide = f"{where}/refunds/{reference}"

    assert admin.get(decide).status_code == 200
    assert admin.post(decide, {"note": "seen"}).status_code == 422
    assert admin.get(f"{where}/refunds/NOTHING").status_code == 404
    answer = admin.post(decide, {"was_given": "no", "note": "not on its pages"})

    assert answer.status_code == 303
    assert rows(site.conn, "SELECT state FROM refund") == [("refused",)]
    assert posted(site.conn, customer_id) == D("500.00")


def test_bad_input_is_refused(site: Site) -> None:
    customer_id = someone(site)
    payment_id = cash(site, customer_id, "300")
    admin = site.as_admin()
    for query in ("method=gold", "received_from=x", "after=x", "standing=no"):
        assert admin.get(f"/payments?{query}").status_code == 400, query
    assert admin.get("/payments/export.csv?method=gold").status_code == 400
    assert admin.get("/payments/export.pdf").status_code == 404
    assert admin.get(address(customer_id + 1, payment_id)).status_code == 404
    refund = {"by": "gold", "reason": "r", "key": "k" * 32}
    where = address(customer_id, payment_id, "/refund")
    assert admin.post(where, refund).status_code == 422
    assert (
        admin.post(where, {**refund, "by": "cash", "amount": "-1"}).status_code == 422
    )


PATHS = ("", "/reverse", "/refund")


def test_who_may_not_take_payments_sees_none(site: Site) -> None:
    customer_id = someone(site)
    payment_id = cash(site, customer_id, "300")
    every = ["/payments", "/payments/cash", "/payments/export.csv"]
    every += [address(customer_id, payment_id, path) for path in PATHS]
    stranger, manager = site.anonymous(), site.as_manager("view_customers")
    for path in every:
        assert stranger.get(path).status_code == 303, path
        assert manager.get(path).status_code == 403, path


def test_who_takes_payments_does_not_thereby_correct_them(site: Site) -> None:
    customer_id = someone(site)
    payment_id = cash(site, customer_id, "300")
    clerk = site.as_manager("take_payments")
    page = clerk.get(address(customer_id, payment_id)).text
    assert "/reverse" not in page
    for path in ("/reverse", "/refund", "/refunds/X"):
        where = address(customer_id, payment_id, path)
        assert clerk.get(where).status_code == 403
        assert clerk.post(where, {"reason": "r"}).status_code == 403
    assert posted(site.conn, customer_id) == D("300.00")


def test_a_reseller_sees_only_his_own_customers_payments(site: Site) -> None:
    site.operator_id("mirpur", permissions=("correct_payments",))
    own, other = someone(site), someone(site)
    give_to_operator(
        site.conn,
        username_of(site.conn, own),
        "mirpur",
        actor="test",
        now=datetime.now(UTC),
    )
    mine, his = cash(site, own, "100"), cash(site, other, "200")
    mirpur = site.as_operator("mirpur")

    assert receipts(mirpur.get("/payments").text) == [f"R{mine}"]
    assert receipts(mirpur.get(f"/payments?q=R{his}").text) == []
    exported = mirpur.get("/payments/export.csv").text
    assert username_of(site.conn, other) not in exported
    found = mirpur.get(f"/payments/cash?q={username_of(site.conn, other)}").text
    assert "Nobody matches." in found
    for path in PATHS:
        assert mirpur.get(address(other, his, path)).status_code == 404
        assert mirpur.get(address(own, mine, path)).status_code == 200
    assert mirpur.get(address(own, his)).status_code == 404


def test_a_receipt_is_handed_out_as_pdf(site: Site) -> None:
    customer_id = someone(site)
    payment_id = cash(site, customer_id, "300")
    admin = site.as_admin()
    where = address(customer_id, payment_id, "/receipt.pdf")
    assert where in admin.get(address(customer_id, payment_id)).text

    answer = admin.get(where)

    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF-")
    assert f"R{payment_id}" in answer.headers["Content-Disposition"]
    assert (
        admin.get(address(customer_id, payment_id + 1, "/receipt.pdf")).status_code
        == 404
    )
    site.operator_id("mirpur")
    assert site.as_operator("mirpur").get(where).status_code == 404
    assert site.anonymous().get(where).status_code == 303
