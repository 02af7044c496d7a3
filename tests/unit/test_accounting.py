"""Folding packets into a session: order, repeats, wraps and clocks that lie."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.accounting import (
    INTERIM_UPDATE,
    NAS_RESTARTED,
    STALE,
    START,
    STOP,
    AcctEvent,
    AcctSession,
    event_time,
    fold_event,
    fold_history,
    grow_counter,
    implied_start,
    in_order,
    needs_history,
)
from tests.records import T0, WRAP, a_session, an_event

GIB = 1 << 30


def facts_of(session: AcctSession) -> dict[str, Any]:
    """All of a session but the speed between the two reports folded last."""
    return {
        field.name: getattr(session, field.name)
        for field in fields(session)
        if field.name != "octets_per_second"
    }


@st.composite
def streams(draw: st.DrawFn, *, gigawords: bool) -> list[AcctEvent]:
    """One session as its NAS tells it, perhaps without Start or Stop."""
    steps = draw(
        st.lists(
            st.tuples(
                st.integers(1, 900),
                # Without Gigawords a report must come before 4 GiB went by.
                st.integers(0, (1 << 44) if gigawords else WRAP // 2 - 1),
                st.integers(0, (1 << 44) if gigawords else WRAP // 2 - 1),
            ),
            min_size=1,
            max_size=8,
        )
    )
    events, seconds, octets = [], 0, (0, 0)
    if draw(st.booleans()):
        events.append(an_event(START, 0))
    for number, (elapsed, up, down) in enumerate(steps):
        seconds, octets = seconds + elapsed, (octets[0] + up, octets[1] + down)
        is_stop = number == len(steps) - 1 and draw(st.booleans())
        events.append(
            an_event(
                STOP if is_stop else INTERIM_UPDATE,
                seconds,
                octets=octets,
                gigawords=gigawords,
            )
        )
    return events


@given(st.data())
def test_any_order_and_any_repeats_give_the_session_of_the_clean_stream(
    data: st.DataObject,
) -> None:
    clean = data.draw(streams(gigawords=True))
    repeats = data.draw(st.lists(st.sampled_from(clean), max_size=6))
    messy = data.draw(st.permutations(clean + repeats))

    one, other = a_session(), a_session()
    for event in clean:
        fold_event(one, event)
    for event in messy:
        fold_event(other, event)

    assert facts_of(other) == facts_of(one)


@given(st.data())
def test_counters_never_fall_whatever_comes(data: st.DataObject) -> None:
    session = a_session()
    words = st.one_of(st.none(), st.integers(0, WRAP - 1))
    for _ in range(data.draw(st.integers(1, 8))):
        before = (session.session_seconds, session.input_octets, session.output_octets)
        status = data.draw(st.sampled_from([START, INTERIM_UPDATE, STOP]))
        event = an_event(
            status,
            0,
            session_seconds=data.draw(words),
            input_octets=data.draw(words),
            output_octets=data.draw(words),
            input_gigawords=data.draw(words),
            output_gigawords=data.draw(words),
            event_epoch=data.draw(st.one_of(st.none(), st.integers(0, 2**63 - 1))),
        )
        fold_event(session, event)
        after = (session.session_seconds, session.input_octets, session.output_octets)
        assert all(b >= a for a, b in zip(before, after, strict=True))


@given(st.data())
def test_history_gives_the_truth_where_a_nas_sends_no_gigawords(
    data: st.DataObject,
) -> None:
    clean = data.draw(streams(gigawords=False))
    messy = data.draw(st.permutations(clean + clean[:2]))
    one, other = a_session(), a_session()
    for event in clean:
        fold_event(one, event)

    fold_history(other, messy)

    assert facts_of(other) == facts_of(one)


@given(st.data())
def test_a_late_packet_is_told_from_a_wrap_by_asking_for_the_history(
    data: st.DataObject,
) -> None:
    """What the service does: whole history when a late packet may hide a wrap."""
    clean = data.draw(streams(gigawords=False))
    messy = data.draw(st.permutations(clean))
    one, other = a_session(), a_session()
    for event in clean:
        fold_event(one, event)
    known: list[AcctEvent] = []
    for event in messy:
        if needs_history(other, [event]):
            fold_history(other, [*known, event])
        else:
            fold_event(other, event)
        known.append(event)

    assert facts_of(other) == facts_of(one)


@pytest.mark.parametrize(
    ("known", "octets", "gigawords", "is_older", "after"),
    [
        (0, 5, 0, False, 5),
        (0, 5, 3, False, 3 * WRAP + 5),
        (3 * WRAP, 5, 0, False, 3 * WRAP),
        (10, None, None, False, 10),
        (10, None, 4, False, 10),
        (3 * GIB, 1 * GIB, None, False, 5 * GIB),
        (3 * GIB, 1 * GIB, None, True, 3 * GIB),
        (3 * GIB, 2 * GIB, None, False, 3 * GIB),
        (7 * GIB, 0, None, False, 8 * GIB),
        (5, 5, None, False, 5),
    ],
)
def test_a_counter_grows_by_what_a_report_can_mean(
    known: int, octets: int | None, gigawords: int | None, is_older: bool, after: int
) -> None:
    assert grow_counter(known, octets, gigawords, is_older=is_older) == after


def test_a_stop_of_zeroes_is_no_wrap() -> None:
    session = a_session()
    report = an_event(INTERIM_UPDATE, 60, octets=(3 * GIB, 9), gigawords=False)
    fold_event(session, report)
    fold_event(session, an_event(STOP, 61, gigawords=False))
    assert (session.input_octets, session.output_octets) == (3 * GIB, 9)
    assert session.state == "ended"


@pytest.mark.parametrize(
    "epoch", [None, 0, -1, -(2**63), 2**63 - 1, 4_000_000_000, 946_684_800]
)
def test_an_absurd_clock_gives_way_to_ours(epoch: int | None) -> None:
    event = an_event(INTERIM_UPDATE, 600, event_epoch=epoch)
    assert event_time(event) == event.received_at
    assert implied_start(event) == T0


@pytest.mark.parametrize("behind", [-60, 0, 1, 86_400, 7 * 86_400])
def test_a_clock_within_reason_and_a_replayed_spool_are_believed(behind: int) -> None:
    told = T0 + timedelta(seconds=600 - behind)
    event = an_event(INTERIM_UPDATE, 600, event_epoch=int(told.timestamp()))
    assert event_time(event) == told


@pytest.mark.parametrize("behind", [-61, 7 * 86_400 + 1])
def test_a_clock_beyond_reason_is_not_believed(behind: int) -> None:
    told = T0 + timedelta(seconds=600 - behind)
    event = an_event(INTERIM_UPDATE, 600, event_epoch=int(told.timestamp()))
    assert event_time(event) == event.received_at


def test_the_first_stop_is_the_end_and_the_second_changes_nothing() -> None:
    session = a_session()
    fold_event(session, an_event(STOP, 100, terminate_cause="Lost-Carrier"))
    fold_event(session, an_event(STOP, 100, terminate_cause="User-Request"))
    fold_event(session, an_event(INTERIM_UPDATE, 400))
    assert session.state == "ended"
    assert session.ended_at == T0 + timedelta(seconds=100)
    assert session.terminate_cause == "Lost-Carrier"


@pytest.mark.parametrize("cause", [STALE, NAS_RESTARTED])
def test_an_end_that_we_concluded_gives_way_to_the_nas(cause: str) -> None:
    ended = {
        "state": "ended",
        "ended_at": T0 + timedelta(seconds=60),
        "terminate_cause": cause,
        "disconnect_requested_at": T0,
    }
    speaks, late, stops = a_session(**ended), a_session(**ended), a_session(**ended)

    fold_event(speaks, an_event(INTERIM_UPDATE, 61))
    assert (speaks.state, speaks.ended_at, speaks.disconnect_requested_at) == (
        "open",
        None,
        None,
    )
    fold_event(late, an_event(INTERIM_UPDATE, 60))
    assert (late.state, late.terminate_cause) == ("ended", cause)
    fold_event(stops, an_event(STOP, 40))
    assert (stops.terminate_cause, stops.ended_at) == (
        "User-Request",
        T0 + timedelta(seconds=40),
    )


def test_a_session_accepted_before_it_spoke_begins_with_its_first_word() -> None:
    session = a_session(started_at=T0 - timedelta(seconds=8))
    fold_event(session, an_event(INTERIM_UPDATE, 60))
    assert session.started_at == T0
    fold_event(session, an_event(START, 0))
    assert session.started_at == T0


def test_a_packet_without_session_time_is_placed_by_its_clock() -> None:
    session = a_session()
    fold_event(session, an_event(INTERIM_UPDATE, 300, octets=(0, 500)))
    without = {"session_seconds": None, "gigawords": False}
    fold_event(session, an_event(INTERIM_UPDATE, 100, octets=(0, 100), **without))
    assert session.output_octets == 500
    assert session.session_seconds == 300


def test_a_stop_sorts_after_the_interim_of_the_same_second() -> None:
    stop, interim, start = (
        an_event(STOP, 60, intake_id=1),
        an_event(INTERIM_UPDATE, 60, intake_id=2),
        an_event(START, 0, intake_id=3),
    )
    assert sorted([stop, interim, start], key=in_order) == [start, interim, stop]


def test_speed_is_taken_between_the_last_two_reports() -> None:
    session = a_session()
    fold_event(session, an_event(INTERIM_UPDATE, 100, octets=(0, 1000)))
    fold_event(session, an_event(INTERIM_UPDATE, 200, octets=(500, 6500)))
    assert session.octets_per_second == pytest.approx(60)


def test_ages_of_session_time_do_not_overflow() -> None:
    session = a_session()
    fold_event(session, an_event(INTERIM_UPDATE, 0, session_seconds=WRAP - 1))
    assert session.session_seconds == WRAP - 1
    assert session.started_at < T0
