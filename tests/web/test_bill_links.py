"""Payment links for bills, one or many; bills as PDF."""

import re
from dataclasses import replace

import pytest

from billing_core.db.messages import write_policy
from billing_core.reminders import ReminderPolicy
from tests.builders import rows
from tests.web.conftest import Site, settings_for
from tests.web.test_bills import a_billed_customer, number_of
from web import create_app
from web.desk import close_desks

PUBLIC = "https://pay.example"


@pytest.fixture
def known_site(site: Site, database_url: str) -> Site:
    """A site that customers know where to find."""
    settings = settings_for(database_url)
    payments = replace(settings.payments, public_url=PUBLIC)
    close_desks(site.app)
    site.app = create_app(replace(settings, payments=payments))
    return site


def test_a_link_is_sent_and_opens_the_payment_of_its_bill(known_site: Site) -> None:
    bill = a_billed_customer(known_site, mail="rahim@example.com")
    write_policy(known_site.conn, ReminderPolicy(channels=("mail",)))
    key = f"{bill[0]}-{bill[1]}"
    admin = known_site.as_admin()
    assert number_of(known_site, bill) in admin.get(f"/bills/links?bill={key}").text

    page = admin.post("/bills/links/send", {"bill": key}).text

    (address,) = re.findall(rf"{PUBLIC}(/pay/link/[\w.-]+)", page)
    assert "500.00" in known_site.anonymous().get(address).text
    ((event, recipient, body),) = rows(
        known_site.conn, "SELECT event, recipient, body FROM message"
    )
    assert (event, recipient) == ("payment_link", "rahim@example.com")
    assert PUBLIC + address in body


def test_a_page_of_links_that_is_loaded_anew_sends_no_second_message(
    known_site: Site,
) -> None:
    bill = a_billed_customer(known_site, mail="rahim@example.com")
    write_policy(known_site.conn, ReminderPolicy(channels=("mail",)))
    admin = known_site.as_admin()
    asked = admin.get(f"/bills/links?bill={bill[0]}-{bill[1]}").text
    key = re.search(r'name="key"[^>]*value="([^"]+)"', asked)
    assert key is not None
    sent = {"bill": f"{bill[0]}-{bill[1]}", "key": key[1]}
    for _ in range(2):
        assert "/pay/link/" in admin.post("/bills/links/send", sent).text
    assert rows(known_site.conn, "SELECT count(*) FROM message") == [(1,)]
    admin.post("/bills/links/send", sent | {"key": "k" * 32})
    assert rows(known_site.conn, "SELECT count(*) FROM message") == [(2,)]


def test_where_no_message_can_go_the_links_are_shown_all_the_same(
    known_site: Site,
) -> None:
    bills = [a_billed_customer(known_site), a_billed_customer(known_site, "800")]
    admin = known_site.as_admin()
    page = admin.post("/bills/links/send", {"bill": [f"{c}-{b}" for c, b in bills]})
    assert len(re.findall(rf"{PUBLIC}/pay/link/", page.text)) == 2
    assert page.text.count(">no message<") == 2
    assert rows(known_site.conn, "SELECT 1 FROM message") == []


def test_a_bill_that_is_paid_gets_no_link_and_the_others_do(known_site: Site) -> None:
    void, good = a_billed_customer(known_site), a_billed_customer(known_site)
    admin = known_site.as_admin()
    admin.post(f"/bills/{void[0]}/{void[1]}/void", {"reason": "x"})
    keys = [f"{c}-{b}" for c, b in (void, good)]
    page = admin.post("/bills/links/send", {"bill": keys}).text
    assert "is void: nothing is open" in page
    assert len(re.findall(rf"{PUBLIC}/pay/link/", page)) == 1


def test_links_of_others_bills_are_not_to_be_had(known_site: Site) -> None:
    theirs = a_billed_customer(known_site, operator="uttara")
    key = {"bill": f"{theirs[0]}-{theirs[1]}"}
    mirpur = known_site.as_operator("mirpur")
    assert mirpur.post("/bills/links", key).status_code == 404
    assert mirpur.post("/bills/links/send", key).status_code == 404
    looker = known_site.as_manager("view_bills")
    assert looker.post("/bills/links/send", key).status_code == 403
    anonymous = known_site.anonymous()
    assert anonymous.post("/bills/links/send", key).status_code == 303
    assert rows(known_site.conn, "SELECT 1 FROM payment_link") == []


def test_links_want_to_know_where_customers_reach_us(site: Site) -> None:
    bill = a_billed_customer(site)
    answer = site.as_admin().post("/bills/links", {"bill": f"{bill[0]}-{bill[1]}"})
    assert answer.status_code == 422
    assert "KHATA_PUBLIC_URL" in answer.text


def test_a_bill_is_handed_out_as_pdf_and_only_to_whom_it_concerns(site: Site) -> None:
    bill = a_billed_customer(site, operator="uttara")
    path = f"/bills/{bill[0]}/{bill[1]}/bill.pdf"
    answer = site.as_operator("uttara").get(path)
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF-")
    assert f"{number_of(site, bill)}.pdf" in answer.headers["Content-Disposition"]
    assert site.as_operator("mirpur").get(path).status_code == 404
    assert site.anonymous().get(path).status_code in (302, 303)
