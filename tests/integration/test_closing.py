"""The end of money, quota or validity, and sessions that no Stop will end."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing_core.db.closing import next_cut
from billing_core.db.connect import Connection
from billing_core.services.closing import (
    bill_leftover_sessions,
    close_stale_sessions,
    cut_due_sessions,
)
from billing_core.services.sessions import NoRunningSessionError, disconnect
from tests.builders import (
    NOON,
    Packets,
    a_customer,
    a_grant,
    a_nas,
    a_package,
    at_once,
    audited,
    fold,
    open_session,
    posted,
    rows,
    sessions_of,
    username_of,
)

MB = 10**6


def after(seconds: float):  # type: ignore[no-untyped-def]
    return NOON + timedelta(seconds=seconds)


def a_session(
    conn: Connection, *, balance: str, vendor: str = "mikrotik", **package: object
) -> tuple[int, Packets]:
    name = a_package(conn, **package)
    customer_id = a_customer(conn, name, balance=balance)
    p = Packets(username_of(conn, customer_id), a_nas(conn, vendor=vendor))
    fold(conn, p.start())
    return customer_id, p


def asked(conn: Connection) -> list[str]:
    return [
        reason
        for (reason,) in rows(
            conn,
            "SELECT reason FROM outbox WHERE kind = 'disconnect' ORDER BY outbox_id",
        )
    ]


def test_the_report_that_uses_up_the_money_asks_for_one_disconnect(
    conn: Connection,
) -> None:
    customer_id, p = a_session(conn, balance="3")

    # The third minute is charged at its beginning, and paid to its end.
    assert fold(conn, p.interim(179)).disconnects == 0
    assert fold(conn, p.interim(180)).disconnects == 1
    fold(conn, p.interim(180), p.interim(180), p.start())
    fold(conn, p.interim(185))

    assert asked(conn) == ["BALANCE_EXHAUSTED"]
    assert posted(conn, customer_id) == Decimal("-1.00")
    assert audited(conn) == []


def test_a_report_past_the_money_cuts_wherever_in_a_minute_it_comes(
    conn: Connection,
) -> None:
    _, p = a_session(conn, balance="2.50")
    assert fold(conn, p.interim(150)).disconnects == 1


def test_sessions_that_begin_in_one_batch_share_the_money(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="50", sessions_allowed=2)
    nas_id, name = a_nas(conn), username_of(conn, customer_id)
    fold(conn, Packets(name, nas_id).start(), Packets(name, nas_id).start())
    assert rows(conn, "SELECT held FROM reservation") == [(Decimal("25.00"),)] * 2
    assert asked(conn) == []


@pytest.mark.parametrize("stop_comes_first", [True, False])
def test_money_of_a_session_that_ends_is_there_for_the_next_in_the_same_batch(
    conn: Connection, stop_comes_first: bool
) -> None:
    _, p = a_session(conn, balance="10")
    q = Packets(p.username, p.nas_id, started_at=after(120))
    packets = [p.stop(120), q.start()]
    fold(conn, *(packets if stop_comes_first else reversed(packets)))
    assert asked(conn) == []
    assert rows(conn, "SELECT posted, reserved FROM wallet") == [
        (Decimal("8.00"), Decimal("8.00"))
    ]


def test_a_session_that_speaks_on_is_asked_for_again_after_a_minute(
    conn: Connection,
) -> None:
    _, p = a_session(conn, balance="3")
    for seconds, requests in ((180, 1), (239, 1), (240, 1), (241, 2), (300, 2)):
        fold(conn, p.interim(seconds), now=after(seconds))
        assert len(asked(conn)) == requests, seconds


def test_a_stop_that_uses_up_the_money_asks_for_nothing(conn: Connection) -> None:
    _, p = a_session(conn, balance="3")
    fold(conn, p.stop(600))
    assert asked(conn) == []


def test_a_session_is_cut_at_the_foretold_moment_between_two_reports(
    conn: Connection,
) -> None:
    customer_id, p = a_session(conn, balance="3")
    fold(conn, p.interim(60))
    assert next_cut(conn) == after(180)

    assert cut_due_sessions(conn, after(179.9)) == 0
    assert cut_due_sessions(conn, after(180)) == 1
    assert cut_due_sessions(conn, after(181)) == 0
    assert next_cut(conn) is None

    assert asked(conn) == ["BALANCE_EXHAUSTED"]
    # Nothing is charged for what no report has told.
    assert posted(conn, customer_id) == Decimal("2.00")


def test_two_workers_cut_one_session_once(conn: Connection, database_url: str) -> None:
    a_session(conn, balance="3")
    cut = at_once(database_url, [lambda own: cut_due_sessions(own, after(180))] * 4)
    assert sorted(cut) == [0, 0, 0, 1]
    assert len(asked(conn)) == 1


@pytest.mark.parametrize(
    ("vendor", "is_foretold"), [("rfc", True), ("mikrotik", False)]
)
def test_the_end_of_data_is_foretold_where_the_nas_does_not_keep_it(
    conn: Connection, vendor: str, is_foretold: bool
) -> None:
    _, p = a_session(
        conn,
        balance="10",
        vendor=vendor,
        billing="per_session",
        price_per_mb=Decimal(1),
        increment_octets=MB,
    )
    fold(conn, p.interim(100, octets=(0, 4 * MB)))
    fold(conn, p.interim(200, octets=(0, 8 * MB)))

    assert next_cut(conn) == (after(250) if is_foretold else None)
    assert cut_due_sessions(conn, after(250)) == int(is_foretold)


def test_octets_that_no_limit_held_are_charged_and_seen(conn: Connection) -> None:
    customer_id, p = a_session(
        conn, balance="10", billing="per_session", price_per_mb=Decimal(1)
    )
    fold(conn, p.interim(60, octets=(5 * MB, 9 * MB)))
    assert posted(conn, customer_id) == Decimal("-4.00")
    assert asked(conn) == ["BALANCE_EXHAUSTED"]
    assert rows(conn, "SELECT reserved FROM wallet") == [(Decimal("0.00"),)]


def test_a_credit_limit_is_spent_before_the_cut(conn: Connection) -> None:
    customer_id = a_customer(
        conn, a_package(conn), balance="1", credit_limit=Decimal(2)
    )
    p = Packets(username_of(conn, customer_id), a_nas(conn))
    fold(conn, p.start(), p.interim(119))
    assert asked(conn) == []
    fold(conn, p.interim(180))
    assert asked(conn) == ["BALANCE_EXHAUSTED"]
    assert posted(conn, customer_id) == Decimal("-2.00")


def test_an_operator_ends_one_session_and_no_other(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="50", sessions_allowed=2)
    nas_id, name = a_nas(conn), username_of(conn, customer_id)
    fold(conn, Packets(name, nas_id).start(), Packets(name, nas_id).start())
    one, other = sessions_of(conn, customer_id)

    disconnect(conn, customer_id, one["session_id"], actor="nila", now=NOON)

    assert rows(conn, "SELECT session_id, reason FROM outbox") == [
        (one["session_id"], "OPERATOR")
    ]
    with pytest.raises(NoRunningSessionError):
        disconnect(conn, customer_id, 10**9, actor="nila", now=NOON)
    fold(conn, Packets(name, nas_id, other["acct_session_id"]).stop(60))
    with pytest.raises(NoRunningSessionError):
        disconnect(conn, customer_id, other["session_id"], actor="nila", now=NOON)


def test_silence_ends_a_session_at_its_last_report_and_frees_its_money(
    conn: Connection,
) -> None:
    customer_id, p = a_session(conn, balance="100")
    fold(conn, p.interim(120))
    deadline = 120 + 3 * 300 + 60

    assert close_stale_sessions(conn, after(deadline)) == 0
    assert close_stale_sessions(conn, after(deadline + 1)) == 1
    assert close_stale_sessions(conn, after(deadline + 1)) == 0

    (session,) = sessions_of(conn, customer_id)
    assert (session["ended_at"], session["terminate_cause"]) == (after(120), "Stale")
    assert rows(conn, "SELECT posted, reserved FROM wallet") == [
        (Decimal("98.00"), Decimal("0.00"))
    ]
    assert rows(conn, "SELECT gross FROM bill") == [(Decimal("2.00"),)]
    assert audited(conn) == []


def test_silence_is_measured_by_our_clock_not_by_the_nas(conn: Connection) -> None:
    customer_id, p = a_session(conn, balance="100")
    behind = p.interim(900) | {"event_epoch": int(NOON.timestamp())}
    fold(conn, behind, now=after(900))
    assert close_stale_sessions(conn, after(1500)) == 0
    assert sessions_of(conn, customer_id)[0]["state"] == "open"


def test_a_login_that_never_started_lets_its_money_go(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    grant = a_grant(conn, customer_id, a_nas(conn), hold=Decimal(10))
    assert open_session(conn, grant) == "OK"
    ((accepted,),) = rows(conn, "SELECT last_received_at FROM acct_session")

    assert close_stale_sessions(conn, accepted + timedelta(seconds=179)) == 0
    assert close_stale_sessions(conn, accepted + timedelta(seconds=181)) == 1

    (session,) = sessions_of(conn, customer_id)
    assert (session["state"], session["terminate_cause"]) == ("ended", "Never-Started")
    assert rows(conn, "SELECT reserved FROM wallet") == [(Decimal("0.00"),)]
    assert rows(conn, "SELECT count(*) FROM bill") == [(0,)]
    assert audited(conn) == []


def test_a_login_that_starts_after_all_is_charged(conn: Connection) -> None:
    customer_id = a_customer(conn, a_package(conn), balance="10")
    grant = a_grant(conn, customer_id, a_nas(conn), hold=Decimal(10))
    assert open_session(conn, grant) == "OK"
    ((accepted,),) = rows(conn, "SELECT last_received_at FROM acct_session")
    close_stale_sessions(conn, accepted + timedelta(seconds=181))

    p = Packets(
        username_of(conn, customer_id),
        grant.nas_id,
        class_value=grant.class_value,
        started_at=accepted + timedelta(seconds=200),
    )
    fold(conn, p.start(), p.interim(60), now=accepted + timedelta(seconds=260))

    (session,) = sessions_of(conn, customer_id)
    assert (session["state"], session["session_seconds"]) == ("open", 60)
    assert rows(conn, "SELECT posted, reserved FROM wallet") == [
        (Decimal("9.00"), Decimal("9.00"))
    ]
    assert audited(conn) == []


def test_two_sweeps_at_once_end_each_session_once(
    conn: Connection, database_url: str
) -> None:
    nas_id = a_nas(conn)
    package = a_package(conn)
    for _ in range(10):
        customer_id = a_customer(conn, package, balance="10")
        p = Packets(username_of(conn, customer_id), nas_id)
        fold(conn, p.start(), p.interim(60))

    swept = at_once(
        database_url, [lambda own: close_stale_sessions(own, after(4000))] * 3
    )

    assert sum(s for s in swept if isinstance(s, int)) == 10
    assert rows(conn, "SELECT count(*), sum(gross) FROM bill") == [
        (10, Decimal("10.00"))
    ]
    assert audited(conn) == []


def test_a_session_that_a_new_login_ended_is_billed_once_by_whoever_comes(
    conn: Connection, database_url: str
) -> None:
    customer_id, p = a_session(conn, balance="50")
    fold(conn, p.interim(120))
    grant = a_grant(conn, customer_id, p.nas_id)
    assert open_session(conn, grant) == "OK"
    assert rows(conn, "SELECT count(*) FROM bill") == [(0,)]

    billed = at_once(database_url, [lambda own: bill_leftover_sessions(own, NOON)] * 3)

    assert all(isinstance(number, int) for number in billed)
    assert rows(conn, "SELECT gross FROM bill") == [(Decimal("2.00"),)]
    assert bill_leftover_sessions(conn, NOON) == 0
    assert audited(conn) == []


def test_a_replaced_session_that_tells_more_is_charged_the_rest(
    conn: Connection,
) -> None:
    customer_id, p = a_session(conn, balance="50")
    fold(conn, p.interim(120))
    assert open_session(conn, a_grant(conn, customer_id, p.nas_id)) == "OK"
    bill_leftover_sessions(conn, NOON)

    fold(conn, p.stop(180))

    first, _ = sessions_of(conn, customer_id)
    assert (first["state"], first["terminate_cause"]) == ("ended", "User-Request")
    assert rows(conn, "SELECT gross FROM bill ORDER BY bill_id") == [
        (Decimal("2.00"),),
        (Decimal("1.00"),),
    ]
    assert posted(conn, customer_id) == Decimal("47.00")
    assert audited(conn) == []
