"""Packets of RFC 2866/2869 and their accidents, folded on a real PostgreSQL."""

from datetime import timedelta
from decimal import Decimal

from billing_core.db.connect import Connection
from billing_core.services.audit import audit
from billing_core.services.closing import close_stale_sessions
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_nas,
    a_package,
    fold,
    posted,
    rows,
    sessions_of,
    username_of,
)

GIB = 1 << 30


def _a_session(conn: Connection, **changes: object) -> tuple[int, Packets]:
    customer_id = a_customer(conn, a_package(conn), balance="100")
    return customer_id, Packets(username_of(conn, customer_id), a_nas(conn), **changes)


def test_a_session_is_charged_while_it_runs_and_billed_when_it_ends(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.start(), p.interim(60))
    assert posted(conn, customer_id) == Decimal("99.00")
    fold(conn, p.interim(120))
    assert posted(conn, customer_id) == Decimal("98.00")
    fold(conn, p.stop(150, octets=(1000, 2000)))

    assert posted(conn, customer_id) == Decimal("97.00")
    (session,) = sessions_of(conn, customer_id)
    assert session["state"] == "ended"
    assert session["session_seconds"] == 150
    assert (session["input_octets"], session["output_octets"]) == (1000, 2000)
    assert session["terminate_cause"] == "User-Request"
    assert rows(
        conn,
        "SELECT kind, gross, status FROM bill WHERE customer_id = %s",
        customer_id,
    ) == [("session", Decimal("3.00"), "paid")]
    assert audit(conn) == []


def test_a_packet_that_comes_twice_is_charged_once(conn: Connection) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.start(), p.interim(60), p.interim(60))
    fold(conn, p.interim(60), p.start())
    fold(conn, p.stop(60), p.stop(60))
    fold(conn, p.stop(60))

    assert posted(conn, customer_id) == Decimal("99.00")
    assert len(sessions_of(conn, customer_id)) == 1
    assert audit(conn) == []


def test_a_session_whose_start_was_lost_is_opened_by_its_interim(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.interim(120))

    (session,) = sessions_of(conn, customer_id)
    assert session["started_at"] == NOON
    assert session["state"] == "open"
    assert posted(conn, customer_id) == Decimal("98.00")


def test_a_session_of_which_only_the_stop_came_is_charged_and_billed(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.stop(300))

    assert posted(conn, customer_id) == Decimal("95.00")
    assert rows(conn, "SELECT gross FROM bill") == [(Decimal("5.00"),)]


def test_an_interim_after_the_stop_does_not_reopen_the_session(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.start(), p.stop(180))
    fold(conn, p.interim(120), p.interim(180))

    (session,) = sessions_of(conn, customer_id)
    assert session["state"] == "ended"
    assert session["session_seconds"] == 180
    assert posted(conn, customer_id) == Decimal("97.00")


def test_a_stop_that_comes_before_its_interim_keeps_what_is_higher(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.stop(60, octets=(0, 0)), p.interim(180, octets=(5, 7)))

    (session,) = sessions_of(conn, customer_id)
    assert session["session_seconds"] == 180
    assert session["output_octets"] == 7
    assert posted(conn, customer_id) == Decimal("97.00")


def test_a_stop_with_zero_counters_takes_nothing_back(conn: Connection) -> None:
    customer_id, p = _a_session(conn, sends_gigawords=False)

    fold(conn, p.start(), p.interim(60, octets=(3 * GIB, 1000)))
    fold(conn, p.stop(61, octets=(0, 0)))

    (session,) = sessions_of(conn, customer_id)
    assert session["input_octets"] == 3 * GIB
    assert session["output_octets"] == 1000


def test_gigawords_make_64_bit_counters(conn: Connection) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.start(), p.interim(60, octets=(9 * GIB + 5, 123 * GIB)))

    (session,) = sessions_of(conn, customer_id)
    assert session["input_octets"] == 9 * GIB + 5
    assert session["output_octets"] == 123 * GIB


def test_a_wrap_is_seen_without_gigawords(conn: Connection) -> None:
    customer_id, p = _a_session(conn, sends_gigawords=False)

    fold(conn, p.start(), p.interim(60, octets=(0, 3 * GIB)))
    fold(conn, p.interim(120, octets=(0, 5 * GIB)))
    fold(conn, p.interim(180, octets=(0, 7 * GIB)), p.interim(240, octets=(0, 9 * GIB)))

    (session,) = sessions_of(conn, customer_id)
    assert session["output_octets"] == 9 * GIB


def test_a_late_packet_that_shows_a_wrap_is_folded_with_the_history(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn, sends_gigawords=False)
    first, wraps, last = (
        p.interim(60, octets=(0, 3 * GIB)),
        p.interim(120, octets=(0, 5 * GIB)),
        p.interim(180, octets=(0, 7 * GIB)),
    )

    fold(conn, p.start(), first)
    fold(conn, last)  # 3 GiB again, to its low 32 bits: nothing seems to have happened
    fold(conn, wraps)

    (session,) = sessions_of(conn, customer_id)
    assert session["output_octets"] == 7 * GIB


def test_a_retransmission_under_another_id_is_the_same_event(conn: Connection) -> None:
    customer_id, p = _a_session(conn)
    again = p.interim(60) | {"delay_seconds": 15}

    fold(conn, p.start(), p.interim(60))
    fold(conn, again)

    assert posted(conn, customer_id) == Decimal("99.00")
    (session,) = sessions_of(conn, customer_id)
    assert session["last_event_at"] == NOON + timedelta(seconds=60)


def test_an_acct_session_id_that_comes_back_is_a_new_session(conn: Connection) -> None:
    customer_id, p = _a_session(conn)
    fold(conn, p.start(), p.stop(120))

    later = Packets(
        p.username, p.nas_id, p.acct_session_id, started_at=NOON + timedelta(hours=1)
    )
    fold(conn, later.start(), later.interim(60))
    fold(conn, p.stop(120))  # the old one's Stop, once more

    first, second = sessions_of(conn, customer_id)
    assert (first["state"], first["session_seconds"]) == ("ended", 120)
    assert (second["state"], second["session_seconds"]) == ("open", 60)
    assert posted(conn, customer_id) == Decimal("97.00")


def test_two_customers_may_share_an_acct_session_id_on_one_nas(
    conn: Connection,
) -> None:
    one, p = _a_session(conn)
    other = a_customer(conn, a_package(conn), balance="10")
    q = Packets(username_of(conn, other), p.nas_id, p.acct_session_id)

    fold(conn, p.start(), q.start(), p.interim(60), q.interim(120))

    assert posted(conn, one) == Decimal("99.00")
    assert posted(conn, other) == Decimal("8.00")


def test_a_nas_clock_that_is_absurd_does_not_move_the_session(conn: Connection) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.start(event_epoch=0), p.interim(60, event_epoch=4_000_000_000))

    (session,) = sessions_of(conn, customer_id)
    assert session["started_at"] == NOON
    assert session["last_event_at"] == NOON + timedelta(seconds=60)


def test_octets_that_are_no_text_are_recorded_as_they_were_written(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.start(called_station_id="caf=E9", nas_port_id="=E0=A6=95"))

    (session,) = sessions_of(conn, customer_id)
    assert session["called_station_id"] == "caf=E9"
    assert session["nas_port_id"] == "ক"


def test_ipv6_attributes_are_kept(conn: Connection) -> None:
    customer_id, p = _a_session(conn)

    fold(conn, p.start(framed_ipv6="2001:db8:1::/64 2001:db8:f000::/56"))

    (session,) = sessions_of(conn, customer_id)
    assert session["framed_ipv6"] == "2001:db8:1::/64 2001:db8:f000::/56"


def test_a_nas_that_restarted_ends_its_sessions_at_their_last_report(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn)
    fold(conn, p.start(), p.interim(60))

    on = p.packet(
        "Accounting-On",
        90,
        username="",
        acct_session_id="00000000",
        session_seconds=None,
    )
    fold(conn, on)

    (session,) = sessions_of(conn, customer_id)
    assert session["state"] == "ended"
    assert session["terminate_cause"] == "NAS-Restarted"
    assert session["ended_at"] == NOON + timedelta(seconds=60)
    assert rows(conn, "SELECT gross FROM bill") == [(Decimal("1.00"),)]
    assert audit(conn) == []


def test_a_session_that_was_heard_of_since_the_restart_goes_on(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn)
    on = p.packet(
        "Accounting-Off", 30, username="", acct_session_id="x", session_seconds=None
    )

    fold(conn, p.start(), p.interim(60))
    fold(conn, on)

    (session,) = sessions_of(conn, customer_id)
    assert session["state"] == "open"


def test_silence_ends_a_session_and_speaking_reopens_it_without_a_double_charge(
    conn: Connection,
) -> None:
    customer_id, p = _a_session(conn)
    fold(conn, p.start(), p.interim(60))

    silent = NOON + timedelta(seconds=60 + 3 * 300 + 61)
    assert close_stale_sessions(conn, silent) == 1
    (session,) = sessions_of(conn, customer_id)
    assert (session["terminate_cause"], session["ended_at"]) == (
        "Stale",
        NOON + timedelta(seconds=60),
    )

    fold(conn, p.interim(1200), now=NOON + timedelta(seconds=1200))
    (session,) = sessions_of(conn, customer_id)
    assert session["state"] == "open"
    assert posted(conn, customer_id) == Decimal("80.00")

    fold(conn, p.stop(1200), now=NOON + timedelta(seconds=1201))
    assert rows(conn, "SELECT gross FROM bill ORDER BY bill_id") == [
        (Decimal("1.00"),),
        (Decimal("19.00"),),
    ]
    assert audit(conn) == []


def test_a_session_that_still_reports_is_not_stale(conn: Connection) -> None:
    customer_id, p = _a_session(conn)
    fold(conn, p.start(), p.interim(60))

    assert close_stale_sessions(conn, NOON + timedelta(seconds=600)) == 0
    assert sessions_of(conn, customer_id)[0]["state"] == "open"


def test_packets_of_a_username_that_nobody_has_are_kept(conn: Connection) -> None:
    p = Packets("nobody", a_nas(conn))

    result = fold(conn, p.start(), p.stop(60))

    assert result.events == 2
    assert rows(conn, "SELECT customer_id, status_type FROM acct_event") == [
        (0, "Start"),
        (0, "Stop"),
    ]
    assert rows(conn, "SELECT count(*) FROM acct_session") == [(0,)]


def test_a_spool_replayed_by_a_nas_without_a_clock_is_charged_once(
    conn: Connection,
) -> None:
    """The live report came first; the older ones look as if they had begun later."""
    customer_id, p = _a_session(conn)
    replayed = {"event_epoch": 0, "received_at": NOON + timedelta(seconds=1203)}

    fold(conn, p.interim(1200, event_epoch=0))
    fold(conn, p.interim(300, **replayed), p.interim(600, **replayed))

    (session,) = sessions_of(conn, customer_id)
    assert session["session_seconds"] == 1200
    assert posted(conn, customer_id) == Decimal("80.00")
    assert audit(conn) == []


def test_a_lone_device_may_use_the_last_of_the_money(conn: Connection) -> None:
    package = a_package(
        conn,
        billing="per_session",
        price_per_minute=Decimal(1),
        increment_seconds=60,
        sessions_allowed=2,
    )
    customer_id = a_customer(conn, package, balance="2")
    p = Packets(username_of(conn, customer_id), a_nas(conn))

    result = fold(conn, p.start(), p.interim(60))
    assert (posted(conn, customer_id), result.disconnects) == (Decimal("1.00"), 0)
    result = fold(conn, p.interim(120))
    assert (posted(conn, customer_id), result.disconnects) == (Decimal("0.00"), 1)
