"""NAS, sessions that run, and refused logins: what they show, to whom, and changes."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from billing_core.db.nas import read_nas_traits
from billing_core.services.customers import give_to_operator
from tests.builders import Packets, a_customer, a_nas, a_package, fold, rows
from tests.web.conftest import Site

FORM = {
    "name": "core-1",
    "address": "10.0.0.1",
    "vendor": "mikrotik",
    "secret": "s3cr3t-of-core",
    "coa": "all",
    "coa_port": "3799",
    "interim_minutes": "5",
}


def online(site: Site, username: str, nas_id: int, **packet: object) -> int:
    """Let a customer be online."""
    customer_id = a_customer(
        site.conn, a_package(site.conn), username=username, balance="100"
    )
    now = datetime.now(UTC)
    fold(site.conn, Packets(username, nas_id, started_at=now).start(**packet), now=now)
    return customer_id


def test_a_nas_is_registered_and_its_lines_are_shown_without_its_secret(
    site: Site,
) -> None:
    admin = site.as_admin()
    site.conn.execute("INSERT INTO unknown_nas (address) VALUES ('10.0.0.1')")
    listed = admin.get("/nas").text
    assert "address=10.0.0.1" in listed
    assert 'value="10.0.0.1"' in admin.get("/nas/new?address=10.0.0.1").text

    answer = admin.post("/nas/new", FORM)

    assert answer.status_code == 303
    page = admin.get(answer.location).text
    assert "src-address=10.0.0.1" in page
    assert "interim-update=5m" in page
    assert "/radius incoming set accept=yes port=3799" in page
    for text in (page, admin.get("/nas").text, admin.get(f"{answer.location}/edit")):
        assert "s3cr3t-of-core" not in str(text)
    assert rows(site.conn, "SELECT FROM unknown_nas") == []
    assert rows(site.conn, "SELECT actor, what, note FROM operator_event")[-1] == (
        "operator:boss",
        "NAS added",
        "core-1, 10.0.0.1",
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"address": "not an address"}, "no IP address"),
        ({"address": "10.0.0.0/8"}, "one host"),
        ({"name": "taken"}, "exists"),
        ({"secret": ""}, "needs the secret"),
        ({"coa_port": "70000"}, "between 1 and 65535"),
        ({"interim_minutes": "0"}, "between 1 and 60"),
        ({"vendor": "acme"}, "Not a valid choice"),
        ({"coa_identification": "Shoe-Size"}, "sessions are identified by"),
    ],
)
def test_a_nas_that_cannot_be_is_told_why(
    site: Site, change: dict[str, str], told: str
) -> None:
    a_nas(site.conn, name="taken")

    answer = site.as_admin().post("/nas/new", FORM | change)

    assert answer.status_code == 422
    assert told in answer.text
    assert "core-1" in answer.text or "taken" in answer.text
    assert len(read_nas_traits(site.conn)) == 1


def test_an_edited_nas_keeps_a_secret_that_is_not_said_and_logs_the_rest(
    site: Site,
) -> None:
    admin = site.as_admin()
    path = admin.post("/nas/new", FORM | {"coa_secret": "another"}).location
    assert 'value="core-1"' in admin.get(f"{path}/edit").text

    answer = admin.post(
        f"{path}/edit",
        FORM | {"secret": "", "vendor": "rfc", "coa": "disconnect"},
    )

    assert answer.status_code == 303
    (nas,) = read_nas_traits(site.conn).values()
    assert (nas.secret, nas.coa_secret) == ("s3cr3t-of-core", "another")
    assert (nas.vendor, nas.accepts_coa, nas.coa_port) == ("rfc", False, 3799)
    (note,) = rows(
        site.conn, "SELECT note FROM operator_event WHERE what = 'NAS changed'"
    )[0]
    assert "vendor: mikrotik -> rfc" in note
    admin.post(f"{path}/edit", FORM | {"secret": "new-one-now", "coa": "none"})
    (nas,) = read_nas_traits(site.conn).values()
    assert (nas.secret, nas.coa_port) == ("new-one-now", None)
    assert "new-one-now" not in str(rows(site.conn, "SELECT note FROM operator_event"))


def test_another_vendors_sessions_are_identified_as_it_matches_them(
    site: Site,
) -> None:
    admin = site.as_admin()
    path = admin.post("/nas/new", FORM).location
    (nas,) = read_nas_traits(site.conn).values()

    admin.post(
        f"{path}/edit",
        FORM
        | {
            "vendor": "coovachilli",
            "coa_identification": ", ".join(nas.coa_identification),
        },
    )

    (nas,) = read_nas_traits(site.conn).values()
    assert nas.coa_identification == ["User-Name", "Acct-Session-Id"]


def test_a_disabled_nas_stays_and_comes_back(site: Site) -> None:
    nas_id = a_nas(site.conn, name="core-1")
    admin = site.as_admin()
    assert "logins from it are refused" in admin.get(f"/nas/{nas_id}/disable").text

    assert admin.post(f"/nas/{nas_id}/disable").status_code == 303
    assert read_nas_traits(site.conn)[nas_id].is_disabled
    assert "disabled" in admin.get("/nas").text
    assert admin.post(f"/nas/{nas_id}/disable").status_code == 303
    assert not read_nas_traits(site.conn)[nas_id].is_disabled
    assert admin.get("/nas/999").status_code == 404


def test_the_list_tells_of_sessions_silence_and_what_was_answered(site: Site) -> None:
    silent, heard = a_nas(site.conn, name="silent"), a_nas(site.conn, name="heard")
    online(site, "rahim", silent)
    customer_id = online(site, "karim", heard)
    site.conn.execute(
        "UPDATE acct_session SET last_received_at = now() - interval '1 hour'"
        " WHERE nas_id = %s",
        [silent],
    )
    site.conn.execute(
        "INSERT INTO outbox (customer_id, session_id, nas_id, kind, reason, state,"
        " outcome, error_cause) VALUES (%s, 1, %s, 'disconnect', 'PAYMENT_DUE',"
        " 'failed', 'NAK', 503)",
        [customer_id, heard],
    )
    admin = site.as_admin()

    page = admin.get("/nas").text

    assert "No accounting from silent" in page
    assert "No accounting from heard" not in page
    assert "1 refused" in page
    detail = admin.get(f"/nas/{heard}").text
    assert "NAK 503" in detail
    assert "a bill is overdue" in detail


def test_only_who_manages_the_network_sees_nas(site: Site) -> None:
    nas_id = a_nas(site.conn)
    for path in ("/nas", "/nas/new", f"/nas/{nas_id}", f"/nas/{nas_id}/edit"):
        assert site.as_operator().get(path).status_code == 403
        assert site.anonymous().get(path).status_code == 303
        assert site.as_manager("manage_network").get(path).status_code == 200


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("", {"rahim", "karim"}),
        ("q=RAH", {"rahim"}),
        ("q=02-00-00-00-00-99", {"karim"}),
        ("q=10.0.0.77", {"karim"}),
        ("q=2001:db8::1", set()),
        ("nas={first}", {"rahim"}),
        ("silent=1", set()),
        ("restricted=1", set()),
    ],
)
def test_who_is_online_is_found_by_what_one_knows(
    site: Site, address: str, found: set[str]
) -> None:
    first, second = a_nas(site.conn), a_nas(site.conn)
    online(site, "rahim", first)
    online(
        site,
        "karim",
        second,
        calling_station_id="02:00:00:00:00:99",
        framed_ip="10.0.0.77",
    )

    page = site.as_admin().get("/online?" + address.format(first=first))

    assert page.status_code == 200
    assert {u for u in ("rahim", "karim") if f">{u}</a>" in page.text} == found


def test_sessions_are_paged_newest_first_and_exported(site: Site) -> None:
    nas_id = a_nas(site.conn)
    for number in range(27):
        online(site, f"person-{number:02d}", nas_id)
    admin = site.as_admin()

    first = admin.get("/online?rows=25").text

    assert "27 sessions" in first
    assert "person-26" in first
    assert "person-01" not in first
    (key,) = rows(
        site.conn, "SELECT session_id FROM acct_session WHERE username = 'person-02'"
    )[0]
    assert f"after={key}" in first
    second = admin.get(f"/online?rows=25&after={key}").text
    assert "person-01" in second
    assert "person-02" not in second
    table = csv.DictReader(
        io.StringIO(admin.get("/online/export.csv").text.removeprefix("\ufeff"))
    )
    assert len(list(table)) == 27
    assert admin.get("/online/export.xlsx").status_code == 200


def test_a_reseller_sees_his_customers_sessions_and_rejects_only(site: Site) -> None:
    nas_id = a_nas(site.conn)
    online(site, "his-own", nas_id)
    online(site, "not-his", nas_id)
    site.operator_id("mirpur")
    give_to_operator(site.conn, "his-own", "mirpur", actor="t", now=datetime.now(UTC))
    site.conn.execute(
        "INSERT INTO access_reject (username, customer_id, calling_station_id, reason)"
        " SELECT username, customer_id, '', 'SUSPENDED' FROM customer"
        " UNION ALL SELECT 'strange', NULL, '', 'UNKNOWN_CUSTOMER'"
    )
    mirpur, admin = site.as_operator("mirpur"), site.as_admin()
    for path in ("/online", "/online/export.csv", "/rejects"):
        page = mirpur.get(path).text
        assert "his-own" in page, path
        assert "not-his" not in page, path
        assert "strange" not in page, path
        assert "not-his" in admin.get(path).text
    assert "strange" in admin.get("/rejects").text


def test_a_session_is_ended_from_the_list_and_one_comes_back_to_it(
    site: Site,
) -> None:
    customer_id = online(site, "rahim", a_nas(site.conn))
    admin = site.as_admin()
    (session_id,) = rows(site.conn, "SELECT session_id FROM acct_session")[0]
    path = f"/customers/{customer_id}/sessions/{session_id}/disconnect"
    page = admin.get("/online?q=rahim").text
    assert f"{path}?next=/online?q%3Drahim" in page

    answer = admin.post(f"{path}?next=/online?q%3Drahim")

    assert answer.status_code == 303, answer.text
    assert answer.location == "/online?q=rahim"
    assert rows(site.conn, "SELECT kind FROM outbox") == [("disconnect",)]
    assert "asked to end" in admin.get("/online").text
    assert admin.post(f"{path}?next=//evil.example").location != "//evil.example"
    assert "/disconnect" not in site.as_manager("view_customers").get("/online").text


def test_a_refused_login_says_why_and_what_to_do(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn), username="rahim")
    nas_id = a_nas(site.conn, name="core-1")
    for username, reason, back in (
        ("rahim", "MAC_MISMATCH", 0),
        ("rahim", "SUSPENDED", 30),
        ("nobody", "UNKNOWN_CUSTOMER", 40),
    ):
        site.conn.execute(
            "INSERT INTO access_reject (username, customer_id, nas_id, reason,"
            " calling_station_id, rejected_at) VALUES (%s, %s, %s, %s,"
            " '02:00:00:00:00:01', %s)",
            [
                username,
                customer_id if username == "rahim" else None,
                nas_id,
                reason,
                datetime.now(UTC) - timedelta(hours=back),
            ],
        )
    admin = site.as_admin()

    page = admin.get("/rejects").text

    assert "another device than his" in page
    assert "release or change his device" in page
    assert "core-1" in page
    assert f'href="/customers/{customer_id}"' in page
    for address, has_mismatch in (
        ("username=rahim", True),
        ("username=nobody", False),
        ("reason=SUSPENDED", False),
        (f"nas={nas_id}", True),
        ("device=02-00-00-00-00-01", True),
        ("device=02-00-00-00-00-02", False),
        ("until=2020-01-01", False),
    ):
        found = admin.get(f"/rejects?{address}")
        assert found.status_code == 200
        assert ("release or change" in found.text) is has_mismatch, address


def test_refused_logins_are_handed_out_as_they_are_filtered(site: Site) -> None:
    site.conn.execute(
        "INSERT INTO access_reject (username, calling_station_id, reason) VALUES"
        " ('x', '', 'BAD_CREDENTIALS'), ('y', '', 'SUSPENDED')"
    )
    path = "/rejects/export.csv?reason=SUSPENDED"
    text = site.as_admin().get(path).text.removeprefix("\ufeff")
    (line,) = csv.DictReader(io.StringIO(text))
    assert line["username"] == "y"
    assert site.as_admin().get("/rejects/export.csv?since=x").status_code == 400


def test_filters_that_cannot_be_are_told_at_their_field(site: Site) -> None:
    admin = site.as_admin()
    for path in ("/online?nas=abc", "/rejects?reason=BORED", "/rejects?since=x"):
        page = admin.get(path)
        assert page.status_code == 400
        assert 'aria-invalid="true"' in page.text
    assert admin.get("/online?after=x").status_code == 400
    assert admin.get("/rejects?after=1-x").status_code == 400
    for path in ("/online", "/rejects"):
        assert site.anonymous().get(path).status_code == 303
        assert site.as_manager("view_bills").get(path).status_code == 403
