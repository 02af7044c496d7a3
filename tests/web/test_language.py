"""English and Bangla: which is spoken to whom, and how figures and times are told."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask import g

from tests.builders import a_customer, a_package
from tests.web.conftest import Site
from web import durations, filters


def test_a_visitor_reads_what_his_browser_asks_for_until_he_chooses(site: Site) -> None:
    visitor = site.anonymous()
    bangla = {"Accept-Language": "bn-BD,bn;q=0.9,en;q=0.5"}
    assert "লগ ইন" in visitor.get("/login", headers=bangla).text
    assert "Log in" in visitor.get("/login", headers={"Accept-Language": "de"}).text

    visitor.post("/language", {"language": "bn", "next": "/login"})

    page = visitor.get("/login").text
    assert '<html lang="bn">' in page
    assert "লগ ইন" in page


def test_an_operators_language_is_kept_with_him(site: Site) -> None:
    first = site.as_admin()
    answer = first.post("/language", {"language": "bn", "next": "//evil.example"})
    assert answer.location == "/"
    assert "ড্যাশবোর্ড" in site.as_admin().get("/dashboard").text
    first.post("/language", {"language": "xx"})
    assert "ড্যাশবোর্ড" in site.as_admin().get("/dashboard").text


def test_the_pages_of_operators_work_in_bangla(site: Site) -> None:
    customer_id = a_customer(site.conn, a_package(site.conn), balance="1234567.5")
    admin = site.as_admin()
    admin.post("/language", {"language": "bn"})
    page = admin.get(f"/customers/{customer_id}").text
    assert "১২,৩৪,৫৬৭.৫০" in page
    for path in ("/customers", "/bills", "/dashboard", "/account"):
        assert admin.get(path).status_code == 200


@pytest.mark.parametrize(
    ("language", "amount", "day", "octets"),
    [
        ("en", "12,34,567.50", "24 Nov 2026", "1.50 GB"),
        ("bn", "১২,৩৪,৫৬৭.৫০", "২৪ নভেম্বর ২০২৬", "১.৫০ GB"),
    ],
)
def test_numbers_and_days_are_written_as_people_do(
    site: Site, language: str, amount: str, day: str, octets: str
) -> None:
    # 23 November, 19:00 UTC, is the 24th in Dhaka.
    moment = datetime(2026, 11, 23, 19, tzinfo=UTC)
    with site.app.test_request_context("/"):
        g.language = language
        assert filters.amount(Decimal("1234567.5")) == amount
        assert filters.day(moment).replace("নভে ", "নভেম্বর ") == day
        assert filters.octets(1_500_000_000) == octets


def test_times_are_told_by_distance_and_exactly(site: Site) -> None:
    now = datetime(2026, 11, 24, 6, tzinfo=UTC)
    with site.app.test_request_context("/"):
        g.now, g.language = now, "en"
        lately = filters.when(now - timedelta(hours=3))
        long_ago = filters.when(now - timedelta(days=30))
    assert ">3 hours ago</time>" in lately
    assert 'title="24 Nov 2026 09:00:00"' in lately
    assert ">25 Oct 2026</time>" in long_ago


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", ["3 d 5 h", "2 h 5 min", "1 d", "45 s", "2.5 s", "30 days"]),
        (
            "bn",
            [
                *("৩ দিন ৫ ঘণ্টা", "২ ঘণ্টা ৫ মিনিট", "১ দিন", "৪৫ সেকেন্ড"),
                *("২.৫ সেকেন্ড", "৩০ দিন"),
            ],
        ),
    ],
)
def test_durations_are_told_in_words_of_the_language(
    site: Site, language: str, told: list[str]
) -> None:
    with site.app.test_request_context("/"):
        g.language = language
        said = [durations.duration(s) for s in (277_200, 7500, 86400, 45)]
        assert [*said, durations.took(2.5), durations.span(2_592_000)] == told


@pytest.mark.parametrize(
    ("distance", "told"),
    [
        (timedelta(hours=-3), "৩ ঘণ্টা আগে"),
        (timedelta(seconds=-5), "৫ সেকেন্ড আগে"),
        (timedelta(hours=3), "৩ ঘণ্টা পরে"),
        (timedelta(days=2), "২ দিন পরে"),
    ],
)
def test_distances_in_time_are_bangla_as_people_write_it(
    site: Site, distance: timedelta, told: str
) -> None:
    with site.app.test_request_context("/"):
        g.language = "bn"
        assert durations.away(distance) == told


def test_the_period_of_a_bills_line_is_told_in_the_readers_language(site: Site) -> None:
    line = "Home 10: 2026-11-24 12:35 to 2026-12-23"
    with site.app.test_request_context("/"):
        g.language = "bn"
        said = filters.bill_line(line)
        assert said.startswith("Home 10: ২৪ নভে")
        assert " ১২:৩৫ থেকে ২৩ ডিসে" in said
        assert said.endswith(" পর্যন্ত")
        g.language = "en"
        assert filters.bill_line(line) == line


def test_the_page_says_in_which_language_it_is(site: Site) -> None:
    assert '<html lang="en">' in site.anonymous().get("/login").text
