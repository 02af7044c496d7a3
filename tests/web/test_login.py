"""Logging in and out: passwords, second factors, sessions that end, limits."""

import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from billing_core.passwords import seal_password
from billing_core.services import customer_logins, web_logins
from billing_core.services.operators import new_totp_secret, set_disabled, set_totp
from billing_core.services.throttle import TooManyTriesError
from tests.builders import KEY, a_customer, a_package, rows, username_of
from tests.web.conftest import PASSWORD, Browser, Site
from web.access import COOKIE

ADMIN = {"username": "boss", "password": PASSWORD}


def cookie_of(browser: Browser) -> str:
    found = browser.client.get_cookie(COOKIE)
    return "" if found is None else found.value


def test_the_right_password_opens_the_pages(site: Site) -> None:
    site.operator_id("boss", "admin")
    visitor = site.anonymous()

    answer = visitor.post("/login", ADMIN)

    assert (answer.status_code, answer.location) == (303, "/")
    assert visitor.get("/dashboard").status_code == 200


def test_a_login_leads_on_to_the_page_that_was_asked_for(site: Site) -> None:
    site.operator_id("boss", "admin")
    visitor = site.anonymous()
    asked = visitor.get("/bills?status=open")
    assert asked.location == "/login?next=/bills?status%3Dopen"

    answer = visitor.post("/login", ADMIN | {"next": "/bills?status=open"})

    assert answer.location == "/bills?status=open"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example/",
        "https://evil.example/",
        "/\\evil.example",
        # Browsers drop the tab, and take \\ for /.
        "/\t\\evil.example",
        "/\t/evil.example",
        "/\r\nSet-Cookie: khata_session=planted",
    ],
)
def test_a_login_never_leads_to_another_site(site: Site, elsewhere: str) -> None:
    site.operator_id("boss", "admin")
    answer = site.anonymous().post("/login", ADMIN | {"next": elsewhere})
    assert answer.location == "/"


def test_a_wrong_password_and_a_wrong_name_are_told_alike(site: Site) -> None:
    site.operator_id("boss", "admin")
    visitor = site.anonymous()
    wrong = visitor.post("/login", ADMIN | {"password": "wrong horse"})
    nobody = visitor.post("/login", ADMIN | {"username": "nobody"})
    assert wrong.status_code == nobody.status_code == 422
    for page in (wrong, nobody):
        assert "Username or password is wrong." in page.text
        assert "wrong horse" not in page.text


def test_a_name_is_tried_five_times_from_a_place_and_then_waits(site: Site) -> None:
    site.operator_id("boss", "admin")
    visitor = site.anonymous()
    for _ in range(5):
        assert visitor.post("/login", ADMIN | {"password": "x"}).status_code == 422
    answer = visitor.post("/login", ADMIN)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert cookie_of(visitor) == ""


def test_tries_are_counted_anew_after_a_quarter_of_an_hour(site: Site) -> None:
    site.operator_id("boss", "admin")
    now = datetime.now(UTC)

    def log_in(password: str, at: datetime) -> None:
        web_logins.log_in_operator(site.conn, "boss", password, address="a", now=at)

    for _ in range(5):
        with pytest.raises(web_logins.WrongLoginError):
            log_in("wrong", now)
    with pytest.raises(TooManyTriesError):
        log_in(PASSWORD, now + timedelta(minutes=14))
    log_in(PASSWORD, now + timedelta(minutes=16))


def test_a_login_gives_a_new_cookie_whatever_was_there_before(site: Site) -> None:
    site.operator_id("boss", "admin")
    visitor = site.anonymous()
    visitor.client.set_cookie(COOKIE, "planted-by-somebody")

    visitor.post("/login", ADMIN)

    assert cookie_of(visitor) not in ("", "planted-by-somebody")
    planted = site.anonymous()
    planted.client.set_cookie(COOKIE, "planted-by-somebody")
    assert planted.get("/dashboard").status_code == 303


def test_a_second_login_ends_the_first(site: Site) -> None:
    first = site.as_admin()
    copied = site.anonymous()
    copied.client.set_cookie(COOKIE, cookie_of(first))
    assert first.post("/login", ADMIN).status_code == 303
    assert first.get("/dashboard").status_code == 200
    assert copied.get("/dashboard").status_code == 303


def test_the_database_holds_no_cookie_that_opens_anything(site: Site) -> None:
    site.operator_id("boss", "admin")
    visitor = site.anonymous()
    visitor.post("/login", ADMIN)
    ((kept,),) = rows(site.conn, "SELECT token_hash FROM web_session")
    assert kept == web_logins.token_hash(cookie_of(visitor))
    assert cookie_of(visitor).encode() not in kept


def test_logging_out_ends_the_session_for_a_copied_cookie_too(site: Site) -> None:
    admin = site.as_admin()
    copied = site.anonymous()
    copied.client.set_cookie(COOKIE, cookie_of(admin))
    assert copied.get("/dashboard").status_code == 200

    admin.post("/logout")

    assert copied.get("/dashboard").status_code == 303


@pytest.mark.parametrize(
    ("column", "interval"), [("last_seen_at", "3 hours"), ("expires_at", "13 hours")]
)
def test_a_session_ends_idle_and_at_the_latest_after_a_shift(
    site: Site, column: str, interval: str
) -> None:
    admin = site.as_admin()
    assert admin.get("/dashboard").status_code == 200
    site.conn.execute(
        f"UPDATE web_session SET {column} = {column} - interval '{interval}'"  # noqa: S608
    )
    assert admin.get("/dashboard").status_code == 303


def test_who_is_shut_out_is_out_at_once_with_everybody_below(site: Site) -> None:
    seller = site.as_operator("mirpur")
    staff = site.as_somebody("clerk", "manager", ("view_customers",), "mirpur")
    assert staff.get("/customers").status_code == 200

    set_disabled(
        site.conn, "mirpur", is_disabled=True, actor="test", now=datetime.now(UTC)
    )

    assert seller.get("/customers").status_code == 303
    assert staff.get("/customers").status_code == 303
    told = site.anonymous().post("/login", {"username": "mirpur", "password": PASSWORD})
    assert told.status_code == 422


def test_a_second_factor_is_asked_for_and_its_code_works_once(site: Site) -> None:
    site.operator_id("boss", "admin")
    secret, now = new_totp_secret(), datetime.now(UTC)
    set_totp(site.conn, "boss", secret, secret_key=KEY, actor="test", now=now)
    visitor = site.anonymous()

    assert visitor.post("/login", ADMIN).location == "/login/code"
    assert visitor.get("/dashboard").status_code == 303, "half a login opens nothing"
    assert visitor.post("/login/code", {"code": "000000"}).status_code == 422
    half_way = cookie_of(visitor)
    code = pyotp.TOTP(secret).now()
    assert visitor.post("/login/code", {"code": code}).status_code == 303
    assert visitor.get("/dashboard").status_code == 200
    assert cookie_of(visitor) != half_way

    again = site.anonymous()
    again.post("/login", ADMIN)
    assert again.post("/login/code", {"code": code}).status_code == 422


def test_an_operator_enrols_a_second_factor_by_its_first_code(site: Site) -> None:
    admin = site.as_admin()
    page = admin.get("/account/second-factor").text
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)
    sealed = re.search(r'name="sealed"[^>]*value="([0-9a-f]+)"', page)
    assert secret is not None
    assert sealed is not None
    there = site.as_admin()
    code = pyotp.TOTP(secret[1]).now()
    right = {"sealed": sealed[1], "code": code, "password": PASSWORD}
    # A page left open is not enough: its finder knows no password.
    for wrong in ({"code": "123456"}, {"password": "x"}, {"password": ""}):
        refused = admin.post("/account/second-factor", right | wrong)
        assert refused.status_code == 422
        assert secret[1] in refused.text

    assert admin.post("/account/second-factor", right).status_code == 303

    assert there.get("/account").status_code == 303
    assert admin.get("/account").status_code == 200
    assert rows(site.conn, "SELECT totp_sealed IS NOT NULL FROM operator") == [(True,)]


def test_enrolling_opens_no_other_secret_of_the_installation(site: Site) -> None:
    """Customers' passwords are sealed with the same key."""
    admin = site.as_admin()
    theirs = seal_password(KEY, "a customer's password").hex()
    for sealed in (theirs, "00", "x", ""):
        sent = {"sealed": sealed, "code": "123456", "password": PASSWORD}
        answer = admin.post("/account/second-factor", sent)
        assert (answer.status_code, answer.location) == (303, "/account/second-factor")
        assert "a customer" not in answer.text


def test_ones_own_password_is_guessed_five_times_and_no_more(site: Site) -> None:
    admin = site.as_admin()
    sent = {"old": "not it at all", "new": "another long password"}
    for _ in range(5):
        assert admin.post("/account/password", sent).status_code == 422
    right = sent | {"old": PASSWORD}
    assert admin.post("/account/password", right).status_code == 429


def test_tries_of_one_ipv6_network_are_counted_together(site: Site) -> None:
    """Whoever has a line of IPv6 has 2^64 addresses to try from."""
    now = datetime.now(UTC)

    def log_in(address: str) -> None:
        web_logins.log_in_operator(site.conn, "boss", "wrong", address=address, now=now)

    for host in range(5):
        with pytest.raises(web_logins.WrongLoginError):
            log_in(f"2001:db8:0:1::{host:x}")
    with pytest.raises(TooManyTriesError):
        log_in("2001:db8:0:1:ffff::1")
    for other in ("2001:db8:0:2::1", "::ffff:192.0.2.1", "192.0.2.2", "unknown"):
        with pytest.raises(web_logins.WrongLoginError):
            log_in(other)


def test_a_new_password_ends_other_sessions_and_not_this_one(site: Site) -> None:
    here, there = site.as_admin(), site.as_admin()
    new = {"old": PASSWORD, "new": "another long password"}
    wrong = here.post("/account/password", new | {"old": "not it at all"})
    assert wrong.status_code == 422
    assert here.post("/account/password", new | {"new": "short"}).status_code == 422

    assert here.post("/account/password", new).status_code == 303

    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    told = site.anonymous().post("/login", ADMIN | {"password": new["new"]})
    assert told.status_code == 303


def test_forms_of_other_sites_change_nothing(site: Site) -> None:
    admin = site.as_admin()
    answer = admin.post_without_token("/logout", {})
    assert answer.status_code == 400
    assert admin.get("/dashboard").status_code == 200


def test_a_customers_session_opens_no_page_of_operators(site: Site) -> None:
    customer = site.as_customer(a_customer(site.conn, a_package(site.conn)))
    assert customer.get("/customers").status_code == 303


def test_a_customer_logs_in_by_his_connections_password(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn), password="গোপন-1")
    username, now = username_of(site.conn, customer_id), datetime.now(UTC)

    def log_in(password: str) -> web_logins.Opened:
        return customer_logins.log_in_customer(
            site.conn, username, password, secret_key=KEY, address="a", now=now
        )

    with pytest.raises(web_logins.WrongLoginError):
        log_in("secret")
    found = web_logins.see_session(site.conn, log_in("গোপন-1").token, now)
    assert found is not None
    assert found.customer_id == customer_id


def test_a_one_time_code_works_once_and_for_five_minutes(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    username, now = username_of(site.conn, customer_id), datetime.now(UTC)

    def new_code() -> str:
        return customer_logins.new_code(
            site.conn, customer_id, secret_key=KEY, address="a", now=now
        )

    def log_in(code: str, at: datetime) -> web_logins.Opened:
        return customer_logins.log_in_with_code(
            site.conn, username, code, secret_key=KEY, address="a", now=at
        )

    code = new_code()
    with pytest.raises(web_logins.WrongCodeError):
        log_in(code, now + timedelta(minutes=5))
    assert log_in(code, now + timedelta(minutes=4)).token
    with pytest.raises(web_logins.WrongCodeError):
        log_in(code, now + timedelta(minutes=4))

    first, second = new_code(), new_code()
    if first != second:
        with pytest.raises(web_logins.WrongCodeError):
            log_in(first, now)
    assert log_in(second, now).token


def test_a_code_is_not_guessed_by_trying_them_all(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    username, now = username_of(site.conn, customer_id), datetime.now(UTC)
    code = customer_logins.new_code(
        site.conn, customer_id, secret_key=KEY, address="a", now=now
    )
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for place in range(customer_logins.CODE_TRIES_MAX):
        with pytest.raises(web_logins.WrongCodeError):
            customer_logins.log_in_with_code(
                site.conn, username, wrong, secret_key=KEY, address=f"{place}", now=now
            )
    with pytest.raises(web_logins.WrongCodeError):
        customer_logins.log_in_with_code(
            site.conn, username, code, secret_key=KEY, address="b", now=now
        )


def test_codes_are_not_sent_without_end(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn))
    now = datetime.now(UTC)
    for _ in range(3):
        customer_logins.new_code(
            site.conn, customer_id, secret_key=KEY, address="a", now=now
        )
    with pytest.raises(TooManyTriesError):
        customer_logins.new_code(
            site.conn, customer_id, secret_key=KEY, address="b", now=now
        )
