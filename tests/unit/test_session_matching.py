"""Which session a packet belongs to."""

from datetime import timedelta
from typing import Any

import pytest

from billing_core.accounting import INTERIM_UPDATE, STALE, START, STOP
from billing_core.session_matching import find_session, session_id_of_class
from tests.records import T0, a_session, an_event

NO_CLASS = {"class_value": ""}


@pytest.mark.parametrize(
    ("value", "session_id"),
    [
        ("k1.7", 7),
        ("k2s.zz", 35 * 36 + 35),
        ("k1.1y2p0ij32e8e7", 2**63 - 1),
        ("", 0),
        ("k", 0),
        ("k1", 0),
        ("k1.", 0),
        ("k.7", 7),
        ("K1.7", 0),
        ("x1.7", 0),
        ("k1.-7", 0),
        ("k1.7.8", 0),
        ("k1. 7", 0),
        ("k1.²", 0),
        ("k1.1y2p0ij32e8e8", 0),
        ("k1.zzzzzzzzzzzzz", 0),
        ("k1.zzzzzzzzzzzzzz", 0),
        ("0x6b312e37", 0),
        ("kim.desktop", int("desktop", 36)),
    ],
)
def test_only_our_cookie_with_a_number_a_session_can_have_names_one(
    value: str, session_id: int
) -> None:
    assert session_id_of_class(value) == session_id


def test_the_cookie_finds_the_login_among_many_of_the_customer() -> None:
    sessions = [a_session(session_id=n, class_value=f"k1.{n}") for n in range(5, 9)]
    found = find_session(sessions, an_event(START, 0), loosely=False)
    assert found is sessions[2]


def test_the_cookie_of_another_nas_is_not_believed() -> None:
    session = a_session(nas_id=2)
    assert find_session([session], an_event(START, 0), loosely=True) is None


def test_a_cookie_that_comes_back_under_another_id_is_another_session() -> None:
    session = a_session(acct_session_id="80000001", state="open")
    other = an_event(START, 0, acct_session_id="80000002")
    assert find_session([session], other, loosely=True) is None


def test_a_second_session_under_one_cookie_finds_itself_again() -> None:
    first = a_session(acct_session_id="80000001", state="open")
    second = a_session(session_id=9, acct_session_id="80000002", state="open")
    event = an_event(INTERIM_UPDATE, 60, acct_session_id="80000002")
    assert find_session([first, second], event, loosely=False) is second


def test_an_id_that_was_used_before_goes_by_when_its_session_began() -> None:
    old = a_session(session_id=1, acct_session_id="80000001", state="ended")
    new = a_session(
        session_id=2,
        acct_session_id="80000001",
        state="open",
        started_at=T0 + timedelta(hours=2),
    )
    late = an_event(STOP, 60, **NO_CLASS)
    fresh = an_event(INTERIM_UPDATE, 7260, session_seconds=60, **NO_CLASS)
    assert find_session([new, old], late, loosely=True) is old
    assert find_session([old, new], fresh, loosely=True) is new


def test_the_id_of_another_cookie_speaks_against_the_same_id() -> None:
    session = a_session(acct_session_id="80000001", class_value="k1.5", session_id=5)
    event = an_event(INTERIM_UPDATE, 60, class_value="k1.9")
    assert find_session([session], event, loosely=True) is None


def test_a_nas_without_class_is_met_by_the_login_that_awaits_that_device() -> None:
    mine = a_session(session_id=1, calling_station_id="02:00:00:00:00:01")
    others = a_session(session_id=2, calling_station_id="02:00:00:00:00:02")
    event = an_event(START, 0, **NO_CLASS)
    assert find_session([others, mine], event, loosely=True) is mine
    # First it is looked for among those that ended.
    assert find_session([others, mine], event, loosely=False) is None


def test_a_login_does_not_await_what_began_before_it() -> None:
    """The Stop of the session that it replaced."""
    login = a_session(calling_station_id="02:00:00:00:00:01")
    stop = an_event(STOP, 5, session_seconds=900, **NO_CLASS)
    assert find_session([login], stop, loosely=True) is None
    # Whatever the clock of the NAS says.
    start = an_event(START, 0, event_epoch=int(T0.timestamp()) - 3600, **NO_CLASS)
    assert find_session([login], start, loosely=True) is login


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "open", "acct_session_id": "80000009"},
        {"acct_session_id": "80000009"},
        {"nas_id": 2},
        {"calling_station_id": "02:00:00:00:00:02"},
    ],
)
def test_a_login_that_awaits_something_else_is_left_alone(
    changes: dict[str, object],
) -> None:
    event = an_event(START, 0, **NO_CLASS)
    assert find_session([a_session(**changes)], event, loosely=True) is None


def test_a_clock_set_in_mid_session_loses_it_only_to_a_strict_look() -> None:
    session = a_session(
        acct_session_id="80000001", state="open", class_value="", session_seconds=300
    )
    moved = T0 - timedelta(hours=1)
    event = an_event(
        INTERIM_UPDATE, 600, event_epoch=int(moved.timestamp()), **NO_CLASS
    )
    assert find_session([session], event, loosely=False) is None
    assert find_session([session], event, loosely=True) is session


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({"terminate_cause": "User-Request"}, False),
        ({"terminate_cause": STALE}, True),
        ({"terminate_cause": STALE, "session_seconds": 601}, False),
    ],
)
def test_only_a_session_that_may_go_on_is_taken_loosely(
    changes: dict[str, object], fits: bool
) -> None:
    session = a_session(
        acct_session_id="80000001",
        class_value="",
        state="ended",
        started_at=T0 - timedelta(hours=1),
        ended_at=T0 - timedelta(minutes=1),
        **changes,
    )
    event = an_event(INTERIM_UPDATE, 600, **NO_CLASS)
    assert (find_session([session], event, loosely=True) is session) is fits


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"event_epoch": int(T0.timestamp()) + 1190}, False),
        ({"received_at": T0 - timedelta(hours=1)}, False),
    ],
    ids=["absurd clock", "clock told", "begun before"],
)
def test_a_late_packet_of_a_nas_without_a_clock_is_no_session_of_its_own(
    changes: dict[str, Any], fits: bool
) -> None:
    session = a_session(
        acct_session_id="80000001", class_value="", state="open", session_seconds=1200
    )
    late = {"event_epoch": 0, "received_at": T0 + timedelta(seconds=1200), **NO_CLASS}
    event = an_event(INTERIM_UPDATE, 300, **(late | changes))
    assert (find_session([session], event, loosely=True) is session) is fits


def test_nobodys_sessions_hold_nothing() -> None:
    assert find_session([], an_event(START, 0), loosely=True) is None
