"""The demo's town, smaller and shorter: it lives, and its books are right."""

import random
from datetime import timedelta

import pytest

from billing_core.db.connect import Connection
from billing_core.db.packages import insert_package
from billing_core.db.profiles import insert_profile
from billing_core.services.operators import add_operator
from simulators.demo import town
from simulators.demo.past import Past
from simulators.demo.till import SimulatedTill
from tests.builders import KEY, NOON, audited, rows
from tests.web.conftest import settings_for


def test_a_town_that_lives_for_weeks_leaves_right_books_and_all_that_pages_show(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(town, "DAYS", 70)
    monkeypatch.setattr(town, "CUSTOMERS", 60)
    zone = settings_for("").zone
    for package in town.PACKAGES:
        insert_package(conn, package)
    for profile in town.PROFILES:
        insert_profile(conn, profile)
    for operator, _, role, parent, _ in town.STAFF[:1]:
        began = NOON - timedelta(days=70)
        password = "correct horse battery"
        add_operator(
            conn, operator, password, role, actor="t", parent=parent, now=began
        )
    people = [one for one in town.people(NOON, zone) if one.operator != "pallabi.demo"]
    till = SimulatedTill(NOON)

    with conn.transaction():
        Past(conn, zone, KEY, "secret", till, random.Random("test")).live(people, NOON)

    assert audited(conn) == []
    kinds = {kind for (kind,) in rows(conn, "SELECT DISTINCT kind FROM bill")}
    assert kinds >= {"cycle", "service_day", "package"}
    methods = {m for (m,) in rows(conn, "SELECT DISTINCT method FROM payment")}
    assert methods >= {"cash", "bkash"}
    ((late,),) = rows(conn, "SELECT count(*) FROM bill WHERE issued_at > %s", NOON)
    assert late == 0, "nothing of the past is dated into the future"


def test_nobody_of_the_town_could_be_a_real_person() -> None:
    people = town.people(NOON, settings_for("").zone)
    assert len(people) == len({one.username for one in people}) == town.CUSTOMERS
    assert all(one.username.endswith("@demo") for one in people)
    assert all(one.mobile.startswith("010") for one in people)
    assert all("(demo)" in package.name for package in town.PACKAGES)
