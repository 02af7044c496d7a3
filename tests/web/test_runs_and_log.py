"""The runs page and the audit log: what happened, newest first, and to whom."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.db.intake import beat
from billing_core.db.operators import log_operator_event
from billing_core.services.billing_run import run_cycles
from billing_core.services.cards.batches import BatchOrder, make_batch
from billing_core.services.customers import suspend
from tests.builders import NOON, a_customer, a_package, rows
from tests.web.conftest import Site

DHAKA = ZoneInfo("Asia/Dhaka")


def run(site: Site, kind: str = "cycles", **facts: object) -> None:
    columns = {
        "kind": kind,
        "as_of": NOON,
        "started_at": NOON,
        "finished_at": NOON + timedelta(seconds=75),
        "billed": 12,
        "note": "scheduler",
    } | facts
    names, marks = ", ".join(columns), ", ".join(f"%({name})s" for name in columns)
    site.conn.execute(
        f"INSERT INTO billing_run ({names}) VALUES ({marks})",  # noqa: S608 - ours
        columns,
    )


def test_runs_show_what_they_did_and_how_long_it_took(site: Site) -> None:
    run(site)
    run(site, finished_at=None, billed=3, reached_customer_id=77)
    run(site, "service_days", billed=0, parked=2, finished_at=NOON)
    admin = site.as_admin()

    page = admin.get("/runs").text

    assert "1 min 15 s" in page
    assert "customer 77 was reached" in page
    assert "service days" in page
    only = admin.get("/runs?kind=service_days").text
    assert "1 min 15 s" not in only
    run(site, billed=0)
    assert admin.get("/runs?busy=y").text.count("<tr>") == page.count("<tr>")
    second = admin.get("/runs?after=2").text
    assert "customer 77" not in second
    assert "1 min 15 s" in second
    assert admin.get("/runs?kind=tea").status_code == 400


def test_a_run_that_took_time_ended_later_than_it_began(site: Site) -> None:
    run_cycles(site.conn, as_of=NOON, now=NOON, zone=DHAKA, actor="t")
    assert rows(
        site.conn,
        "SELECT finished_at > started_at,"
        " finished_at < started_at + interval '1 hour' FROM billing_run",
    ) == [(True, True)]


def test_programs_that_are_not_at_work_and_what_waits_are_told(site: Site) -> None:
    now = datetime.now(UTC)
    beat(site.conn, "worker", 1, now)
    beat(site.conn, "scheduler", 2, now - timedelta(minutes=5))
    customer_id = a_customer(site.conn, a_package(site.conn), username="odd")
    site.conn.execute(
        "UPDATE customer SET parked_reason = 'no profile' WHERE customer_id = %s",
        [customer_id],
    )

    page = site.as_admin().get("/runs").text

    assert "No scheduler is at work" in page
    assert "No worker is at work" not in page
    assert "no profile" in page
    assert f'href="/customers/{customer_id}"' in page


def test_the_log_tells_of_customers_operators_and_cards_newest_first(
    site: Site,
) -> None:
    a_customer(site.conn, a_package(site.conn), username="rahim")
    suspend(
        site.conn,
        "rahim",
        note="moved",
        actor="operator:clerk",
        now=NOON + timedelta(hours=1),
    )
    log_operator_event(
        site.conn,
        at=NOON + timedelta(hours=2),
        actor="operator:boss",
        what="NAS added",
        note="core-1",
    )
    order = BatchOrder(3, Decimal(5), None, "shop")
    make_batch(site.conn, order, actor="operator:clerk", now=NOON + timedelta(hours=3))
    admin = site.as_admin()

    page = admin.get("/audit-log").text.rpartition("</form>")[2]

    places = [page.index(w) for w in ("cards generated", "NAS added", "moved")]
    assert places == sorted(places)
    for address, has in (
        ("actor=clerk", {"moved", "cards generated"}),
        ("actor=operator:boss", {"core-1"}),
        ("what=suspended", {"moved"}),
        ("what=NAS+added", {"core-1"}),
        ("what=cards+generated", {"cards generated"}),
        ("what=restored", set()),
        ("customer=rahim", {"moved"}),
        ("log=cards", {"cards generated"}),
        ("log=operators", {"core-1"}),
        ("until=2026-11-23", set()),
        ("since=2026-11-24", {"moved", "cards generated", "core-1"}),
        ("actor=scheduler", set()),
    ):
        found = admin.get(f"/audit-log?{address}")
        assert found.status_code == 200
        listed = found.text.rpartition("</form>")[2]
        seen = {w for w in ("moved", "cards generated", "core-1") if w in listed}
        assert seen == has, address
    assert admin.get("/audit-log?what=eaten").status_code == 400
    assert admin.get("/audit-log?customer=nobody").status_code == 400
    assert admin.get("/audit-log?log=kitchen").status_code == 400
    assert admin.get("/audit-log?after=x").status_code == 400


def test_what_was_done_is_chosen_in_the_words_that_the_page_shows(site: Site) -> None:
    a_customer(site.conn, a_package(site.conn), username="rahim")
    suspend(site.conn, "rahim", note="moved", actor="operator:clerk", now=NOON)
    admin = site.as_admin()
    admin.post("/language", {"language": "bn"})
    page = admin.get("/audit-log").text
    choices = dict(re.findall(r'<option value="([^"]*)">([^<]+)</option>', page))
    assert choices["suspended"] != "suspended"
    found = admin.get("/audit-log?what=suspended").text
    said = re.findall(r'data-label="কী">([^<]+)</td>', found)
    assert said == [choices["suspended"]]


def test_pages_of_the_log_leave_nothing_out_and_repeat_nothing(site: Site) -> None:
    """Many entries of one moment, across the logs."""
    customer_id = a_customer(site.conn, a_package(site.conn))
    for number in range(40):
        log_operator_event(
            site.conn, at=NOON, actor="operator:x", what=f"did-{number}-x", note=""
        )
        site.conn.execute(
            "INSERT INTO customer_event (customer_id, at, actor, what)"
            " VALUES (%s, %s, 'operator:x', %s)",
            [customer_id, NOON, f"to-{number}-x"],
        )
    admin = site.as_admin()
    address, seen = "/audit-log?rows=25&actor=x", []
    while address:
        page = admin.get(address).text
        seen += re.findall(r">((?:did|to)-\d+-x)<", page)
        older = re.search(r'href="([^"]+)" rel="next"', page)
        address = older[1].replace("&amp;", "&") if older else ""

    assert len(seen) == len(set(seen)) == 80


def test_the_log_is_handed_out_as_it_is_filtered(site: Site) -> None:
    one = a_customer(site.conn, a_package(site.conn))
    a_customer(site.conn, a_package(site.conn))
    admin = site.as_admin()
    admin.post(f"/customers/{one}/suspend", {"note": "=1+1"})
    path = "/audit-log/export.csv?what=suspended"
    (line,) = csv.DictReader(io.StringIO(admin.get(path).text.removeprefix("\ufeff")))
    assert (line["what"], line["by"]) == ("suspended", "operator:boss")
    assert line["note"] == "'=1+1", "no formula"
    assert admin.get("/audit-log/export.csv?since=x").status_code == 400
    assert site.as_operator("mirpur").get(path).status_code == 403


def test_only_who_may_see_logs_sees_them(site: Site) -> None:
    for path in ("/runs", "/audit-log"):
        assert site.anonymous().get(path).status_code == 303
        assert site.as_operator().get(path).status_code == 403
        assert site.as_manager("view_logs").get(path).status_code == 200
        resellers = site.as_somebody("clerk", "manager", ("view_logs",), "mirpur")
        assert resellers.get(path).status_code == 403, "a part sees no whole log"
