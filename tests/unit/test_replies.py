"""Replies are said exactly or not at all."""

import string
from datetime import date
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_core.access import (
    Accept,
    AccessRequest,
    AccessState,
    DayCharge,
    Nas,
    Package,
    RejectReason,
    RunningSession,
    Subscription,
    Suspension,
)
from billing_core.fair_use import Rates
from radius_module.grants import GrantError, grant_words, may_be_plain
from radius_module.replies import (
    INTEGER_MAX,
    REJECT_MESSAGES,
    VALUE_OCTETS_MAX,
    ReplyError,
    class_value,
    coa_limits,
    coa_rates,
    encode_accept,
    encode_text,
)

FOUR_GIB = 2**32
VENDORS = ("mikrotik", "rfc", "coovachilli", "accel-ppp")
OCTET_LIMITS = {
    "mikrotik": ("Mikrotik-Total-Limit", "Mikrotik-Total-Limit-Gigawords"),
    "coovachilli": ("ChilliSpot-Max-Total-Octets", "ChilliSpot-Max-Total-Gigawords"),
}


def a_state(vendor="mikrotik", framed_ip=None, subscription=None, **package):
    return AccessState(
        customer_id=7,
        status="active",
        password_sealed=b"",
        framed_ip=framed_ip,
        mac_binding=None,
        sessions_allowed=None,
        available_minor=0,
        package=Package(2, "free", 1, **package),
        nas=Nas(vendor, 300),
        subscription=subscription,
        day_is_charged=False,
        running=(),
        session_id=40,
    )


def reply(state, accept=Accept(1)):  # noqa: B008 - it is immutable
    pairs = encode_accept(state, accept, class_value(7, 40))
    assert_exact_types(pairs)
    names = [name for name, _, _ in pairs]
    assert len(set(names)) == len(names)
    return {name: value for name, _, value in pairs}


def assert_exact_types(pairs):
    """rlm_python3 drops what is of a subclass (radius.md §1.3)."""
    assert type(pairs) is tuple
    for pair in pairs:
        assert type(pair) is tuple
        assert [type(part) for part in pair] == [str, str, str]
        assert pair[1] == ":="
        assert 0 < len(pair[2].encode()) <= VALUE_OCTETS_MAX


def test_the_least_reply_tells_how_to_account():
    assert reply(a_state()) == {
        "Acct-Interim-Interval": "300",
        "Class": "0x" + b"k7.14".hex(),
    }


def test_the_package_s_interim_interval_goes_before_the_nas_s():
    state = a_state(interim_interval_seconds=60)
    assert reply(state)["Acct-Interim-Interval"] == "60"


def test_pool_timeouts_and_limits_are_told():
    state = a_state(framed_pool="home", idle_timeout_seconds=600)
    attributes = reply(
        state, Accept(1, session_timeout_seconds=3600, limit_octets=5 * 10**9)
    )
    assert attributes["Framed-Pool"] == "home"
    assert attributes["Idle-Timeout"] == "600"
    assert attributes["Session-Timeout"] == "3600"
    assert attributes["Mikrotik-Total-Limit"] == str(5 * 10**9 - FOUR_GIB)
    assert attributes["Mikrotik-Total-Limit-Gigawords"] == "1"


def test_a_static_address_is_told_instead_of_the_pool():
    attributes = reply(a_state(framed_ip="10.1.2.3", framed_pool="home"))
    assert attributes["Framed-IP-Address"] == "10.1.2.3"
    assert "Framed-Pool" not in attributes


@pytest.mark.parametrize(
    ("vendor", "up", "down", "expected"),
    [
        ("mikrotik", 5_000_000, 10_000_000, {"Mikrotik-Rate-Limit": "5M/10M"}),
        ("mikrotik", 512_000, 1_500_000, {"Mikrotik-Rate-Limit": "512k/1500k"}),
        ("mikrotik", 1234, 1_000_001, {"Mikrotik-Rate-Limit": "1234/1000001"}),
        ("mikrotik", None, 10_000_000, {"Mikrotik-Rate-Limit": "0/10M"}),
        (
            "rfc",
            5_000_000,
            10_000_000,
            {
                "WISPr-Bandwidth-Max-Up": "5000000",
                "WISPr-Bandwidth-Max-Down": "10000000",
            },
        ),
        ("coovachilli", None, 64_000, {"WISPr-Bandwidth-Max-Down": "64000"}),
        ("accel-ppp", 5_000_000, 10_000_000, {"Filter-Id": "10000/5000"}),
        ("accel-ppp", 999, None, {"Filter-Id": "0/1"}),
    ],
)
def test_each_vendor_is_told_the_rate_its_own_way(vendor, up, down, expected):
    attributes = reply(a_state(vendor, rate_up_bps=up, rate_down_bps=down))
    del attributes["Acct-Interim-Interval"], attributes["Class"]
    assert attributes == expected


@pytest.mark.parametrize("vendor", ["rfc", "coovachilli"])
def test_a_rate_beyond_its_attribute_is_the_most_that_can_be_said(vendor: str) -> None:
    attributes = reply(
        a_state(vendor, rate_up_bps=5 * 10**9, rate_down_bps=10**10), Accept(1)
    )
    assert attributes["WISPr-Bandwidth-Max-Up"] == str(INTEGER_MAX)
    assert attributes["WISPr-Bandwidth-Max-Down"] == str(INTEGER_MAX)


@given(
    st.sampled_from(sorted(OCTET_LIMITS)),
    st.one_of(
        st.integers(1, 2**62),
        st.integers(1, 2**30).map(lambda gigawords: gigawords * FOUR_GIB),
    ),
)
def test_an_octet_limit_is_told_whole_and_never_as_a_zero(vendor, limit):
    attributes = reply(a_state(vendor), Accept(1, limit_octets=limit))
    low, high = OCTET_LIMITS[vendor]
    assert attributes.get(high) != "0"
    assert 0 < int(attributes[low]) <= INTEGER_MAX
    told = int(attributes.get(high, 0)) * FOUR_GIB + int(attributes[low])
    # One octet less where the low half would be zero.
    assert told == (limit - 1 if limit % FOUR_GIB == 0 else limit)


@pytest.mark.parametrize("vendor", ["rfc", "accel-ppp"])
def test_a_nas_that_knows_no_octet_limit_is_told_none(vendor):
    assert set(reply(a_state(vendor), Accept(1, limit_octets=1))) == {
        "Acct-Interim-Interval",
        "Class",
    }


@pytest.mark.parametrize(
    ("state", "accept"),
    [
        (a_state(), Accept(1, session_timeout_seconds=0)),
        (a_state(), Accept(1, session_timeout_seconds=-1)),
        (a_state(), Accept(1, session_timeout_seconds=INTEGER_MAX + 1)),
        (a_state(), Accept(1, limit_octets=0)),
        (a_state(), Accept(1, limit_octets=2**64 + 1)),
        (a_state(framed_ip="10.1.2"), Accept(1)),
        (a_state(framed_ip="10.1.2.0/24"), Accept(1)),
        (a_state(framed_ip="2001:db8::1"), Accept(1)),
        (a_state(framed_pool=""), Accept(1)),
        (a_state(framed_pool="x" * 254), Accept(1)),
        (a_state(framed_pool="é" * 127), Accept(1)),
        (a_state(framed_pool="a\nb"), Accept(1)),
        (a_state(framed_pool="a\0b"), Accept(1)),
        (a_state(idle_timeout_seconds=0), Accept(1)),
        (a_state(interim_interval_seconds=59), Accept(1)),
        (a_state(rate_up_bps=0), Accept(1)),
        (a_state("rfc", rate_up_bps=0), Accept(1)),
        (a_state("unheard-of", rate_up_bps=1), Accept(1)),
    ],
)
def test_what_cannot_be_said_is_an_error_never_a_zero(state, accept):
    with pytest.raises(ReplyError):
        reply(state, accept)


def test_bangla_joiners_are_no_control_characters():
    assert encode_text("Framed-Pool", "র\u200d্য")[2] == "র\u200d্য"


@pytest.mark.parametrize("secret", ["hidden\n", "hidden" * 50])
def test_an_error_does_not_tell_what_may_be_a_password(secret):
    with pytest.raises(ReplyError) as error:
        encode_text("Cleartext-Password", secret)
    assert "hidden" not in str(error.value)


def test_backslashes_survive_the_unescaping_of_the_server():
    assert encode_text("Cleartext-Password", r"a\nb")[2] == r"a\\nb"


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=300))
def test_a_text_is_said_whole_or_refused(text):
    try:
        name, operator, value = encode_text("Framed-Pool", text)
    except ReplyError:
        assert not 0 < len(text.encode()) <= 253
    else:
        assert (name, operator) == ("Framed-Pool", ":=")
        assert value.replace("\\\\", "\\") == text


@pytest.mark.parametrize("reason", RejectReason)
def test_each_refusal_has_words_for_the_customer(reason):
    message = REJECT_MESSAGES[reason]
    assert message.endswith(".")
    assert_exact_types((encode_text("Reply-Message", message),))


def test_a_stranger_does_not_learn_whether_the_username_exists():
    assert (
        REJECT_MESSAGES[RejectReason.UNKNOWN_CUSTOMER]
        == REJECT_MESSAGES[RejectReason.BAD_CREDENTIALS]
    )


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_the_cookie_names_customer_and_session(customer_id, session_id):
    cookie = class_value(customer_id, session_id)
    assert cookie[0] == "k"
    customer, session = cookie[1:].split(".")
    assert (int(customer, 36), int(session, 36)) == (customer_id, session_id)
    assert not customer.startswith("0") or customer == "0"
    assert len(cookie) <= 28


def test_no_identity_is_negative():
    with pytest.raises(ReplyError):
        class_value(-1, 1)


# What a running session is told ----------------------------------------------------


def test_a_running_session_is_prolonged_where_the_nas_can():
    assert coa_limits(
        "mikrotik", session_timeout_seconds=7200, limit_octets=FOUR_GIB + 5
    ) == {
        "Session-Timeout": 7200,
        "Mikrotik-Total-Limit": 5,
        "Mikrotik-Total-Limit-Gigawords": 1,
    }
    assert coa_limits("coovachilli", limit_octets=5) == {
        "ChilliSpot-Max-Total-Octets": 5
    }
    assert coa_limits("rfc", session_timeout_seconds=60, limit_octets=5) == {
        "Session-Timeout": 60
    }


@pytest.mark.parametrize("vendor", VENDORS)
def test_without_limits_there_is_nothing_to_tell(vendor):
    assert coa_limits(vendor) is None


def test_an_impossible_limit_is_not_told():
    with pytest.raises(ReplyError):
        coa_limits("mikrotik", session_timeout_seconds=0)


# The grant -------------------------------------------------------------------------


def test_a_grant_has_the_words_of_open_session_in_its_order():
    state = a_state(
        subscription=Subscription(5, True, None, None, None),
        interim_interval_seconds=60,
    )
    accept = Accept(
        2,
        limit_seconds=3600,
        limit_octets=10**9,
        hold_minor=12_50,
        cut_at_epoch=1_800_000_000,
        cut_reason=RejectReason.QUOTA_EXHAUSTED,
        new_valid_until_epoch=1_800_086_400,
        day_charge=DayCharge(date(2026, 11, 24), D("8.70"), D("1.30"), D("15.00")),
    )
    assert grant_words(
        state, AccessRequest("a", "3", "46a0-ae3b-d85c"), accept, "k7.14"
    ) == (
        "7 40 3 2 5 2 12.50 3600 1000000000 1800000000 QUOTA_EXHAUSTED 60 k7.14"
        " 1800086400 2026-11-24 8.70 1.30 15.00 - -"
    )


def test_what_a_grant_does_not_have_is_a_dash():
    words = grant_words(a_state(), AccessRequest("a", "3", ""), Accept(1), "k7.14")
    assert words == "7 40 3 2 - 1 0.00 - - - - 300 k7.14 - - 0 0 0 - -"


def test_a_grant_says_that_other_sessions_run():
    state = a_state()._replace(running=(RunningSession(True, 0, 0, 0),))
    words = grant_words(state, AccessRequest("a", "3", ""), Accept(1), "k7.14")
    assert words.endswith(" - running")
    assert not may_be_plain(words)


def test_a_grant_without_anything_to_see_to_may_be_opened_with_others():
    request = AccessRequest("a", "3", "")
    for accept, is_plain in (
        (Accept(1), True),
        (Accept(1, is_reduced=True, hold_minor=5_00), True),
        (Accept(1, new_valid_until_epoch=1_800_086_400), False),
        (Accept(1, day_charge=DayCharge(date.max, D(1), D(0), D(0))), False),
        (Accept(1, restriction=Suspension("OPERATOR", "pool", "walled")), False),
    ):
        assert may_be_plain(grant_words(a_state(), request, accept, "k")) is is_plain


def a_long_grant(identity):
    state = a_state(subscription=Subscription(identity, False, None, None, None))
    state = state._replace(customer_id=identity, session_id=identity)
    amount = D("99999999999999.99")
    accept = Accept(
        2**31 - 1,
        limit_seconds=2**31 - 1,
        limit_octets=2**62,
        hold_minor=99999999999999_99,
        cut_at_epoch=10**11,
        cut_reason=RejectReason.BALANCE_EXHAUSTED,
        new_valid_until_epoch=10**11,
        day_charge=DayCharge(date.max, amount, amount, D("100.00")),
    )
    request = AccessRequest("a", "999999999", "02:00:5E:10:00:01")
    return grant_words(state, request, accept, class_value(identity, identity))


def test_the_longest_grant_that_can_be_fits_its_attribute():
    words = a_long_grant(10**14)
    assert type(words) is str
    # What rlm_sql passes on unescaped.
    assert set(words) <= set(string.ascii_letters + string.digits + " ._-")


def test_a_grant_that_would_be_cut_is_an_error():
    with pytest.raises(GrantError):
        a_long_grant(2**63 - 1)


@pytest.mark.parametrize(
    ("vendor", "rates", "told"),
    [
        ("mikrotik", (5_000_000, 10_000_000), {"Mikrotik-Rate-Limit": "5M/10M"}),
        ("mikrotik", (None, None), {"Mikrotik-Rate-Limit": "0/0"}),
        ("accel-ppp", (5_000_000, 10_000_000), {"Filter-Id": "10000/5000"}),
        ("rfc", (5_000_000, 10_000_000), None),
        ("coovachilli", (5_000_000, 10_000_000), None),
    ],
)
def test_rates_of_a_running_session_are_told_where_they_can_be(vendor, rates, told):
    up, down = rates
    assert coa_rates(vendor, rate_up_bps=up, rate_down_bps=down) == told


@pytest.mark.parametrize(
    ("vendor", "told"),
    [
        ("mikrotik", {"Mikrotik-Rate-Limit": "1M/2M"}),
        ("rfc", {"WISPr-Bandwidth-Max-Up": "1000000"}),
        ("accel-ppp", {"Filter-Id": "2000/1000"}),
    ],
)
def test_beyond_fair_use_a_login_is_told_the_lower_rates(vendor, told):
    package = {
        "rate_up_bps": 5_000_000,
        "rate_down_bps": 10_000_000,
        "reduced_rates": Rates(1_000_000, 2_000_000),
    }
    attributes = reply(a_state(vendor, **package), Accept(1, is_reduced=True))
    assert told.items() <= attributes.items()


def test_a_grant_says_that_its_rates_are_lower():
    request = AccessRequest("alice", "1", "02:00:5E:10:00:01")
    words = grant_words(a_state(), request, Accept(1, is_reduced=True), "k7.14").split()
    assert words[18] == "reduced"
