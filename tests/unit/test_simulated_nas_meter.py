"""The simulated NAS's counting and limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.nas.accounting import octet_attributes
from simulators.nas.limits import Limits, rates_of, read_limits
from simulators.nas.meter import MICRO, Meter, shaped


@given(
    steps=st.lists(st.integers(0, 10 * MICRO), max_size=20),
    up=st.integers(0, 10**9),
    down=st.integers(0, 10**9),
)
def test_many_small_steps_count_as_one_large_one(steps, up, down):
    stepped, leapt = Meter(0, up, down), Meter(0, up, down)
    for step in steps:
        stepped.run_to(stepped.at_us + step)
    leapt.run_to(sum(steps))
    assert stepped == leapt


@given(octets_max=st.integers(1, 10**12), rate=st.integers(1, 10**8))
def test_a_volume_limit_is_met_at_its_moment_and_not_before(octets_max, rate):
    meter = Meter(0, up=0, down=rate)
    moment, cause = meter.next_limit(Limits(output_octets_max=octets_max))
    meter.run_to(moment - 1)
    assert meter.output_octets < octets_max
    meter.run_to(moment)
    assert meter.output_octets >= octets_max
    assert meter.next_limit(Limits(output_octets_max=octets_max)) == (moment, cause)


@given(
    octets_max=st.integers(1, 10**12),
    up=st.integers(0, 10**5),
    down=st.integers(1, 10**5),
)
def test_a_total_limit_is_met_in_whole_octets(octets_max, up, down):
    meter = Meter(0, up, down)
    moment, _ = meter.next_limit(Limits(total_octets_max=octets_max))
    meter.run_to(moment)
    assert 0 <= meter.input_octets + meter.output_octets - octets_max <= 1


def test_the_clock_of_a_meter_never_goes_back():
    meter = Meter(0, up=1)
    meter.run_to(5 * MICRO)
    meter.run_to(3 * MICRO)
    assert (meter.session_seconds, meter.input_octets) == (5, 5)


def test_the_first_limit_met_ends_the_session():
    meter = Meter(0, up=10, down=0)
    limits = Limits(session_timeout_seconds=60, input_octets_max=300)
    assert meter.next_limit(limits) == (30 * MICRO, "Session-Timeout")
    assert Meter(0).next_limit(Limits(idle_timeout_seconds=9)) == (
        9 * MICRO,
        "Idle-Timeout",
    )
    assert Meter(0, up=1).next_limit(Limits(idle_timeout_seconds=9)) is None


def test_a_limit_already_passed_is_met_now():
    meter = Meter(0)
    meter.run_to(7 * MICRO)
    meter.transfer(up=0, down=500)
    limits = Limits(output_octets_max=400)
    assert meter.next_limit(limits) == (7 * MICRO, "Session-Timeout")


def test_octet_limits_add_their_gigawords():
    attributes = {
        "Mikrotik-Total-Limit": (5,),
        "Mikrotik-Total-Limit-Gigawords": (2,),
        "Mikrotik-Recv-Limit": (7,),
        "ChilliSpot-Max-Output-Gigawords": (1,),
    }
    assert read_limits(attributes) == Limits(
        input_octets_max=7, output_octets_max=1 << 32, total_octets_max=(2 << 32) + 5
    )


def test_zero_is_no_limit_and_lifts_one():
    before = Limits(session_timeout_seconds=60, total_octets_max=5, rate_limit="1M")
    attributes = {"Session-Timeout": (0,), "Mikrotik-Total-Limit": (0,)}
    assert read_limits(attributes, before) == Limits(rate_limit="1M")


def test_what_is_not_said_stays_as_it_was():
    before = Limits(60, 30, 1, 2, 3, "1M/2M", "paying")
    assert read_limits({"Idle-Timeout": (40,)}, before) == Limits(
        60, 40, 1, 2, 3, "1M/2M", "paying"
    )


@pytest.mark.parametrize(
    ("rate_limit", "bits"),
    [
        ("512k/2M", (512_000, 2_000_000)),
        ("5M", (5_000_000, 5_000_000)),
        ("1000/1G 2M/2M 1M/1M 8/8 5", (1000, 10**9)),
        ("fast", None),
        ("5X/1M", None),
        ("", None),
    ],
)
def test_a_rate_limit_names_the_upload_first(rate_limit, bits):
    assert rates_of(rate_limit) == bits


def test_traffic_is_held_to_the_rate_limit():
    assert shaped(10**6, 10**6, "800k/1600k") == (100_000, 200_000)
    assert shaped(10, 10, "800k/1600k") == (10, 10)
    assert shaped(10**6, 10**6, None) == (10**6, 10**6)
    assert shaped(10**6, 10**6, "0/0") == (10**6, 10**6)


def test_counters_over_4_gib_carry_gigawords_or_wrap():
    octets = (3 << 32) + 17
    with_gigawords = dict(octet_attributes(octets, 5, sends_gigawords=True))
    assert with_gigawords["Acct-Input-Octets"] == 17
    assert with_gigawords["Acct-Input-Gigawords"] == 3
    assert with_gigawords["Acct-Output-Gigawords"] == 0
    wrapped = dict(octet_attributes(octets, 5, sends_gigawords=False))
    assert wrapped["Acct-Input-Octets"] == 17
    assert "Acct-Input-Gigawords" not in wrapped
