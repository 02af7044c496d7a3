"""Customers from a CSV: each bad row and column named, then all of them or none."""

import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing_core.customer_csv import (
    COLUMNS,
    CustomerFileError,
    Problem,
    read_customers,
)
from billing_core.db.connect import Connection
from billing_core.db.customers import find_customer_id, read_customer
from billing_core.db.imports import ImportedAlreadyError
from billing_core.db.profiles import NewProfile, insert_profile
from billing_core.passwords import open_password
from billing_core.services import imports as service
from billing_core.services.audit import audit
from tests.builders import (
    KEY,
    NOON,
    a_customer,
    a_hotspot_package,
    a_package,
    at_once,
    rows,
)
from tests.web.conftest import Browser, Site

HEAD = "username,password,package,name,mobile,language,kind,mac,credit_limit"
GOOD = f"""{HEAD}
rahim,s3cret-1,Home,রহিম,'+8801712,bn,,aa-bb-cc-00-11-22,"1,500"
karim,s3cret-2,Home,Karim,,,,,
"""


@pytest.fixture
def home(site: Site) -> str:
    return a_package(site.conn, name="Home", billing="monthly", price=Decimal(500))


def send(browser: Browser, text: str | bytes, name: str = "people.csv"):  # type: ignore[no-untyped-def]
    content = text if isinstance(text, bytes) else text.encode()
    return browser.post("/imports", {"file": (io.BytesIO(content), name)})


def count(conn: Connection) -> int:
    return int(rows(conn, "SELECT count(*) FROM customer")[0][0])


@pytest.mark.usefixtures("home")
def test_a_good_file_is_looked_at_and_then_taken_on_whole(site: Site) -> None:
    admin = site.as_admin()

    answer = send(admin, GOOD)

    assert answer.status_code == 303
    page = admin.get(answer.location).text
    assert "2 customer(s) can be taken on" in page
    assert "Home: 2" in page
    assert "s3cret" not in page
    assert count(site.conn) == 0, "a look changes nothing"
    done = admin.post(answer.location)
    assert done.status_code == 303
    rahim = read_customer(site.conn, find_customer_id(site.conn, "rahim"))
    assert (rahim.name, rahim.mobile, rahim.language) == ("রহিম", "+8801712", "bn")
    assert rahim.mac_binding == "AA:BB:CC:00:11:22"
    assert rahim.credit_limit == 1500
    assert (rahim.kind, rahim.operator_id) == ("pppoe", None)
    ((sealed,),) = rows(
        site.conn, "SELECT password_sealed FROM customer WHERE username = 'karim'"
    )
    assert open_password(KEY, bytes(sealed)) == "s3cret-2"
    assert rows(site.conn, "SELECT what, note FROM customer_event LIMIT 1") == [
        ("added", "import 1")
    ]
    log = admin.get("/audit-log?log=operators").text
    assert "customers imported" in log
    assert audit(site.conn) == []


@pytest.mark.usefixtures("home")
def test_a_file_is_imported_once_however_often_it_is_sent(site: Site) -> None:
    admin = site.as_admin()
    path = send(admin, GOOD).location
    admin.post(path)

    again = admin.post(path)
    other = send(admin, GOOD).location
    third = admin.post(other)

    assert (again.status_code, third.status_code) == (422, 422)
    assert "imported before" in again.text
    assert "imported before" in admin.get(other).text
    assert count(site.conn) == 2
    assert rows(
        site.conn, "SELECT sealed FROM customer_import WHERE import_id = 1"
    ) == [(None,)]


@pytest.mark.usefixtures("home")
def test_prices_and_credit_of_ones_own_need_the_permission_to_give_discounts(
    site: Site,
) -> None:
    a_package(site.conn, name="Gift", billing="free")
    insert_profile(site.conn, NewProfile("nothing", "free"))
    head = "username,password,package,profile,credit_limit,special_price,discount"
    lines = [
        "a,pw,Home,,100,,",
        "b,pw,Home,,,1,",
        "c,pw,Home,,,,50",
        "d,pw,Gift,,,,",
        "e,pw,Home,nothing,,,",
        "f,pw,Home,,0,,0",
    ]
    text = "\n".join([head, *lines, ""])

    clerk = site.as_manager("add_customers")
    page = clerk.get(send(clerk, text).location).text

    assert "5 problem" in page
    for line, column in enumerate(
        ("credit_limit", "special_price", "discount", "package", "profile"), start=2
    ):
        assert re.search(rf">{line}</t[hd]>.*?{column}", page, re.DOTALL), column
    chief = site.as_manager("add_customers", "give_discounts")
    assert "6 customer(s) can be taken on" in chief.get(send(chief, text).location).text


@pytest.mark.usefixtures("home")
def test_the_same_file_at_the_same_moment_is_imported_once(
    site: Site, database_url: str
) -> None:
    numbers = [
        service.keep_file(
            site.conn,
            GOOD.encode(),
            file_name="x.csv",
            secret_key=KEY,
            actor="t",
            now=NOON,
        )
        for _ in range(4)
    ]

    def take(number: int) -> Callable[[Connection], int]:
        return lambda conn: service.import_kept(
            conn,
            number,
            service.Sellers({}, None),
            secret_key=KEY,
            actor="t",
            now=NOON,
        )

    done = at_once(database_url, [take(number) for number in numbers])

    assert [one for one in done if isinstance(one, int)] == [2]
    for one in done:
        assert isinstance(one, int | ImportedAlreadyError | service.ImportRefusedError)
    assert count(site.conn) == 2


@pytest.mark.parametrize(
    ("row", "column", "told"),
    [
        (",pw,Home", "username", "empty"),
        ("x y\x07,pw,Home", "username", "printable"),
        ("taken,pw,Home", "username", "taken"),
        ("first,pw,Home", "username", "line 2, too"),
        ("a,,Home", "password", "needs a password"),
        ("a,pw,Villa", "package", "no package"),
        ("a,pw,Old", "package", "not sold any more"),
        ("a,pw,Home,N,017,fr", "language", "none of en, bn"),
        ("a,pw,Home,N,017,en,hotspot", "kind", "hotspot is billed"),
        ("a,pw,Home,N,017,en,,not-a-mac", "mac", "no MAC address"),
        ("a,pw,Home,N,017,en,,,1.234", "credit_limit", "two decimals"),
        ("a,pw,Home,N,017,en,,,-5", "credit_limit", "less than 0"),
        ("a,pw,Home,N,017,en,,,5,extra", "", "more cells than columns"),
        (f"a,{'p' * 129},Home", "password", "more than 128"),
        (f"a,{'৯' * 50},Home", "password", "at most 128 octets"),
    ],
)
def test_every_bad_row_is_named_with_its_column_and_nothing_is_imported(
    site: Site, home: str, row: str, column: str, told: str
) -> None:
    a_customer(site.conn, home, username="taken")
    a_package(site.conn, name="Old")
    site.conn.execute("UPDATE package SET is_withdrawn = true WHERE name = 'Old'")
    admin = site.as_admin()

    path = send(admin, f"{HEAD}\nfirst,pw,Home\n{row}\n").location
    page = admin.get(path)
    forced = admin.post(path)

    assert "1 problem(s)" in page.text
    assert f"<code>{column}</code>" in page.text
    assert told in page.text
    assert ">3</th>" in page.text
    assert "ppp" not in page.text, "a password is never shown"
    assert forced.status_code == 422
    assert count(site.conn) == 1


def test_a_static_address_is_an_ipv4_address_of_one_customer_alone(
    site: Site, home: str
) -> None:
    a_customer(site.conn, home, username="taken", framed_ip="10.9.0.1")
    rows_of_file = (
        *("a,pw,Home,10.9.0.1", "b,pw,Home,10.9.0.2", "c,pw,Home,10.9.0.2"),
        *("d,pw,Home,2001:db8::1", "e,pw,Home,10.9.0", "f,pw,Home,127.0.0.1"),
    )
    head = "username,password,package,static_ip"
    admin = site.as_admin()

    path = send(admin, "\n".join((head, *rows_of_file, ""))).location
    page = admin.get(path)

    assert "5 problem(s)" in page.text
    assert "another customer&#39;s static address" in page.text
    assert "10.9.0.2 stands in line 3, too" in page.text
    assert page.text.count("is no IPv4 address") == 3
    good = send(admin, f"{head}\nb,pw,Home,10.9.0.2\n").location
    admin.post(good)
    late = send(admin, f"{head}\ng,pw,Home,10.9.0.3\n").location
    a_customer(site.conn, home, username="sooner", framed_ip="10.9.0.3")
    assert admin.post(late).status_code == 422
    assert rows(
        site.conn,
        "SELECT host(a.framed_ip), l.username FROM static_address a"
        " JOIN login l USING (customer_id) ORDER BY 1",
    ) == [("10.9.0.1", "taken"), ("10.9.0.2", "b"), ("10.9.0.3", "sooner")]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"username,package,shoe\n", "not known"),
        (b"username\n", "is missing"),
        (b"username,package,username\n", "twice"),
        ("username,package\nrahim\u00e9,Home".encode("latin-1"), "not UTF-8"),
        (b"PK\x03\x04\x00\x00", "save it as CSV"),
    ],
)
def test_what_is_no_file_of_customers_is_told_at_once(
    site: Site, content: bytes, told: str
) -> None:
    answer = send(site.as_admin(), content)
    assert answer.status_code == 422
    assert told in answer.text
    assert rows(site.conn, "SELECT FROM customer_import") == []
    assert site.as_admin().post("/imports", {}).status_code == 422


def test_semicolons_tabs_and_any_order_of_columns_are_read() -> None:
    for delimiter in (";", "\t"):
        text = f"package{delimiter}Username\nHome{delimiter}rahim\n\n"
        (row,) = read_customers(text.encode())
        assert not isinstance(row, Problem)
        assert (row.cells["username"], row.cells["package"]) == ("rahim", "Home")
    with pytest.raises(CustomerFileError, match="twice"):
        list(read_customers(b"username,package,package\n"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        # Read leniently, the customers below would be a comment of the one above.
        ('username,package,comment\na,Home,x\nb,Home,"y\nc,Home,z\n', 3),
        (f'username,package,comment\na,Home,"{"x" * 200_000}"\n', 2),
        (f'"{"x" * 200_000}"\n', 1),
    ],
    ids=["open quote", "endless cell", "endless head"],
)
@pytest.mark.usefixtures("home")
def test_where_it_is_no_csv_is_told_by_its_line(
    site: Site, text: str, line: int
) -> None:
    answer = send(site.as_admin(), text)
    assert answer.status_code == 422
    told = f"From line {line} on it is no CSV: look at its quotation marks."
    assert told in answer.text
    assert rows(site.conn, "SELECT FROM customer_import") == []


def test_the_template_is_a_file_that_is_read(site: Site) -> None:
    answer = site.as_admin().get("/imports/template.csv")
    assert answer.mimetype == "text/csv"
    assert list(read_customers(answer.data)) == []
    assert answer.text.removeprefix("\ufeff").strip().split(",") == list(COLUMNS)
    for column in COLUMNS:
        assert f"<code>{column}</code>" in site.as_admin().get("/imports").text


def test_a_device_without_password_and_a_hotspot_customer_are_taken_on(
    site: Site, home: str
) -> None:
    a_hotspot_package(site.conn, name="Day")
    admin = site.as_admin()
    text = (
        "username,package,kind,password\n"
        f"aa-bb-cc-00-11-22,{home},static,\nguest,Day,,pw\n"
    )
    path = send(admin, text).location
    assert admin.post(path).status_code == 303
    assert rows(site.conn, "SELECT username, kind FROM customer ORDER BY 1") == [
        ("AA:BB:CC:00:11:22", "static"),
        ("guest", "hotspot"),
    ]


@pytest.mark.usefixtures("home")
def test_a_resellers_customers_are_his_and_no_file_of_his_gives_others_any(
    site: Site,
) -> None:
    mirpur, uttara = site.as_operator("mirpur"), site.operator_id("uttara")
    assert uttara
    text = "username,password,package,operator\nhis,pw,Home,\n"

    path = send(mirpur, text).location
    other = send(mirpur, f"{text}not-his,pw,Home,uttara\n").location

    assert "no operator" in mirpur.get(other).text
    assert mirpur.post(path).status_code == 303
    his = read_customer(site.conn, find_customer_id(site.conn, "his"))
    assert his.operator_id == site.operator_id("mirpur")
    for browser in (site.as_operator("uttara"), site.as_admin()):
        assert browser.get(path).status_code == 404, "passwords stand in it"
        assert browser.post(path).status_code == 404
        assert browser.post(f"{path}/forget").status_code == 404
    assert "people.csv" not in site.as_operator("uttara").get("/imports").text
    assert "people.csv" in site.as_admin().get("/imports").text


@pytest.mark.usefixtures("home")
def test_files_are_not_kept_for_ever_and_never_in_clear(site: Site) -> None:
    admin = site.as_admin()
    path = send(admin, GOOD).location
    ((sealed,),) = rows(site.conn, "SELECT sealed FROM customer_import")
    assert b"s3cret" not in bytes(sealed)

    admin.post(f"{path}/forget")
    assert "not kept any more" in admin.get(path).text
    assert admin.post(path).status_code == 422

    second = send(admin, GOOD + "\n").location
    yesterday = datetime.now(UTC) - timedelta(days=1, minutes=1)
    site.conn.execute("UPDATE customer_import SET uploaded_at = %s", [yesterday])
    send(admin, GOOD)
    assert "not kept any more" in admin.get(second).text
    assert admin.post(second).status_code == 422
    assert admin.get("/imports/999").status_code == 404


def test_only_who_may_add_customers_imports_them(site: Site) -> None:
    for path in ("/imports", "/imports/template.csv"):
        assert site.anonymous().get(path).status_code == 303
        assert site.as_manager("view_customers").get(path).status_code == 403
        assert site.as_manager("add_customers").get(path).status_code == 200
    assert send(site.as_manager("view_customers"), GOOD).status_code == 403


def test_thousands_of_customers_are_taken_on_in_one_go(site: Site, home: str) -> None:
    lines = "\n".join(f"person-{n},secret-{n},{home}" for n in range(5000))
    admin = site.as_admin()
    path = send(admin, f"username,password,package\n{lines}\n").location
    assert admin.post(path).status_code == 303
    assert count(site.conn) == 5000
    assert rows(site.conn, "SELECT count(*) FROM login NATURAL JOIN wallet") == [
        (5000,)
    ]
