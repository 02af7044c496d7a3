"""The simulated NAS accounts for its sessions, in good weather and bad."""

import pytest

from simulators.nas import Flavour, Quirks, Retry, SimulatedNas, Weather

from .server import SECRET, RadiusServer

CUSTOMERS = {"alice": "secret"}
QUICK = Retry(timeout_seconds=0.2, attempts=20)
EPOCH = 1_700_000_000.0


def a_nas(server, address="127.0.0.2", **options):
    options = {"retry": QUICK, "clock_start": EPOCH, **options}
    return SimulatedNas(
        address, SECRET, auth=server.address, acct=server.address, **options
    )


def a_session(nas, **options):
    return nas.start_session(nas.login("alice", "secret"), **options)


def statuses(server):
    return [packet["Acct-Status-Type"][0] for packet in server.accounting]


def values(server, name):
    return [packet[name][0] for packet in server.accounting if name in packet]


def octets(packet, direction):
    low = packet[f"Acct-{direction}-Octets"][0]
    return packet.get(f"Acct-{direction}-Gigawords", [0])[0] << 32 | low


def test_an_hour_on_line_is_reported_minute_by_minute():
    accepts = [("Acct-Interim-Interval", 60), ("Class", b"0xabcd")]
    with RadiusServer(CUSTOMERS, accepts) as server, a_nas(server) as nas:
        session = a_session(nas, up=1_000, down=9_000)
        nas.advance(3630)
        session.stop()
    assert statuses(server) == ["Start", *["Interim-Update"] * 60, "Stop"]
    assert values(server, "Acct-Session-Time") == [*range(60, 3601, 60), 3630]
    assert values(server, "Event-Timestamp") == [
        EPOCH,
        *(EPOCH + passed for passed in range(60, 3601, 60)),
        EPOCH + 3630,
    ]
    assert [octets(packet, "Input") for packet in server.accounting[1:]] == [
        *(passed * 1_000 for passed in range(60, 3601, 60)),
        3_630_000,
    ]
    assert octets(server.accounting[-1], "Output") == 32_670_000
    assert values(server, "Acct-Terminate-Cause") == ["User-Request"]
    assert set(values(server, "Class")) == {b"0xabcd"}
    assert set(values(server, "Acct-Session-Id")) == {session.acct_session_id}
    assert session.session_seconds == 3630


def test_a_session_of_many_small_steps_reports_as_one_of_a_large_step():
    accepts = [("Acct-Interim-Interval", 60)]
    reports = []
    for steps in (1, 137):
        with RadiusServer(CUSTOMERS, accepts) as server, a_nas(server) as nas:
            session = a_session(nas, up=333, down=777)
            for _ in range(steps):
                nas.advance(685 / steps)
            session.stop()
        reports.append(
            [
                (octets(packet, "Input"), octets(packet, "Output"))
                for packet in server.accounting[1:]
            ]
        )
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("accepts", "traffic", "seconds", "cause"),
    [
        ([("Session-Timeout", 90)], (10, 10), 90, "Session-Timeout"),
        ([("Idle-Timeout", 30)], (0, 0), 30, "Idle-Timeout"),
        ([("Mikrotik-Recv-Limit", 5_000)], (100, 0), 50, "Session-Timeout"),
        ([("Mikrotik-Xmit-Limit", 5_000)], (0, 500), 10, "Session-Timeout"),
        (
            [("Mikrotik-Total-Limit", 0), ("Mikrotik-Total-Limit-Gigawords", 1)],
            (0, 1 << 28),
            16,
            "Session-Timeout",
        ),
        ([("ChilliSpot-Max-Total-Octets", 700)], (30, 40), 10, "Session-Timeout"),
    ],
)
def test_a_session_ends_at_its_limit(accepts, traffic, seconds, cause):
    with RadiusServer(CUSTOMERS, accepts) as server, a_nas(server) as nas:
        session = a_session(nas, up=traffic[0], down=traffic[1])
        nas.advance(3600)
    assert not session.is_live
    assert statuses(server) == ["Start", "Stop"]
    assert values(server, "Acct-Session-Time") == [seconds]
    assert values(server, "Acct-Terminate-Cause") == [cause]
    assert values(server, "Event-Timestamp")[-1] == EPOCH + seconds


def test_a_nas_may_ignore_limits():
    accepts = [("Session-Timeout", 90), ("Mikrotik-Total-Limit", 5)]
    quirks = Quirks(honours_limits=False)
    with (
        RadiusServer(CUSTOMERS, accepts) as server,
        a_nas(server, quirks=quirks) as nas,
    ):
        session = a_session(nas, up=100)
        nas.advance(3600)
        assert session.is_live


def test_a_nas_may_shape_traffic_to_the_rate_limit():
    accepts = [("Mikrotik-Rate-Limit", "8k/16k")]
    quirks = Quirks(shapes_traffic=True)
    with (
        RadiusServer(CUSTOMERS, accepts) as server,
        a_nas(server, quirks=quirks) as nas,
    ):
        session = a_session(nas, up=10**6, down=10**6)
        nas.advance(10)
        assert (session.input_octets, session.output_octets) == (10_000, 20_000)


def test_counters_beyond_4_gib_need_gigawords():
    with RadiusServer(CUSTOMERS) as server:
        for address, sends_gigawords in (("127.0.0.2", True), ("127.0.0.3", False)):
            quirks = Quirks(sends_gigawords=sends_gigawords)
            with a_nas(server, address, quirks=quirks) as nas:
                session = a_session(nas)
                session.transfer(up=(5 << 32) + 1, down=(1 << 32) + 2)
                session.interim()
        full, wrapped = (p for p in server.accounting if "Acct-Input-Octets" in p)
    assert (octets(full, "Input"), octets(full, "Output")) == (
        (5 << 32) + 1,
        (1 << 32) + 2,
    )
    assert (octets(wrapped, "Input"), octets(wrapped, "Output")) == (1, 2)


def test_odd_nas_swap_their_counters_or_stop_with_none():
    with RadiusServer(CUSTOMERS) as server:
        with a_nas(server, quirks=Quirks(swapped_counters=True)) as nas:
            session = a_session(nas)
            session.transfer(up=1, down=2)
            session.interim()
        with a_nas(server, quirks=Quirks(zero_stop_counters=True)) as nas:
            session = a_session(nas, up=5)
            nas.advance(10)
            session.stop()
    swapped, stop = (p for p in server.accounting if "Acct-Input-Octets" in p)
    assert (octets(swapped, "Input"), octets(swapped, "Output")) == (2, 1)
    assert (octets(stop, "Input"), stop["Acct-Session-Time"]) == (0, [10])


def test_the_clock_of_a_nas_may_be_wrong_or_untold():
    with RadiusServer(CUSTOMERS) as server:
        with a_nas(server, quirks=Quirks(clock_skew_seconds=-900)) as nas:
            a_session(nas)
        with a_nas(server, quirks=Quirks(event_timestamp="none")) as nas:
            a_session(nas)
    skewed, untold = server.accounting
    assert skewed["Event-Timestamp"] == [EPOCH - 900]
    assert "Event-Timestamp" not in untold


def test_ipv6_and_hotspot_attributes_are_reported():
    quirks = Quirks(ipv6=True)
    with (
        RadiusServer(CUSTOMERS) as server,
        a_nas(server, quirks=quirks, flavour=Flavour.HOTSPOT) as nas,
    ):
        session = a_session(nas)
    (start,) = server.accounting
    assert start["Framed-IPv6-Prefix"][0].startswith("2001:db8:")
    assert start["Delegated-IPv6-Prefix"][0].endswith("/48")
    assert start["Framed-IP-Address"] == [session.framed_ip]
    assert start["Mikrotik-Host-IP"] == [session.framed_ip]


def test_a_report_is_repeated_until_it_is_acknowledged():
    with RadiusServer(CUSTOMERS) as server, a_nas(server) as nas:
        session = a_session(nas)
        server.ignored_count = 2
        server.datagrams.clear()
        delivery = session.interim()
    assert (delivery.acknowledged, delivery.attempts) == (True, 3)
    assert len(server.datagrams) == 3
    assert len(set(server.datagrams)) == 1


def test_a_repeat_under_another_identifier_tells_its_delay():
    retry = Retry(timeout_seconds=0.6, attempts=5, fresh_id=True)
    with RadiusServer(CUSTOMERS) as server, a_nas(server, retry=retry) as nas:
        session = a_session(nas)
        server.ignored_count = 2
        server.datagrams.clear()
        session.interim()
    first, _, third = server.datagrams
    assert first[4:20] != third[4:20]
    start_delay, interim_delay = values(server, "Acct-Delay-Time")
    assert start_delay == 0
    assert interim_delay >= 1


def test_a_server_that_never_answers_leaves_the_report_unacknowledged():
    retry = Retry(timeout_seconds=0.02, attempts=3)
    with RadiusServer(CUSTOMERS) as server, a_nas(server, retry=retry) as nas:
        session = a_session(nas)
        server.ignored_count = 100
        delivery = session.interim()
        server.ignored_count = 0
    assert (delivery.acknowledged, delivery.attempts) == (False, 3)


STORM = Weather(
    transmission_loss=0.2, response_loss=0.2, duplication=0.2, reordering=0.3, seed=7
)


def stormy_stream(weather):
    """Return what the server saw of three sessions, and what one of them sent."""
    accepts = [("Acct-Interim-Interval", 60)]
    with RadiusServer(CUSTOMERS, accepts) as server:
        with a_nas(server, weather=weather) as nas:
            sessions = [a_session(nas, up=7, down=9) for _ in range(3)]
            nas.advance(600)
            for session in sessions:
                session.stop()
            nas.flush()
        order = {session.acct_session_id: i for i, session in enumerate(sessions)}
        seen = [
            (
                order[packet["Acct-Session-Id"][0]],
                packet["Acct-Status-Type"][0],
                packet.get("Acct-Session-Time", [0])[0],
            )
            for packet in server.accounting
        ]
    return seen, sessions


def test_in_bad_weather_every_event_arrives_some_twice_some_late():
    clean, _ = stormy_stream(Weather())
    seen, sessions = stormy_stream(STORM)
    assert set(seen) == set(clean)
    assert len(seen) > len(clean)
    assert list(dict.fromkeys(seen)) != clean
    assert any(delivery.held for delivery in sessions[0].deliveries)


def test_a_transmission_that_is_lost_is_repeated_and_seen_once():
    weather = Weather(transmission_loss=0.5, seed=3)
    with RadiusServer(CUSTOMERS) as server, a_nas(server, weather=weather) as nas:
        session = a_session(nas)
        for _ in range(20):
            session.interim()
    assert all(delivery.acknowledged for delivery in session.deliveries)
    assert sum(delivery.attempts for delivery in session.deliveries) > 21
    assert len(server.accounting) == 21


def test_the_same_seed_brings_the_same_weather():
    assert stormy_stream(STORM)[0] == stormy_stream(STORM)[0]


def test_lost_events_never_arrive():
    weather = Weather(event_loss=1.0)
    with RadiusServer(CUSTOMERS) as server, a_nas(server, weather=weather) as nas:
        delivery = a_session(nas).stop()
    assert server.accounting == []
    assert delivery.lost
    assert not delivery.acknowledged


def test_what_was_held_back_arrives_when_flushed():
    weather = Weather(reordering=1.0)
    with RadiusServer(CUSTOMERS) as server, a_nas(server, weather=weather) as nas:
        a_session(nas).stop()
        assert server.accounting == []
        nas.flush()
    assert statuses(server) == ["Start", "Stop"]


def test_the_test_may_send_what_no_good_nas_would():
    with RadiusServer(CUSTOMERS) as server, a_nas(server) as nas:
        session = a_session(nas, send_start=False, acct_session_id="reused")
        session.stop(extra=(("NAS-Port-Id", b"\xff\xfe"), ("Event-Timestamp", None)))
        session.stop()
        session.interim()
        nas.send_accounting([("Acct-Status-Type", 99), ("User-Name", b"\xc3\x28")])
    stop, again, late, odd = server.accounting
    assert stop["Acct-Session-Id"] == ["reused"]
    assert stop["NAS-Port-Id"] == [b"\xff\xfe"]
    assert "Event-Timestamp" not in stop
    assert again["Acct-Status-Type"] == ["Stop"]
    assert late["Acct-Status-Type"] == ["Interim-Update"]
    assert (odd["Acct-Status-Type"], odd["User-Name"]) == ([99], [b"\xc3\x28"])


def test_a_reboot_loses_the_sessions_without_a_word():
    with RadiusServer(CUSTOMERS) as server, a_nas(server) as nas:
        session = a_session(nas)
        nas.reboot()
        assert nas.sessions == []
        again = a_session(nas)
    assert not session.is_live
    assert statuses(server) == ["Start", "Accounting-On", "Start"]
    assert "User-Name" not in server.accounting[1]
    assert again.acct_session_id != session.acct_session_id


def test_going_down_is_reported():
    with RadiusServer(CUSTOMERS) as server, a_nas(server) as nas:
        a_session(nas)
        nas.accounting_off()
        assert nas.sessions == []
    assert statuses(server) == ["Start", "Accounting-Off"]


def test_a_session_that_vanished_says_nothing_more():
    accepts = [("Acct-Interim-Interval", 60)]
    with RadiusServer(CUSTOMERS, accepts) as server, a_nas(server) as nas:
        session = a_session(nas)
        session.vanish()
        nas.advance(600)
    assert statuses(server) == ["Start"]


def test_in_real_time_a_session_runs_by_the_wall_clock():
    accepts = [("Acct-Interim-Interval", 60), ("Session-Timeout", 150)]
    with RadiusServer(CUSTOMERS, accepts) as server, a_nas(server) as nas:
        session = a_session(nas, up=10)
        nas.run_realtime(3600, speed=1000)
    assert not session.is_live
    assert values(server, "Acct-Session-Time") == [60, 120, 150]


def test_many_nas_run_side_by_side_each_from_its_own_address():
    with RadiusServer(CUSTOMERS) as server:
        for number in range(2, 32):
            with a_nas(server, f"127.0.1.{number}") as nas:
                a_session(nas).stop()
    addresses = {packet["NAS-IP-Address"][0] for packet in server.accounting}
    assert len(addresses) == 30
    assert {peer[0] for peer in server.peers} == addresses
    assert len({packet["Calling-Station-Id"][0] for packet in server.logins}) == 30
