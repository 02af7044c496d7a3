"""Every check of the audit finds what it is for, and sound books have no finding."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing_core.db.connect import Connection
from billing_core.db.queries import load_queries
from billing_core.services.audit import CHECKS, audit
from billing_core.services.purchases import buy_package
from billing_core.services.rollover import roll_service_days
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_daily_package,
    a_grant,
    a_hotspot_package,
    a_nas,
    a_package,
    fold,
    open_session,
    username_of,
)


def a_business(conn: Connection) -> int:
    """A bit of everything that is booked; returns the per-session customer."""
    nas_id = a_nas(conn)
    rated = a_customer(conn, a_package(conn, vat_percent=Decimal(15)), balance="50")
    name = username_of(conn, rated)
    old = Packets(name, nas_id, started_at=NOON - timedelta(days=1))
    fold(conn, old.stop(300))
    grant = a_grant(conn, rated, nas_id, hold=Decimal(45))
    assert open_session(conn, grant) == "OK"
    p = Packets(name, nas_id, class_value=grant.class_value)
    fold(conn, p.start(), p.interim(90))

    package = a_hotspot_package(conn)
    hotspot = a_customer(conn, package, balance="50")
    name = username_of(conn, hotspot)
    buy_package(conn, name, package, key="k", actor="x", now=NOON)
    q = Packets(name, nas_id)
    fold(conn, q.start(), q.interim(100, octets=(5, 6)))

    daily = a_customer(conn, a_daily_package(conn), balance="50")
    fold(conn, Packets(username_of(conn, daily), nas_id).start())
    roll_service_days(conn, NOON, ZoneInfo("Asia/Dhaka"))
    return rated


def break_with(*statements: str) -> Callable[[Connection, int], None]:
    """Damage the books as only somebody who turns the guards off can."""

    def damage(conn: Connection, customer_id: int) -> None:
        his = f"WHERE customer_id = {customer_id}"
        conn.execute("ALTER TABLE ledger_entry DISABLE TRIGGER USER")
        conn.execute("ALTER TABLE posting DISABLE TRIGGER USER")
        conn.execute("ALTER TABLE wallet DISABLE TRIGGER USER")
        for statement in statements:
            conn.execute(statement.replace("$HIS", his).encode())

    return damage


DAMAGES = {
    "unbalanced_entries": break_with(
        "DELETE FROM posting $HIS AND line_no = 2 AND entry_id ="
        " (SELECT max(entry_id) FROM ledger_entry $HIS)"
    ),
    "postings_without_entry": break_with(
        "DELETE FROM ledger_entry $HIS AND kind = 'session_charge'"
    ),
    "wallets_unlike_postings": break_with("UPDATE wallet SET posted = posted + 1 $HIS"),
    "reserved_unlike_reservations": break_with(
        "UPDATE wallet SET reserved = reserved + 1 $HIS"
    ),
    "reservations_of_ended_sessions": break_with(
        "UPDATE acct_session SET state = 'ended', ended_at = now()"
        " $HIS AND ended_at IS NULL"
    ),
    "sessions_unlike_charges": break_with(
        "UPDATE acct_session SET charged = charged + 1 $HIS"
    ),
    "sessions_unlike_bills": break_with(
        "UPDATE acct_session SET billed = billed - 1 $HIS AND billed > 0"
    ),
    "bills_unlike_lines": break_with("DELETE FROM bill_line $HIS"),
    "days_without_bill": break_with("UPDATE service_day SET bill_id = 0"),
    "too_many_sessions": break_with(
        "INSERT INTO acct_session (customer_id, session_id, nas_id, package_id, state,"
        " username, accepted_at, started_at, last_event_at, interim_interval_seconds)"
        " SELECT customer_id, session_id + 1000, nas_id, package_id, state, username,"
        " now(), started_at, last_event_at, 300 FROM acct_session"
        " $HIS AND ended_at IS NULL"
    ),
    "quotas_unlike_sessions": break_with(
        "UPDATE subscription SET seconds_used = seconds_used + 1"
    ),
    "overdrawn_wallets": break_with("UPDATE wallet SET posted = posted - 100 $HIS"),
}


def test_sound_books_have_no_finding(conn: Connection) -> None:
    a_business(conn)
    assert audit(conn) == []


def test_empty_books_have_no_finding(conn: Connection) -> None:
    assert audit(conn) == []


def test_every_check_of_the_main_job_is_tried_here() -> None:
    assert DAMAGES.keys() <= set(CHECKS)


def test_each_check_finds_the_damage_it_is_for(conn: Connection) -> None:
    """One business, damaged in one way after the other and mended again."""
    customer_id = a_business(conn)
    for check, damage in DAMAGES.items():
        with conn.transaction(force_rollback=True):
            damage(conn, customer_id)
            found = conn.execute(load_queries("audit")[check], {"limit": 9}).fetchall()
        assert found, f"{check} found nothing"
    assert audit(conn) == []


def test_an_overdrawn_wallet_is_told_but_is_no_error(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="1")
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start(), p.interim(300))
    (finding,) = audit(conn)
    assert (finding.check, finding.customer_id, finding.is_error) == (
        "overdrawn_wallets",
        customer_id,
        False,
    )
    assert "4.00" in finding.what
