"""The portal's login: by password, by a code, and out; who is not told what."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billing_core.db.customers import read_customer
from billing_core.db.messages import claim_messages, finish_message, list_messages
from billing_core.services.customer_logins import check_customer_password
from billing_core.services.web_logins import WrongLoginError
from tests.builders import KEY, a_customer, a_package, rows
from tests.web.conftest import Browser, Site
from tests.web.portal.conftest import Portal
from web.access import COOKIE

RAHIM = {"username": "rahim", "password": "secret"}


def a_rahim(portal: Portal, **changes: object) -> int:
    facts = {"username": "rahim", "mobile": "01712345678", **changes}
    return a_customer(portal.conn, a_package(portal.conn), **facts)  # type: ignore[arg-type]


def cookie_of(browser: Browser) -> str:
    found = browser.client.get_cookie(COOKIE)
    return "" if found is None else found.value


def code_sent(portal: Portal) -> str:
    ((body,),) = rows(
        portal.conn, "SELECT body FROM message WHERE event = 'login_code'"
    )
    found = re.search("[0-9]{6}", body)
    assert found is not None
    return found[0]


def test_the_password_of_the_connection_opens_the_portal(portal: Portal) -> None:
    a_rahim(portal)
    visitor = portal.visitor()

    answer = visitor.post("/portal/login", RAHIM)

    assert (answer.status_code, answer.location) == (303, "/portal")
    assert "rahim" in visitor.get("/portal").text
    assert visitor.get("/").location == "/portal"
    assert visitor.get("/portal/login").location == "/portal"


def test_who_is_not_logged_in_is_led_to_the_login_and_back(portal: Portal) -> None:
    a_rahim(portal)
    visitor = portal.visitor()
    led = visitor.get("/portal/bills").location
    assert led == "/portal/login?next=/portal/bills"
    answer = visitor.post("/portal/login", RAHIM | {"next": "/portal/bills"})
    assert answer.location == "/portal/bills"


def test_a_form_that_came_after_the_login_had_ended_leads_back_to_its_page(
    portal: Portal,
) -> None:
    customer_id = a_rahim(portal)
    browser = portal.of(customer_id)
    token = {"csrf_token": browser.csrf_token(), "amount": "500"}
    portal.conn.execute("UPDATE web_session SET expires_at = now()")
    answer = browser.client.post("/portal/pay?bill=7", data=token)
    assert answer.location == "/portal/login?next=/portal/pay?bill%3D7"


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example/"])
def test_a_login_never_leads_to_another_site(portal: Portal, elsewhere: str) -> None:
    a_rahim(portal)
    answer = portal.visitor().post("/portal/login", RAHIM | {"next": elsewhere})
    assert answer.location == "/portal"


def test_a_wrong_password_and_a_wrong_name_are_told_alike(portal: Portal) -> None:
    a_rahim(portal)
    visitor = portal.visitor()
    wrong = visitor.post("/portal/login", RAHIM | {"password": "guess"})
    nobody = visitor.post("/portal/login", RAHIM | {"username": "nobody"})
    assert wrong.status_code == nobody.status_code == 422
    assert "Username or password is wrong." in wrong.text
    assert "Username or password is wrong." in nobody.text
    assert 'value="rahim"' in wrong.text, "what was typed stays"
    assert "guess" not in wrong.text
    assert visitor.post("/portal/login", {"username": "rahim"}).status_code == 422


def test_a_name_is_tried_five_times_from_a_place_and_then_waits(
    portal: Portal,
) -> None:
    a_rahim(portal)
    visitor = portal.visitor()
    for _ in range(5):
        assert visitor.post("/portal/login", RAHIM | {"password": "x"}).status_code == (
            422
        )
    answer = visitor.post("/portal/login", RAHIM)
    assert answer.status_code == 429
    assert "Too many tries" in answer.text
    assert cookie_of(visitor) == ""


def test_a_login_gives_a_new_cookie_and_ends_the_one_before(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    browser = portal.of(customer_id)
    before = cookie_of(browser)

    browser.post("/portal/login", RAHIM)

    assert cookie_of(browser) not in ("", before)
    stolen = portal.visitor()
    stolen.client.set_cookie(COOKIE, before)
    assert stolen.get("/portal").status_code == 303


def test_a_form_of_another_site_logs_nobody_in(portal: Portal) -> None:
    a_rahim(portal)
    visitor = portal.visitor()
    assert visitor.post_without_token("/portal/login", RAHIM).status_code == 400
    assert cookie_of(visitor) == ""


def test_logging_out_ends_the_session_for_a_copied_cookie_too(portal: Portal) -> None:
    browser = portal.of(a_rahim(portal))
    copied = portal.visitor()
    copied.client.set_cookie(COOKIE, cookie_of(browser))
    answer = browser.post("/portal/logout")
    assert answer.location == "/portal/login"
    assert copied.get("/portal").status_code == 303


def test_a_code_is_sent_before_all_else_and_opens_the_portal_once(
    portal: Portal,
) -> None:
    a_rahim(portal)
    visitor = portal.visitor()

    asked = visitor.post("/portal/code", {"username": "rahim", "next": "/portal/pay"})
    code = code_sent(portal)

    assert asked.location == "/portal/code?next=/portal/pay"
    assert "on its way" in visitor.get(asked.location).text
    assert visitor.post("/portal/code/enter", {"code": "000000"}).status_code == 422
    bangla = code.translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"))
    answer = visitor.post("/portal/code/enter", {"code": bangla, "next": "/portal/pay"})
    assert answer.location == "/portal/pay"
    assert visitor.get("/portal").status_code == 200
    other = portal.visitor()
    other.post("/portal/code", {"username": "nobody"})
    with other.client.session_transaction() as page:
        page["code_for"] = "rahim"
    assert other.post("/portal/code/enter", {"code": code}).status_code == 422


def test_whether_there_is_such_a_customer_is_not_told_by_codes(portal: Portal) -> None:
    a_rahim(portal)
    a_rahim(portal, username="silent", mobile="")
    told = []
    for name in ("rahim", "nobody", "silent"):
        visitor = portal.visitor()
        answers = [
            visitor.post("/portal/code", {"username": name}).status_code
            for _ in range(4)
        ]
        told.append(answers)
        portal.conn.execute(
            "DELETE FROM login_throttle WHERE subject LIKE 'codes asked%'"
        )
    assert told == [[303, 303, 303, 429]] * 3
    assert rows(portal.conn, "SELECT DISTINCT customer_id FROM message") == [
        (rows(portal.conn, "SELECT min(customer_id) FROM customer")[0][0],)
    ]


def test_nothing_of_a_code_is_kept_once_it_went(portal: Portal) -> None:
    a_rahim(portal)
    portal.visitor().post("/portal/code", {"username": "rahim"})
    now = datetime.now(UTC)
    assert [m.body for m in list_messages(portal.conn, username=None, limit=9)] == [""]

    (claimed,) = claim_messages(portal.conn, "sms", now, lease_seconds=60, limit=10)
    assert re.search("[0-9]{6}", claimed.body)
    finish_message(
        portal.conn, claimed, state="sent", error=None, now=now, next_attempt_at=now
    )

    assert rows(portal.conn, "SELECT title, body, state FROM message") == [
        ("", "", "sent")
    ]


def test_a_code_that_is_too_old_is_not_sent_any_more(portal: Portal) -> None:
    a_rahim(portal)
    portal.visitor().post("/portal/code", {"username": "rahim"})
    later = datetime.now(UTC) + timedelta(minutes=6)
    assert claim_messages(portal.conn, "sms", later, lease_seconds=60, limit=9) == []
    assert rows(portal.conn, "SELECT body, state FROM message") == [("", "cancelled")]


def test_without_a_way_to_send_them_there_are_no_codes(site: Site) -> None:
    visitor = site.anonymous()
    assert "Send me a code" not in visitor.get("/portal/login").text
    answer = visitor.post("/portal/code", {"username": "rahim"})
    assert answer.location == "/portal/login"
    assert visitor.get("/portal/code").location == "/portal/login"
    assert visitor.post("/portal/code/enter", {"code": "1"}).status_code == 303


def test_a_device_without_a_password_is_not_let_in_by_an_empty_one(
    portal: Portal,
) -> None:
    monthly = a_package(portal.conn, billing="monthly", price=Decimal(500))
    a_customer(
        portal.conn,
        monthly,
        username="02:00:00:00:00:01",
        password=None,
        kind="static",
    )
    name = rows(portal.conn, "SELECT username FROM customer")[0][0]
    with pytest.raises(WrongLoginError):
        check_customer_password(
            portal.conn, name, "", secret_key=KEY, address="a", now=datetime.now(UTC)
        )


def test_the_language_that_is_chosen_stays_chosen(portal: Portal) -> None:
    customer_id = a_rahim(portal)
    visitor = portal.visitor()
    visitor.post("/language", {"language": "bn", "next": "/portal/login"})
    assert 'lang="bn"' in visitor.get("/portal/login").text
    browser = portal.of(customer_id)
    browser.post("/language", {"language": "bn", "next": "/portal"})
    assert '<html lang="bn">' in browser.get("/portal").text
    assert read_customer(portal.conn, customer_id).language == "bn"


def test_the_language_that_is_chosen_before_the_login_is_spoken_after_it(
    portal: Portal,
) -> None:
    customer_id = a_rahim(portal)
    visitor = portal.visitor()
    visitor.post("/language", {"language": "bn", "next": "/portal/login"})
    visitor.post("/portal/login", RAHIM)
    assert '<html lang="bn">' in visitor.get("/portal").text
    assert read_customer(portal.conn, customer_id).language == "bn"


def test_who_logs_in_after_another_keeps_his_own_language(portal: Portal) -> None:
    first = a_rahim(portal, language="bn")
    second = a_rahim(portal, username="karim", language="en")
    browser = portal.of(first)
    browser.post("/portal/logout")
    assert '<html lang="bn">' in browser.get("/portal/login").text
    browser.post("/portal/login", {"username": "karim", "password": "secret"})
    assert '<html lang="en">' in browser.get("/portal").text
    assert read_customer(portal.conn, second).language == "en"


def test_a_phone_can_keep_the_portal_among_its_apps(portal: Portal) -> None:
    visitor = portal.visitor()
    page = visitor.get("/portal/login").text
    assert 'rel="manifest" href="/portal/app.webmanifest"' in page
    answer = visitor.get("/portal/app.webmanifest")
    assert answer.mimetype == "application/manifest+json"
    told = answer.json
    assert told is not None
    assert (told["start_url"], told["display"]) == ("/portal", "standalone")
    assert {icon["purpose"] for icon in told["icons"]} == {"any", "maskable"}
    for icon in told["icons"]:
        with visitor.get(icon["src"]) as found:
            assert found.mimetype == "image/png"
            width = int.from_bytes(found.data[16:20], "big")
        assert icon["sizes"] == f"{width}x{width}"


@pytest.mark.parametrize(
    "typed", ["01712345678", "+880 1712-345678", "8801712345678", "০১৭১২৩৪৫৬৭৮"]
)
def test_a_mobile_number_is_as_good_as_the_username(portal: Portal, typed: str) -> None:
    a_rahim(portal)
    visitor = portal.visitor()
    answer = visitor.post("/portal/login", RAHIM | {"username": typed})
    assert answer.location == "/portal"
    assert "rahim" in visitor.get("/portal").text


@pytest.mark.parametrize("typed", ["1712345", "5678", "no number", "0171234567x"])
def test_a_part_of_a_number_is_nobody(portal: Portal, typed: str) -> None:
    a_rahim(portal)
    answer = portal.visitor().post("/portal/login", RAHIM | {"username": typed})
    assert answer.status_code == 422


def test_a_number_that_is_a_username_is_that_customers(portal: Portal) -> None:
    a_rahim(portal)
    number = a_customer(portal.conn, a_package(portal.conn), username="01712345678")
    visitor = portal.visitor()
    visitor.post("/portal/login", RAHIM | {"username": "01712345678"})
    assert rows(portal.conn, "SELECT customer_id FROM web_session") == [(number,)]


def test_of_two_with_one_number_the_password_tells_which(portal: Portal) -> None:
    a_rahim(portal)
    shop = a_rahim(portal, username="rahims-shop", password="of the shop")
    visitor = portal.visitor()
    by_number = {"username": "01712345678", "password": "of the shop"}
    assert visitor.post("/portal/login", by_number).location == "/portal"
    assert rows(portal.conn, "SELECT customer_id FROM web_session") == [(shop,)]


def test_two_with_one_number_and_password_are_told_so_and_no_name(
    portal: Portal,
) -> None:
    a_rahim(portal)
    a_rahim(portal, username="rahims-shop")
    visitor = portal.visitor()
    by_number = {"username": "01712345678", "password": "secret"}
    page = visitor.post("/portal/login", by_number)
    assert page.status_code == 422
    assert "Several connections have this number" in page.text
    assert "rahim" not in page.text
    wrong = visitor.post("/portal/login", by_number | {"password": "guess"})
    assert "Username or password is wrong." in wrong.text
    assert "Several" not in wrong.text, "to who does not know it"


def test_a_code_goes_to_the_number_that_was_typed(portal: Portal) -> None:
    a_rahim(portal)
    visitor = portal.visitor()
    visitor.post("/portal/code", {"username": "+8801712345678"})
    assert rows(portal.conn, "SELECT channel, recipient FROM message") == [
        ("sms", "01712345678")
    ]
    answer = visitor.post("/portal/code/enter", {"code": code_sent(portal)})
    assert answer.location == "/portal"


def test_no_code_is_sent_to_a_number_of_several(portal: Portal) -> None:
    a_rahim(portal)
    a_rahim(portal, username="rahims-shop")
    visitor = portal.visitor()
    for _ in range(3):
        page = visitor.post("/portal/code", {"username": "01712345678"})
        assert page.status_code == 422
        assert "Several connections have this number" in page.text
        assert "rahim" not in page.text
    assert visitor.post("/portal/code", {"username": "01712345678"}).status_code == 429
    assert rows(portal.conn, "SELECT count(*) FROM message") == [(0,)]


def test_tries_by_name_and_by_number_count_together(portal: Portal) -> None:
    a_rahim(portal)
    visitor = portal.visitor()
    for typed in ("rahim", "01712345678", "rahim", "+8801712345678", "rahim"):
        wrong = {"username": typed, "password": "guess"}
        assert visitor.post("/portal/login", wrong).status_code == 422
    for typed in ("rahim", "01712345678"):
        right = visitor.post("/portal/login", RAHIM | {"username": typed})
        assert right.status_code == 429


def test_codes_asked_by_name_and_by_number_count_together(portal: Portal) -> None:
    a_rahim(portal)
    visitor = portal.visitor()
    for typed in ("rahim", "01712345678", "rahim"):
        assert visitor.post("/portal/code", {"username": typed}).status_code == 303
    for typed in ("rahim", "01712345678"):
        assert visitor.post("/portal/code", {"username": typed}).status_code == 429


@pytest.mark.parametrize("typed", ["rahim", "nobody"])
def test_a_day_has_so_many_codes_and_no_more(portal: Portal, typed: str) -> None:
    a_rahim(portal)
    # A quarter of an hour goes by between the tries, and the places change.
    skip = (
        "UPDATE login_throttle SET tries = 0 WHERE subject NOT LIKE 'codes of a day%'"
    )
    for _ in range(12):
        answer = portal.visitor().post("/portal/code", {"username": typed})
        assert answer.status_code == 303
        portal.conn.execute(skip)
    answer = portal.visitor().post("/portal/code", {"username": typed})
    assert answer.status_code == 429
